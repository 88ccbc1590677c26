#include "widgets/layers_model.h"

#include "widgets/colour_map.h"
#include "widgets/layer_texts.h"
#include "widgets/palette.h"

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

/// Rows at the top (groups, or all linears where there are none) have id 0; a linear's id is its group's position + 1.
constexpr quintptr kTopId = 0;

} // namespace

LayersModel::LayersModel(QObject* parent) : QAbstractItemModel(parent)
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
    m_facts.clear();
    m_facts.reserve(model.linears.size());
    m_index.clear();
    for (const LinearInfo& info : model.linears) {
        LinearFacts facts;
        facts.info = info;
        facts.name = QString::fromStdString(info.name);
        const std::string_view kind = info.shortName();
        facts.kind = QString::fromUtf8(kind.data(), static_cast<qsizetype>(kind.size()));
        m_index.insert(facts.name, static_cast<int>(m_facts.size()));
        m_facts.push_back(std::move(facts));
    }
    findFloatParts(model);
    arrange();
    endResetModel();
}

void LayersModel::findFloatParts(const ModelDescription& model)
{
    m_parts.clear();
    FloatPart rest{tr("Norms and biases"), {}, {}, 0};
    int tensors = 0;
    for (const ModelDescription::Other& other : model.others) {
        std::int64_t elements = 1;
        for (const std::int64_t extent : other.shape)
            elements *= extent;
        if (other.shape.size() != 2) {
            rest.elements += elements;
            ++tensors;
            continue;
        }
        const QString name = QString::fromStdString(other.name);
        const QString module = name.section(u'.', -2, -2);
        const QString title = module == u"embed_tokens"_s || module == u"word_embeddings"_s ? tr("Embedding")
            : module == u"lm_head"_s                                                      ? tr("Head")
            : module == u"embed_positions"_s                                              ? tr("Positions")
                                                                                          : module;
        m_parts.push_back({title, tr("%1\n%2 × %3 · %4\nStays float: it cannot be quantized yet").arg(name).arg(other.shape[0]).arg(other.shape[1]).arg(QString::fromStdString(other.dtype)),
                           u"%1 × %2"_s.arg(other.shape[0]).arg(other.shape[1]), elements});
    }
    rest.tip = tr("%n tensor(s). They stay float", nullptr, tensors);
    if (rest.elements > 0)
        m_parts.push_back(std::move(rest));
}

const LayersModel::FloatPart* LayersModel::partAt(const QModelIndex& at) const
{
    if (!at.isValid() || at.internalId() != kTopId)
        return nullptr;
    const auto first = static_cast<int>(isFlat() ? m_facts.size() : m_groups.size());
    return at.row() < first ? nullptr : &m_parts[static_cast<std::size_t>(at.row() - first)];
}

QVariant LayersModel::partData(const FloatPart& part, const QModelIndex& at, int role) const
{
    constexpr std::uint64_t kBytes = 2;   // bf16 or f16 (exportDTypeName)
    const auto bytes = kBytes * static_cast<std::uint64_t>(part.elements);
    const auto column = static_cast<Column>(at.column());
    switch (role) {
    case LinearsRole: return QStringList();
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
        return column == Name ? part.title : column == Bits ? layer_texts::bits(16) : column == Size ? formatBytes(bytes) : column == Shape ? part.shape : QString();
    case Qt::ToolTipRole: return column == Name || column == Bits ? part.tip.toHtmlEscaped().replace(u'\n', u"<br>"_s) : QString();
    case Qt::ForegroundRole: return colours().faint;
    case SortRole:
        if (column == Size || column == Shape)
            return static_cast<double>(column == Size ? bytes : static_cast<std::uint64_t>(part.elements));
        return column == Name ? QVariant(static_cast<double>(m_facts.size()) + at.row()) : column == Method || column == Activations ? QVariant(QString()) : QVariant(-1.0);
    default: return {};
    }
}

void LayersModel::setDense(bool dense)
{
    if (dense == m_cells.dense)
        return;
    m_cells.dense = dense;
    changed(Size, Size);
}

void LayersModel::setGrouping(Grouping grouping)
{
    if (grouping == m_cells.grouping)
        return;
    beginResetModel();
    m_cells.grouping = grouping;
    arrange();
    endResetModel();
}

