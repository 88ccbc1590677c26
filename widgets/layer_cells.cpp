#include "widgets/layer_cells.h"

#include "core/recipe/bulk_edit.h"
#include "core/recipe/contract_ties.h"
#include "widgets/colour_map.h"
#include "widgets/layer_texts.h"
#include "widgets/palette.h"

#include <QCoreApplication>
#include <QFont>
#include <QIcon>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

struct Texts {
    Q_DECLARE_TR_FUNCTIONS(halftone::LayersModel)
};

constexpr int kFloatBits = 16;
constexpr double kFullKernelBar = 0.25;    ///< kernel share that fills the cell's bar
constexpr double kErrorBarDb = 60;         ///< an SQNR of so many dB leaves the error bar empty

QVariant demiBold()
{
    QFont bold;
    bold.setWeight(QFont::DemiBold);
    return bold;
}

bool isPlanColumn(LayersTable::Column column)
{
    return column >= LayersTable::Method && column <= LayersTable::Activations;
}

} // namespace

LayerCells::LayerCells(const std::vector<LinearFacts>& facts) : methods(methodInfos()), m_facts(facts)
{
}

QString LayerCells::text(int row, Column column) const
{
    const LinearFacts& facts = at(row);
    switch (column) {
    case Name:
        switch (grouping) {
        case Grouping::Blocks: return facts.kind;
        case Grouping::Kinds: return Texts::tr("block %1").arg(facts.info.block);
        case Grouping::Sites:
        case Grouping::None: return u"%1 · %2"_s.arg(facts.info.block).arg(facts.kind);
        }
        return {};
    case Method: return facts.plan ? layer_texts::methods(*facts.plan, methods) : u"–"_s;
    case Bits: return facts.plan ? layer_texts::bits(facts.plan->weights.bits) : u"–"_s;
    case Group: return facts.plan ? layer_texts::group(facts.plan->weights) : u"–"_s;
    case Activations: return facts.plan ? layer_texts::activations(facts.plan->activations) : u"–"_s;
    case Kernel:
        if (const auto share = facts.kernelShare(kernelScheme))
            return formatShare(*share);
        return {};
    case Error:
        if (const auto error = facts.relativeError())
            return facts.changedSinceRun() ? u"(%1)"_s.arg(formatShare(*error)) : formatShare(*error);   // of another plan
        return {};
    case Size: return facts.plan ? formatBytes(layer_texts::storedBytes(facts.info, *facts.plan, dense)) : QString();
    case Kurtosis: return facts.weights ? formatValue(facts.weights->kurtosis, 3) : QString();
    case Shape: return u"%1 × %2"_s.arg(facts.info.out).arg(facts.info.in);
    case Outlier: return facts.outlier ? formatValue(facts.outlier->absmax, 3) : QString();
    case Ratio: return facts.outlier ? u"%1 ×"_s.arg(formatValue(facts.outlier->ratio, 3)) : QString();
    case Channel: return facts.outlier ? QString::number(facts.outlier->channel) : QString();
    case Rule: return !facts.plan ? QString() : facts.rule < 0 ? Texts::tr("defaults") : Texts::tr("rule %1").arg(facts.rule + 1);
    default: return {};
    }
}

QString LayerCells::forcedReason(int row, Column column) const
{
    if (contract.empty() || !isPlanColumn(column) || !at(row).plan)
        return {};
    QVariantList values;
    QStringList refusals;
    choices({row}, column, &values, &refusals);
    QString reason;
    for (int i = 0; i < values.size(); ++i) {
        if (values[i] == value(row, column))
            continue;
        if (refusals[i].isEmpty())
            return {};
        if (reason.isEmpty())
            reason = refusals[i];
    }
    return reason;
}

