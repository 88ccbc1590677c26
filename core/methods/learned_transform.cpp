#include "core/methods/learned_transform.h"

#include "core/methods/equivalent.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace halftone {

TransformResult LearnedTransform::apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice, const std::stop_token& stop) const
{
    const at::NoGradGuard noGrad;
    throwIfStopped(stop);
    const auto parameters = learn(block, {{in.site, in.sample, in.activations.quantized()}}, choice);
    parameters->apply(block);
    TransformResult result;
    for (const SleepingSite& sleeping : parameters->sleeping())
        if (sleeping.site == in.site)
            result.asleep = spreadToSite(block.config(), in.site, sleeping.channels);
    return result;
}

void foldInDouble(DecoderBlock& block, const std::vector<BlockParameters*>& parameters)
{
    const at::NoGradGuard noGrad;
    DecoderBlock wide = block;
    for (at::Tensor* slot : trainableTensors(wide))
        if (slot->defined())
            *slot = slot->to(at::kDouble);
    DecoderBlock folded = wide;
    for (BlockParameters* one : parameters)
        one->apply(folded);
    const std::vector<at::Tensor*> to = trainableTensors(block), before = trainableTensors(wide), after = trainableTensors(folded);
    for (std::size_t i = 0; i < to.size(); ++i)
        if (after[i]->defined() && !after[i]->is_same(*before[i]))
            *to[i] = after[i]->to(at::kFloat);
}

} // namespace halftone
