#pragma once

#include "core/project/project.h"

#include <QAbstractTableModel>
#include <QHash>
#include <QWidget>

class QAction;
class QLabel;
class QStackedLayout;
class QTableView;

namespace halftone {

class EmptyState;
class ElidedLabel;

/// The project's runs, newest first.
class RunsModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Id, Method, State, Blocks, Bits, Size, Time, Memory, Created, Columns };

    explicit RunsModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
    /// In the project's order, oldest first.
    void setRuns(const std::vector<RunInfo>& runs);
    /// What each run's recipe does, in a few words, by its id.
    void setMethods(const QHash<QString, QString>& methods) { m_methods = methods; }
    /// The run that a job is at work on; empty: none.
    void setAtWork(const QString& run);
    const QString& atWork() const { return m_atWork; }
    const RunInfo& runAt(int row) const { return m_runs[static_cast<std::size_t>(row)]; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    QString tipOf(const RunInfo& run) const;

    std::vector<RunInfo> m_runs;
    QHash<QString, QString> m_methods;
    QString m_atWork;
};

/// The Runs view: the table; the row chosen is the run that the Run view shows.
class RunsTable : public QWidget {
    Q_OBJECT
public:
    explicit RunsTable(QWidget* parent = nullptr);
    void setRuns(const std::vector<RunInfo>& runs, bool documentOpen);
    /// What the project takes on disk; 0: not known.
    void setProjectBytes(std::uint64_t bytes);
    /// The run that a job is at work on: it can be neither resumed nor deleted.
    void setAtWork(const QString& run);
    void setReadOnly(bool readOnly);
    /// The run of the row at hand; null where there is none.
    const RunInfo* current() const;
    /// Marks the run that is shown elsewhere; says nothing.
    void setChosen(const QString& run);
    RunsModel* model() const { return m_model; }
    QTableView* table() const { return m_table; }

Q_SIGNALS:
    void quantizeRequested();
    void exportRequested(const QString& run);
    void evaluateRequested(const QString& run);
    void branchRequested(const QString& run);      ///< a run of the present recipe that takes over its first blocks
    void recipeRequested(const QString& run);      ///< take the run's recipe as the one being edited
    void resumeRequested(const QString& run);
    void labelRequested(const QString& run);       ///< a name and a note for it
    void deleteRequested(const QString& run);
    void runChosen(const QString& run);            ///< the person went to its row

private:
    void updateActions();
    void updateSize();

    RunsModel* m_model = nullptr;
    ElidedLabel* m_size = nullptr;
    QAction* m_resume = nullptr;
    QAction* m_evaluate = nullptr;
    QAction* m_export = nullptr;
    QAction* m_recipe = nullptr;
    QAction* m_branch = nullptr;
    QAction* m_label = nullptr;
    QAction* m_delete = nullptr;
    std::uint64_t m_bytes = 0;
    bool m_readOnly = false;
    QTableView* m_table = nullptr;
    EmptyState* m_empty = nullptr;
    QString m_chosen;
    bool m_telling = true;
    QStackedLayout* m_stack = nullptr;
};

} // namespace halftone