QString LayerCells::toolTip(int row, Column column) const
{
    const LinearFacts& facts = at(row);
    const auto& plan = facts.plan;
    const auto withContract = [&](QString tip) {
        if (const QString forced = forcedReason(row, column); !forced.isEmpty())
            tip += u'\n' + Texts::tr("Forced by the contract: %1").arg(forced);
        if (!facts.lock.isEmpty())
            tip += u'\n' + facts.lock;
        return tip;
    };
    switch (column) {
    case Name:
        return u"%1\n%2 × %3 · %4 · %5"_s.arg(facts.name).arg(facts.info.out).arg(facts.info.in)
            .arg(QString::fromStdString(facts.info.dtype), Texts::tr("%1 weights").arg(formatValue(static_cast<double>(facts.info.weights()), 3)));
    case Method:
        return plan ? layer_texts::methodTip(*plan, methods) : QString();
    case Bits:
        return withContract(plan && plan->weights.quantized()
                ? Texts::tr("%1 bits a weight; %2 stored, with scales and zero points").arg(plan->weights.bits)
                      .arg(formatValue(layer_texts::storedSize(facts.info, *plan).bitsPerWeight, 4))
                : Texts::tr("Left as it is, in floating point"));
    case Group:
        return withContract(Texts::tr("Weights of a row that share a scale; \"row\" is one scale a row (per channel)"));
    case Activations:
        return withContract(plan ? layer_texts::activationTip(plan->activations) : QString());
    case Kernel:
        if (const auto share = facts.kernelShare(kernelScheme))
            return Texts::tr("%1 of this linear's input rounds to zero under its grid").arg(formatShare(*share));
        return Texts::tr("Not measured yet; Analyze counts it");
    case Error:
        if (const auto sqnr = facts.sqnrDb())
            return (facts.changedSinceRun() ? Texts::tr("Of the last run, whose plan was %1 bits here and not this one.").arg(facts.result->weights.bits) + u'\n' : QString())
                + Texts::tr("Weight error %1 of the weights' norm (SQNR %2 dB); output error %3 (mean square), in the last run")
                      .arg(formatShare(*facts.relativeError()), formatValue(*sqnr, 3), formatValue(facts.result->outputMse, 3));
        return Texts::tr("No run yet");
    case State: {
        QStringList lines;
        if (!facts.lock.isEmpty())
            lines << facts.lock;
        if (facts.changedSinceRun())
            lines << Texts::tr("Changed since the run that is shown");
        if (facts.result)
            for (const std::string& note : facts.result->notes)
                lines << QString::fromStdString(note);
        return lines.join(u'\n');
    }
    case Kurtosis:
        return facts.weights ? Texts::tr("Fourth standardised moment of the weights: 3 for a normal distribution, more where few stand far out")
                             : Texts::tr("Not measured yet; Analyze counts it");
    case Outlier:
    case Ratio:
    case Channel:
        return facts.outlier ? Texts::tr("Channel %1 of the input reaches %2, %3 times the median channel (%4)").arg(facts.outlier->channel)
                                   .arg(formatValue(facts.outlier->absmax), formatValue(facts.outlier->ratio, 3), formatValue(facts.outlier->median, 3))
                             : Texts::tr("Not measured yet; Analyze finds it");
    case Rule:
        return facts.rule < 0 ? Texts::tr("No rule of the recipe touches it") : Texts::tr("The last rule of the recipe that touches it");
    default:
        return {};
    }
}

QVariant LayerCells::value(int row, Column column) const
{
    const auto& plan = at(row).plan;
    switch (column) {
    case Name: return at(row).name;
    case Method: return plan ? QVariant(QString::fromStdString(plan->rounding.method)) : QVariant();
    case Bits: return plan ? QVariant(plan->weights.bits) : QVariant();
    case Group: return plan ? QVariant(plan->weights.group) : QVariant();
    case Activations: return plan ? QVariant(layer_texts::activationValue(plan->activations)) : QVariant();
    default: return {};
    }
}

