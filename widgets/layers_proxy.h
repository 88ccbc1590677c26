#pragma once

#include "widgets/layers_filter.h"

#include <QSortFilterProxyModel>

namespace halftone {

/// The Layers table as it is seen: the linears that match a filter, the groups that hold one, in the order of a column.
class LayersProxy : public QSortFilterProxyModel {
    Q_OBJECT

public:
    explicit LayersProxy(QObject* parent = nullptr);
    void setFilter(LayersFilter filter);
    int matched() const;                  ///< linears
    /// Full names of the linears that are seen, in model order.
    QStringList linears() const;

protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

private:
    LayersFilter m_filter;
};

} // namespace halftone
