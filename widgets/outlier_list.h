#pragma once

#include "core/analysis/site_statistics.h"
#include "widgets/selection.h"

#include <QAbstractTableModel>
#include <QTableView>

#include <optional>
#include <vector>

class QSortFilterProxyModel;

namespace halftone {

/// The sites of a model with the channel that stands out of each, one row a site.
class OutlierModel : public QAbstractTableModel {
    Q_OBJECT
public:
    enum Column { Block, Site, Channel, Absmax, Ratio, Columns };
    static constexpr int kSortRole = Qt::UserRole;
    struct Row {
        int block = 0;
        SiteKind kind;
        std::int64_t channel = -1;
        double absmax = 0, median = 0, ratio = 0;
    };

    explicit OutlierModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
    void clear();
    /// Of one block or more; what is known of other sites stays.
    void setSites(const std::vector<SiteStatistics>& sites);
    const std::vector<Row>& rows() const { return m_rows; }
    /// −1: that site is not measured.
    int rowOf(int block, SiteKind kind) const;

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    std::vector<Row> m_rows;
};

/// The sites ranked by how far their largest channel stands out, or by the column that was clicked. A row that is chosen selects site and channel.
class OutlierList : public QTableView {
    Q_OBJECT
public:
    explicit OutlierList(QWidget* parent = nullptr);
    void clear() { m_model->clear(); }
    void setSites(const std::vector<SiteStatistics>& sites);
    /// Shows whose row it is; does not emit.
    void setSelection(const Selection& selection);
    /// The site whose channel stands out the most: nothing before any is measured.
    std::optional<Selection> largest() const;
    QSize sizeHint() const override;

Q_SIGNALS:
    void selectionRequested(const halftone::Selection& selection);

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    Selection selectionOf(int row) const;
    void fit();
    OutlierModel* m_model = nullptr;
    QSortFilterProxyModel* m_sorted = nullptr;
    Selection m_selection;
    bool m_telling = true;
};

} // namespace halftone
