#include "core/model/attention.h"

#include "core/base/error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numbers>

namespace halftone {

namespace {

/// 0 where YaRN keeps a frequency, 1 where it divides it by the factor, [headDim/2]; by the operators of transformers.
at::Tensor yarnRamp(const ModelConfig& config)
{
    const RopeScaling& scaling = config.ropeScaling;
    const auto dim = static_cast<double>(config.headDim);
    const auto dimensionOf = [&](double rotations) {
        return dim * std::log(static_cast<double>(scaling.originalPositions) / (rotations * 2 * std::numbers::pi)) / (2 * std::log(config.ropeTheta));
    };
    double low = dimensionOf(scaling.betaFast);
    double high = dimensionOf(scaling.betaSlow);
    if (scaling.truncate) {
        low = std::floor(low);
        high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, dim - 1);
    if (low == high)
        high += 0.001;
    return ((at::arange(config.headDim / 2, at::kFloat) - low) / (high - low)).clamp(0, 1);
}

/// Rotary frequencies [headDim/2]: θ^(−2i/headDim) in float32 by the operators of transformers, whose bits they have.
std::vector<float> inverseFrequencies(const ModelConfig& config, std::int64_t tokens)
{
    const RopeScaling& scaling = config.ropeScaling;
    const auto dim = static_cast<double>(config.headDim);
    double theta = config.ropeTheta;
    if (scaling.kind == RopeScaling::Kind::Dynamic && dim > 2) {
        const auto most = static_cast<double>(scaling.originalPositions);
        const double length = std::max(static_cast<double>(tokens), most);
        theta *= std::pow(scaling.factor * length / most - (scaling.factor - 1), dim / (dim - 2));
    }
    const at::Tensor powers = at::pow(at::Scalar(theta), at::arange(0, config.headDim, 2, at::kFloat) / dim);
    at::Tensor scaled = powers.reciprocal();
    if (scaling.kind == RopeScaling::Kind::Yarn) {
        const at::Tensor kept = 1 - yarnRamp(config);
        scaled = (scaling.factor * powers).reciprocal() * (1 - kept) + scaled * kept;
    } else if (scaling.kind == RopeScaling::Kind::LongRope) {
        const std::vector<double>& factors = tokens > scaling.originalPositions ? scaling.longFactors : scaling.shortFactors;
        scaled = (at::tensor(factors, at::kDouble).to(at::kFloat) * powers).reciprocal();
    }
    const float* unscaled = scaled.const_data_ptr<float>();
    std::vector<float> frequencies(static_cast<std::size_t>(config.headDim / 2));
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        auto f = static_cast<double>(unscaled[i]);
        if (scaling.kind == RopeScaling::Kind::Linear) {
            f /= scaling.factor;
        } else if (scaling.kind == RopeScaling::Kind::Llama3) {
            // Long waves are stretched by `factor`, short ones stay, those between are mixed.
            const double waves = static_cast<double>(scaling.originalPositions) * f / (2 * std::numbers::pi);
            if (waves < scaling.lowFrequencyFactor)
                f /= scaling.factor;
            else if (waves <= scaling.highFrequencyFactor) {
                const double smooth = (waves - scaling.lowFrequencyFactor) / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
                f = (1 - smooth) * f / scaling.factor + smooth * f;
            }
        }
        if (!config.ropeFactors.empty())
            f /= static_cast<double>(config.ropeFactors[i]);
        frequencies[i] = static_cast<float>(f);
    }
    return frequencies;
}

RopeTable makeRopeTable(const std::vector<float>& frequencies, std::int64_t tokens, double attentionFactor)
{
    const at::Tensor angles = at::arange(tokens, at::kFloat).unsqueeze(1) * at::tensor(frequencies);
    if (attentionFactor == 1)
        return {angles.cos(), angles.sin()};
    return {angles.cos() * attentionFactor, angles.sin() * attentionFactor};
}

/// ALiBi's slope per head: powers of 2^(−8/n) for the power of two n ≤ heads, then odd powers of the next finer series.
at::Tensor alibiSlopes(int heads)
{
    int n = 1;
    while (2 * n <= heads)
        n *= 2;
    at::Tensor slopes = at::empty({heads}, at::kFloat);
    float* out = slopes.mutable_data_ptr<float>();
    for (int h = 0; h < heads; ++h)
        out[h] = static_cast<float>(h < n ? std::pow(2.0, -8.0 * (h + 1) / n) : std::pow(2.0, -4.0 * (2 * (h - n) + 1) / n));
    return slopes;
}

/// Queries a piece of masked attention: the mask of a piece is [heads, piece, tokens], never [heads, tokens, tokens].
constexpr std::int64_t kQueryPiece = 256;

} // namespace

