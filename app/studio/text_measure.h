#pragma once

#include "core/pipeline/text_length.h"

#include <QObject>
#include <QPointer>
#include <QString>
#include <QTimer>

#include <filesystem>
#include <optional>

namespace halftone {

class JobRunner;
class TextField;

/// How long the text of a dialog is for the model's tokenizer, asked on the file thread whenever the line changes. A job may start before it is known.
class TextMeasure : public QObject {
    Q_OBJECT
public:
    /// @param jobs may go before this, where the window is closed under the dialog
    TextMeasure(std::filesystem::path model, JobRunner& jobs, const TextField& text, QObject* parent);
    ~TextMeasure() override;

    /// Empty: not known yet.
    const std::optional<TextLength>& length() const { return m_length; }
    /// Why it cannot be measured, or not one window of `length` tokens be cut; empty while that is not known.
    QString problem(int length) const;
    /// As many of the `wanted` windows (0: all) as the text gives; nothing while that is not known and all are wanted.
    std::optional<int> windows(int wanted, int length) const;

Q_SIGNALS:
    void changed();

private:
    void measure();

    const std::filesystem::path m_model;
    QPointer<JobRunner> m_jobs;
    const TextField& m_text;
    const QString m_tag;   ///< of the job: one a field
    QTimer m_later;
    std::optional<TextLength> m_length;
    QString m_problem;
};

/// "24 576 tokens, cut from the start of the text.", or what there is of them where the text is short. `asked` 0: all of it.
QString windowsText(int asked, int length, const TextMeasure& text);

} // namespace halftone
