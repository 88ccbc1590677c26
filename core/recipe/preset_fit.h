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

} // namespace halftone
