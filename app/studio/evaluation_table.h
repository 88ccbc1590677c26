#pragma once

#include "app/studio/evaluations.h"

#include <QAbstractTableModel>
#include <QWidget>

class QStackedLayout;
class QTableView;

namespace halftone {

class EmptyState;

/// Measured evaluations as rows; differences against the float model on the same windows.
class EvaluationModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Target, Bits, Perplexity, Change, KlMean, KlP99, KlMax, Agreement, Text, Tokens, Time, Columns };

    explicit EvaluationModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
    void setRecords(const std::vector<EvaluationRecord>& records);
    const std::vector<EvaluationRecord>& records() const { return m_records; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    QString text(const EvaluationRecord& record, Column column) const;
    /// The float model's perplexity on the same windows; 0 when it was not measured.
    double floatPerplexity(const EvaluationRecord& record) const;
    std::vector<EvaluationRecord> m_records;
};

/// The Compare view: the table, or what one click would fill it with.
class EvaluationTable : public QWidget {
    Q_OBJECT
public:
    explicit EvaluationTable(QWidget* parent = nullptr);
    void setRecords(const std::vector<EvaluationRecord>& records, bool documentOpen);
    EvaluationModel* model() const { return m_model; }
    QTableView* table() const { return m_table; }

Q_SIGNALS:
    void evaluateRequested();
    void removeRequested(const halftone::EvaluationRecord& record);

private:
    EvaluationModel* m_model = nullptr;
    QTableView* m_table = nullptr;
    EmptyState* m_empty = nullptr;
    QStackedLayout* m_stack = nullptr;
};

} // namespace halftone
