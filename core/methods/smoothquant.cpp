#include "core/methods/asleep_mask.h"
#include "core/methods/equivalent.h"
#include "core/methods/rounding.h"
#include "core/methods/transform.h"

#include <ATen/ATen.h>

namespace halftone {
namespace {

constexpr double kSmallest = 1e-5;
constexpr double kLeastScale = 1e-4, kMostScale = 1e4;

/// s = max|x|^α / max|w|^(1−α) per channel, folded into the norm before the site; 1 where a maximum says nothing: of channels that the text hardly
/// wakes, and of columns of zeros.
class SmoothQuant final : public Transform {
public:
    TransformResult apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice, const std::stop_token& stop) const override
    {
        throwIfStopped(stop);
        TransformResult result;
        if (in.site.producer() != SiteProducer::Norm)
            return result;
        at::Tensor weights;
        for (const std::size_t i : linearsOf(block, in.site)) {
            const at::Tensor columns = block.linears()[i].weight.abs().amax(0);
            weights = weights.defined() ? at::maximum(weights, columns) : columns;
        }
        const double alpha = choice.real("alpha");
        const at::Tensor wanted = in.sample.absmax.clamp_min(kSmallest).pow(alpha) / weights.clamp_min(kSmallest).pow(1 - alpha);
        result.asleep = asleepMask(in.sample.absmax);
        const at::Tensor known = result.asleep.logical_or(weights == 0).logical_not();
        const at::Tensor held = at::where(known, wanted, 1.0), scale = held.clamp(kLeastScale, kMostScale);
        if (!at::equal(scale, held))
            result.notes.push_back("block " + std::to_string(block.index()) + ", " + std::string(label(in.site)) + ": " +
                                   std::to_string((scale != held).sum().item<std::int64_t>()) + " channels have a smoothing scale outside 1e-4 to 1e4; it was held there");
        transformSite(block, in.site, scale);
        return result;
    }
};

} // namespace

MethodEntry smoothquantMethod()
{
    MethodInfo info;
    info.id = "smoothquant";
    info.name = "SmoothQuant";
    info.kind = MethodKind::Transform;
    info.paper = "arXiv 2211.10438";
    info.summary = "Moves outliers of the activations behind a norm into the weights; the inputs of the output and down projections stay as they are.";
    info.needs.calibration = true;
    info.folds = {MethodFolds::How::Fully, "Goes into the norms and the weights behind them before the export; nothing is left for a runtime to do."};
    info.parameters = {{"alpha", ParameterInfo::Type::Real, 0, 1, 0.5, {}, "How much of the activations' range goes into the weights: 0 none, 1 all"}};
    return {.info = std::move(info), .makeTransform = [] { return std::unique_ptr<Transform>(new SmoothQuant); },
            .whyNotTransform = whyNotBehindNorm, .whyIdle = [](const ModelConfig&, SiteKind site) -> std::string {
                return site.producer() == SiteProducer::Norm ? "" : "no norm stands before it, and only what stands behind one is smoothed";
            }};
}

} // namespace halftone
