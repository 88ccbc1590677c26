#pragma once

#include "core/project/project.h"

#include <QAbstractTableModel>
#include <QWidget>

class QLabel;
class QStackedLayout;
class QTableView;

namespace halftone {

class EmptyState;

/// The project's runs, newest first.
class RunsModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Id, State, Blocks, Bits, Size, Time, Memory, Created, Columns };

    explicit RunsModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
    /// In the project's order, oldest first.
    void setRuns(const std::vector<RunInfo>& runs);
    const RunInfo& runAt(int row) const { return m_runs[static_cast<std::size_t>(row)]; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    std::vector<RunInfo> m_runs;
};

/// The Runs view: the table; while a run is at work, one cell a block filling up.
class RunsTable : public QWidget {
    Q_OBJECT
public:
    explicit RunsTable(QWidget* parent = nullptr);
    void setRuns(const std::vector<RunInfo>& runs, bool documentOpen);
    /// The strip of the run at work: `done` blocks are on disk. blocks 0 hides it.
    void setStrip(int blocks, const std::vector<int>& done);
    RunsModel* model() const { return m_model; }
    QTableView* table() const { return m_table; }

Q_SIGNALS:
    void quantizeRequested();
    void exportRequested(const QString& run);
    void evaluateRequested(const QString& run);
    void recipeRequested(const QString& run);      ///< take the run's recipe as the one being edited
    void blockClicked(int block);

private:
    class Strip;
    RunsModel* m_model = nullptr;
    QTableView* m_table = nullptr;
    Strip* m_strip = nullptr;
    EmptyState* m_empty = nullptr;
    QStackedLayout* m_stack = nullptr;
};

} // namespace halftone
