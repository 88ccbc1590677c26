#include "core/analysis/analyze.h"

#include "core/analysis/site_accumulator.h"
#include "core/analysis/weight_statistics.h"
#include "core/base/error.h"
#include "core/base/number_text.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace halftone {
namespace {

/// Tokens of one forward pass: enough for efficient products, little enough to stay near the caches and to cancel soon.
constexpr std::int64_t kTokensAtOnce = 2048;

using SeeSite = std::function<void(SiteKind, const at::Tensor&)>;

class Observer final : public SiteObserver {
public:
    explicit Observer(SeeSite see)
        : m_see(std::move(see))
    {
    }
    void site(SiteKind kind, const at::Tensor& x) override { m_see(kind, x); }

private:
    SeeSite m_see;
};

std::span<const float> values(const at::Tensor& x)
{
    return {x.const_data_ptr<float>(), static_cast<std::size_t>(x.numel())};
}

/// The statistics of one block over all windows; `stream` holds batches of hidden states and is advanced.
class BlockWalk {
public:
    BlockWalk(const Model& model, const DecoderBlock& block, std::int64_t tokens, const AnalysisSettings& settings,
              const std::shared_ptr<const SampledTokens>& sampled)
        : m_block(block)
    {
        for (const SiteInfo& site : model.sites())
            if (site.block == block.index())
                m_sites.emplace_back(site.kind, SiteAccumulator(site, tokens, settings, sampled));
    }

    void run(std::vector<at::Tensor>& stream, bool keep, const std::stop_token& stop)
    {
        std::vector<std::pair<SiteKind, at::Tensor>> kept;
        std::vector<at::Tensor> outputs;
        for (const at::Tensor& batch : stream) {
            throwIfStopped(stop);
            Observer observer([&](SiteKind kind, const at::Tensor& x) {
                const at::Tensor dense = x.to(at::kCPU, at::kFloat).contiguous();
                accumulator(kind).measure(values(dense));
                if (keep)
                    kept.emplace_back(kind, dense);
            });
            outputs.push_back(m_block.forward(batch, &observer));
        }
        for (auto& [kind, site] : m_sites)
            site.finishMeasuring();
        if (keep) {
            for (auto& [kind, x] : kept) {
                throwIfStopped(stop);
                count(kind, x);
                x.reset();
            }
        } else {
            Observer observer([&](SiteKind kind, const at::Tensor& x) { count(kind, x.to(at::kCPU, at::kFloat).contiguous()); });
            for (const at::Tensor& batch : stream) {
                throwIfStopped(stop);
                m_block.forward(batch, &observer);
            }
        }
        stream = std::move(outputs);
    }

    std::vector<SiteStatistics> take()
    {
        std::vector<SiteStatistics> all;
        for (auto& [kind, site] : m_sites)
            all.push_back(site.take());
        return all;
    }

private:
    SiteAccumulator& accumulator(SiteKind kind)
    {
        for (auto& [own, site] : m_sites)
            if (own == kind)
                return site;
        throw Error(ErrorKind::Internal, "block " + std::to_string(m_block.index()) + " shows a site that the model does not list: " + std::string(name(kind)));
    }

    void count(SiteKind kind, const at::Tensor& x)
    {
        for (std::int64_t window = 0; window < x.size(0); ++window)
            accumulator(kind).count(values(x[window]));
    }

    const DecoderBlock& m_block;
    std::vector<std::pair<SiteKind, SiteAccumulator>> m_sites;
};

void requireSettings(const AnalysisSettings& settings, const TokenWindows& windows)
{
    if (settings.bits < 2 || settings.bits > 8)
        throw Error(ErrorKind::InvalidArgument, "bits is " + std::to_string(settings.bits) + "; it must be 2 to 8", "bits");
    if (!(settings.alpha >= 0 && settings.alpha <= 1))
        throw Error(ErrorKind::InvalidArgument, "alpha is " + numberText(settings.alpha) + "; it must be 0 to 1", "alpha");
    if (windows.ids.empty() || windows.length <= 0)
        throw Error(ErrorKind::InvalidArgument, "there is no window of text to analyze");
}

std::shared_ptr<const SampledTokens> sampleOf(const Model& model, const TokenWindows& windows, const Tokenizer* tokenizer)
{
    std::int64_t channels = 0;
    for (const SiteInfo& site : model.sites())
        channels += site.channels;
    auto sampled = std::make_shared<SampledTokens>(
        chooseSample(static_cast<std::int64_t>(windows.ids.size()) * windows.length, windows.length, channels));
    if (tokenizer)
        for (const std::int64_t position : sampled->positions)
            sampled->texts.push_back(tokenizer->tokenText(
                windows.ids[static_cast<std::size_t>(position / windows.length)][static_cast<std::size_t>(position % windows.length)]));
    return sampled;
}

} // namespace

Analysis analyzeModel(const Model& model, const TokenWindows& windows, const AnalysisSettings& settings, const ComputeOptions& options,
                      Progress& progress, const std::stop_token& stop, const BlockAnalyzed& blockDone, const Tokenizer* tokenizer)
{
    requireSettings(settings, windows);
    const at::NoGradGuard noGrad;
    const auto count = static_cast<std::int64_t>(windows.ids.size());
    const std::int64_t tokens = count * windows.length;

    Analysis analysis;
    analysis.settings = settings;
    analysis.windows = static_cast<int>(count);
    analysis.length = windows.length;
    analysis.textHash = windows.textHash;

    const std::int64_t batch = std::max<std::int64_t>(1, kTokensAtOnce / windows.length);
    std::vector<at::Tensor> stream;
    progress.begin("Embedding the text", count, "windows");
    for (std::int64_t first = 0; first < count; first += batch) {
        throwIfStopped(stop);
        const std::int64_t last = std::min(first + batch, count);
        stream.push_back(model.embed({windows.ids.data() + first, static_cast<std::size_t>(last - first)}));
        progress.update(last);
    }

    std::uint64_t channels = 0;
    for (const SiteInfo& site : model.sites())
        if (site.block == 0)
            channels += static_cast<std::uint64_t>(site.channels);
    const std::uint64_t streams = 2 * static_cast<std::uint64_t>(tokens) * static_cast<std::uint64_t>(model.config().hidden) * sizeof(float);
    const std::uint64_t needed = static_cast<std::uint64_t>(tokens) * channels * sizeof(float) + streams;
    const bool keep = needed <= mostKept(options.memoryBudget);

    const std::shared_ptr<const SampledTokens> sampled = sampleOf(model, windows, tokenizer);
    progress.begin("Measuring activations", model.config().blocks, "blocks");
    for (int index = 0; index < model.config().blocks; ++index) {
        throwIfStopped(stop);
        const DecoderBlock block = model.block(index);
        BlockWalk walk(model, block, tokens, settings, sampled);
        walk.run(stream, keep, stop);

        std::vector<SiteStatistics> sites = walk.take();
        std::vector<WeightStatistics> weights;
        for (const Linear& linear : block.linears())
            weights.push_back(weightStatistics(linear.info.name, linear.weight));
        for (const SiteStatistics& site : sites)
            if (site.notFinite > 0)
                progress.note(site.site.name + ": " + std::to_string(site.notFinite) + " activations are not finite and were left out");
        if (blockDone)
            blockDone(index, sites, weights);
        std::move(sites.begin(), sites.end(), std::back_inserter(analysis.sites));
        std::move(weights.begin(), weights.end(), std::back_inserter(analysis.weights));
        progress.update(index + 1, model.blockName(index));
    }
    return analysis;
}

} // namespace halftone
