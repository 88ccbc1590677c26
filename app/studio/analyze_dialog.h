#pragma once

#include "app/studio/job_dialog.h"
#include "app/studio/tasks.h"

class QDoubleSpinBox;
class QSpinBox;

namespace halftone {

class JobRunner;
class TextField;
class TextMeasure;

/// Which text to look at, and which grid's kernel to count.
class AnalyzeDialog : public JobDialog {
    Q_OBJECT
public:
    AnalyzeDialog(const Document& document, JobRunner& jobs, const AnalyzeRequest& last, QWidget* parent);
    AnalyzeRequest request() const;

private:
    void refresh();

    const Document& m_document;
    TextField* m_text = nullptr;
    TextMeasure* m_measure = nullptr;
    QSpinBox* m_windows = nullptr;
    QSpinBox* m_length = nullptr;
    QSpinBox* m_bits = nullptr;
    QDoubleSpinBox* m_alpha = nullptr;
};

} // namespace halftone
