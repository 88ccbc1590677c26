#include "widgets/layers_model.h"

#include "widgets/colour_map.h"
#include "widgets/layer_texts.h"
#include "widgets/palette.h"

#include <QFont>
#include <QIcon>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kFloatBits = 16;
constexpr double kFullKernelBar = 0.25;    ///< kernel share that fills the cell's bar
constexpr double kErrorBarDb = 60;         ///< an SQNR of so many dB leaves the error bar empty

/// Parent rows have id 0; a linear's id is its block's position + 1.
constexpr quintptr kBlockId = 0;

QString mixed()
{
    return LayersModel::tr("mixed");
}

} // namespace

LayersModel::LayersModel(QObject* parent) : QAbstractItemModel(parent), m_methods(methodInfos())
{
}

LayersModel::~LayersModel() = default;

void LayersModel::clear()
{
    setModel({});
}

void LayersModel::setModel(const ModelDescription& model)
{
    beginResetModel();
    m_linears = model.linears;
    m_blocks.clear();
    m_index.clear();
    for (std::size_t i = 0; i < m_linears.size(); ++i) {
        if (m_blocks.empty() || m_blocks.back().number != m_linears[i].block)
            m_blocks.push_back({m_linears[i].block, {}});
        m_blocks.back().rows.push_back(static_cast<int>(i));
        m_index.insert(QString::fromStdString(m_linears[i].name), static_cast<int>(i));
    }
    const std::size_t count = m_linears.size();
    m_plans.assign(count, std::nullopt);
    m_runPlans.assign(count, std::nullopt);
    m_kernel.assign(count, std::nullopt);
    m_results.assign(count, std::nullopt);
    m_weightStatistics.assign(count, std::nullopt);
    m_locks.assign(count, QString());
    m_breaches.assign(count, 0);
    endResetModel();
}

void LayersModel::changed(Column first, Column last)
{
    if (m_blocks.empty())
        return;
    const int rows = static_cast<int>(m_blocks.size());
    Q_EMIT dataChanged(index(0, first), index(rows - 1, last));
    for (int b = 0; b < rows; ++b) {
        const QModelIndex block = index(b, 0);
        const int last_ = static_cast<int>(m_blocks[static_cast<std::size_t>(b)].rows.size()) - 1;
        Q_EMIT dataChanged(index(0, first, block), index(last_, last, block));
    }
}

void LayersModel::setPlans(const std::vector<ResolvedPlan>& plans)
{
    std::fill(m_plans.begin(), m_plans.end(), std::nullopt);
    for (const ResolvedPlan& plan : plans)
        if (const auto found = m_index.constFind(QString::fromStdString(plan.linear)); found != m_index.constEnd())
            m_plans[static_cast<std::size_t>(*found)] = plan.plan;
    changed(Name, State);
}

void LayersModel::setRunPlans(const std::vector<ResolvedPlan>& plans)
{
    std::fill(m_runPlans.begin(), m_runPlans.end(), std::nullopt);
    for (const ResolvedPlan& plan : plans)
        if (const auto found = m_index.constFind(QString::fromStdString(plan.linear)); found != m_index.constEnd())
            m_runPlans[static_cast<std::size_t>(*found)] = plan.plan;
    changed(State, State);
}

void LayersModel::setSites(const std::vector<SiteStatistics>& sites)
{
    for (const SiteStatistics& site : sites) {
        std::array<double, kKernelSchemes> shares{};
        for (int scheme = 0; scheme < kKernelSchemes; ++scheme)
            shares[static_cast<std::size_t>(scheme)] = site.kernelShare(scheme);
        for (const std::string& linear : site.site.linears)
            if (const auto found = m_index.constFind(QString::fromStdString(linear)); found != m_index.constEnd())
                m_kernel[static_cast<std::size_t>(*found)] = shares;
    }
    changed(Kernel, Kernel);
}

void LayersModel::clearSites()
{
    std::fill(m_kernel.begin(), m_kernel.end(), std::nullopt);
    changed(Kernel, Kernel);
}

