#pragma once

#include "core/recipe/recipe.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace halftone {

/// Told what a plan meets: fatal or not, and a sentence.
using PlanReport = std::function<void(bool fatal, std::string reason)>;

/// What compressed-tensors, as Halftone writes it, cannot hold of a plan, whatever runtime reads it. The only list of it: contracts, the exporter and
/// the window ask here.
void checkPacked(const Plan& plan, const PlanReport& report);

/// Bytes of the smallest export there is of these plans: packed where nothing refuses that, else dense.
std::uint64_t smallestExport(const std::vector<ResolvedPlan>& plans, const ModelDescription& model);

/// Where transformers runs a plan of this linear otherwise than Halftone does, a sentence; empty where it does not.
std::string servedOtherwise(const Plan& plan, const LinearInfo& linear, const ModelConfig& config);

} // namespace halftone
