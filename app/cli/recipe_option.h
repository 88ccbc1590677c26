#pragma once

#include "core/recipe/recipe.h"

#include <string>

namespace halftone::cli {

/// A recipe file, or `preset:ID` made for this model.
inline Recipe loadRecipe(const std::string& option, const ModelDescription& model)
{
    constexpr std::string_view kPreset = "preset:";
    if (option.starts_with(kPreset))
        return presetForModel(option.substr(kPreset.size()), model);
    return Recipe::load(option);
}

} // namespace halftone::cli
