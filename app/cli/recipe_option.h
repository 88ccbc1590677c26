#pragma once

#include "core/base/error.h"
#include "core/recipe/recipe.h"

#include <string>

namespace halftone::cli {

/// A recipe file that fits this model, or `preset:ID` made for it. @throws Error naming the file.
inline Recipe loadRecipe(const std::string& option, const ModelDescription& model)
{
    constexpr std::string_view kPreset = "preset:";
    if (option.starts_with(kPreset))
        return presetForModel(option.substr(kPreset.size()), model);
    const Recipe recipe = Recipe::load(option);
    try {
        static_cast<void>(resolve(recipe, model));
    } catch (const Error& e) {
        constexpr std::string_view kNoFile = "recipe:";
        const std::string sentence = e.what();
        throw Error(e.kind(), sentence.starts_with(kNoFile) ? option + sentence.substr(kNoFile.size() - 1) : sentence, e.subject(), e.where());
    }
    return recipe;
}

} // namespace halftone::cli
