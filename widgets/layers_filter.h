#pragma once

#include <QSortFilterProxyModel>
#include <QString>
#include <QStringList>

#include <functional>
#include <optional>
#include <vector>

namespace halftone {

/// A parsed filter: words separated by spaces, all must hold. A word is a glob on the full name (without wildcards: part of the name), or a
/// condition `column op number` with op one of < <= > >= = != (spaces allowed), columns bits, group, kernel (%), error (dB), kurtosis,
/// weights, block; or `changed`, `quantized`, `float`, `method=gptq`.
class LayersFilter {
public:
    /// What the filter may ask of a row.
    struct Row {
        QString name, method;
        int block = 0;
        bool quantized = false, changed = false;
        std::optional<double> bits, group, kernel, error, kurtosis, weights;   ///< kernel in percent; absent never matches
    };

    static LayersFilter parse(const QString& text);
    bool matches(const Row& row) const;
    /// What is wrong, as a sentence; empty when the text is understood.
    QString error() const { return m_error; }
    bool isEmpty() const { return m_terms.empty(); }
    /// The single glob on names when the filter is nothing else, completed with * as it matches; else empty.
    QString glob() const { return m_glob; }

private:
    std::vector<std::function<bool(const Row&)>> m_terms;
    QString m_error, m_glob;
};

/// Keeps the linears that match, and the blocks that hold one.
class LayersFilterModel : public QSortFilterProxyModel {
    Q_OBJECT

public:
    explicit LayersFilterModel(QObject* parent = nullptr);
    void setFilter(LayersFilter filter);
    int matched() const;

protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

private:
    LayersFilter m_filter;
};

} // namespace halftone