void LayersModel::arrange()
{
    m_groups.clear();
    m_places.assign(m_facts.size(), {});
    if (isFlat())
        return;
    QHash<QString, int> groupOf;
    for (std::size_t i = 0; i < m_facts.size(); ++i) {
        const LinearFacts& facts = m_facts[i];
        QString title;
        switch (m_cells.grouping) {
        case Grouping::Blocks: title = tr("Block %1").arg(facts.info.block); break;
        case Grouping::Sites: {
            const std::string_view site = label(facts.info.site);
            title = QString::fromUtf8(site.data(), static_cast<qsizetype>(site.size()));
            break;
        }
        case Grouping::Kinds: title = facts.kind; break;
        case Grouping::None: break;
        }
        auto found = groupOf.constFind(title);
        if (found == groupOf.constEnd()) {
            found = groupOf.insert(title, static_cast<int>(m_groups.size()));
            m_groups.push_back({title, m_cells.grouping == Grouping::Blocks ? facts.info.block : -1, {}});
        }
        auto& rows = m_groups[static_cast<std::size_t>(*found)].rows;
        m_places[i] = {*found, static_cast<int>(rows.size())};
        rows.push_back(static_cast<int>(i));
    }
}

void LayersModel::changed(Column first, Column last)
{
    if (m_facts.empty())
        return;
    Q_EMIT dataChanged(index(0, first), index(rowCount() - 1, last));
    for (int g = 0; g < static_cast<int>(m_groups.size()); ++g) {
        const QModelIndex group = index(g, 0);
        Q_EMIT dataChanged(index(0, first, group), index(rowCount(group) - 1, last, group));
    }
}

LinearFacts* LayersModel::find(const std::string& linear)
{
    const auto found = m_index.constFind(QString::fromStdString(linear));
    return found == m_index.constEnd() ? nullptr : &m_facts[static_cast<std::size_t>(*found)];
}

const LinearFacts* LayersModel::factsOf(const std::string& linear) const
{
    return const_cast<LayersModel*>(this)->find(linear);
}

void LayersModel::setPlans(const std::vector<ResolvedPlan>& plans)
{
    for (LinearFacts& facts : m_facts)
        facts.plan.reset();
    for (const ResolvedPlan& resolved : plans)
        if (LinearFacts* facts = find(resolved.linear)) {
            facts->plan = resolved.plan;
            facts->rule = resolved.rule;
        }
    changed(Name, Rule);
}

void LayersModel::setRunPlans(const std::vector<ResolvedPlan>& plans)
{
    for (LinearFacts& facts : m_facts)
        facts.runPlan.reset();
    for (const ResolvedPlan& resolved : plans)
        if (LinearFacts* facts = find(resolved.linear))
            facts->runPlan = resolved.plan;
    changed(State, State);
}

void LayersModel::setSites(const std::vector<SiteStatistics>& sites)
{
    for (const SiteStatistics& site : sites) {
        std::array<double, kKernelSchemes> shares{};
        for (int scheme = 0; scheme < kKernelSchemes; ++scheme)
            shares[static_cast<std::size_t>(scheme)] = site.kernelShare(scheme);
        const LinearFacts::Outlier outlier{site.absmax(), site.outlierRatio(), site.medianChannelAbsmax(), site.outlierChannel()};
        for (const std::string& linear : site.site.linears)
            if (LinearFacts* facts = find(linear)) {
                facts->kernel = shares;
                facts->outlier = outlier;
            }
    }
    changed(Kernel, Channel);   // once: each call makes the table look at all of its rows
}

void LayersModel::clearSites()
{
    for (LinearFacts& facts : m_facts) {
        facts.kernel.reset();
        facts.outlier.reset();
    }
    changed(Kernel, Channel);
}

void LayersModel::setKernelScheme(int index)
{
    m_cells.kernelScheme = std::clamp(index, 0, kKernelSchemes - 1);
    changed(Kernel, Kernel);
}

void LayersModel::setResults(const std::vector<BlockResult>& results)
{
    for (LinearFacts& facts : m_facts)
        facts.result.reset();
    for (const BlockResult& block : results)
        for (const LinearResult& result : block.linears)
            if (LinearFacts* facts = find(result.linear))
                facts->result = result;
    changed(Error, State);
    Q_EMIT resultsChanged();
}

void LayersModel::setBlockResult(const BlockResult& block)
{
    for (const LinearResult& result : block.linears)
        if (LinearFacts* facts = find(result.linear))
            facts->result = result;
    changed(Error, State);
    Q_EMIT resultsChanged();
}