void LayersModel::setKernelScheme(int index)
{
    m_kernelScheme = std::clamp(index, 0, kKernelSchemes - 1);
    changed(Kernel, Kernel);
}

void LayersModel::setResults(const std::vector<BlockResult>& results)
{
    std::fill(m_results.begin(), m_results.end(), std::nullopt);
    for (const BlockResult& block : results)
        for (const LinearResult& result : block.linears)
            if (const auto found = m_index.constFind(QString::fromStdString(result.linear)); found != m_index.constEnd())
                m_results[static_cast<std::size_t>(*found)] = result;
    changed(Error, State);
}

void LayersModel::setBlockResult(const BlockResult& block)
{
    for (const LinearResult& result : block.linears)
        if (const auto found = m_index.constFind(QString::fromStdString(result.linear)); found != m_index.constEnd())
            m_results[static_cast<std::size_t>(*found)] = result;
    changed(Error, State);
}

void LayersModel::setLocks(const std::vector<Lock>& locks)
{
    std::fill(m_locks.begin(), m_locks.end(), QString());
    std::fill(m_breaches.begin(), m_breaches.end(), 0);
    for (const Lock& lock : locks) {
        const auto found = m_index.constFind(QString::fromStdString(lock.linear));
        if (found == m_index.constEnd())
            continue;
        QString& reason = m_locks[static_cast<std::size_t>(*found)];
        reason += (reason.isEmpty() ? QString() : u"\n"_s) + QString::fromStdString(lock.reason);
        m_breaches[static_cast<std::size_t>(*found)] |= lock.breach ? 1 : 0;
    }
    changed(State, State);
}

void LayersModel::setMethods(const std::vector<MethodInfo>& methods)
{
    m_methods = methods;
    changed(Method, Method);
}

void LayersModel::setWeightStatistics(const std::vector<WeightStatistics>& statistics)
{
    for (const WeightStatistics& weights : statistics)
        if (const auto found = m_index.constFind(QString::fromStdString(weights.linear)); found != m_index.constEnd())
            m_weightStatistics[static_cast<std::size_t>(*found)] = weights;
    changed(Name, Name);
}

QModelIndex LayersModel::indexOf(const std::string& linear) const
{
    const auto found = m_index.constFind(QString::fromStdString(linear));
    if (found == m_index.constEnd())
        return {};
    for (std::size_t b = 0; b < m_blocks.size(); ++b) {
        const auto& rows = m_blocks[b].rows;
        const auto at = std::find(rows.begin(), rows.end(), *found);
        if (at != rows.end())
            return index(static_cast<int>(at - rows.begin()), 0, index(static_cast<int>(b), 0));
    }
    return {};
}

QModelIndex LayersModel::indexOfBlock(int block) const
{
    for (std::size_t b = 0; b < m_blocks.size(); ++b)
        if (m_blocks[b].number == block)
            return index(static_cast<int>(b), 0);
    return {};
}

QStringList LayersModel::linearsAt(const QModelIndex& at) const
{
    if (!at.isValid())
        return {};
    if (const LinearInfo* linear = linearAt(at))
        return {QString::fromStdString(linear->name)};
    QStringList names;
    for (const int row : m_blocks[static_cast<std::size_t>(at.row())].rows)
        names << QString::fromStdString(m_linears[static_cast<std::size_t>(row)].name);
    return names;
}

const LinearInfo* LayersModel::linearAt(const QModelIndex& at) const
{
    if (!at.isValid() || at.internalId() == kBlockId)
        return nullptr;
    const Block& block = m_blocks[at.internalId() - 1];
    return &m_linears[static_cast<std::size_t>(block.rows[static_cast<std::size_t>(at.row())])];
}

int LayersModel::blockAt(const QModelIndex& at) const
{
    if (!at.isValid())
        return -1;
    return m_blocks[at.internalId() == kBlockId ? static_cast<std::size_t>(at.row()) : at.internalId() - 1].number;
}

const Plan* LayersModel::planOf(const std::string& linear) const
{
    const int at = m_index.value(QString::fromStdString(linear), -1);
    return at >= 0 && m_plans[static_cast<std::size_t>(at)] ? &*m_plans[static_cast<std::size_t>(at)] : nullptr;
}

