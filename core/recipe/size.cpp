#include "core/base/error.h"
#include "core/recipe/recipe.h"

#include <cmath>

namespace halftone {

SizeEstimate estimateSize(const std::vector<ResolvedPlan>& plans, const ModelDescription& model)
{
    if (plans.size() != model.linears.size())
        throw Error(ErrorKind::InvalidArgument, "There are " + std::to_string(plans.size()) + " plans for "
            + std::to_string(model.linears.size()) + " linears.");
    constexpr double kFloatBits = 16;
    SizeEstimate size;
    double bits = 0;
    std::int64_t weights = 0;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const LinearInfo& linear = model.linears[i];
        const WeightGrid& grid = plans[i].plan.weights;
        const double each = grid.quantized() ? storedBitsPerWeight(grid, linear.out, linear.in) : kFloatBits;
        const double linearBits = each * static_cast<double>(linear.weights());
        bits += linearBits;
        weights += linear.weights();
        size.linearBytes += static_cast<std::uint64_t>(std::ceil(linearBits / 8));
    }
    size.bitsPerWeight = weights > 0 ? bits / static_cast<double>(weights) : 0;
    const auto rest = static_cast<std::uint64_t>(std::max<std::int64_t>(0, model.parameters - weights));
    size.bytes = size.linearBytes + 2 * rest;
    size.originalBytes = 2 * static_cast<std::uint64_t>(model.parameters);
    return size;
}

} // namespace halftone
