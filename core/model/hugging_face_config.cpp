#include "core/model/hugging_face_config.h"

#include "core/base/error.h"

#include <array>
#include <charconv>
#include <cmath>
#include <numbers>

namespace halftone {

namespace {

/// The shortest decimal of a float that GGUF stored in 32 bits: 1e-05, not 9.999999747378752e-06.
double shortest(double value)
{
    std::array<char, 32> text{};
    const auto written = std::to_chars(text.data(), text.data() + text.size(), static_cast<float>(value));
    double parsed = value;
    std::from_chars(text.data(), written.ptr, parsed);
    return parsed;
}

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

Json huggingFaceConfigOf(const ModelConfig& config, const Architecture& family, const Json& keyValues, const std::string& subject)
{
    // Llama's class has no attention window and no other difference to Mistral's, whose GGUF files call themselves "llama".
    const bool asMistral = config.architecture == "llama" && config.slidingWindow > 0;
    const Architecture& written = asMistral ? architectureById("mistral") : family;
    if (asMistral && (config.attentionBias || config.outputBias || config.mlpBias))
        throw Error(ErrorKind::Unsupported, subject + ": has both an attention window and biases, and no stock config.json can say so", subject);
    Json out{{"architectures", {written.huggingFaceClass}}, {"model_type", written.modelType}, {"hidden_size", config.hidden}, {"vocab_size", config.vocabulary},
             {"tie_word_embeddings", config.tiedEmbeddings}, {"use_cache", true}};
    if (config.architecture == "bloom") {
        out["n_layer"] = config.blocks;
        out["n_head"] = config.heads;
        out["layer_norm_epsilon"] = shortest(config.normEpsilon);
        out["apply_residual_connection_post_layernorm"] = config.residualAfterNorm;
        out["seq_length"] = config.maxPositions;
    } else {
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
        if (config.architecture == "llama" && !asMistral)
            out["mlp_bias"] = config.mlpBias;
        if (config.architecture != "llama" || asMistral)
            out["sliding_window"] = nullptr;   // absent, Mistral would take 4096
        if (asMistral) {
            out["sliding_window"] = config.slidingWindow;
            out.erase("attention_bias");
        } else if (config.slidingWindow > 0) {
            out["sliding_window"] = config.slidingWindow;
            out["use_sliding_window"] = true;
            out["max_window_layers"] = 0;
        }
    }
    const ConfigReader reader(keyValues, subject);
    const std::pair<const char*, const char*> specials[] = {{"bos_token_id", "tokenizer.ggml.bos_token_id"}, {"eos_token_id", "tokenizer.ggml.eos_token_id"},
                                                           {"pad_token_id", "tokenizer.ggml.padding_token_id"}};
    for (const auto& [key, source] : specials)
        if (reader.has(source))
            out[key] = reader.integer(source, 0, config.vocabulary - 1);
    return out;
}

} // namespace halftone