void LayersModel::setContract(const std::string& contract, const std::vector<Lock>& locks)
{
    m_cells.contract = contract;
    for (LinearFacts& facts : m_facts) {
        facts.lock.clear();
        facts.breach = false;
    }
    for (const Lock& lock : locks)
        if (LinearFacts* facts = find(lock.linear)) {
            facts->lock += (facts->lock.isEmpty() ? QString() : u"\n"_s) + QString::fromStdString(lock.reason);
            facts->breach = facts->breach || lock.breach;
        }
    changed(State, State);
}

void LayersModel::setMethods(const std::vector<MethodInfo>& methods)
{
    m_cells.methods = methods;
    changed(Method, Method);
}

void LayersModel::setWeightStatistics(const std::vector<WeightStatistics>& statistics)
{
    for (const WeightStatistics& weights : statistics)
        if (LinearFacts* facts = find(weights.linear))
            facts->weights = weights;
    changed(Kurtosis, Kurtosis);
}

QModelIndex LayersModel::indexOf(const std::string& linear) const
{
    const auto found = m_index.constFind(QString::fromStdString(linear));
    if (found == m_index.constEnd())
        return {};
    if (isFlat())
        return index(*found, 0);
    const Place& place = m_places[static_cast<std::size_t>(*found)];
    return index(place.row, 0, index(place.group, 0));
}

QModelIndex LayersModel::indexOfBlock(int block) const
{
    for (std::size_t g = 0; block >= 0 && g < m_groups.size(); ++g)
        if (m_groups[g].block == block)
            return index(static_cast<int>(g), 0);
    return {};
}

int LayersModel::rowAt(const QModelIndex& at) const
{
    if (!at.isValid() || partAt(at))
        return -1;
    if (isFlat())
        return at.row();
    return at.internalId() == kTopId ? -1 : m_groups[at.internalId() - 1].rows[static_cast<std::size_t>(at.row())];
}

std::vector<int> LayersModel::rowsAt(const QModelIndex& at) const
{
    if (!at.isValid() || partAt(at))
        return {};
    if (const int row = rowAt(at); row >= 0)
        return {row};
    return m_groups[static_cast<std::size_t>(at.row())].rows;
}

QStringList LayersModel::linearsAt(const QModelIndex& at) const
{
    QStringList names;
    for (const int row : rowsAt(at))
        names << m_facts[static_cast<std::size_t>(row)].name;
    return names;
}

const LinearFacts* LayersModel::factsAt(const QModelIndex& at) const
{
    const int row = rowAt(at);
    return row < 0 ? nullptr : &m_facts[static_cast<std::size_t>(row)];
}

int LayersModel::blockAt(const QModelIndex& at) const
{
    if (const LinearFacts* facts = factsAt(at))
        return facts->info.block;
    return at.isValid() && !partAt(at) ? m_groups[static_cast<std::size_t>(at.row())].block : -1;
}

std::optional<double> LayersModel::kernelShareOf(const std::string& linear) const
{
    const LinearFacts* facts = factsOf(linear);
    return facts ? facts->kernelShare(m_cells.kernelScheme) : std::nullopt;
}

std::optional<double> LayersModel::sqnrOf(const std::string& linear) const
{
    const LinearFacts* facts = factsOf(linear);
    return facts ? facts->sqnrDb() : std::nullopt;
}

bool LayersModel::changedSinceRun(const std::string& linear) const
{
    const LinearFacts* facts = factsOf(linear);
    return facts && facts->changedSinceRun();
}

bool LayersModel::hasResults() const
{
    return std::any_of(m_facts.begin(), m_facts.end(), [](const LinearFacts& facts) { return facts.result.has_value(); });
}

void LayersModel::requestEdit(const QStringList& linears, const PlanPatch& patch)
{
    if (!linears.isEmpty() && patch != PlanPatch{})
        Q_EMIT editRequested(linears, patch);
}

QModelIndex LayersModel::index(int row, int column, const QModelIndex& parent) const
{
    if (row < 0 || column < 0 || column >= Columns || row >= rowCount(parent))
        return {};
    return createIndex(row, column, parent.isValid() ? static_cast<quintptr>(parent.row()) + 1 : kTopId);
}

