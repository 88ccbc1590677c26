#pragma once

#include "app/studio/evaluations.h"

#include <QAbstractTableModel>
#include <QList>
#include <QWidget>

class QAction;
class QStackedLayout;
class QTableView;

namespace halftone {

class EmptyState;

/// Measured evaluations as rows; differences against the float model on the same windows.
class EvaluationModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Target, Bits, Perplexity, Change, KlMean, KlP99, KlMax, Agreement, Grid, Text, Tokens, Time, Columns };

    explicit EvaluationModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
    void setRecords(const std::vector<EvaluationRecord>& records);
    const std::vector<EvaluationRecord>& records() const { return m_records; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

    /// Differences are told against the record of this label on the same windows; empty: against the float model.
    void setBaseline(const QString& label);
    QString baseline() const { return m_baseline; }
    /// Perplexity of the baseline on the same windows; 0 when it was not measured.
    double baselinePerplexity(const EvaluationRecord& record) const;

private:
    QString text(const EvaluationRecord& record, Column column) const;
    QString tipOf(const EvaluationRecord& record) const;
    bool isBaseline(const EvaluationRecord& record) const;
    std::vector<EvaluationRecord> m_records;
    QString m_baseline;
};

class CurvesView;
class TradeoffView;

/// The Compare view: the table with curves by block and quality against size below it, or what one click would fill it with.
class EvaluationTable : public QWidget {
    Q_OBJECT
public:
    explicit EvaluationTable(QWidget* parent = nullptr);
    void setRecords(const std::vector<EvaluationRecord>& records, bool documentOpen);
    EvaluationModel* model() const { return m_model; }
    QTableView* table() const { return m_table; }
    CurvesView* curves() const { return m_curves; }
    TradeoffView* tradeoff() const { return m_tradeoff; }
    /// The run of the row at hand; empty for another.
    QString chosenRun() const;
    /// The row at hand, else the one measured last; null: nothing is measured.
    const EvaluationRecord* shown() const;
    /// Goes to the row that measured a run, if there is one; says nothing.
    void setChosenRun(const QString& run);

Q_SIGNALS:
    void evaluateRequested();
    void removeRequested(const halftone::EvaluationRecord& record);
    void shownChanged();
    void runChosen(const QString& run);            ///< the person went to a row that measured it

private:
    EvaluationModel* m_model = nullptr;
    QTableView* m_table = nullptr;
    void refreshTradeoff();
    void updateActions();

    EmptyState* m_empty = nullptr;
    QStackedLayout* m_stack = nullptr;
    CurvesView* m_curves = nullptr;
    TradeoffView* m_tradeoff = nullptr;
    QAction* m_againstFloat = nullptr;
    QList<QAction*> m_ofRow;       ///< what needs a row that is chosen
    bool m_telling = true, m_open = false;
};

} // namespace halftone
