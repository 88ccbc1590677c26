#include "app/studio/text.h"

#include "core/model/describe.h"
#include "core/quant/grid.h"
#include "core/quant/kv_cache_grid.h"
#include "core/text/text_choice.h"
#include "widgets/colour_map.h"
#include "widgets/plain_labels.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("GridText", text);
}

QString schemeText(const ActivationGrid& grid)
{
    switch (grid.scheme) {
    case ActivationScheme::None: return tr("not quantized");
    case ActivationScheme::PerTensor: return tr("per tensor");
    case ActivationScheme::PerToken: return tr("per token");
    case ActivationScheme::PerChannel: return tr("per channel");
    case ActivationScheme::Cross: return tr("CrossQuant α %1").arg(grid.alpha);
    case ActivationScheme::CrossStatic: return tr("CrossQuant α %1, static columns").arg(grid.alpha);
    }
    return {};
}

} // namespace

QString unreachableText(const QString& path)
{
    for (QString at = QDir::cleanPath(path); at.contains(QChar::ReplacementCharacter); at = QFileInfo(at).path())   // a name may really hold that character
        if (QFileInfo(at).fileName().contains(QChar::ReplacementCharacter) && !QFileInfo::exists(at))
            return tr("The name %1 holds bytes that are no UTF-8 text, and the window cannot keep such a name. Rename it, or use halftone-cli, which takes any path.").arg(path);
    return {};
}

QString withoutStop(QString sentence)
{
    while (sentence.endsWith(u'.') || sentence.endsWith(u' '))
        sentence.chop(1);
    return sentence;
}

QString textsTitle(const QString& line)
{
    const std::vector<std::filesystem::path> paths = TextChoice::parse(line.toStdString()).paths;
    if (paths.empty())
        return {};
    const QString first = plainText(pathText(paths.front().filename().empty() ? paths.front().parent_path().filename() : paths.front().filename()));
    return paths.size() == 1 ? first : tr("%1 and %2 more").arg(first).arg(paths.size() - 1);
}

QString countText(std::int64_t count)
{
    static constexpr std::array<const char*, 5> kUnits{"", "k", "M", "G", "T"};
    double value = static_cast<double>(count);
    if (value < 1e5)
        return formatValue(value, 6);   // small enough to be said whole
    std::size_t unit = 0;
    while (value >= 999.5 && unit + 1 < kUnits.size()) {
        value /= 1000;
        ++unit;
    }
    return u"%1 %2"_s.arg(formatValue(value), QString::fromUtf8(kUnits[unit])).trimmed();
}

QString storedSmallText(const ModelDescription& model)
{
    const double bits = model.parameters > 0 ? static_cast<double>(model.bytes) * 8 / static_cast<double>(model.parameters) : 16;
    if (bits > 15)
        return {};
    const QString source = model.coarseGrid && !model.coarseGrid->source.empty() ? tr(" (%1)").arg(toQString(model.coarseGrid->source)) : QString();
    return tr("That file is small already: it stores its weights in about %1 bits each%2. An export writes in 16 bits what is not quantized.").arg(formatValue(bits, 2), source);
}

QString weightGridText(const WeightGrid& grid)
{
    if (!grid.quantized())
        return tr("not quantized");
    const QString granularity = grid.perTensor ? tr("per tensor") : grid.group > 0 ? tr("groups of %1").arg(grid.group) : tr("per channel");
    return tr("%1 bits, %2, %3").arg(grid.bits).arg(granularity, grid.symmetric ? tr("symmetric") : tr("asymmetric"));
}

QString activationGridText(const ActivationGrid& grid)
{
    return grid.quantized() ? tr("%1 bits, %2").arg(grid.bits).arg(schemeText(grid)) : tr("not quantized");
}

QString kvCacheText(const KvCacheGrid& grid)
{
    if (!grid.quantized())
        return tr("float");
    return grid.scheme == KvCacheGrid::Scheme::PerTokenHead ? tr("%1 bits per head").arg(grid.bits) : tr("%1 bits per token").arg(grid.bits);
}

QString kvCacheSentence(const KvCacheGrid& grid)
{
    if (!grid.quantized())
        return tr("Keys and values stay float.");
    QString text = grid.scheme == KvCacheGrid::Scheme::PerTokenHead ? tr("Keys and values in %1 bits, one %2 range a head of a token")
                                                                    : tr("Keys and values in %1 bits, one %2 range a token");
    text = text.arg(grid.bits).arg(grid.symmetric ? tr("symmetric") : tr("asymmetric"));
    text += grid.position == KvCacheGrid::Position::PreRope ? tr(", keys before the rotation") : tr(", keys after the rotation");
    if (grid.queries)
        text += tr(", queries too");
    if (!grid.floatBlocks.empty())
        text += tr(", float in %1 of the blocks").arg(grid.floatBlocks.size());
    return text + u'.';
}

QString shortGridText(const WeightGrid& weights, const ActivationGrid& activations)
{
    QString text = weights.quantized() ? u"W%1"_s.arg(weights.bits) : u"W16"_s;
    if (weights.quantized() && weights.group > 0)
        text += u" g%1"_s.arg(weights.group);
    if (activations.quantized())
        text += u" A%1 %2"_s.arg(activations.bits).arg(schemeText(activations));
    return text;
}

} // namespace halftone
