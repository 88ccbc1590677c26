#pragma once

#include <QString>

#include <functional>
#include <optional>

namespace halftone {

/// A parsed filter of the Layers table. Words beside each other must all hold; `and`, `or`, `not` and parentheses say otherwise.
/// A word is
///  - a condition `column op value`, op one of < <= > >= = == !=, spaces allowed. Columns of numbers: bits, group, kernel (%), error (%),
///    sqnr (dB), output, kurtosis, weights, size, block; 1.5k, 2M, 40MB and 1% are numbers. Columns of text (= and != only, globs allowed): kind,
///    site, method, activations, dtype, name;
///  - `changed`, `quantized`, `float` or `tied`;
///  - else a glob on the full name; without wildcards, a part of the name.
class LayersFilter {
public:
    /// What the filter may ask of a row.
    struct Row {
        QString name, kind, site, method, activations, dtype;
        int block = 0;
        bool quantized = false, changed = false, tied = false;
        /// kernel and error in percent, size in bytes; what is absent never matches
        std::optional<double> bits, group, kernel, error, sqnr, output, kurtosis, weights, size, outlier, ratio, channel;
    };
    using Term = std::function<bool(const Row&)>;

    static LayersFilter parse(const QString& text);
    bool matches(const Row& row) const { return !m_term || m_term(row); }
    /// What is wrong, as a sentence; empty when the text is understood. A filter with an error matches everything.
    QString error() const { return m_error; }
    bool isEmpty() const { return !m_term; }
    /// The single glob on names when the filter is nothing else, completed with * as it matches; else empty.
    QString glob() const { return m_glob; }

private:
    Term m_term;
    QString m_error, m_glob;
};

} // namespace halftone
