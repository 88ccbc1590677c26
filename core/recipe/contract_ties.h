#pragma once

#include "core/recipe/recipe.h"

#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// Linears that a runtime runs as one matrix, so that they must carry one scheme.
struct ContractTie {
    std::vector<std::string> linears;   ///< two or more, in model order
    std::string reason;                 ///< a sentence
};
/// Empty for a contract that ties nothing, and for none. @throws Error{InvalidArgument} for an unknown contract.
std::vector<ContractTie> contractTies(std::string_view contract, const ModelDescription& model);

/// What of a patch must go to all linears of a tie: bits, group, symmetry and granularity of the weights, scheme, bits and symmetry of the
/// input. The rest (method, clip, range, alpha) is each linear's own.
PlanPatch tiedPart(const PlanPatch& patch);

/// Why `contract` cannot take this plan for this linear, as a sentence; empty when it can. Ties are not looked at: the others would follow.
std::string contractRefusal(std::string_view contract, const LinearInfo& linear, const Plan& plan);

} // namespace halftone