QModelIndex LayersModel::parent(const QModelIndex& child) const
{
    if (!child.isValid() || child.internalId() == kTopId)
        return {};
    return createIndex(static_cast<int>(child.internalId() - 1), 0, kTopId);
}

int LayersModel::rowCount(const QModelIndex& parent) const
{
    if (!parent.isValid())
        return static_cast<int>((isFlat() ? m_facts.size() : m_groups.size()) + m_parts.size());
    if (isFlat() || partAt(parent) || parent.internalId() != kTopId || parent.column() != 0)
        return 0;
    return static_cast<int>(m_groups[static_cast<std::size_t>(parent.row())].rows.size());
}

int LayersModel::columnCount(const QModelIndex&) const
{
    return Columns;
}

QVariant LayersModel::data(const QModelIndex& at, int role) const
{
    if (!at.isValid())
        return {};
    const auto column = static_cast<Column>(at.column());
    if (const FloatPart* part = partAt(at); part && role != Qt::TextAlignmentRole)
        return partData(*part, at, role);
    if (role == LinearsRole)
        return linearsAt(at);
    if (role == ChoicesRole || role == ValuesRole || role == RefusalsRole) {
        QVariantList values;
        QStringList refusals;
        const QStringList texts = m_cells.choices(rowsAt(at), column, &values, role == RefusalsRole ? &refusals : nullptr);
        return role == ChoicesRole ? QVariant(texts) : role == ValuesRole ? QVariant(values) : QVariant(refusals);
    }
    if (role == Qt::TextAlignmentRole) {
        if (column == Bits)
            return QVariant(Qt::AlignCenter);
        const bool right = column == Size || column == Kurtosis || column == Shape || column >= Outlier;
        return QVariant((right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    }
    if (const int row = rowAt(at); row >= 0)
        return m_cells.linear(row, column, role);
    const RowGroup& group = m_groups[static_cast<std::size_t>(at.row())];
    return m_cells.group(group.title, group.rows, column, role);
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
    if (role == Qt::TextAlignmentRole) {
        const bool right = section == Size || section == Kurtosis || section == Shape || section >= Outlier;
        return QVariant((section == Bits ? Qt::AlignHCenter : right ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    }
    const bool tip = role == Qt::ToolTipRole;
    if (role != Qt::DisplayRole && !tip)
        return {};
    switch (section) {
    case Name: return tip ? tr("The weight matrices, by groups") : tr("Linear");
    case Method: return tip ? tr("How weights are rounded") : tr("Method");
    case Bits: return tip ? tr("Bits a weight; – is left in floating point") : tr("W");
    case Group: return tip ? tr("Weights that share a scale") : tr("Group");
    case Activations: return tip ? tr("Grid of the input: scheme and bits") : tr("A");
    case Kernel: return tip ? tr("Share of the input that rounds to zero (bar: 25 % fills it)") : tr("Kernel");
    case Error: return tip ? tr("Weight error of the last run, relative to the weights (bar: in decibels, 60 dB is empty). In parentheses: the plan has changed since. It does not say where bits are worth most; output error and drift do") : tr("Error");
    case Size: return tip ? tr("What an export stores under this plan: codes, scales and zero points; bf16 (f16 where the model is stored so) for what is not quantized") : tr("Size");
    case State: return tip ? tr("Dot: changed since the run shown. Chain: tied by the contract. Triangle: breaks it") : QString();
    case Kurtosis: return tip ? tr("How far single weights stand out: 3 for a normal distribution") : tr("Kurtosis");
    case Shape: return tip ? tr("Outputs × inputs") : tr("Shape");
    case Rule: return tip ? tr("What of the recipe says the plan") : tr("Rule");
    case Outlier: return tip ? tr("Largest magnitude of the input, over the text analyzed") : tr("Outlier");
    case Ratio: return tip ? tr("The input's largest channel against its median one") : tr("Ratio");
    case Channel: return tip ? tr("The input's channel that holds the outlier") : tr("Channel");
    default: return {};
    }
}

Qt::ItemFlags LayersModel::flags(const QModelIndex& at) const
{
    if (!at.isValid())
        return Qt::NoItemFlags;
    Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
    if (at.column() >= Method && at.column() <= Activations && !partAt(at))
        flags |= Qt::ItemIsEditable;
    if (factsAt(at) || partAt(at))
        flags |= Qt::ItemNeverHasChildren;
    return flags;
}

} // namespace halftone