std::optional<double> LayersModel::kernelShareOf(const std::string& linear) const
{
    const int at = m_index.value(QString::fromStdString(linear), -1);
    if (at < 0 || !m_kernel[static_cast<std::size_t>(at)])
        return std::nullopt;
    int scheme = m_kernelScheme;
    if (const auto& plan = m_plans[static_cast<std::size_t>(at)]; plan && plan->activations.quantized())
        for (int i = 0; i < kKernelSchemes; ++i)
            if (kernelScheme(i) == plan->activations.scheme)
                scheme = i;
    return (*m_kernel[static_cast<std::size_t>(at)])[static_cast<std::size_t>(scheme)];
}

std::optional<double> LayersModel::sqnrOf(const std::string& linear) const
{
    const int at = m_index.value(QString::fromStdString(linear), -1);
    if (at < 0 || !m_results[static_cast<std::size_t>(at)] || !m_results[static_cast<std::size_t>(at)]->weights.quantized())
        return std::nullopt;
    return m_results[static_cast<std::size_t>(at)]->weightSqnrDb;
}

bool LayersModel::changedSinceRun(const std::string& linear) const
{
    const int at = m_index.value(QString::fromStdString(linear), -1);
    if (at < 0)
        return false;
    const auto i = static_cast<std::size_t>(at);
    return m_plans[i] && m_runPlans[i] && *m_plans[i] != *m_runPlans[i];
}

std::optional<WeightStatistics> LayersModel::weightStatisticsOf(const std::string& linear) const
{
    const int at = m_index.value(QString::fromStdString(linear), -1);
    return at < 0 ? std::nullopt : m_weightStatistics[static_cast<std::size_t>(at)];
}

void LayersModel::requestEdit(const QStringList& linears, const PlanPatch& patch)
{
    if (!linears.isEmpty() && patch != PlanPatch{})
        Q_EMIT editRequested(linears, patch);
}

PlanPatch LayersModel::patchFor(Column column, const QVariant& value) const
{
    PlanPatch patch;
    bool isNumber = false;
    const int number = value.toInt(&isNumber);
    switch (column) {
    case Method: {
        const std::string id = value.toString().toStdString();
        for (const MethodInfo& method : m_methods)
            if (method.kind == MethodKind::Rounding && method.id == id)
                patch.rounding = MethodChoice{id, {}};
        break;
    }
    case Bits:
        if (isNumber && ((number >= 2 && number <= 8) || number == kFloatBits))
            patch.bits = number;
        break;
    case Group:
        if (isNumber && number >= 0) {
            patch.group = number;
            if (number > 0)
                patch.perTensor = false;
        }
        break;
    case Activations: {
        const QStringList parts = value.toString().split(u':');
        for (const ActivationScheme scheme : layer_texts::kSchemes) {
            const std::string_view word = name(scheme);
            if (parts.value(0) != QString::fromUtf8(word.data(), static_cast<qsizetype>(word.size())))
                continue;
            patch.scheme = scheme;
            const int bits = parts.value(1).toInt();
            if (scheme != ActivationScheme::None && bits >= 2 && bits <= 8)
                patch.activationBits = bits;
        }
        break;
    }
    default:
        break;
    }
    return patch;
}

QModelIndex LayersModel::index(int row, int column, const QModelIndex& parent) const
{
    if (row < 0 || column < 0 || column >= Columns || row >= rowCount(parent))
        return {};
    return createIndex(row, column, parent.isValid() ? static_cast<quintptr>(parent.row()) + 1 : kBlockId);
}

QModelIndex LayersModel::parent(const QModelIndex& child) const
{
    if (!child.isValid() || child.internalId() == kBlockId)
        return {};
    return createIndex(static_cast<int>(child.internalId() - 1), 0, kBlockId);
}

