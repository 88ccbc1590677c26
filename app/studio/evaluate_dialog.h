#pragma once

#include "app/studio/job_dialog.h"
#include "app/studio/tasks.h"

class QCheckBox;
class QComboBox;
class QSpinBox;

namespace halftone {

class JobRunner;
class TextField;
class TextMeasure;

/// What to measure on which text: the float model, a run, the recipe on the fly; each is a job of its own.
class EvaluateDialog : public JobDialog {
    Q_OBJECT
public:
    EvaluateDialog(const Document& document, JobRunner& jobs, const EvaluateRequest& last, QWidget* parent);
    /// Sets its run, where that is done.
    void chooseRun(const QString& run);
    /// One request a chosen target, the float model first.
    std::vector<EvaluateRequest> requests() const;

private:
    void refresh();

    const Document& m_document;
    TextField* m_text = nullptr;
    TextMeasure* m_measure = nullptr;
    QSpinBox* m_windows = nullptr;
    QSpinBox* m_length = nullptr;
    QCheckBox* m_float = nullptr;
    QCheckBox* m_run = nullptr;
    QComboBox* m_runs = nullptr;
    QCheckBox* m_recipe = nullptr;
    QCheckBox* m_divergence = nullptr;
};

} // namespace halftone
