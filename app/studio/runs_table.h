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

/// The Runs view: the table; the row chosen is the run that the Run view shows.
class RunsTable : public QWidget {
    Q_OBJECT
public:
    explicit RunsTable(QWidget* parent = nullptr);
    void setRuns(const std::vector<RunInfo>& runs, bool documentOpen);
    /// Marks the run that is shown elsewhere; says nothing.
    void setChosen(const QString& run);
    RunsModel* model() const { return m_model; }
    QTableView* table() const { return m_table; }

Q_SIGNALS:
    void quantizeRequested();
    void exportRequested(const QString& run);
    void evaluateRequested(const QString& run);
    void recipeRequested(const QString& run);      ///< take the run's recipe as the one being edited
    void runChosen(const QString& run);            ///< the person went to its row

private:
    RunsModel* m_model = nullptr;
    QTableView* m_table = nullptr;
    EmptyState* m_empty = nullptr;
    QString m_chosen;
    bool m_telling = true;
    QStackedLayout* m_stack = nullptr;
};

} // namespace halftone
