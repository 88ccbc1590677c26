#include "widgets/layers_filter.h"

#include "core/recipe/recipe.h"
#include "widgets/layers_model.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

struct Texts {
    Q_DECLARE_TR_FUNCTIONS(halftone::LayersFilter)
};

using Getter = std::function<std::optional<double>(const LayersFilter::Row&)>;

Getter getterFor(const QString& column)
{
    if (column == u"bits"_s || column == u"w"_s)
        return [](const LayersFilter::Row& row) { return row.bits; };
    if (column == u"group"_s)
        return [](const LayersFilter::Row& row) { return row.group; };
    if (column == u"kernel"_s)
        return [](const LayersFilter::Row& row) { return row.kernel; };
    if (column == u"error"_s)
        return [](const LayersFilter::Row& row) { return row.error; };
    if (column == u"kurtosis"_s)
        return [](const LayersFilter::Row& row) { return row.kurtosis; };
    if (column == u"weights"_s)
        return [](const LayersFilter::Row& row) { return row.weights; };
    if (column == u"block"_s)
        return [](const LayersFilter::Row& row) { return std::optional<double>(row.block); };
    return {};
}

bool holds(double a, const QString& op, double b)
{
    const bool same = std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b));
    if (op == u"<"_s)
        return a < b && !same;
    if (op == u"<="_s)
        return a < b || same;
    if (op == u">"_s)
        return a > b && !same;
    if (op == u">="_s)
        return a > b || same;
    if (op == u"!="_s)
        return !same;
    return same;
}

} // namespace

LayersFilter LayersFilter::parse(const QString& text)
{
    LayersFilter filter;
    static const QRegularExpression aroundOperators(u"\\s*(<=|>=|!=|==|<|>|=)\\s*"_s);
    static const QRegularExpression condition(u"^([a-z]+)(<=|>=|!=|==|<|>|=)(.*)$"_s, QRegularExpression::CaseInsensitiveOption);
    static const QRegularExpression wildcard(u"[*?\\[{]"_s);
    QString packed = text.trimmed();
    packed.replace(aroundOperators, u"\\1"_s);
    int globs = 0;
    QString glob;
    for (const QString& word : packed.split(u' ', Qt::SkipEmptyParts)) {
        const QRegularExpressionMatch match = condition.match(word);
        const QString lower = word.toLower();
        if (match.hasMatch()) {
            const QString column = match.captured(1).toLower(), op = match.captured(2), wanted = match.captured(3);
            if (column == u"method"_s) {
                const bool equal = op != u"!="_s;
                filter.m_terms.push_back([wanted, equal](const Row& row) { return (row.method.compare(wanted, Qt::CaseInsensitive) == 0) == equal; });
                continue;
            }
            const Getter getter = getterFor(column);
            if (!getter) {
                filter.m_error = Texts::tr("There is no column \"%1\"; try bits, group, kernel, error, kurtosis, weights, block or method.").arg(column);
                continue;
            }
            bool isNumber = false;
            QString digits = wanted;
            if (digits.endsWith(u'%'))
                digits.chop(1);
            const double number = digits.toDouble(&isNumber);
            if (!isNumber) {
                filter.m_error = Texts::tr("\"%1\" is compared with \"%2\", which is no number.").arg(column, wanted);
                continue;
            }
            filter.m_terms.push_back([getter, op, number](const Row& row) {
                const std::optional<double> value = getter(row);
                return value && holds(*value, op, number);
            });
        } else if (lower == u"changed"_s) {
            filter.m_terms.push_back([](const Row& row) { return row.changed; });
        } else if (lower == u"quantized"_s) {
            filter.m_terms.push_back([](const Row& row) { return row.quantized; });
        } else if (lower == u"float"_s) {
            filter.m_terms.push_back([](const Row& row) { return !row.quantized; });
        } else {
            // Without wildcards the word may stand anywhere in the name.
            const QString pattern = word.contains(wildcard) ? word : u'*' + word + u'*';
            ++globs;
            glob = pattern;
            filter.m_terms.push_back([pattern = pattern.toStdString()](const Row& row) { return globMatches(pattern, row.name.toStdString()); });
        }
    }
    if (globs == 1 && filter.m_terms.size() == 1)
        filter.m_glob = glob;
    return filter;
}

bool LayersFilter::matches(const Row& row) const
{
    return std::all_of(m_terms.begin(), m_terms.end(), [&row](const auto& term) { return term(row); });
}

LayersFilterModel::LayersFilterModel(QObject* parent) : QSortFilterProxyModel(parent)
{
    setRecursiveFilteringEnabled(true);
    setDynamicSortFilter(true);
}

void LayersFilterModel::setFilter(LayersFilter filter)
{
    m_filter = std::move(filter);
    invalidateFilter();
}

int LayersFilterModel::matched() const
{
    int count = 0;
    for (int block = 0; block < rowCount(); ++block)
        count += rowCount(index(block, 0));
    return count;
}

bool LayersFilterModel::filterAcceptsRow(int row, const QModelIndex& parent) const
{
    if (m_filter.isEmpty())
        return true;
    if (!parent.isValid())
        return false;                                   // a block stands when one of its linears does
    const auto* model = static_cast<const LayersModel*>(sourceModel());
    const LinearInfo* linear = model->linearAt(model->index(row, 0, parent));
    if (!linear)
        return false;
    LayersFilter::Row facts;
    facts.name = QString::fromStdString(linear->name);
    facts.block = linear->block;
    facts.weights = static_cast<double>(linear->weights());
    if (const Plan* plan = model->planOf(linear->name)) {
        facts.method = QString::fromStdString(plan->rounding.method);
        facts.quantized = plan->weights.quantized();
        facts.bits = plan->weights.bits;
        facts.group = plan->weights.group;
    }
    facts.changed = model->changedSinceRun(linear->name);
    if (const auto share = model->kernelShareOf(linear->name))
        facts.kernel = *share * 100;
    facts.error = model->sqnrOf(linear->name);
    if (const auto weights = model->weightStatisticsOf(linear->name))
        facts.kurtosis = weights->kurtosis;
    return m_filter.matches(facts);
}

} // namespace halftone
