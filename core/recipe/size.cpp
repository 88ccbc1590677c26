#include "core/base/error.h"
#include "core/recipe/recipe.h"

#include <algorithm>
#include <cmath>

namespace halftone {
namespace {

/// What a compressed-tensors export adds to a quantized weight (export-formats §1.1): its shape where packed, a static input scale.
std::uint64_t besideTheGrid(const Plan& plan, bool integers)
{
    return (integers ? 0 : 16) + (plan.activations.scheme == ActivationScheme::PerTensor ? 4 : 0);
}

} // namespace

std::string exportDTypeName(const ModelConfig& config)
{
    return config.storedDtype == "F16" ? "f16" : "bf16";
}

SizeEstimate estimateSize(const std::vector<ResolvedPlan>& plans, const ModelDescription& model, std::string_view dtype)
{
    if (plans.size() != model.linears.size())
        throw Error(ErrorKind::InvalidArgument, "There are " + std::to_string(plans.size()) + " plans for "
            + std::to_string(model.linears.size()) + " linears.");
    const std::uint64_t element = dtype == "f32" ? 4 : 2;
    SizeEstimate size;
    double bits = 0;
    std::uint64_t weights = 0;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const LinearInfo& linear = model.linears[i];
        const auto count = static_cast<std::uint64_t>(linear.weights());
        weights += count;
        if (plans[i].plan.weights.quantized()) {
            const Plan& plan = plans[i].plan;
            const bool integers = plan.weights.bits == 8 && plan.activations.quantized();
            const std::uint64_t grid = storedBytes(plan.weights, linear.out, linear.in, integers);
            const double factors = compensationBits(plan.compensation, linear.out, linear.in);
            bits += 8 * static_cast<double>(grid) + factors;
            size.linearBytes += grid + besideTheGrid(plan, integers) + static_cast<std::uint64_t>(std::ceil(factors / 8));
        } else {
            bits += 16 * static_cast<double>(count);
            size.linearBytes += element * count;
        }
    }
    const auto parameters = std::max(weights, static_cast<std::uint64_t>(std::max<std::int64_t>(0, model.parameters)));
    size.bitsPerWeight = weights > 0 ? bits / static_cast<double>(weights) : 0;
    size.bytes = size.linearBytes + element * (parameters - weights);
    size.denseBytes = element * parameters;
    size.originalBytes = 2 * parameters;
    return size;
}

} // namespace halftone
