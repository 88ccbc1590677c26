#include "app/studio/preset_menu.h"

#include "app/studio/document.h"
#include "app/studio/preset_rows.h"
#include "app/studio/text.h"
#include "core/recipe/preset_fit.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"

#include <array>

namespace halftone {

using namespace Qt::StringLiterals;

PresetMenu::PresetMenu(QWidget* parent) : QMenu(parent)
{
    setObjectName(u"presetMenu"_s);
    setTitle(tr("&Apply preset"));
    setToolTipsVisible(true);
    std::array<QMenu*, kPresetKinds> kinds{};
    for (const Preset& preset : presets()) {
        const PresetKind kind = presetKind(preset);
        QMenu*& menu = kinds[static_cast<std::size_t>(kind)];
        if (!menu) {
            menu = addMenu(toQString(label(kind)));
            menu->setObjectName(u"presetKind%1"_s.arg(static_cast<int>(kind)));
            menu->setToolTipsVisible(true);
        }
        QAction* action = menu->addAction(toQString(preset.name));
        action->setObjectName(u"preset-"_s + toQString(preset.id));
        describeAction(*action, toQString(preset.summary));
        setConsequential(*action);
        connect(action, &QAction::triggered, this, [this, preset] { Q_EMIT presetRequested(preset); });
        m_presets.emplace_back(preset, action);
    }
}

void PresetMenu::refresh(const Document& document)
{
    const Recipe& recipe = document.recipe();
    Seen now{document.isOpen(), document.path(), recipe.contract, recipe.kvCache, document.analysis().sites.size(), document.analysis().textHash};
    if (m_seen == now)
        return;
    // A further block of an analysis changes nothing but what follows the outliers.
    const bool all = !m_seen || m_seen->withoutAnalysis() != now.withoutAnalysis();
    m_seen = std::move(now);
    const std::vector<Preset> rows = all && document.isOpen() ? presetRows(document.model()) : presets();   // which say what no packed format holds
    for (std::size_t i = 0; i < m_presets.size(); ++i) {
        const auto& [preset, action] = m_presets[i];
        if (!all && !followsOutliers(preset))
            continue;
        const QString name = all ? toQString(rows[i].name) : action->text().section(u'\t', 0, 0), mark = isRecommended(preset) ? tr("recommended") : QString();
        QString right = mark, reason = tr("Open a model first."), tip = toQString(rows[i].summary);
        if (document.isOpen()) {
            const PresetFit fit = fitPreset(recipe, preset, document.model(), document.analysis());
            reason = toQString(fit.refusal);
            if (!fit.plans.empty()) {
                const SizeEstimate estimate = estimateSize(fit.plans, document.model());
                const bool dense = packingOf(fit.plans, document.model(), recipe.kvCache).packing == Packing::DenseOnly;
                const QString size = formatBytes(dense ? estimate.denseBytes : estimate.bytes);
                right = mark.isEmpty() ? size : u"%1 · %2"_s.arg(mark, size);
            }
            if (followsOutliers(preset))
                tip += u' ' + (document.hasAnalysis() ? tr("As analyzed: the quarter of the sites with the largest outlier ratios.") : tr("Analyze first, and it is the sites with the largest outlier ratios."));
        }
        action->setText(right.isEmpty() ? name : name + u'\t' + right);
        describeAction(*action, tip, reason);
        setActionEnabled(*action, reason.isEmpty(), reason);
    }
}

} // namespace halftone
