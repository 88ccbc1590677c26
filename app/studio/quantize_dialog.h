#pragma once

#include "app/studio/job_dialog.h"
#include "app/studio/tasks.h"

class QCheckBox;
class QLabel;
class QSpinBox;

namespace halftone {

class TextField;

/// What calibrates the run, what it will come to, and whether an unfinished one goes on.
class QuantizeDialog : public JobDialog {
    Q_OBJECT
public:
    QuantizeDialog(const Document& document, const QString& lastText, QWidget* parent);
    QuantizeRequest request() const;
    CalibrationSettings calibration() const;

private:
    void refresh();

    const Document& m_document;
    TextField* m_text = nullptr;
    QSpinBox* m_samples = nullptr;
    QSpinBox* m_length = nullptr;
    QSpinBox* m_seed = nullptr;
    QCheckBox* m_resume = nullptr;
    QCheckBox* m_stop = nullptr;
    QLabel* m_cost = nullptr;
};

} // namespace halftone