int LayersModel::rowCount(const QModelIndex& parent) const
{
    if (!parent.isValid())
        return static_cast<int>(m_blocks.size());
    if (parent.internalId() != kBlockId || parent.column() != 0)
        return 0;
    return static_cast<int>(m_blocks[static_cast<std::size_t>(parent.row())].rows.size());
}

int LayersModel::columnCount(const QModelIndex&) const
{
    return Columns;
}

QString LayersModel::text(int linear, Column column) const
{
    const auto i = static_cast<std::size_t>(linear);
    const LinearInfo& info = m_linears[i];
    const auto& plan = m_plans[i];
    switch (column) {
    case Name: {
        const std::string_view shown = info.shortName();
        return QString::fromUtf8(shown.data(), static_cast<qsizetype>(shown.size()));
    }
    case Method:
        return plan ? layer_texts::methods(*plan, m_methods) : u"–"_s;
    case Bits:
        return plan ? layer_texts::bits(plan->weights.bits) : u"–"_s;
    case Group:
        return plan ? layer_texts::group(plan->weights) : u"–"_s;
    case Activations:
        return plan ? layer_texts::activations(plan->activations) : u"–"_s;
    case Kernel:
        if (const auto share = kernelShareOf(info.name))
            return formatShare(*share);
        return {};
    case Error:
        if (const auto sqnr = sqnrOf(info.name))
            return formatShare(std::pow(10.0, -*sqnr / 20));
        return {};
    case Size:
        return plan ? formatBytes(layer_texts::storedBytes(info, *plan)) : QString();
    default:
        return {};
    }
}

QString LayersModel::toolTip(int linear, Column column) const
{
    const auto i = static_cast<std::size_t>(linear);
    const LinearInfo& info = m_linears[i];
    const auto& plan = m_plans[i];
    switch (column) {
    case Name:
        return u"%1\n%2 × %3 · %4 · %5"_s.arg(QString::fromStdString(info.name)).arg(info.out).arg(info.in)
            .arg(QString::fromStdString(info.dtype), tr("%1 weights").arg(formatValue(static_cast<double>(info.weights()), 3)));
    case Method:
        return plan ? layer_texts::methodTip(*plan, m_methods) : QString();
    case Bits:
        return plan && plan->weights.quantized() ? tr("%1 bits a weight; %2 stored, with scales and zero points").arg(plan->weights.bits)
                   .arg(formatValue(storedBitsPerWeight(plan->weights, info.out, info.in), 4))
                                                 : tr("Left as it is, in floating point");
    case Group:
        return tr("Weights of a row that share a scale; \"row\" is one scale a row (per channel)");
    case Activations:
        return plan ? layer_texts::activationTip(plan->activations) : QString();
    case Kernel:
        if (const auto share = kernelShareOf(info.name))
            return tr("%1 of this linear's input rounds to zero under its grid").arg(formatShare(*share));
        return tr("Not measured yet; Analyze counts it");
    case Error:
        if (const auto sqnr = sqnrOf(info.name))
            return tr("Weight error %1 of the weights' norm (SQNR %2 dB); output error %3 (mean square), in the last run")
                .arg(formatShare(std::pow(10.0, -*sqnr / 20)), formatValue(*sqnr, 3), formatValue(m_results[i]->outputMse, 3));
        return tr("No run yet");
    case State: {
        QStringList lines;
        if (!m_locks[i].isEmpty())
            lines << m_locks[i];
        if (changedSinceRun(info.name))
            lines << tr("Changed since the run that is shown");
        if (m_results[i])
            for (const std::string& note : m_results[i]->notes)
                lines << QString::fromStdString(note);
        return lines.join(u'\n');
    }
    default:
        return {};
    }
}

QVariant LayersModel::plainValue(int linear, Column column) const
{
    const auto i = static_cast<std::size_t>(linear);
    const auto& plan = m_plans[i];
    switch (column) {
    case Method: return plan ? QVariant(QString::fromStdString(plan->rounding.method)) : QVariant();
    case Bits: return plan ? QVariant(plan->weights.bits) : QVariant();
    case Group: return plan ? QVariant(plan->weights.group) : QVariant();
    case Activations: return plan ? QVariant(layer_texts::activationValue(plan->activations)) : QVariant();
    case Name: return QString::fromStdString(m_linears[i].name);
    default: return {};
    }
}