QVariant LayerCells::sortValue(int row, Column column) const
{
    const LinearFacts& facts = at(row);
    const auto number = [](const auto& value) { return QVariant(value ? double(*value) : -1.0); };   // not measured: below all
    switch (column) {
    case Kernel: return number(facts.kernelShare(kernelScheme));
    case Error: return number(facts.relativeError());
    case Kurtosis: return facts.weights ? facts.weights->kurtosis : -1.0;
    case Size: return facts.plan ? double(layer_texts::storedBytes(facts.info, *facts.plan, dense)) : -1.0;
    case Shape: return double(facts.info.weights());
    case Outlier: return facts.outlier ? facts.outlier->absmax : -1.0;
    case Ratio: return facts.outlier ? facts.outlier->ratio : -1.0;
    case Channel: return facts.outlier ? double(facts.outlier->channel) : -1.0;
    case Rule: return facts.rule;
    case Bits: return facts.plan ? facts.plan->weights.bits : -1;
    case Group: return facts.plan && facts.plan->weights.quantized() ? facts.plan->weights.group : -1;
    case State: return (facts.breach ? 4 : 0) + (facts.changedSinceRun() ? 2 : 0) + (facts.lock.isEmpty() ? 0 : 1);
    case Name: return row;                                   // as the model has them
    default: return text(row, column);
    }
}

QVariant LayerCells::bar(int row, Column column) const
{
    if (column == Kernel)
        if (const auto share = at(row).kernelShare(kernelScheme))
            return std::clamp(*share / kFullKernelBar, 0.0, 1.0);
    if (column == Error)
        if (const auto sqnr = at(row).sqnrDb(); sqnr && !at(row).changedSinceRun())
            return std::clamp((kErrorBarDb - *sqnr) / kErrorBarDb, 0.0, 1.0);
    return {};
}

QVariant LayerCells::linear(int row, Column column, int role) const
{
    const LinearFacts& facts = at(row);
    switch (role) {
    case Qt::DisplayRole:
        return text(row, column);
    case Qt::EditRole:
        return value(row, column);
    case Qt::ToolTipRole:
        return toolTip(row, column).toHtmlEscaped().replace(u'\n', u"<br>"_s);
    case Qt::AccessibleTextRole:
        return column == State ? toolTip(row, column) : text(row, column);
    case BarRole:
        return bar(row, column);
    case ChangedRole:
        return facts.changedSinceRun();
    case LockRole:
        return facts.lock;
    case SiteRole:
        return facts.info.site.number();
    case SortRole:
        return sortValue(row, column);
    case Qt::DecorationRole:
        if (column == State && !facts.lock.isEmpty())
            return icon(facts.breach ? u"warning"_s : u"chain"_s);
        return {};
    case Qt::ForegroundRole:
        if (column >= Kurtosis || (column == Error && facts.changedSinceRun()) || (facts.plan && !facts.plan->weights.quantized() && (column == Method || column == Group)))
            return colours().faint;
        return {};
    case Qt::FontRole:
        return column == Bits && facts.plan && facts.plan->weights.quantized() ? demiBold() : QVariant();
    default:
        return {};
    }
}

int LayerCells::worstOf(const std::vector<int>& rows, Column column) const
{
    return *std::max_element(rows.begin(), rows.end(), [&](int a, int b) { return sortValue(a, column).toDouble() < sortValue(b, column).toDouble(); });
}

QString LayerCells::groupText(const QString& title, const std::vector<int>& rows, Column column) const
{
    switch (column) {
    case Name:
        return title;
    case Bits: {
        int least = kFloatBits, most = 0;
        for (const int row : rows) {
            if (!at(row).plan)
                return u"–"_s;
            least = std::min(least, at(row).plan->weights.bits);
            most = std::max(most, at(row).plan->weights.bits);
        }
        return least == most ? layer_texts::bits(least) : u"%1–%2"_s.arg(least).arg(most);
    }
    case Method:
    case Group:
    case Activations:
    case Rule: {
        const QString first = text(rows.front(), column);
        const bool same = std::all_of(rows.begin(), rows.end(), [&](int row) { return text(row, column) == first; });
        return same ? first : Texts::tr("mixed");
    }
    case Outlier:
    case Ratio: {
        const int worst = worstOf(rows, column);
        return at(worst).outlier ? text(worst, column) : QString();
    }
    case Size: {
        std::uint64_t bytes = 0;
        for (const int row : rows) {
            if (!at(row).plan)
                return {};
            bytes += layer_texts::storedBytes(at(row).info, *at(row).plan, dense);
        }
        return formatBytes(bytes);
    }
    default:
        return {};
    }
}

