#include "core/methods/equivalent.h"
#include "core/methods/learned_transform.h"
#include "core/methods/rounding.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <optional>

namespace halftone {
namespace {

constexpr double kSmallest = 1e-5;
constexpr double kLeastScale = 1e-2;   ///< of a scale's magnitude while training

/// |s| pushed up to 0.01, sign kept; the gradient passes as if it were not.
at::Tensor heldAway(const at::Tensor& scale)
{
    const at::Tensor value = scale.detach();
    const at::Tensor pushed = at::where(value < 0, value.clamp_max(-kLeastScale), value.clamp_min(kLeastScale));
    return scale + (pushed - value);
}

/// OmniQuant's learnable equivalent transformation: a scale, and where there are biases a shift, for the sites behind norms and behind the values, and
/// a scale between queries and keys (tied in pairs under RoPE, where the paper's code is not exact).
class LetParameters final : public BlockParameters {
public:
    LetParameters(const DecoderBlock& block, const std::vector<LearnedSite>& sites, const MethodChoice& choice) : m_rate(choice.real("rate"))
    {
        const ModelConfig& config = block.config();
        for (const LearnedSite& site : sites) {
            if (site.site == SiteKind::MlpMiddle || !whyNotFoldable(config, site.site).empty())
                continue;
            at::Tensor weights;
            for (const std::size_t i : linearsOf(block, site.site)) {
                const at::Tensor columns = block.linears()[i].weight.abs().amax(0);
                weights = weights.defined() ? at::maximum(weights, columns) : columns;
            }
            const double alpha = choice.real("alpha");
            const at::Tensor start = gatherFromSite(config, site.site, site.sample.absmax).clamp_min(kSmallest).pow(alpha) /
                                     gatherFromSite(config, site.site, weights).clamp_min(kSmallest).pow(1 - alpha);
            Site one{site.site, leafOf(start.clamp_min(kLeastScale)), {}};
            if (choice.boolean("shift") && site.activations && takesShift(block, site.site)) {
                const at::Tensor middle = (site.sample.minimum + site.sample.maximum) / 2;
                const bool shared = middle.size(0) != start.size(0);   // grouped queries: one shift a value channel
                one.shift = leafOf(shared ? middle.view({config.kvHeads, -1, config.headDim}).mean(1).reshape({-1}) : middle);
            }
            m_sites.push_back(std::move(one));
            if (site.site == SiteKind::AttentionInput && whyNotQueryKey(config).empty()) {
                m_paired = config.position == PositionKind::Rope;
                m_queryKey = leafOf(at::ones({config.kvHeads, 1, m_paired ? config.headDim / 2 : config.headDim}));
            }
        }
    }

    std::vector<Leaf> leaves() override
    {
        std::vector<Leaf> all;
        for (Site& site : m_sites) {
            all.push_back({"scale of " + std::string(label(site.kind)), site.scale, m_rate});
            if (site.shift.defined())
                all.push_back({"shift of " + std::string(label(site.kind)), site.shift, m_rate});
        }
        if (m_queryKey.defined())
            all.push_back({"scale of queries and keys", m_queryKey, m_rate});
        return all;
    }

    void apply(DecoderBlock& block) override
    {
        for (const Site& site : m_sites)
            transformSite(block, site.kind, heldAway(site.scale), site.shift);
        if (m_queryKey.defined()) {
            const at::Tensor scale = heldAway(m_queryKey);
            transformQueryKey(block, (m_paired ? scale.expand({-1, 2, -1}) : scale).reshape({-1}));
        }
    }

private:
    struct Site {
        SiteKind kind;
        at::Tensor scale, shift;
    };
    double m_rate;
    std::vector<Site> m_sites;
    at::Tensor m_queryKey;
    bool m_paired = false;
};

class OmniQuant final : public LearnedTransform {
public:
    std::unique_ptr<BlockParameters> learn(const DecoderBlock& block, const std::vector<LearnedSite>& sites, const MethodChoice& choice) const override
    {
        return std::make_unique<LetParameters>(block, sites, choice);
    }
};

} // namespace

TransformResult LearnedTransform::apply(DecoderBlock& block, const TransformInputs& in, const MethodChoice& choice, const std::stop_token& stop) const
{
    const at::NoGradGuard noGrad;
    throwIfStopped(stop);
    learn(block, {{in.site, in.sample, in.activations.quantized()}}, choice)->apply(block);
    return {};
}

MethodEntry omniquantMethod()
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = "omniquant";
    info.name = "OmniQuant (learned scales)";
    info.kind = MethodKind::Transform;
    info.paper = "arXiv 2308.13137";
    info.summary = "Learns scales and shifts of the activations, together with learned clipping (lwc) where weights have it; everything folds into the model.";
    info.needs = {.calibration = true, .gradients = true, .block = true};
    info.folds = {MethodFolds::How::Fully, "Scales go into norms, values, queries and keys (tied in pairs under RoPE), shifts into biases that the model has; nothing is left for a runtime to do."};
    info.parameters = trainingParameters(5e-3, "Learning rate of scales and shifts; falls to 0 along a cosine", true);
    info.parameters.push_back({"alpha", Type::Real, 0, 1, 0.5, {}, "Where the scales start: how much of the activations' range goes into the weights"});
    info.parameters.push_back({"shift", Type::Boolean, 0, 0, true, {}, "Learn shifts too, where activations are rounded and the model has biases to take them"});
    return {.info = std::move(info), .makeTransform = [] { return std::unique_ptr<Transform>(new OmniQuant); }, .whyNotTransform = whyNotBehindNorm};
}

} // namespace halftone
