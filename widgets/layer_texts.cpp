#include "widgets/layer_texts.h"

#include "widgets/colour_map.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace halftone::layer_texts {

using namespace Qt::Literals::StringLiterals;

namespace {

struct Texts {
    Q_DECLARE_TR_FUNCTIONS(halftone::LayersModel)
};

constexpr std::array kGroups{16, 32, 64, 96, 128, 192, 256};
constexpr std::array kActivationBits{8, 6, 4};

const MethodInfo* find(const std::vector<MethodInfo>& infos, MethodKind kind, const std::string& id)
{
    const auto found = std::find_if(infos.begin(), infos.end(), [&](const MethodInfo& info) { return info.kind == kind && info.id == id; });
    return found == infos.end() ? nullptr : &*found;
}

QString shortText(const std::vector<MethodInfo>& infos, MethodKind kind, const std::string& id)
{
    const MethodInfo* info = find(infos, kind, id);
    return QString::fromStdString(info ? info->label() : id);
}

QString schemeText(ActivationScheme scheme)
{
    switch (scheme) {
    case ActivationScheme::None: return u"–"_s;
    case ActivationScheme::PerTensor: return Texts::tr("tensor");
    case ActivationScheme::PerToken: return Texts::tr("token");
    case ActivationScheme::PerChannel: return Texts::tr("channel");
    case ActivationScheme::Cross: return Texts::tr("cross");
    case ActivationScheme::CrossStatic: return Texts::tr("static cross");
    }
    return {};
}

} // namespace

QString methods(const Plan& plan, const std::vector<MethodInfo>& infos)
{
    QStringList parts;
    if (plan.transform.method != "none")
        parts << shortText(infos, MethodKind::Transform, plan.transform.method);
    if (plan.weights.quantized())
        parts << shortText(infos, MethodKind::Rounding, plan.rounding.method);
    if (plan.compensation.method != "none")
        parts << shortText(infos, MethodKind::Compensation, plan.compensation.method);
    return parts.isEmpty() ? Texts::tr("float") : parts.join(u" + "_s);
}

QString methodTip(const Plan& plan, const std::vector<MethodInfo>& infos)
{
    QStringList lines;
    const auto add = [&](MethodKind kind, const MethodChoice& choice) {
        if (choice.method == "none")
            return;
        if (const MethodInfo* info = find(infos, kind, choice.method)) {
            QString line = QString::fromStdString(info->name) + u": "_s + QString::fromStdString(info->summary);
            if (!info->paper.empty())
                line += u" ("_s + QString::fromStdString(info->paper) + u')';
            lines << line;
        } else {
            lines << QString::fromStdString(choice.method);
        }
    };
    add(MethodKind::Transform, plan.transform);
    if (plan.weights.quantized())
        add(MethodKind::Rounding, plan.rounding);
    add(MethodKind::Compensation, plan.compensation);
    return lines.isEmpty() ? Texts::tr("Left as it is, in floating point") : lines.join(u'\n');
}

QString bits(int bits)
{
    return bits >= 16 ? u"–"_s : QString::number(bits);
}

QString group(const WeightGrid& grid)
{
    if (!grid.quantized())
        return u"–"_s;
    if (grid.perTensor)
        return Texts::tr("matrix");
    return grid.group == 0 ? Texts::tr("row") : QString::number(grid.group);
}

QString activations(const ActivationGrid& grid)
{
    return grid.quantized() ? u"%1 %2"_s.arg(schemeText(grid.scheme)).arg(grid.bits) : u"–"_s;
}

QString activationTip(const ActivationGrid& grid)
{
    if (!grid.quantized())
        return Texts::tr("The input is left as it is");
    QString tip = Texts::tr("The input is rounded to %1 bits, %2").arg(grid.bits).arg(grid.symmetric ? Texts::tr("symmetric") : Texts::tr("asymmetric"));
    switch (grid.scheme) {
    case ActivationScheme::PerTensor: return tip + Texts::tr(", one scale from calibration");
    case ActivationScheme::PerToken: return tip + Texts::tr(", one scale a token");
    case ActivationScheme::PerChannel: return tip + Texts::tr(", one scale a channel from calibration");
    case ActivationScheme::Cross: return tip + Texts::tr(", CrossQuant with alpha %1").arg(formatValue(grid.alpha, 3));
    case ActivationScheme::CrossStatic: return tip + Texts::tr(", CrossQuant with alpha %1 and channel maxima from calibration").arg(formatValue(grid.alpha, 3));
    case ActivationScheme::None: break;
    }
    return tip;
}

QString activationValue(const ActivationGrid& grid)
{
    const std::string_view word = name(grid.scheme);
    const QString text = QString::fromUtf8(word.data(), static_cast<qsizetype>(word.size()));
    return grid.quantized() ? u"%1:%2"_s.arg(text).arg(grid.bits) : text;
}

SizeEstimate storedSize(const LinearInfo& linear, const Plan& plan)
{
    ModelDescription alone;
    alone.linears = {linear};
    alone.parameters = linear.weights();
    return estimateSize({ResolvedPlan{linear.name, plan, -1}}, alone);
}

std::uint64_t storedBytes(const LinearInfo& linear, const Plan& plan, bool dense)
{
    const SizeEstimate size = storedSize(linear, plan);
    return dense ? size.denseBytes : size.linearBytes;
}

QStringList methodChoices(const std::vector<MethodInfo>& infos, QVariantList* values)
{
    QStringList texts;
    for (const MethodInfo& info : infos) {
        if (info.kind != MethodKind::Rounding)
            continue;
        texts << QString::fromStdString(info.name);
        if (values)
            *values << QString::fromStdString(info.id);
    }
    return texts;
}

QStringList bitChoices(QVariantList* values)
{
    QStringList texts;
    for (const int bits : {2, 3, 4, 5, 6, 7, 8, 16}) {
        texts << (bits == 16 ? Texts::tr("float") : QString::number(bits));
        if (values)
            *values << bits;
    }
    return texts;
}

QStringList groupChoices(const std::vector<std::int64_t>& widths, QVariantList* values)
{
    QStringList texts{Texts::tr("row")};
    if (values)
        *values << 0;
    for (const int group : kGroups) {
        if (!std::all_of(widths.begin(), widths.end(), [group](std::int64_t width) { return width > group && width % group == 0; }))
            continue;
        texts << QString::number(group);
        if (values)
            *values << group;
    }
    return texts;
}

QStringList activationChoices(QVariantList* values)
{
    QStringList texts;
    for (const ActivationScheme scheme : kSchemes)
        for (const int bits : kActivationBits) {
            const ActivationGrid grid{scheme, bits, true, 0.15};
            texts << activations(grid);
            if (values)
                *values << activationValue(grid);
            if (scheme == ActivationScheme::None)
                break;
        }
    return texts;
}

} // namespace halftone::layer_texts
