#include "core/methods/asleep_mask.h"
#include "core/methods/equivalent.h"
#include "core/methods/rounding.h"
#include "core/methods/transform.h"

#include <ATen/ATen.h>

namespace halftone {
namespace {

constexpr double kSmallest = 1e-5;

/// CrossQuant's static columns with re-measured rows: the site is divided by c^(1−α), c the channel's maximum over the calibration text, and what
/// reads it multiplies its columns. With a grid per token it is what a stock runtime can serve of CrossQuant. Channels that the text hardly wakes stay.
class CrossQuantFold final : public Transform {
public:
    TransformResult apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice, const std::stop_token& stop) const override
    {
        throwIfStopped(stop);
        TransformResult result;
        if (!whyNotFoldable(block.config(), in.site).empty())
            return result;
        const at::Tensor range = gatherFromSite(block.config(), in.site, in.sample.absmax), asleep = asleepMask(range);
        transformSite(block, in.site, at::where(asleep, 1.0, range.clamp_min(kSmallest).pow(1 - choice.real("alpha"))));
        result.asleep = spreadToSite(block.config(), in.site, asleep);
        return result;
    }
};

} // namespace

MethodEntry crossquantMethod()
{
    MethodInfo info;
    info.id = "crossquant";
    info.name = "CrossQuant, static channels folded, re-measured rows";
    info.kind = MethodKind::Transform;
    info.paper = "arXiv 2410.07505";
    info.summary = "Divides every channel by a power of its calibrated maximum and folds that into the model; with per-token activations a stock runtime serves it.";
    info.needs.calibration = true;
    info.foldsCrossGrid = true;
    info.folds = {MethodFolds::How::Fully, "Goes into norms, values and up projections; with 8-bit activations per_token, transformers and vLLM serve it."};
    info.parameters = {{"alpha", ParameterInfo::Type::Real, 0, 1, 0.15, {}, "Exponent left to the token's maximum: 1 changes nothing, 0 makes all channels alike"}};
    return {.info = std::move(info), .makeTransform = [] { return std::unique_ptr<Transform>(new CrossQuantFold); }, .whyNotTransform = whyNotBehindNorm, .whyIdle = whyNotFoldable};
}

} // namespace halftone
