#include "core/pipeline/not_finite.h"

#include <ATen/ATen.h>

#include <cmath>

namespace halftone {

bool isFinite(const at::Tensor& x)
{
    return std::isfinite(x.sum().item<float>()) || at::isfinite(x).all().item<bool>();   // a sum may overflow where nothing else does
}

NotFinite whyNotFinite(const DecoderBlock& block, int site)
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
    if (site == 0)
        return {here + ": what reaches it is not finite: the embedding of the text holds NaN or infinity, or the norm before the block overflows. Check the checkpoint", here};
    std::string names, first;
    for (const Linear& linear : block.linears())   // what made the site's values, one site before it
        if (static_cast<int>(linear.info.site) == site - 1) {
            names += (names.empty() ? "" : ", ") + linear.info.name;
            first = first.empty() ? linear.info.name : first;
        }
    return {names + ": the activations overflow float32 there, though the weights are finite", first};
}

int firstNotFinite(const std::array<at::Tensor, kSiteKinds>& sites)
{
    int site = 0;
    while (site < kSiteKinds && (!sites[static_cast<std::size_t>(site)].defined() || isFinite(sites[static_cast<std::size_t>(site)])))
        ++site;
    return site;
}

} // namespace halftone
