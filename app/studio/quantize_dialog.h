#pragma once

#include "app/studio/job_dialog.h"
#include "app/studio/tasks.h"
#include "core/pipeline/text_length.h"

#include <QPointer>
#include <QTimer>

class QCheckBox;
class QComboBox;
class QLabel;
class QSpinBox;

namespace halftone {

class TextField;
struct RunDifference;

/// What calibrates the run, what it will come to, and whether an interrupted one goes on, is branched from, or left.
class QuantizeDialog : public JobDialog {
    Q_OBJECT
public:
    /// @param branchFrom a run, done or not, whose blocks are offered to be taken over; empty: the unfinished one, where there is one
    QuantizeDialog(const Document& document, JobRunner& jobs, const QString& lastText, const QString& branchFrom, QWidget* parent);
    ~QuantizeDialog() override;
    QuantizeRequest request() const;
    CalibrationSettings calibration() const;

private:
    enum class Begin { Anew, GoOn, Branch };
    void measure();
    void refresh();
    void refreshBegin();
    RunDifference difference() const;
    Begin begin() const;
    bool needsText() const;
    /// As far as the text reaches.
    CalibrationSettings planned() const;

    const Document& m_document;
    QPointer<JobRunner> m_jobs;            ///< goes before the dialog where the window is closed under it
    std::optional<RunInfo> m_other;   ///< the run that is gone on with or branched from
    QTimer m_measureLater;
    QString m_measuredLine;                ///< the text that was measured last
    std::optional<TextLength> m_measured;  ///< empty: not known yet
    QString m_measureProblem;
    TextField* m_text = nullptr;
    QSpinBox* m_samples = nullptr;
    QSpinBox* m_length = nullptr;
    QSpinBox* m_seed = nullptr;
    QLabel* m_differs = nullptr;
    QComboBox* m_begin = nullptr;
    QCheckBox* m_stop = nullptr;
    QLabel* m_cost = nullptr;
};

} // namespace halftone
