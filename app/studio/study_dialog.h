#pragma once

#include "app/studio/document.h"
#include "app/studio/job_dialog.h"
#include "core/pipeline/study_plan.h"
#include "core/recipe/study.h"

#include <QPointer>
#include <QTimer>

#include <utility>
#include <vector>

class QCheckBox;
class QComboBox;
class QGridLayout;
class QLineEdit;
class QSpinBox;

namespace halftone {

class TextField;
class TextMeasure;

/// What to study: methods × bits × groups × activation grids by check boxes, from a preset or at will; says how many settings that makes and what they
/// will take before it starts.
class StudyDialog : public JobDialog {
    Q_OBJECT
public:
    /// @param last texts, windows and samples of the study before; empty paths take the texts that come along
    StudyDialog(const Document& document, JobRunner& jobs, const Study& last, const QString& preset, QWidget* parent);
    /// As chosen; model and project filled in.
    Study study() const;

private:
    using Boxes = std::vector<std::pair<QCheckBox*, int>>;   ///< what it stands for: an index or a number
    void buildChoices();
    void buildTexts(const Study& last);
    Boxes addRow(const QString& title, const QString& name, const std::vector<std::pair<QString, int>>& entries, int columns);
    void takePreset();
    void edited();
    void refresh();
    void plan();
    void showPlan(const StudyPlan& plan, double tokens);
    std::vector<double> alphas(bool* valid) const;

    const Document& m_document;
    JobRunner& m_jobs;
    std::vector<StudyMethod> m_known;
    QComboBox* m_preset = nullptr;
    Boxes m_methods, m_bits, m_groups, m_schemes, m_activationBits;
    QLineEdit* m_alphas = nullptr;
    TextField* m_text = nullptr;
    TextField* m_calibration = nullptr;
    TextMeasure* m_measure = nullptr;
    TextMeasure* m_calibrationMeasure = nullptr;
    QSpinBox* m_windows = nullptr;
    QSpinBox* m_length = nullptr;
    QSpinBox* m_samples = nullptr;
    QSpinBox* m_sampleLength = nullptr;
    QCheckBox* m_divergence = nullptr;
    QTimer m_settle;
    bool m_filling = false;
    Recipe m_base;
};

/// What the time of a study is told by: multiply-adds of all that it measures.
double studyWork(const StudyPlan& plan);

} // namespace halftone