QVariant LayersModel::linearData(int linear, Column column, int role) const
{
    const auto i = static_cast<std::size_t>(linear);
    const std::string& name = m_linears[i].name;
    switch (role) {
    case Qt::DisplayRole:
        return text(linear, column);
    case Qt::EditRole:
        return plainValue(linear, column);
    case Qt::ToolTipRole:
        return toolTip(linear, column).toHtmlEscaped().replace(u'\n', u"<br>"_s);
    case Qt::AccessibleTextRole:
        if (column == State)
            return toolTip(linear, column);
        return text(linear, column);
    case BarRole:
        if (column == Kernel)
            if (const auto share = kernelShareOf(name))
                return std::clamp(*share / kFullKernelBar, 0.0, 1.0);
        if (column == Error)
            if (const auto sqnr = sqnrOf(name))
                return std::clamp((kErrorBarDb - *sqnr) / kErrorBarDb, 0.0, 1.0);
        return {};
    case ChangedRole:
        return changedSinceRun(name);
    case LockRole:
        return m_locks[i];
    case Qt::DecorationRole:
        if (column == State && !m_locks[i].isEmpty())
            return icon(m_breaches[i] ? u"warning"_s : u"chain"_s);
        return {};
    case Qt::ForegroundRole:
        if (m_plans[i] && !m_plans[i]->weights.quantized() && (column == Method || column == Group))
            return colours().faint;
        return {};
    case Qt::FontRole:
        if (column == Bits && m_plans[i] && m_plans[i]->weights.quantized()) {
            QFont bold;
            bold.setWeight(QFont::DemiBold);
            return bold;
        }
        return {};
    default:
        return {};
    }
}

QVariant LayersModel::blockData(const Block& block, Column column, int role) const
{
    const auto shared = [&](auto value) {
        auto first = value(block.rows.front());
        for (const int row : block.rows)
            if (value(row) != first)
                return std::optional<decltype(first)>();
        return std::optional(first);
    };
    const auto meanBar = [&]() -> QVariant {
        double sum = 0;
        int count = 0;
        for (const int row : block.rows)
            if (const QVariant bar = linearData(row, column, BarRole); bar.isValid()) {
                sum += bar.toDouble();
                ++count;
            }
        return count > 0 ? QVariant(sum / count) : QVariant();
    };
    switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
        switch (column) {
        case Name:
            return tr("Block %1").arg(block.number);
        case Bits: {
            int least = kFloatBits, most = 0;
            for (const int row : block.rows) {
                if (!m_plans[static_cast<std::size_t>(row)])
                    return u"–"_s;
                least = std::min(least, m_plans[static_cast<std::size_t>(row)]->weights.bits);
                most = std::max(most, m_plans[static_cast<std::size_t>(row)]->weights.bits);
            }
            return least == most ? layer_texts::bits(least) : u"%1–%2"_s.arg(least).arg(most);
        }
        case Method:
        case Group:
        case Activations:
            return shared([&](int row) { return text(row, column); }).value_or(mixed());
        case Size: {
            std::uint64_t bytes = 0;
            for (const int row : block.rows) {
                const auto i = static_cast<std::size_t>(row);
                if (!m_plans[i])
                    return QString();
                bytes += layer_texts::storedBytes(m_linears[i], *m_plans[i]);
            }
            return formatBytes(bytes);
        }
        default:
            return QString();
        }
    case Qt::EditRole:
        return shared([&](int row) { return plainValue(row, column); }).value_or(QVariant());
    case BarRole:
        return column == Kernel || column == Error ? meanBar() : QVariant();
    case ChangedRole:
        return std::any_of(block.rows.begin(), block.rows.end(), [&](int row) { return changedSinceRun(m_linears[static_cast<std::size_t>(row)].name); });
    case Qt::ToolTipRole:
        if (column == Kernel || column == Error)
            return tr("Mean over the block's linears");
        return column == Name ? tr("%n linear(s)", nullptr, static_cast<int>(block.rows.size())) : QString();
    case Qt::FontRole:
        if (column == Name) {
            QFont bold;
            bold.setWeight(QFont::DemiBold);
            return bold;
        }
        return {};
    case Qt::ForegroundRole:
        return column == Name ? QVariant() : QVariant(colours().faint);
    default:
        return {};
    }
}

