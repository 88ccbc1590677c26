#include "core/pipeline/site_changes.h"

#include "core/base/progress.h"
#include "core/pipeline/recipe_model.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace halftone {
namespace {

constexpr std::int64_t kTokens = 1024;

/// The windows at the start of the stream, cut to kTokens.
at::Tensor firstTokens(const CalibrationStreams& streams)
{
    const at::Tensor batch = streams.hidden.get(0);
    const std::int64_t length = std::min(batch.size(1), kTokens);
    return batch.narrow(0, 0, std::clamp<std::int64_t>(kTokens / length, 1, batch.size(0))).narrow(1, 0, length);
}

/// Channel maxima and the kernel share of the wanted sites, as they pass.
class Meter final : public SiteObserver {
public:
    Meter(std::vector<SiteChange>& changes, bool after) : m_changes(changes), m_after(after) {}

    void site(SiteKind kind, const at::Tensor& x) override
    {
        const auto change = std::find_if(m_changes.begin(), m_changes.end(), [&](const SiteChange& c) { return c.site == kind; });
        if (change == m_changes.end())
            return;
        const at::Tensor largest = x.reshape({-1, x.size(-1)}).abs().amax(0).contiguous();
        const float* values = largest.const_data_ptr<float>();
        (m_after ? change->after : change->before).assign(values, values + largest.numel());
        change->tokens = x.numel() / x.size(-1);
        ActivationRanges ranges;
        if (change->grid.isStatic())
            mergeRanges(ranges, x);
        const at::Tensor rounded = ActivationQuantizer(change->grid, ranges).apply(x);
        (m_after ? change->kernelAfter : change->kernelBefore) = (rounded == 0).sum().item<double>() / static_cast<double>(x.numel());
    }

private:
    std::vector<SiteChange>& m_changes;
    bool m_after;
};

} // namespace

std::vector<SiteChange> siteChanges(const DecoderBlock& before, const DecoderBlock& after, const std::vector<Plan>& plans, const CalibrationStreams& streams,
                                    const std::stop_token& stop)
{
    std::vector<SiteChange> changes;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const SiteKind kind = before.linears()[i].info.site;
        if (plans[i].transform.method == "none" || std::any_of(changes.begin(), changes.end(), [&](const SiteChange& c) { return c.site == kind; }))
            continue;
        SiteChange change;
        change.site = kind;
        change.method = plans[i].transform.method;
        change.grid = plans[i].activations;
        if (!change.grid.quantized())
            change.grid = {.scheme = ActivationScheme::PerToken};
        changes.push_back(std::move(change));
    }
    if (changes.empty() || streams.batches == 0)
        return changes;
    const at::Tensor hidden = firstTokens(streams);
    for (const bool transformed : {false, true}) {
        throwIfStopped(stop);
        Meter meter(changes, transformed);
        (transformed ? after : before).forward(hidden, &meter);
    }
    return changes;
}

} // namespace halftone