std::shared_ptr<const RopeTable> ropeTable(const ModelConfig& config, std::int64_t tokens, const at::Device& device)
{
    static std::mutex mutex;
    static std::shared_ptr<const RopeTable> last;
    static std::vector<float> lastFrequencies;
    static double lastFactor = 1;
    const double factor = config.ropeScaling.attentionFactor;
    const std::vector<float> frequencies = inverseFrequencies(config, tokens);
    const std::scoped_lock lock(mutex);
    if (!last || lastFrequencies != frequencies || lastFactor != factor || last->cosines.size(0) != tokens || last->cosines.device() != device) {
        RopeTable table = makeRopeTable(frequencies, tokens, factor);
        last = std::make_shared<const RopeTable>(RopeTable{table.cosines.to(device), table.sines.to(device)});
        lastFrequencies = frequencies;
        lastFactor = factor;
    }
    return last;
}

at::Tensor causalAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const ModelConfig& config, std::int64_t window)
{
    const std::int64_t batch = q.size(0);
    const std::int64_t tokens = q.size(2);
    const double scale = 1.0 / std::sqrt(static_cast<double>(config.headDim));
    at::Tensor keys = k;
    at::Tensor values = v;
    if (config.kvHeads != config.heads) {   // the fused CPU kernel is fastest with equal head counts
        const std::int64_t times = config.heads / config.kvHeads;
        const auto repeat = [&](const at::Tensor& x) {
            return x.unsqueeze(2).expand({batch, config.kvHeads, times, tokens, config.headDim}).reshape({batch, config.heads, tokens, config.headDim});
        };
        keys = repeat(k);
        values = repeat(v);
    }
    const bool alibi = config.position == PositionKind::Alibi;
    const bool windowed = window > 0 && window < tokens;
    at::Tensor out;
    if (!alibi && !windowed) {
        out = at::scaled_dot_product_attention(q, keys, values, {}, 0.0, true, scale);
    } else {
        std::vector<at::Tensor> pieces;
        const at::Tensor slopes = alibi ? alibiSlopes(config.heads).to(q.device()).view({1, config.heads, 1, 1}) : at::Tensor();
        for (std::int64_t first = 0; first < tokens; first += kQueryPiece) {
            const std::int64_t count = std::min(kQueryPiece, tokens - first);
            const std::int64_t begin = windowed ? std::max<std::int64_t>(0, first - window + 1) : 0;
            const std::int64_t length = first + count - begin;
            const auto options = q.options().requires_grad(false);
            const at::Tensor distance = at::arange(begin, begin + length, options).view({1, 1, 1, length}) -
                                        at::arange(first, first + count, options).view({1, 1, count, 1});   // key − query
            at::Tensor mask = alibi ? distance * slopes : at::zeros_like(distance);
            at::Tensor hidden = distance > 0;
            if (windowed)
                hidden = hidden.logical_or(distance <= static_cast<double>(-window));
            mask.masked_fill_(hidden, -std::numeric_limits<float>::infinity());
            pieces.push_back(at::scaled_dot_product_attention(q.narrow(2, first, count), keys.narrow(2, begin, length), values.narrow(2, begin, length),
                                                              mask.expand({batch, -1, -1, -1}), 0.0, false, scale));
        }
        out = pieces.size() == 1 ? pieces.front() : at::cat(pieces, 2);
    }
    return out.transpose(1, 2).reshape({batch, tokens, static_cast<std::int64_t>(config.heads) * config.headDim});
}

} // namespace halftone
