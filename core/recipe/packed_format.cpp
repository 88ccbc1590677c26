#include "core/recipe/packed_format.h"

#include "core/model/family_traits.h"

namespace halftone {

void checkPacked(const Plan& plan, const PlanReport& report)
{
    const WeightGrid& weights = plan.weights;
    const ActivationGrid& activations = plan.activations;
    if (weights.quantized() && weights.bits != 2 && weights.bits != 4 && weights.bits != 8)
        report(true, "versions of compressed-tensors pack " + std::to_string(weights.bits)
                + "-bit weights differently, and a wrong guess loads without an error: use 2, 4 or 8 bits, or export dense weights.");
    if (weights.quantized() && plan.compensation.method != "none")
        report(true, "the factors of \"" + plan.compensation.method
                + "\" stay beside the codes, and compressed-tensors has no place for them: leave the compensation out, or export dense weights, which hold the sum.");
    if (!activations.quantized())
        return;
    if (activations.scheme != ActivationScheme::PerToken && activations.scheme != ActivationScheme::PerTensor)
        report(true, "activation scheme \"" + std::string(name(activations.scheme))
                + "\" is not a strategy of compressed-tensors, so it cannot ship: use per_token or per_tensor, or export dense weights to study them.");
    else if (!activations.symmetric)
        report(true, "asymmetric activation grids are not written to compressed-tensors: use symmetric ones.");
    if (!weights.quantized())
        report(true, "activations are quantized but the weights are left float, and compressed-tensors runtimes quantize activations only where weights are: "
                     "give the weights 8 bits.");
}

std::uint64_t smallestExport(const std::vector<ResolvedPlan>& plans, const ModelDescription& model)
{
    bool packed = true;
    for (const ResolvedPlan& plan : plans)
        checkPacked(plan.plan, [&](bool fatal, const std::string&) { packed = packed && !fatal; });
    const SizeEstimate size = estimateSize(plans, model);
    return packed ? size.bytes : size.denseBytes;
}

std::string servedOtherwise(const Plan& plan, const LinearInfo& linear, const ModelConfig& config)
{
    if (linear.site.half() == BlockHalf::Mlp && plan.weights.quantized() && plan.activations.scheme == ActivationScheme::PerToken && familyTraits(config.architecture).flattensMlp)
        return "transformers' OPT flattens its windows before the MLP, where compressed-tensors then takes one scale for the whole window "
               "instead of one a token: expect another perplexity there than here.";
    return {};
}

} // namespace halftone
