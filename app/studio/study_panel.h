#pragma once

#include "core/project/study_store.h"
#include "core/recipe/study_result.h"

#include <QWidget>

#include <vector>

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QSortFilterProxyModel;
class QStackedLayout;
class QTableView;

namespace halftone {

class EmptyState;
class KernelPerplexityView;
class StudyModel;
class StudyView;

/// The Study panel of Compare: the studies of the project, the limits of the classes, the table, and its two plots; or what one click would begin.
class StudyPanel : public QWidget {
    Q_OBJECT

public:
    explicit StudyPanel(QWidget* parent = nullptr);

    /// The project's studies; an empty list shows the empty state.
    void setStudies(const std::vector<StudyInfo>& studies, bool documentOpen);
    /// One of them, as far as it has come.
    void setResult(const StudyResult& result);
    void clear(bool documentOpen);
    StudyModel* model() const { return m_model; }
    QTableView* table() const { return m_table; }
    StudyView* plot() const { return m_plot; }
    KernelPerplexityView* kernel() const { return m_kernel; }
    QString shownStudy() const;

Q_SIGNALS:
    void studyRequested();                            ///< a new one
    void shown(const QString& study);                 ///< another one was chosen
    void resumeRequested();                           ///< of the one shown
    void recipeRequested(const halftone::Recipe& recipe, const QString& name);
    void runRequested(const QString& run);            ///< the row's run, to be looked at

private:
    void buildActions();
    void showEmpty(bool documentOpen);
    void showChosen();
    void updateActions();
    void followSort();
    void limitsEdited();
    int chosenMember() const;
    bool m_open = false;
    void choose(int member);

    StudyModel* m_model = nullptr;
    QSortFilterProxyModel* m_sorted = nullptr;
    QTableView* m_table = nullptr;
    StudyView* m_plot = nullptr;
    KernelPerplexityView* m_kernel = nullptr;
    QComboBox* m_studies = nullptr;
    QDoubleSpinBox* m_first = nullptr;
    QDoubleSpinBox* m_second = nullptr;
    QLabel* m_summary = nullptr;
    QWidget* m_resume = nullptr;
    EmptyState* m_empty = nullptr;
    QStackedLayout* m_stack = nullptr;
    std::vector<StudyInfo> m_infos;
};

} // namespace halftone
