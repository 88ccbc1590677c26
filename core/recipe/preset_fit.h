#pragma once

#include "core/analysis/site_statistics.h"
#include "core/recipe/recipe.h"

namespace halftone {

/// What a person looks for in the list of presets.
enum class PresetKind { Weights, WeightsAndActivations, Learned, Published, Study };
inline constexpr int kPresetKinds = 5;
PresetKind presetKind(const Preset& preset);
/// "Weights alone", …
std::string_view label(PresetKind kind);
/// The one of its kind to begin with.
bool isRecommended(const Preset& preset);

/// Whether the preset keeps more bits where outliers are strong, and so follows what was measured.
bool followsOutliers(const Preset& preset);
/// As presetForModel(); of a preset that follows outliers, the quarter of the sites with the largest outlier ratios of `measured` keep the bits that
/// it has for them. Without measurements that is the middle of the MLP, block by block.
Recipe presetForModel(const Preset& preset, const ModelDescription& model, const Analysis& measured);

/// What the preset makes of a recipe's model, and why it cannot.
struct PresetFit {
    std::vector<ResolvedPlan> plans;   ///< empty where it does not fit
    std::string refusal;               ///< a sentence: what of the model or of the recipe's contract is against it; empty where it fits
};
/// `recipe` with the preset in the place of its defaults and rules: its contract, cache and seed stay. What learns says how much text it wants.
Recipe withPreset(Recipe recipe, const Preset& preset, const ModelDescription& model, const Analysis& measured);
/// Foresees what applying the preset to `recipe` would be answered.
PresetFit fitPreset(const Recipe& recipe, const Preset& preset, const ModelDescription& model, const Analysis& measured);

} // namespace halftone
