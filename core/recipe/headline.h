#pragma once

#include "core/recipe/recipe.h"

#include <string>
#include <vector>

namespace halftone {

/// What a recipe does in a few words, for titles and lists: "GPTQ 4 bits", "SmoothQuant W8 A8", "GPTQ + LoRC 3–4 bits"; "left float" where it does
/// nothing. Methods in the order of the model; more than three are counted.
std::string headline(const std::vector<ResolvedPlan>& plans, const KvCacheGrid& kvCache = {});
/// The same of a recipe whose model is not at hand: what its defaults and rules say of themselves, whatever they match.
std::string headline(const Recipe& recipe);

} // namespace halftone
