#pragma once

#include "app/studio/job_dialog.h"
#include "app/studio/tasks.h"

#include <optional>

class QCheckBox;
class QComboBox;
class QLabel;
class QSpinBox;

namespace halftone {

class TextField;
class TextMeasure;
struct RunDifference;

/// What calibrates the run, what it will come to, and whether an interrupted one goes on, is branched from, or left.
class QuantizeDialog : public JobDialog {
    Q_OBJECT
public:
    /// @param branchFrom a run, done or not, whose blocks are offered to be taken over; empty: the unfinished one, where there is one
    QuantizeDialog(const Document& document, JobRunner& jobs, const QString& lastText, const QString& branchFrom, QWidget* parent);
    QuantizeRequest request() const;
    CalibrationSettings calibration() const;

private:
    enum class Begin { Anew, GoOn, Branch };
    void refresh();
    void refreshBegin();
    RunDifference difference() const;
    Begin begin() const;
    bool needsText() const;
    /// As far as the text reaches.
    CalibrationSettings planned() const;

    const Document& m_document;
    std::optional<RunInfo> m_other;   ///< the run that is gone on with or branched from
    TextField* m_text = nullptr;
    TextMeasure* m_measure = nullptr;
    QSpinBox* m_samples = nullptr;
    QSpinBox* m_length = nullptr;
    QSpinBox* m_seed = nullptr;
    QLabel* m_differs = nullptr;
    QComboBox* m_begin = nullptr;
    QCheckBox* m_stop = nullptr;
    QLabel* m_cost = nullptr;
};

} // namespace halftone
