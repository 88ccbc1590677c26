#include "core/model/architectures/common.h"

#include <algorithm>

namespace halftone {

ActivationFunction readActivation(const ConfigReader& reader, std::string_view key, std::string_view fallback)
{
    const std::string name = reader.text(key, fallback);
    if (name == "silu" || name == "swish")
        return ActivationFunction::Silu;
    if (name == "relu")
        return ActivationFunction::Relu;
    if (name == "gelu")
        return ActivationFunction::Gelu;
    if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast")
        return ActivationFunction::GeluTanh;
    reader.unsupported(key, "is \"" + name + "\"; known are silu, relu, gelu and gelu_new");
}

namespace {

void readRopeScaling(const ConfigReader& scaling, const ModelConfig& config, RopeScaling& out)
{
    const std::string type = scaling.text(scaling.firstOf({"rope_type", "type"}), "default");
    constexpr double kLargest = 1e6;
    if (type == "default" || type == "none")
        return;
    if (type == "linear") {
        out.kind = RopeScaling::Kind::Linear;
        out.factor = scaling.real("factor", 1e-6, kLargest);
    } else if (type == "dynamic") {
        out.kind = RopeScaling::Kind::Dynamic;
        out.factor = scaling.real("factor", 1, kLargest);
        out.originalPositions = config.maxPositions;
    } else if (type == "llama3") {
        out.kind = RopeScaling::Kind::Llama3;
        out.factor = scaling.real("factor", 1e-6, kLargest);
        out.lowFrequencyFactor = scaling.real("low_freq_factor", 1e-6, kLargest);
        out.highFrequencyFactor = scaling.real("high_freq_factor", 1e-6, kLargest);
        out.originalPositions = scaling.integer("original_max_position_embeddings", 1, kMaxPositions);
        if (out.highFrequencyFactor <= out.lowFrequencyFactor)
            scaling.fail("high_freq_factor", "must be above low_freq_factor");
    } else {
        scaling.unsupported("rope_type", "is \"" + type + "\"; known are default, linear, dynamic and llama3");
    }
}

} // namespace

void readRope(const ConfigReader& reader, ModelConfig& config)
{
    constexpr double kLargestTheta = 1e12;
    const Json* parameters = reader.find("rope_parameters");
    if (parameters && parameters->is_object()) {
        const ConfigReader rope(*parameters, reader.subject() + " (rope_parameters)");
        config.ropeTheta = rope.real("rope_theta", 1, kLargestTheta, reader.real("rope_theta", 1, kLargestTheta, 10000));
        readRopeScaling(rope, config, config.ropeScaling);
        if (rope.real("partial_rotary_factor", 0, 1, 1) != 1)
            rope.unsupported("partial_rotary_factor", "below 1 is not supported");
    } else {
        config.ropeTheta = reader.real("rope_theta", 1, kLargestTheta, 10000);
    }
    if (const Json* scaling = reader.find("rope_scaling")) {
        if (!scaling->is_object())
            reader.fail("rope_scaling", "is no object");
        readRopeScaling(ConfigReader(*scaling, reader.subject() + " (rope_scaling)"), config, config.ropeScaling);
    }
    if (reader.real("partial_rotary_factor", 0, 1, 1) != 1)
        reader.unsupported("partial_rotary_factor", "below 1 is not supported");
}

ModelConfig readLlamaLike(const ConfigReader& reader, std::string_view architecture)
{
    ModelConfig config;
    config.architecture = architecture;
    config.blocks = static_cast<int>(reader.integer("num_hidden_layers", 1, kMaxBlocks));
    config.hidden = config.embeddingWidth = reader.integer("hidden_size", 1, kMaxWidth);
    config.intermediate = reader.integer("intermediate_size", 1, kMaxWidth);
    config.vocabulary = reader.integer("vocab_size", 1, kMaxVocabulary);
    config.maxPositions = reader.integer("max_position_embeddings", 1, kMaxPositions, 2048);
    config.heads = static_cast<int>(reader.integer("num_attention_heads", 1, kMaxHeads));
    config.kvHeads = static_cast<int>(reader.integer("num_key_value_heads", 1, kMaxHeads, config.heads));
    if (!reader.has("head_dim") && config.hidden % config.heads != 0)
        reader.fail("num_attention_heads", "is " + std::to_string(config.heads) + ", which does not divide hidden_size " + std::to_string(config.hidden));
    config.headDim = reader.integer("head_dim", 1, kMaxWidth, config.hidden / config.heads);
    config.normEpsilon = reader.real("rms_norm_eps", 0, 1, 1e-6);
    config.activation = readActivation(reader, "hidden_act", "silu");
    config.tiedEmbeddings = reader.boolean("tie_word_embeddings", false);
    readRope(reader, config);
    return config;
}

ModelConfig readLlamaLikeGguf(const ConfigReader& reader, std::string_view architecture)
{
    ModelConfig config;
    config.architecture = architecture;
    config.blocks = static_cast<int>(reader.integer("block_count", 1, kMaxBlocks));
    config.hidden = config.embeddingWidth = reader.integer("embedding_length", 1, kMaxWidth);
    config.intermediate = reader.integer("feed_forward_length", 1, kMaxWidth);
    config.maxPositions = reader.integer("context_length", 1, kMaxPositions, 2048);
    config.heads = static_cast<int>(reader.integer("attention.head_count", 1, kMaxHeads));
    config.kvHeads = static_cast<int>(reader.integer("attention.head_count_kv", 1, kMaxHeads, config.heads));
    if (!reader.has("attention.key_length") && config.hidden % config.heads != 0)
        reader.fail("attention.head_count", "is " + std::to_string(config.heads) + ", which does not divide embedding_length " + std::to_string(config.hidden));
    config.headDim = reader.integer("attention.key_length", 1, kMaxWidth, config.hidden / config.heads);
    if (reader.integer("attention.value_length", 1, kMaxWidth, config.headDim) != config.headDim)
        reader.unsupported("attention.value_length", "differs from the key length, which is not supported");
    if (reader.integer("rope.dimension_count", 1, kMaxWidth, config.headDim) != config.headDim)
        reader.unsupported("rope.dimension_count", "differs from the head dimension " + std::to_string(config.headDim) + ": partial rotary embeddings are not supported");
    if (reader.integer("expert_count", 0, kMaxHeads, 0) > 0)
        reader.unsupported("expert_count", "is set: mixtures of experts are not supported");
    config.normEpsilon = reader.real("attention.layer_norm_rms_epsilon", 0, 1, 1e-6);
    config.slidingWindow = reader.integer("attention.sliding_window", 0, kMaxPositions, 0);
    config.ropeTheta = reader.real("rope.freq_base", 1, 1e12, 10000);
    const std::string scaling = reader.text("rope.scaling.type", "none");
    const double linearFactor = reader.real(reader.firstOf({"rope.scaling.factor", "rope.scale_linear"}), 1e-6, 1e6, 1);
    if (scaling == "linear" || (scaling == "none" && !reader.has("rope.scaling.type") && linearFactor != 1)) {
        config.ropeScaling.kind = RopeScaling::Kind::Linear;
        config.ropeScaling.factor = linearFactor;
    } else if (scaling != "none") {
        reader.unsupported("rope.scaling.type", "is \"" + scaling + "\"; known are none and linear");
    }
    return config;
}

ModuleNames llamaLikeNames(bool queryKeyNorm)
{
    ModuleNames names;
    names.embedding = "model.embed_tokens";
    names.finalNorm = "model.norm";
    names.head = "lm_head";
    names.blocks = "model.layers.";
    names.attentionNorm = "input_layernorm";
    names.mlpNorm = "post_attention_layernorm";
    if (queryKeyNorm) {
        names.queryNorm = "self_attn.q_norm";
        names.keyNorm = "self_attn.k_norm";
    }
    names.linears = {{"self_attn.q_proj", SiteKind::AttentionInput}, {"self_attn.k_proj", SiteKind::AttentionInput},
                     {"self_attn.v_proj", SiteKind::AttentionInput}, {"self_attn.o_proj", SiteKind::AttentionOutput},
                     {"mlp.gate_proj", SiteKind::MlpInput}, {"mlp.up_proj", SiteKind::MlpInput}, {"mlp.down_proj", SiteKind::MlpMiddle}};
    return names;
}

ModuleNames llamaLikeGgufNames(bool queryKeyNorm)
{
    ModuleNames names;
    names.embedding = "token_embd";
    names.finalNorm = "output_norm";
    names.head = "output";
    names.blocks = "blk.";
    names.attentionNorm = "attn_norm";
    names.mlpNorm = "ffn_norm";
    if (queryKeyNorm) {
        names.queryNorm = "attn_q_norm";
        names.keyNorm = "attn_k_norm";
    }
    names.linears = {{"attn_q", SiteKind::AttentionInput}, {"attn_k", SiteKind::AttentionInput}, {"attn_v", SiteKind::AttentionInput},
                     {"attn_output", SiteKind::AttentionOutput}, {"ffn_gate", SiteKind::MlpInput}, {"ffn_up", SiteKind::MlpInput},
                     {"ffn_down", SiteKind::MlpMiddle}};
    return names;
}

void readQwenWindow(const ConfigReader& reader, ModelConfig& config)
{
    if (!reader.boolean("use_sliding_window", false))
        return;
    config.slidingWindow = reader.integer("sliding_window", 1, kMaxPositions, 4096);
    config.slidingBlocks.assign(static_cast<std::size_t>(config.blocks), 0);
    if (const Json* types = reader.find("layer_types")) {
        if (!types->is_array() || types->size() != config.slidingBlocks.size())
            reader.fail("layer_types", "must list " + std::to_string(config.blocks) + " layers");
        for (std::size_t i = 0; i < types->size(); ++i) {
            const Json& type = (*types)[i];
            if (type != "sliding_attention" && type != "full_attention")
                reader.unsupported("layer_types", "names " + type.dump().substr(0, 60) + "; known are full_attention and sliding_attention");
            config.slidingBlocks[i] = type == "sliding_attention";
        }
    } else {
        const std::int64_t first = reader.integer("max_window_layers", 0, kMaxBlocks, 28);
        for (std::size_t i = 0; i < config.slidingBlocks.size(); ++i)
            config.slidingBlocks[i] = static_cast<std::int64_t>(i) >= first;
    }
    if (std::find(config.slidingBlocks.begin(), config.slidingBlocks.end(), 1) == config.slidingBlocks.end()) {
        config.slidingBlocks.clear();
        config.slidingWindow = 0;
    }
}

} // namespace halftone
