#include "widgets/layers_proxy.h"

#include "widgets/layer_texts.h"
#include "widgets/layers_model.h"

#include <algorithm>
#include <vector>

namespace halftone {

namespace {

QString fromView(std::string_view text)
{
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

LayersFilter::Row rowOf(const LinearFacts& facts, int kernelScheme, bool dense)
{
    LayersFilter::Row row;
    row.name = facts.name;
    row.kind = facts.kind;
    row.site = fromView(name(facts.info.site));
    row.dtype = QString::fromStdString(facts.info.dtype);
    row.block = facts.info.block;
    row.weights = static_cast<double>(facts.info.weights());
    row.tied = !facts.lock.isEmpty();
    row.changed = facts.changedSinceRun();
    if (facts.plan) {
        row.method = QString::fromStdString(facts.plan->rounding.method);
        row.activations = fromView(name(facts.plan->activations.scheme));
        row.quantized = facts.plan->weights.quantized();
        row.bits = facts.plan->weights.bits;
        row.group = facts.plan->weights.group;
        row.size = static_cast<double>(layer_texts::storedBytes(facts.info, *facts.plan, dense));
    }
    if (const auto share = facts.kernelShare(kernelScheme))
        row.kernel = *share * 100;
    if (!facts.changedSinceRun()) {   // else it is of another plan
        if (const auto error = facts.relativeError())
            row.error = *error * 100;
        row.sqnr = facts.sqnrDb();
        if (row.sqnr)
            row.output = facts.result->outputMse;
    }
    if (facts.outlier) {
        row.outlier = facts.outlier->absmax;
        row.ratio = facts.outlier->ratio;
        row.channel = static_cast<double>(facts.outlier->channel);
    }
    if (facts.weights)
        row.kurtosis = facts.weights->kurtosis;
    return row;
}

} // namespace

LayersProxy::LayersProxy(QObject* parent) : QSortFilterProxyModel(parent)
{
    setRecursiveFilteringEnabled(true);
    setDynamicSortFilter(true);
    setSortRole(LayersTable::SortRole);
}

void LayersProxy::setFilter(LayersFilter filter)
{
    m_filter = std::move(filter);
    invalidateFilter();
}

int LayersProxy::matched() const
{
    int count = 0;
    const auto* model = static_cast<const LayersModel*>(sourceModel());
    for (int top = 0; top < rowCount(); ++top) {
        const QModelIndex at = index(top, 0);
        count += model->factsAt(mapToSource(at)) ? 1 : rowCount(at);
    }
    return count;
}

QStringList LayersProxy::linears() const
{
    const auto* model = static_cast<const LayersModel*>(sourceModel());
    std::vector<const LinearFacts*> seen;
    const auto add = [&](const QModelIndex& at) {
        if (const LinearFacts* facts = model->factsAt(mapToSource(at)))
            seen.push_back(facts);
    };
    for (int top = 0; top < rowCount(); ++top) {
        const QModelIndex at = index(top, 0);
        add(at);
        for (int child = 0; child < rowCount(at); ++child)
            add(index(child, 0, at));
    }
    std::sort(seen.begin(), seen.end());   // addresses in one vector: model order
    QStringList names;
    for (const LinearFacts* facts : seen)
        names << facts->name;
    return names;
}

bool LayersProxy::filterAcceptsRow(int row, const QModelIndex& parent) const
{
    if (m_filter.isEmpty())
        return true;
    const auto* model = static_cast<const LayersModel*>(sourceModel());
    const LinearFacts* facts = model->factsAt(model->index(row, 0, parent));
    return facts && m_filter.matches(rowOf(*facts, model->kernelScheme(), model->dense()));   // a group stands when one of its linears does
}

bool LayersProxy::lessThan(const QModelIndex& left, const QModelIndex& right) const
{
    const QVariant a = left.data(LayersTable::SortRole), b = right.data(LayersTable::SortRole);
    return a.typeId() == QMetaType::QString ? QString::localeAwareCompare(a.toString(), b.toString()) < 0 : a.toDouble() < b.toDouble();
}

} // namespace halftone
