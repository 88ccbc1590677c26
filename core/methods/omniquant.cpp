#include "core/methods/equivalent.h"
#include "core/methods/let_parameters.h"
#include "core/methods/rounding.h"

namespace halftone {
namespace {

class OmniQuant final : public LearnedTransform {
public:
    std::unique_ptr<TransformParameters> learn(const DecoderBlock& block, const std::vector<LearnedSite>& sites, const MethodChoice& choice) const override
    {
        return std::make_unique<LetParameters>(block, sites, LetParameters::Settings{.method = "omniquant", .rate = choice.real("rate"),
                                                                                     .alpha = choice.real("alpha"), .shift = choice.boolean("shift")});
    }
};

} // namespace

MethodEntry omniquantMethod()
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = "omniquant";
    info.name = "OmniQuant (learned scales)";
    info.kind = MethodKind::Transform;
    info.paper = "arXiv 2308.13137";
    info.summary = "Learns scales and shifts of the activations, together with learned clipping (lwc) where weights have it; everything folds into the model.";
    info.needs.calibration = info.needs.gradients = info.needs.block = true;
    info.folds = {MethodFolds::How::Fully, "Scales go into norms, values, queries and keys (tied in pairs under RoPE), shifts into biases that the model has; nothing is left for a runtime to do."};
    declareTraining(info, 5e-3, "Learning rate of scales and shifts", Schedule::Late);
    info.parameters.push_back({"alpha", Type::Real, 0, 1, 0.5, {}, "Where the scales start: how much of the activations' range goes into the weights"});
    info.parameters.push_back({"shift", Type::Boolean, 0, 0, true, {}, "Learn shifts too, where activations are rounded and the model has biases to take them"});
    return {.info = std::move(info), .makeTransform = [] { return std::unique_ptr<Transform>(new OmniQuant); }, .whyNotTransform = whyNotBehindNorm,
            .whyIdle = [](const ModelConfig& config, SiteKind site) -> std::string {
                return site.producer() == SiteProducer::Activation ? "its scales are learned behind norms and values only" : whyNotFoldable(config, site);
            }};
}

} // namespace halftone
