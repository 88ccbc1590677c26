#pragma once

#include "core/recipe/recipe.h"

#include <vector>

namespace halftone {

/// The presets as menus list them for a model: where no packed format holds what one makes of it, its name and summary say so. Presets that do not
/// fit the model stay as they are: applying them says why.
std::vector<Preset> presetRows(const ModelDescription& model);

} // namespace halftone
