#include "core/pipeline/block_transformer.h"

#include "core/methods/transform.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <optional>

namespace halftone {
namespace {

constexpr std::int64_t kSampledTokens = 512;
constexpr std::int64_t kHiddenTokens = 4096;

/// Ranges and sampled tokens of the wanted sites over the batches of a stream.
class Sampler final : public SiteObserver {
public:
    Sampler(const std::array<bool, kSiteKinds>& wanted, std::int64_t tokens) : m_wanted(wanted), m_stride(std::max<std::int64_t>(1, tokens / kSampledTokens)) {}

    void site(SiteKind kind, const at::Tensor& x) override
    {
        const auto index = static_cast<std::size_t>(kind);
        if (!m_wanted[index])
            return;
        const at::Tensor flat = x.reshape({-1, x.size(-1)});
        const auto [low, high] = at::aminmax(flat, 0);
        Sums& sums = m_sums[index];
        if (sums.tokens == 0) {
            sums.low = low;
            sums.high = high;
            sums.magnitude = flat.abs().sum(0, false, at::kDouble);
        } else {
            sums.low = at::minimum(sums.low, low);
            sums.high = at::maximum(sums.high, high);
            sums.magnitude.add_(flat.abs().sum(0, false, at::kDouble));
        }
        const std::int64_t first = (m_stride - sums.tokens % m_stride) % m_stride;   // tokens 0, stride, 2·stride … of the whole text
        if (first < flat.size(0))
            sums.kept.push_back(flat.slice(0, first, flat.size(0), m_stride).clone());
        sums.tokens += flat.size(0);
    }

    SiteSample sample(SiteKind kind) const
    {
        const Sums& sums = m_sums[static_cast<std::size_t>(kind)];
        return {at::maximum(sums.low.abs(), sums.high.abs()), sums.low, sums.high, (sums.magnitude / static_cast<double>(sums.tokens)).to(at::kFloat),
                at::cat(sums.kept).slice(0, 0, kSampledTokens)};
    }

private:
    struct Sums {
        at::Tensor low, high, magnitude;
        std::vector<at::Tensor> kept;
        std::int64_t tokens = 0;
    };
    std::array<bool, kSiteKinds> m_wanted;
    std::int64_t m_stride;
    std::array<Sums, kSiteKinds> m_sums;
};

/// Some windows from the start of the stream.
at::Tensor someWindows(const CalibrationStreams& streams)
{
    std::vector<at::Tensor> rows;
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < streams.batches && tokens < kHiddenTokens; ++i) {
        const at::Tensor batch = streams.hidden.get(i);
        const std::int64_t count = std::clamp<std::int64_t>((kHiddenTokens - tokens) / batch.size(1), rows.empty() ? 1 : 0, batch.size(0));
        if (count == 0)
            break;
        rows.push_back(batch.narrow(0, 0, count));
        tokens += count * batch.size(1);
    }
    return at::cat(rows);
}

} // namespace

bool transforms(const Plan& plan) { return plan.transform.method != "none"; }

TransformedBlock transformBlock(DecoderBlock& block, const std::vector<Plan>& plans, const CalibrationStreams& streams, const std::stop_token& stop,
                                const std::function<void(const std::string& detail)>& step)
{
    TransformedBlock result;
    std::array<std::optional<std::size_t>, kSiteKinds> first;   // the linear whose plan speaks for the site
    std::array<bool, kSiteKinds> wanted{};
    std::vector<WeightGrid> grids;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const auto kind = static_cast<std::size_t>(block.linears()[i].info.site);
        if (!first[kind])
            first[kind] = i;
        wanted[kind] = wanted[kind] || transforms(plans[i]);
        grids.push_back(plans[i].weights);
    }
    if (std::none_of(wanted.begin(), wanted.end(), [](bool w) { return w; }))
        return result;

    const std::string here = "block " + std::to_string(block.index());
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < streams.batches; ++i)
        tokens += streams.hidden.get(i).size(0) * streams.hidden.get(i).size(1);
    Sampler sampler(wanted, tokens);
    for (std::size_t i = 0; i < streams.batches; ++i) {
        throwIfStopped(stop);
        block.forward(streams.hidden.get(i), &sampler);
        step(here + " · ranges for the transform");
    }
    const at::Tensor hidden = someWindows(streams);
    for (std::size_t kind = 0; kind < kSiteKinds; ++kind) {
        if (!wanted[kind])
            continue;
        const auto site = static_cast<SiteKind>(kind);
        const Plan& plan = plans[*first[kind]];
        step(here + " · " + plan.transform.method + " of " + std::string(label(site)));
        const SiteSample sample = sampler.sample(site);
        TransformResult made = makeTransform(plan.transform.method)->apply(block, {site, sample, grids, plan.activations, hidden}, plan.transform, stop);
        result.sources.merge(made.clipped);
        result.notes.insert(result.notes.end(), made.notes.begin(), made.notes.end());
    }
    return result;
}

std::vector<StoredTensor> changedTensors(const DecoderBlock& original, const DecoderBlock& block, const std::vector<Plan>& plans)
{
    std::vector<StoredTensor> changed;
    const auto compare = [&](const std::string& name, const at::Tensor& before, const at::Tensor& after) {
        if (after.defined() && !after.is_same(before))
            changed.push_back({name, after.contiguous()});
    };
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const Linear &before = original.linears()[i], &after = block.linears()[i];
        if (!plans[i].weights.quantized())
            compare(before.info.name + ".weight", before.weight, after.weight);
        compare(before.info.name + ".bias", before.bias, after.bias);
    }
    for (const auto norm : {&DecoderBlock::attentionNorm, &DecoderBlock::mlpNorm, &DecoderBlock::queryNorm, &DecoderBlock::keyNorm}) {
        compare((original.*norm).name + ".weight", (original.*norm).weight, (block.*norm).weight);
        compare((original.*norm).name + ".bias", (original.*norm).bias, (block.*norm).bias);
    }
    return changed;
}

} // namespace halftone
