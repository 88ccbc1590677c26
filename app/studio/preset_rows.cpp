#include "app/studio/preset_rows.h"

#include "core/base/error.h"
#include "core/exporting/formats.h"

#include <QCoreApplication>

#include <algorithm>

namespace halftone {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("PresetRows", text);
}

} // namespace

std::vector<Preset> presetRows(const ModelDescription& model)
{
    ModelDescription block = model;   // presets treat blocks alike: one stands for all
    std::erase_if(block.linears, [](const LinearInfo& linear) { return linear.block != 0; });
    std::erase_if(block.sites, [](const SiteInfo& site) { return site.block != 0; });
    std::vector<Preset> rows = presets();
    for (Preset& row : rows) {
        try {
            const Recipe recipe = presetForModel(row.id, block);
            const PackingFit fit = packingOf(resolve(recipe, block), block, recipe.kvCache);
            const QString name = QString::fromStdString(row.name), summary = QString::fromStdString(row.summary);
            if (fit.packing == Packing::DenseOnly) {
                row.name = tr("%1 (dense only)").arg(name).toStdString();
                row.summary = tr("%1 No packed format holds it: exports are as large as the float model.").arg(summary).toStdString();
            } else if (fit.packing == Packing::Nothing) {
                row.name = tr("%1 (no export)").arg(name).toStdString();
            }
        } catch (const Error&) {   // does not fit the model
        }
    }
    return rows;
}

} // namespace halftone
