#pragma once

#include "core/methods/linear_result.h"

#include <QAbstractTableModel>

#include <vector>

namespace halftone {

/// What a run did to each linear, in the order it was done; grows block by block.
class RunModel : public QAbstractTableModel {
    Q_OBJECT

public:
    enum Column { Linear, Method, Bits, Group, Activations, Sqnr, OutputMse, Saturated, Damping, Time, Memory, Remarks, Columns };
    static constexpr int kSortRole = Qt::UserRole;      ///< a number or text to sort by
    static constexpr int kBlockRole = Qt::UserRole + 1;

    explicit RunModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
    void setResults(const std::vector<BlockResult>& results);
    void addBlock(const BlockResult& block);
    const LinearResult& resultAt(int row) const { return m_rows[static_cast<std::size_t>(row)].result; }
    int blockAt(int row) const { return m_rows[static_cast<std::size_t>(row)].block; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    struct Row {
        LinearResult result;
        int block = 0;
        std::vector<std::string> flags;
    };
    static void append(std::vector<Row>& rows, const BlockResult& block);
    QString text(const Row& row, Column column) const;
    QVariant sortValue(const Row& row, Column column) const;

    std::vector<Row> m_rows;
};

} // namespace halftone
