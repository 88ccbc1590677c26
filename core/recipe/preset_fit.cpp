#include "core/recipe/preset_fit.h"

#include "core/base/error.h"
#include "core/base/error_text.h"
#include "core/recipe/bulk_edit.h"

#include <algorithm>
#include <utility>

namespace halftone {

namespace {

constexpr std::int64_t kManySteps = 500;   ///< of a learned method: a paper's, not a first look's

/// Steps of the longest training that the preset asks for; 0: nothing is learned.
std::int64_t steps(const PlanPatch& patch)
{
    const Plan plan = planOf(patch);   // a preset writes only what it sets; the methods' defaults are in the plan
    return std::max(trainingOf(MethodKind::Rounding, plan.rounding).steps, trainingOf(MethodKind::Transform, plan.transform).steps);
}

} // namespace

PresetKind presetKind(const Preset& preset)
{
    const PlanPatch& plan = preset.recipe.defaults;
    const ActivationScheme scheme = plan.scheme.value_or(ActivationScheme::None);
    if (plan.bits.value_or(16) >= 16 || scheme == ActivationScheme::Cross || plan.compensation)
        return PresetKind::Study;   // no stock runtime serves it
    if (const std::int64_t training = steps(plan); training > 0)
        return training > kManySteps ? PresetKind::Published : PresetKind::Learned;
    return scheme == ActivationScheme::None ? PresetKind::Weights : PresetKind::WeightsAndActivations;
}

std::string_view label(PresetKind kind)
{
    switch (kind) {
    case PresetKind::Weights: return "Weights alone";
    case PresetKind::WeightsAndActivations: return "Weights and activations";
    case PresetKind::Learned: return "Learned, minutes";
    case PresetKind::Published: return "Learned as published, hours";
    case PresetKind::Study: return "For study";
    }
    return {};
}

bool isRecommended(const Preset& preset)
{
    return preset.id == "w4a16-gptq-g64" || preset.id == "w8a8-smoothquant";
}

bool followsOutliers(const Preset& preset)
{
    return !preset.recipe.rules.empty();
}

Recipe presetForModel(const Preset& preset, const ModelDescription& model, const Analysis& measured)
{
    Recipe recipe = presetForModel(preset.id, model);
    if (!followsOutliers(preset) || measured.sites.size() != model.sites.size())
        return recipe;
    std::vector<const SiteStatistics*> sites;
    for (const SiteStatistics& site : measured.sites)
        sites.push_back(&site);
    std::stable_sort(sites.begin(), sites.end(), [](const SiteStatistics* a, const SiteStatistics* b) { return a->outlierRatio() > b->outlierRatio(); });
    sites.resize(std::max<std::size_t>(1, sites.size() / 4));
    std::vector<std::string> linears;
    for (const LinearInfo& linear : model.linears)
        if (std::any_of(sites.begin(), sites.end(), [&](const SiteStatistics* site) { return site->site.block == linear.block && site->site.kind == linear.site; }))
            linears.push_back(linear.name);
    std::erase_if(recipe.rules, [](const Rule& rule) { return rule.patch.bits.has_value(); });   // what is left are group widths
    for (const std::string& glob : globsFor(model, linears))
        recipe.rules.push_back({glob, preset.recipe.rules.front().patch});
    return recipe;
}

Recipe withPreset(Recipe recipe, const Preset& preset, const ModelDescription& model, const Analysis& measured)
{
    Recipe fitted = presetForModel(preset, model, measured);
    recipe.defaults = std::move(fitted.defaults);
    recipe.rules = std::move(fitted.rules);
    if (!(fitted.calibration == CalibrationSettings{})) {
        recipe.calibration.samples = fitted.calibration.samples;
        recipe.calibration.length = static_cast<int>(std::min<std::int64_t>(fitted.calibration.length, std::max<std::int64_t>(2, model.config.maxPositions)));
    }
    return recipe;
}

PresetFit fitPreset(const Recipe& recipe, const Preset& preset, const ModelDescription& model, const Analysis& measured)
{
    PresetFit fit;
    try {
        Recipe free = withPreset(recipe, preset, model, measured);
        free.contract.clear();   // asked below: its reason alone says enough
        fit.plans = resolve(free, model);
        if (!recipe.contract.empty())
            for (const ContractIssue& issue : checkContract(recipe.contract, fit.plans, model, recipe.kvCache))
                if (issue.fatal && !issue.linear.empty() && fit.refusal.empty())
                    fit.refusal = issue.reason;
    } catch (const Error& e) {
        fit.refusal = withoutPlace(e);
    }
    return fit;
}

} // namespace halftone
