#include "core/model/architectures/common.h"

#include "core/base/error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>

namespace halftone {

double shortest(double value)
{
    std::array<char, 32> text{};
    const auto written = std::to_chars(text.data(), text.data() + text.size(), static_cast<float>(value));
    double parsed = value;
    std::from_chars(text.data(), written.ptr, parsed);
    return parsed;
}

namespace {

std::string_view name(ActivationFunction function)
{
    switch (function) {
    case ActivationFunction::Silu: return "silu";
    case ActivationFunction::Relu: return "relu";
    case ActivationFunction::GeluTanh: return "gelu_pytorch_tanh";
    case ActivationFunction::Gelu: return "gelu";
    }
    return {};
}

/// Llama 3's scaling gives these factors in rope_freqs.weight; config.json names the rule, so the rule must reproduce the numbers.
Json llama3Scaling(const ModelConfig& config, const std::string& subject)
{
    constexpr double kLow = 1;
    constexpr double kHigh = 4;
    constexpr double kOriginal = 8192;
    double factor = 1;
    for (const float f : config.ropeFactors)
        factor = std::max(factor, static_cast<double>(f));
    for (std::size_t i = 0; i < config.ropeFactors.size(); ++i) {
        const double frequency = std::pow(config.ropeTheta, -2.0 * static_cast<double>(i) / static_cast<double>(config.headDim));
        const double waves = kOriginal * frequency / (2 * std::numbers::pi);
        double expected = 1;
        if (waves < kLow) {
            expected = factor;
        } else if (waves <= kHigh) {
            const double smooth = (waves - kLow) / (kHigh - kLow);
            expected = 1 / ((1 - smooth) / factor + smooth);
        }
        if (std::abs(expected - static_cast<double>(config.ropeFactors[i])) > 1e-3 * expected)
            throw Error(ErrorKind::Unsupported, subject + ": rope_freqs.weight does not follow the llama3 rule, and config.json has no other way to say it", subject);
    }
    return {{"rope_type", "llama3"}, {"factor", shortest(factor)}, {"low_freq_factor", kLow}, {"high_freq_factor", kHigh}, {"original_max_position_embeddings", 8192}};
}

Json yarnScaling(const RopeScaling& scaling)
{
    return {{"rope_type", "yarn"}, {"factor", shortest(scaling.factor)}, {"original_max_position_embeddings", scaling.originalPositions},
            {"attention_factor", scaling.attentionFactor}, {"beta_fast", shortest(scaling.betaFast)}, {"beta_slow", shortest(scaling.betaSlow)}};
}

} // namespace

void writeLlamaLike(const ModelConfig& config, Json& out, const std::string& subject)
{
    out["num_hidden_layers"] = config.blocks;
    out["intermediate_size"] = config.intermediate;
    out["num_attention_heads"] = config.heads;
    out["num_key_value_heads"] = config.kvHeads;
    out["head_dim"] = config.headDim;
    out["hidden_act"] = name(config.activation);
    out["max_position_embeddings"] = config.maxPositions;
    out["rms_norm_eps"] = shortest(config.normEpsilon);
    out["rope_theta"] = shortest(config.ropeTheta);
    out["attention_bias"] = config.outputBias;
    out["rope_scaling"] = nullptr;
    if (!config.ropeFactors.empty() && config.ropeScaling.kind != RopeScaling::Kind::None)
        throw Error(ErrorKind::Unsupported, subject + ": has both rope_freqs.weight and rope.scaling keys, and no stock config.json can say so", subject);
    if (!config.ropeFactors.empty())
        out["rope_scaling"] = llama3Scaling(config, subject);
    else if (config.ropeScaling.kind == RopeScaling::Kind::Linear)
        out["rope_scaling"] = {{"rope_type", "linear"}, {"factor", shortest(config.ropeScaling.factor)}};
    else if (config.ropeScaling.kind == RopeScaling::Kind::Yarn)
        out["rope_scaling"] = yarnScaling(config.ropeScaling);
}

void writeQwenWindow(const ModelConfig& config, Json& out)
{
    out["sliding_window"] = nullptr;
    if (config.slidingWindow > 0) {
        out["sliding_window"] = config.slidingWindow;
        out["use_sliding_window"] = true;
        out["max_window_layers"] = 0;
    }
}

} // namespace halftone
