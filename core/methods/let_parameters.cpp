#include "core/methods/let_parameters.h"

#include "core/methods/asleep_mask.h"
#include "core/methods/equivalent.h"

#include <ATen/ATen.h>

#include <utility>

namespace halftone {
namespace {

constexpr double kSmallest = 1e-5;
constexpr double kLeastScale = 1e-2;   ///< of a scale's magnitude while training

} // namespace

at::Tensor heldAway(const at::Tensor& scale)
{
    const at::Tensor value = scale.detach();
    const at::Tensor pushed = at::where(value < 0, value.clamp_max(-kLeastScale), value.clamp_min(kLeastScale));
    return scale + (pushed - value);
}

at::Tensor startingScale(const DecoderBlock& block, const LearnedSite& site, double alpha)
{
    const ModelConfig& config = block.config();
    at::Tensor weights;
    for (const std::size_t i : linearsOf(block, site.site)) {
        const at::Tensor columns = block.linears()[i].weight.abs().amax(0);
        weights = weights.defined() ? at::maximum(weights, columns) : columns;
    }
    const at::Tensor start = gatherFromSite(config, site.site, site.sample.absmax).clamp_min(kSmallest).pow(alpha) /
                             gatherFromSite(config, site.site, weights).clamp_min(kSmallest).pow(1 - alpha);
    const at::Tensor unknown = sleepingChannels(block, site).logical_or(gatherFromSite(config, site.site, weights) == 0);
    return at::where(unknown, 1.0, start.clamp_min(kLeastScale));
}

at::Tensor sleepingChannels(const DecoderBlock& block, const LearnedSite& site)
{
    return asleepMask(gatherFromSite(block.config(), site.site, site.sample.absmax));
}

at::Tensor startingShift(const DecoderBlock& block, const LearnedSite& site)
{
    const ModelConfig& config = block.config();
    const at::Tensor middle = (site.sample.minimum + site.sample.maximum) / 2;
    const bool shared = middle.size(0) != producerChannels(config, site.site);
    return shared ? middle.view({config.kvHeads, -1, config.headDim}).mean(1).reshape({-1}) : middle;
}

TransformEvidence rowEvidence(std::string method, std::string place, std::string kind, const at::Tensor& values)
{
    const at::Tensor row = values.detach().to(at::kFloat).contiguous();
    const float* first = row.const_data_ptr<float>();
    TransformEvidence evidence;
    evidence.method = std::move(method);
    evidence.place = std::move(place);
    evidence.kind = std::move(kind);
    evidence.columns = row.numel();
    evidence.values.assign(first, first + row.numel());
    return evidence;
}

LetParameters::LetParameters(const DecoderBlock& block, const std::vector<LearnedSite>& sites, Settings settings) : m_settings(std::move(settings))
{
    const ModelConfig& config = block.config();
    for (const LearnedSite& site : sites) {
        if (site.site.producer() == SiteProducer::Activation || !whyNotFoldable(config, site.site).empty())
            continue;
        Site one{site.site, leafOf(startingScale(block, site, m_settings.alpha)), {}, sleepingChannels(block, site)};
        if (m_settings.shift && (site.activations || m_settings.shiftWeightOnly) && takesShift(block, site.site))
            one.shift = leafOf(startingShift(block, site));
        m_sites.push_back(std::move(one));
        if (m_settings.queryKey && site.site == SiteKind::AttentionInput && whyNotQueryKey(config).empty()) {
            m_paired = config.position == PositionKind::Rope;
            m_queryKey = leafOf(at::ones({config.kvHeads, 1, m_paired ? config.headDim / 2 : config.headDim}));
        }
    }
}

std::vector<Leaf> LetParameters::leaves()
{
    std::vector<Leaf> all;
    for (Site& site : m_sites) {
        all.push_back({"scale of " + std::string(label(site.kind)), site.scale, m_settings.rate});
        if (site.shift.defined())
            all.push_back({"shift of " + std::string(label(site.kind)), site.shift, m_settings.rate});
    }
    if (m_queryKey.defined())
        all.push_back({"scale of queries and keys", m_queryKey, m_settings.rate});
    return all;
}

at::Tensor LetParameters::Site::awakeScale() const { return at::where(asleep, 1.0, heldAway(scale)); }

at::Tensor LetParameters::Site::awakeShift() const { return shift.defined() ? at::where(asleep, 0.0, shift) : at::Tensor(); }

std::vector<SleepingSite> LetParameters::sleeping() const
{
    std::vector<SleepingSite> all;
    for (const Site& site : m_sites)
        all.push_back({site.kind, site.asleep});
    return all;
}

at::Tensor LetParameters::queryKeyScale() const
{
    const at::Tensor scale = heldAway(m_queryKey);
    return (m_paired ? scale.expand({-1, 2, -1}) : scale).reshape({-1});
}

void LetParameters::apply(DecoderBlock& block)
{
    for (const Site& site : m_sites)
        transformSite(block, site.kind, site.awakeScale(), site.awakeShift());
    if (m_queryKey.defined())
        transformQueryKey(block, queryKeyScale());
}

std::vector<TransformEvidence> LetParameters::evidence() const
{
    std::vector<TransformEvidence> all;
    for (const Site& site : m_sites) {
        all.push_back(rowEvidence(m_settings.method, std::string(label(site.kind)), "scale", site.awakeScale()));
        if (site.shift.defined())
            all.push_back(rowEvidence(m_settings.method, std::string(label(site.kind)), "shift", site.awakeShift()));
    }
    if (m_queryKey.defined())
        all.push_back(rowEvidence(m_settings.method, kQueriesAndKeys, "scale", queryKeyScale()));
    return all;
}

} // namespace halftone
