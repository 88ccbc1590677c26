#include "core/pipeline/not_finite.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace halftone {

bool isFinite(const at::Tensor& x)
{
    return std::isfinite(x.sum().item<float>()) || at::isfinite(x).all().item<bool>();   // a sum may overflow where nothing else does
}

NotFinite whyNotFinite(const DecoderBlock& block, std::optional<SiteKind> site)
{
    const std::string here = "block " + std::to_string(block.index());
    for (const Linear& linear : block.linears())
        for (const at::Tensor& x : {linear.weight, linear.bias})
            if (x.defined() && !isFinite(x))
                return {linear.info.name + ": the weights hold NaN or infinity. Check the checkpoint: it may be damaged, or overflow in the type it is stored in", linear.info.name};
    for (const Norm* norm : {&block.attentionNorm, &block.mlpNorm, &block.queryNorm, &block.keyNorm})
        for (const at::Tensor& x : {norm->weight, norm->bias})
            if (x.defined() && !isFinite(x))
                return {norm->name + ": the norm holds NaN or infinity. Check the checkpoint: it may be damaged, or overflow in the type it is stored in", norm->name};
    const std::span<const Stage> stages = block.stages();
    const auto stage = std::find_if(stages.begin(), stages.end(), [site](const Stage& s) { return s.site == site; });
    if (stage == stages.begin())
        return {here + ": what reaches it is not finite: the embedding of the text holds NaN or infinity, or the norm before the block overflows. Check the checkpoint", here};
    std::string names, first;
    for (const Linear& linear : block.linears())   // what made the site's values, one site before it
        if (linear.info.site == std::prev(stage)->site) {
            names += (names.empty() ? "" : ", ") + linear.info.name;
            first = first.empty() ? linear.info.name : first;
        }
    return {names + ": the activations overflow float32 there, though the weights are finite", first};
}

std::optional<SiteKind> firstNotFinite(const DecoderBlock& block, const PerSite<at::Tensor>& sites)
{
    for (const Stage& stage : block.stages())
        if (const auto x = sites.find(stage.site); x != sites.end() && x->second.defined() && !isFinite(x->second))
            return stage.site;
    return std::nullopt;
}

} // namespace halftone
