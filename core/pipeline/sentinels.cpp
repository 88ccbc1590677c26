#include "core/pipeline/sentinels.h"

#include "core/algebra/sums.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/pipeline/not_finite.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <utility>

namespace halftone {

namespace {

/// Smallest number that float16 tells from zero: runtimes compute with scales in float16 or bfloat16.
constexpr double kSmallestHalf = 5.96e-8;
/// Steps: weights that are no farther from the ends of a grid are not cut off there, whatever their share: they lie on a grid of their own.
constexpr double kOnTheGrid = 0.55;

std::string percent(double share)
{
    return numberText(100 * share, 3) + " %";
}

std::string figure(double value)
{
    return numberText(value, 3);
}

std::string where(int block)
{
    return "block " + std::to_string(block);
}

/// [out, groups, width] of a matrix [out, in].
at::Tensor grouped(const at::Tensor& matrix, const WeightGrid& grid)
{
    return matrix.reshape({matrix.size(0), -1, grid.perTensor ? matrix.size(1) : groupWidth(grid, matrix.size(1))});
}

/// Codes at an end of the grid, and how far what they stand for lies from the weights there: in steps, root mean square. Zeros that stay zeros (an
/// asymmetric grid has its least code for a group of zeros) are no ends.
struct Ends {
    double share = 0, error = 0;
};

Ends endsOf(const at::Tensor& weight, const QuantizedWeight& rounded)
{
    const at::Tensor& codes = rounded.codes;
    if (codes.numel() == 0)
        return {};
    const int top = rounded.grid.symmetric ? symmetricMax(rounded.grid.bits) : (1 << rounded.grid.bits) - 1;
    const int bottom = rounded.grid.symmetric ? -top : 0;
    const at::Tensor values = rounded.dequantize();
    const at::Tensor ends = at::ge(codes, top).logical_or_(at::le(codes, bottom)).logical_and_(weight.ne(0).logical_or_(values.ne(0)));
    const auto count = ends.sum().item<std::int64_t>();
    if (count == 0)
        return {};
    const at::Tensor steps = grouped(values - weight, rounded.grid) / rounded.scales.scale.unsqueeze(-1);
    return {static_cast<double>(count) / static_cast<double>(codes.numel()),
            std::sqrt(sumOfSquares(steps.reshape(codes.sizes()).masked_select(ends)) / static_cast<double>(count))};
}


class SiteKeeper final : public SiteObserver {
public:
    explicit SiteKeeper(PerSite<at::Tensor>& sites) : m_sites(sites) {}
    void site(SiteKind kind, const at::Tensor& x) override { m_sites[kind] = x; }

private:
    PerSite<at::Tensor>& m_sites;
};

double kernelShare(const ActivationQuantizer& grid, const at::Tensor& x)
{
    return static_cast<double>(at::eq(grid.apply(x), 0).sum().item<std::int64_t>()) / static_cast<double>(std::max<std::int64_t>(1, x.numel()));
}

/// Median over tokens of |quantized − float| / |float|.
double relativeError(const at::Tensor& quantized, const at::Tensor& reference)
{
    const at::Tensor error = (quantized - reference).norm(2, -1), size = reference.norm(2, -1).clamp_min(1e-12);
    return (error / size).median().item<double>();
}

} // namespace

double saturationLimit(const WeightGrid& grid, std::int64_t columns)
{
    const double levels = std::exp2(grid.bits) - 1;
    const double spread = 1.5 * 2 / levels, largest = 1.5 * (grid.symmetric ? 1 : 2) / static_cast<double>(groupWidth(grid, std::max<std::int64_t>(1, columns)));
    return std::min(0.9, std::max(spread, largest) + 0.05);
}

std::vector<BlockFlag> inspectRounded(int block, const at::Tensor& weight, const QuantizedWeight& rounded, LinearResult& result)
{
    std::vector<BlockFlag> flags;
    const std::string head = where(block) + ", " + result.linear + ": ";
    const at::Tensor& scale = rounded.scales.scale;
    if (!at::isfinite(scale).all().item<bool>())
        throw Error(ErrorKind::Internal, head + "a scale is NaN or infinite after " + result.method +
                    "; the weights or the calibration activations hold values near the float limit. Look at this linear in Weights, or round it with \"rtn\"",
                    result.linear);

    const at::Tensor lived = grouped(weight, rounded.grid).ne(0).any(-1);                                   // [out, groups]
    const at::Tensor zeroed = grouped(rounded.dequantize(), rounded.grid).eq(0).all(-1);
    const at::Tensor dead = lived.logical_and(zeroed.logical_or_(scale.lt(kSmallestHalf).expand_as(lived)));
    if (const auto count = dead.sum().item<std::int64_t>(); count > 0) {
        const auto first = at::nonzero(dead).select(0, 0);
        flags.push_back({"dead_scale", block, result.linear,
                         head + std::to_string(count) + " of " + std::to_string(dead.numel()) + " groups are dead: their weights are lost, since the scale is below " +
                         figure(kSmallestHalf) + " (zero in float16) or every code is zero; the first is output " + std::to_string(first.select(0, 0).item<std::int64_t>()) +
                         ", group " + std::to_string(first.select(0, 1).item<std::int64_t>()) +
                         ". Likely the weights there are vanishingly small beside the rest; use smaller groups or leave this linear float"});
    }

    const Ends ends = endsOf(weight, rounded);
    result.saturated = ends.share;
    const double limit = saturationLimit(rounded.grid, weight.size(1));
    if (ends.share > limit && ends.error > kOnTheGrid)   // weights that lie on the grid already may use its ends as they like
        flags.push_back({"saturation", block, result.linear,
                         head + percent(result.saturated) + " of the codes lie at an end of the grid, where at most " + percent(limit) +
                         " is normal, and are off by " + figure(ends.error) + " steps there. Likely the range was clipped too far; compare its error with \"rtn\" without clipping"});
    return flags;
}

Sentinels::Sentinels(const Model& model, std::vector<std::int32_t> heldOut, const SentinelLimits& limits)
    : m_model(model)
    , m_limits(limits)
    , m_ids(std::move(heldOut))
{
    m_ids.resize(std::min<std::size_t>(m_ids.size(), SentinelLimits::kCanaryTokens));
    if (m_ids.size() >= 2)
        m_float = m_quantized = model.embed(std::span(&m_ids, 1));
}

void Sentinels::before(const DecoderBlock& block)
{
    if (!m_float.defined())
        return;
    SiteKeeper keeper(m_floatSites);
    m_float = block.forward(m_float, &keeper);
    if (isFinite(m_float))
        return;
    const NotFinite why = whyNotFinite(block, firstNotFinite(block, m_floatSites));
    m_lost = BlockFlag{"canary", block.index(), why.subject, where(block.index()) + ": the float model itself cannot compute a held-out text, so that this run has no canary from here on. " + why.sentence};
    m_float = m_quantized = at::Tensor();
    m_floatSites = {};
}

void Sentinels::after(const DecoderBlock& block, BlockResult& result)
{
    if (m_lost)
        result.flags.push_back(*std::exchange(m_lost, std::nullopt));
    if (!m_float.defined())
        return;
    const int index = block.index();
    PerSite<at::Tensor> sites;
    SiteKeeper keeper(sites);
    m_quantized = block.forward(m_quantized, &keeper);
    if (!isFinite(m_quantized)) {
        const NotFinite why = whyNotFinite(block, firstNotFinite(block, sites));
        throw Error(ErrorKind::BadFile, where(index) + ": the canary's activations are no longer finite after this block was quantized; its float form is fine, so the "
                    "quantization overflows. Give this block more bits or another method. " + why.sentence, why.subject);
    }
    compareKernels(block, sites, result);
    lookForWoken(block, result);
    m_floatSites = {};

    const double error = relativeError(m_quantized, m_float);
    result.canaryError = error;
    if (error > m_limits.canaryError && error - m_error > m_limits.canaryStep)
        result.flags.push_back({"canary", index, {},
                                where(index) + ": the canary drifts: its hidden states are off by " + percent(error) + " after this block, " +
                                percent(m_error) + " before it. Likely one of its linears has too few bits; give the block more bits, or see which linear has the largest output error"});
    m_error = error;
    if (index + 1 < m_model.config().blocks)
        return;
    m_reference = perplexityOf(m_float);
    m_perplexity = perplexityOf(m_quantized);
    if (!std::isfinite(m_reference))
        result.flags.push_back({"canary", index, {}, "the float model's own logits of a held-out text are NaN or overflow, in its last norm or its head: check the checkpoint. The run has no canary perplexity"});
    else if (!(m_perplexity <= m_limits.canaryPerplexity * m_reference))
        result.flags.push_back({"canary", index, {},
                                "the quantized model's perplexity on the canary's tokens is " + figure(m_perplexity) + ", the float model's " + figure(m_reference) +
                                ". The run is not likely to be of use; look for the block where the canary's drift grows, and give it more bits"});
}

/// Channels that slept in the calibration and that the held-out text wakes: their factors and grids were made without knowing them.
void Sentinels::lookForWoken(const DecoderBlock& block, BlockResult& result) const
{
    for (const AsleepChannels& asleep : result.asleep) {
        const auto known = m_floatSites.find(asleep.site);
        const at::Tensor x = known == m_floatSites.end() ? at::Tensor() : known->second;
        const auto linear = std::find_if(block.linears().begin(), block.linears().end(), [&](const Linear& l) { return l.info.site == asleep.site; });
        if (!x.defined() || linear == block.linears().end())
            continue;
        const at::Tensor largest = x.reshape({-1, x.size(-1)}).abs().amax(0).contiguous();
        constexpr std::size_t kNamed = 8;
        std::string named;
        std::size_t woken = 0;
        for (std::size_t i = 0; i < asleep.asleep.size(); ++i)
            if (largest.const_data_ptr<float>()[asleep.asleep[i]] > asleep.wakes[i] && ++woken <= kNamed)
                named += (named.empty() ? "" : ", ") + std::to_string(asleep.asleep[i]);
        if (woken == 0)
            continue;
        result.flags.push_back({"asleep", block.index(), linear->info.name,
                                where(block.index()) + ", " + linear->info.name + " (" + std::string(label(asleep.site)) + "): a held-out text wakes " + std::to_string(woken) + " of the " +
                                std::to_string(asleep.count) + " channels that the calibration text left asleep: " + named + (woken > kNamed ? " and others" : "") +
                                ". What " + asleep.method + " does here was chosen without them; calibrate on text that has more of what is served"});
    }
}

void Sentinels::compareKernels(const DecoderBlock& block, const PerSite<at::Tensor>& quantized, BlockResult& result) const
{
    for (const auto& [kind, x] : quantized) {
        const auto linear = std::find_if(block.linears().begin(), block.linears().end(), [kind = kind](const Linear& l) { return l.info.site == kind; });
        const auto known = m_floatSites.find(kind);
        if (linear == block.linears().end() || !linear->input || known == m_floatSites.end())
            continue;
        const double before = kernelShare(*linear->input, known->second), now = kernelShare(*linear->input, x);
        if (now - before <= m_limits.kernelJump)
            continue;
        const std::string site = m_model.blockName(block.index()) + "." + std::string(name(kind));
        result.flags.push_back({"kernel_jump", block.index(), site,
                                where(block.index()) + ", " + std::string(label(kind)) + ": the " + std::string(name(linear->input->grid().scheme)) +
                                " grid rounds " + percent(now) + " of this activation to zero in the quantized model, " + percent(before) +
                                " in the float model. Likely an earlier block made an outlier grow; use a per-token or cross grid here, or more bits before it"});
    }
}

double Sentinels::perplexityOf(const at::Tensor& hidden) const
{
    if (!m_model.config().head)
        return 0;   // not measured
    const auto tokens = static_cast<std::int64_t>(m_ids.size());
    const at::Tensor logits = m_model.logits(hidden.reshape({tokens, -1}).slice(0, 0, tokens - 1)).to(at::kFloat);
    const at::Tensor next = at::tensor(at::ArrayRef<std::int32_t>(m_ids).slice(1), at::kInt).to(at::kLong);
    const double loss = -at::log_softmax(logits, -1).gather(1, next.unsqueeze(1)).mean().item<double>();
    return std::isfinite(loss) ? std::exp(loss) : std::numeric_limits<double>::infinity();
}

} // namespace halftone