QVariant LayerCells::group(const QString& title, const std::vector<int>& rows, Column column, int role) const
{
    const auto mean = [&](const auto& number) -> QVariant {
        double sum = 0;
        int count = 0;
        for (const int row : rows)
            if (const QVariant one = number(row); one.isValid() && one.toDouble() >= 0) {
                sum += one.toDouble();
                ++count;
            }
        return count > 0 ? QVariant(sum / count) : QVariant();
    };
    switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
        return groupText(title, rows, column);
    case Qt::EditRole: {
        const QVariant first = value(rows.front(), column);
        return std::all_of(rows.begin(), rows.end(), [&](int row) { return value(row, column) == first; }) ? first : QVariant();
    }
    case BarRole:
        return column == Kernel || column == Error ? mean([&](int row) { return bar(row, column); }) : QVariant();
    case SortRole:
        if (column == Name)
            return rows.front();
        if (column == Method || column == Activations)
            return groupText(title, rows, column);
        if (column == Size || column == Shape) {
            double sum = 0;
            for (const int row : rows)
                sum += sortValue(row, column).toDouble();
            return sum;
        }
        if (column == Outlier || column == Ratio)
            return sortValue(worstOf(rows, column), column);
        return mean([&](int row) { return sortValue(row, column); }).toDouble();
    case ChangedRole:
        return std::any_of(rows.begin(), rows.end(), [&](int row) { return at(row).changedSinceRun(); });
    case Qt::ToolTipRole:
        if (column == Kernel || column == Error)
            return Texts::tr("Mean over the linears of the group");
        if (column == Outlier || column == Ratio)
            return Texts::tr("The largest of the group");
        return column == Name ? Texts::tr("%n linear(s)", nullptr, static_cast<int>(rows.size())) : QString();
    case Qt::FontRole:
        return column == Name ? demiBold() : QVariant();
    case Qt::ForegroundRole:
        return column == Name ? QVariant() : QVariant(colours().faint);
    default:
        return {};
    }
}

QStringList LayerCells::choices(const std::vector<int>& rows, Column column, QVariantList* values, QStringList* refusals) const
{
    QVariantList meant;
    QStringList texts;
    switch (column) {
    case Method: texts = layer_texts::methodChoices(methods, &meant); break;
    case Bits: texts = layer_texts::bitChoices(&meant); break;
    case Group: {
        std::vector<std::int64_t> widths;
        for (const int row : rows)
            widths.push_back(at(row).info.in);
        texts = layer_texts::groupChoices(widths, &meant);
        break;
    }
    case Activations: texts = layer_texts::activationChoices(&meant); break;
    default: return {};
    }
    if (values)
        *values = meant;
    if (refusals) {
        const LinearFacts& first = at(rows.front());
        for (const QVariant& one : meant) {
            std::string reason;
            if (!contract.empty() && first.plan) {
                PlanPatch whole = wholePatch(*first.plan);
                whole.merge(patchFor(column, one));
                reason = contractRefusal(contract, first.info, planOf(whole));
            }
            *refusals << QString::fromStdString(reason);
        }
    }
    return texts;
}

PlanPatch LayerCells::patchFor(Column column, const QVariant& value) const
{
    PlanPatch patch;
    bool isNumber = false;
    const int number = value.toInt(&isNumber);
    switch (column) {
    case Method: {
        const std::string id = value.toString().toStdString();
        for (const MethodInfo& method : methods)
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

} // namespace halftone
