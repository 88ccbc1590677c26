#include "core/model/architectures/common.h"

#include "core/base/error.h"

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

ModelConfig readLlamaLike(const ConfigReader& reader, std::string_view architecture, int kvHeads, std::int64_t headDim)
{
    ModelConfig config;
    config.architecture = architecture;
    config.blocks = static_cast<int>(reader.integer("num_hidden_layers", 1, kMaxBlocks));
    config.hidden = config.embeddingWidth = reader.integer("hidden_size", 1, kMaxWidth);
    config.intermediate = reader.integer("intermediate_size", 1, kMaxWidth);
    config.vocabulary = reader.integer("vocab_size", 1, kMaxVocabulary);
    config.maxPositions = reader.integer("max_position_embeddings", 1, kMaxPositions, 2048);
    config.heads = static_cast<int>(reader.integer("num_attention_heads", 1, kMaxHeads));
    const bool absent = kvHeads > 0 && !reader.mentions("num_key_value_heads");
    config.kvHeads = static_cast<int>(reader.integer("num_key_value_heads", 1, kMaxHeads, absent ? kvHeads : config.heads));
    if (headDim == 0 && !reader.has("head_dim") && config.hidden % config.heads != 0)
        reader.fail("num_attention_heads", "is " + std::to_string(config.heads) + ", which does not divide hidden_size " + std::to_string(config.hidden));
    config.headDim = reader.integer("head_dim", 1, kMaxWidth, headDim > 0 ? headDim : config.hidden / config.heads);
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
    config.normEpsilon = reader.real("attention.layer_norm_rms_epsilon", 0, 1);
    config.slidingWindow = reader.integer("attention.sliding_window", 0, kMaxPositions, 0);
    if (config.slidingWindow >= config.maxPositions)
        config.slidingWindow = 0;   // longer than any text it is made for
    readGgufRope(reader, config);
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
    names.linears = {{"self_attn.q_proj", SiteKind::AttentionInput, LinearRole::Query},
                     {"self_attn.k_proj", SiteKind::AttentionInput, LinearRole::Key},
                     {"self_attn.v_proj", SiteKind::AttentionInput, LinearRole::Value},
                     {"self_attn.o_proj", SiteKind::AttentionOutput, LinearRole::Output}, {"mlp.gate_proj", SiteKind::MlpInput, LinearRole::Gate},
                     {"mlp.up_proj", SiteKind::MlpInput, LinearRole::Up}, {"mlp.down_proj", SiteKind::MlpMiddle, LinearRole::Down}};
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
    names.linears = {{"attn_q", SiteKind::AttentionInput, LinearRole::Query}, {"attn_k", SiteKind::AttentionInput, LinearRole::Key},
                     {"attn_v", SiteKind::AttentionInput, LinearRole::Value}, {"attn_output", SiteKind::AttentionOutput, LinearRole::Output},
                     {"ffn_gate", SiteKind::MlpInput, LinearRole::Gate}, {"ffn_up", SiteKind::MlpInput, LinearRole::Up},
                     {"ffn_down", SiteKind::MlpMiddle, LinearRole::Down}};
    return names;
}

void readQwenWindow(const ConfigReader& reader, ModelConfig& config)
{
    const bool use = reader.boolean("use_sliding_window", false);
    const std::int64_t most = reader.integer("max_window_layers", 0, kMaxBlocks, 28);
    const bool none = reader.mentions("sliding_window") && !reader.has("sliding_window");   // null; absent means 4096
    const std::int64_t window = use && !none ? reader.integer("sliding_window", 1, kMaxPositions, 4096) : 0;
    std::vector<std::uint8_t> sliding = readLayerTypes(reader, config);
    if (sliding.empty()) {
        sliding.assign(static_cast<std::size_t>(config.blocks), 0);
        for (std::size_t i = 0; window > 0 && i < sliding.size(); ++i)
            sliding[i] = static_cast<std::int64_t>(i) >= most;
    }
    if (std::find(sliding.begin(), sliding.end(), 1) == sliding.end())
        return;
    if (window == 0)
        reader.fail("layer_types", "names sliding_attention, but use_sliding_window or sliding_window leaves no window");
    config.slidingWindow = window;
    config.slidingBlocks = std::move(sliding);
}

std::vector<std::uint8_t> readLayerTypes(const ConfigReader& reader, const ModelConfig& config)
{
    std::vector<std::uint8_t> sliding;
    const Json* types = reader.find("layer_types");
    if (!types)
        return sliding;
    if (!types->is_array() || types->size() != static_cast<std::size_t>(config.blocks))
        reader.fail("layer_types", "must list " + std::to_string(config.blocks) + " layers");
    for (const Json& type : *types) {
        const std::string name = type.is_string() ? type.get<std::string>() : std::string();
        if (name != "sliding_attention" && name != "full_attention")
            reader.unsupported("layer_types", "names " + printable(type.dump(-1, ' ', false, Json::error_handler_t::replace), 60)
                                   + "; known are full_attention and sliding_attention");
        sliding.push_back(name == "sliding_attention");
    }
    return sliding;
}

} // namespace halftone