QStringList LayersModel::choices(const QModelIndex& at, QVariantList* values) const
{
    std::vector<int> rows;
    if (at.internalId() == kBlockId)
        rows = m_blocks[static_cast<std::size_t>(at.row())].rows;
    else
        rows = {m_blocks[at.internalId() - 1].rows[static_cast<std::size_t>(at.row())]};
    switch (static_cast<Column>(at.column())) {
    case Method:
        return layer_texts::methodChoices(m_methods, values);
    case Bits:
        return layer_texts::bitChoices(values);
    case Group: {
        std::vector<std::int64_t> widths;
        for (const int row : rows)
            widths.push_back(m_linears[static_cast<std::size_t>(row)].in);
        return layer_texts::groupChoices(widths, values);
    }
    case Activations:
        return layer_texts::activationChoices(values);
    default:
        return {};
    }
}

QVariant LayersModel::data(const QModelIndex& at, int role) const
{
    if (!at.isValid())
        return {};
    const auto column = static_cast<Column>(at.column());
    if (role == LinearsRole)
        return linearsAt(at);
    if (role == ChoicesRole || role == ValuesRole) {
        QVariantList values;
        const QStringList texts = choices(at, &values);
        return role == ChoicesRole ? QVariant(texts) : QVariant(values);
    }
    if (role == Qt::TextAlignmentRole) {
        if (column == Bits)
            return QVariant(Qt::AlignCenter);
        return QVariant((column == Size ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    }
    if (at.internalId() == kBlockId)
        return blockData(m_blocks[static_cast<std::size_t>(at.row())], column, role);
    const Block& block = m_blocks[at.internalId() - 1];
    return linearData(block.rows[static_cast<std::size_t>(at.row())], column, role);
}

bool LayersModel::setData(const QModelIndex& at, const QVariant& value, int role)
{
    if (role != Qt::EditRole || !at.isValid() || data(at, Qt::EditRole) == value)
        return false;
    const PlanPatch patch = patchFor(static_cast<Column>(at.column()), value);
    if (patch == PlanPatch{})
        return false;
    requestEdit(linearsAt(at), patch);
    return true;
}

QVariant LayersModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return QVariant((section == Bits ? Qt::AlignHCenter : section == Size ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    const bool tip = role == Qt::ToolTipRole;
    if (role != Qt::DisplayRole && !tip)
        return {};
    switch (section) {
    case Name: return tip ? tr("Block, and its weight matrices") : tr("Linear");
    case Method: return tip ? tr("How weights are rounded") : tr("Method");
    case Bits: return tip ? tr("Bits a weight; – is left in floating point") : tr("W");
    case Group: return tip ? tr("Weights that share a scale") : tr("Group");
    case Activations: return tip ? tr("Grid of the input: scheme and bits") : tr("A");
    case Kernel: return tip ? tr("Share of the input that rounds to zero (bar: 25 % fills it)") : tr("Kernel");
    case Error: return tip ? tr("Weight error of the last run, relative to the weights (bar: in decibels, 60 dB is empty)") : tr("Error");
    case Size: return tip ? tr("Stored size under this plan, scales and zero points included") : tr("Size");
    case State: return tip ? tr("Dot: changed since the run shown. Chain: tied by the contract. Triangle: breaks it") : QString();
    default: return {};
    }
}

Qt::ItemFlags LayersModel::flags(const QModelIndex& at) const
{
    if (!at.isValid())
        return Qt::NoItemFlags;
    Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
    if (at.column() >= Method && at.column() <= Activations)
        flags |= Qt::ItemIsEditable;
    if (at.internalId() != kBlockId)
        flags |= Qt::ItemNeverHasChildren;
    return flags;
}

} // namespace halftone
