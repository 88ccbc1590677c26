#pragma once

#include "core/recipe/recipe.h"

#include <string>
#include <vector>

namespace halftone {

/// What in a plan learns from calibration text, as a person reads it ("gptq", "the activation grid per_tensor"); empty where nothing does: then the
/// result is the same whatever the text.
std::string learnsFromText(const Plan& plan);
/// The first of all that does.
std::string learnsFromText(const std::vector<ResolvedPlan>& plans);

} // namespace halftone
