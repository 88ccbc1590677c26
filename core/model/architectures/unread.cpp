#include "core/model/architectures/unread.h"

#include "core/base/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace halftone {

namespace {

bool isZero(const Json& value)
{
    return value.is_null() || value == false || value == 0 || value == "" || value == "none" || (value.is_structured() && value.empty());
}

bool isOne(const Json& value)
{
    return value == 1 || value == true;
}

bool isNear(const Json& value, double wanted)
{
    return value.is_number() && std::abs(value.get<double>() - wanted) <= 1e-6 * std::abs(wanted);
}

/// When a key that is not read changes nothing.
enum class Harmless {
    Always,
    WhenZero,           ///< also false, and an empty text or list
    WhenZeroOrOne,      ///< scales: zero means that there is none
    WhenTrue,
    WhenUsualScale,     ///< of attention scores: zero, or 1 / √(head dimension)
    WhenHeadDimension,
    WhenUsualEpsilon,   ///< the same as the family's norm has
    WhenAlibiOfBloom
};

struct HarmlessKey {
    std::string_view key;
    Harmless when;
};

/// The keys "ARCHITECTURE.…" of a GGUF that may stay unread. Every other one is read by the family or refused.
constexpr std::array kHarmlessKeys = {
    HarmlessKey{"vocab_size", Harmless::Always},                   // the embedding's rows tell
    HarmlessKey{"context_length", Harmless::Always},
    HarmlessKey{"tensor_data_layout", Harmless::Always},           // "Meta AI original pth": how the converter got its q and k rows
    HarmlessKey{"pooling_type", Harmless::Always},                 // for embeddings of texts
    HarmlessKey{"decoder_start_token_id", Harmless::Always},
    HarmlessKey{"rope.scaling.finetuned", Harmless::Always},
    HarmlessKey{"attention.causal", Harmless::WhenTrue},
    HarmlessKey{"attention.scale", Harmless::WhenUsualScale},
    HarmlessKey{"attention.key_length_swa", Harmless::WhenHeadDimension},
    HarmlessKey{"attention.value_length_swa", Harmless::WhenHeadDimension},
    HarmlessKey{"rope.dimension_count_swa", Harmless::WhenHeadDimension},
    HarmlessKey{"attention.layer_norm_epsilon", Harmless::WhenUsualEpsilon},
    HarmlessKey{"attention.layer_norm_rms_epsilon", Harmless::WhenUsualEpsilon},
    HarmlessKey{"attention.max_alibi_bias", Harmless::WhenAlibiOfBloom},
    HarmlessKey{"logit_scale", Harmless::WhenZeroOrOne},
    HarmlessKey{"residual_scale", Harmless::WhenZeroOrOne},
    HarmlessKey{"embedding_scale", Harmless::WhenZeroOrOne},
    HarmlessKey{"attention.output_scale", Harmless::WhenZeroOrOne},
    HarmlessKey{"attention.temperature_scale", Harmless::WhenZero},
    HarmlessKey{"attention.temperature_length", Harmless::WhenZero},
    HarmlessKey{"attention.clamp_kqv", Harmless::WhenZero},
    HarmlessKey{"attention.sliding_window", Harmless::WhenZero},
    HarmlessKey{"attention.sliding_window_pattern", Harmless::WhenZero},
    HarmlessKey{"attention.shared_kv_layers", Harmless::WhenZero},
    HarmlessKey{"attention.q_lora_rank", Harmless::WhenZero},
    HarmlessKey{"attention.kv_lora_rank", Harmless::WhenZero},
    HarmlessKey{"attn_logit_softcapping", Harmless::WhenZero},
    HarmlessKey{"final_logit_softcapping", Harmless::WhenZero},
    HarmlessKey{"router_logit_softcapping", Harmless::WhenZero},
    HarmlessKey{"use_parallel_residual", Harmless::WhenZero},
    HarmlessKey{"swin_norm", Harmless::WhenZero},
    HarmlessKey{"rescale_every_n_layers", Harmless::WhenZero},
    HarmlessKey{"rope.scaling.alpha", Harmless::WhenZero},
    HarmlessKey{"rope.scaling.yarn_log_multiplier", Harmless::WhenZero},
    HarmlessKey{"rope.scaling.yarn_ext_factor", Harmless::WhenZero},      // without YaRN these do nothing …
    HarmlessKey{"rope.scaling.yarn_attn_factor", Harmless::WhenZeroOrOne},
    HarmlessKey{"rope.scaling.yarn_beta_fast", Harmless::Always},         // … and a mix that is off has no bounds
    HarmlessKey{"rope.scaling.yarn_beta_slow", Harmless::Always},
    HarmlessKey{"expert_count", Harmless::WhenZero},
    HarmlessKey{"expert_used_count", Harmless::WhenZero},
    HarmlessKey{"expert_shared_count", Harmless::WhenZero},
    HarmlessKey{"expert_group_count", Harmless::WhenZero},
    HarmlessKey{"expert_group_used_count", Harmless::WhenZero},
    HarmlessKey{"expert_feed_forward_length", Harmless::WhenZero},
    HarmlessKey{"expert_shared_feed_forward_length", Harmless::WhenZero},
    HarmlessKey{"expert_weights_norm", Harmless::WhenZero},
    HarmlessKey{"expert_weights_scale", Harmless::WhenZeroOrOne},
    HarmlessKey{"leading_dense_block_count", Harmless::WhenZero},
    HarmlessKey{"nextn_predict_layers", Harmless::WhenZero},
    HarmlessKey{"n_deepstack_layers", Harmless::WhenZero},
};

bool holds(Harmless when, const Json& value, const ModelConfig& config)
{
    switch (when) {
    case Harmless::Always: return true;
    case Harmless::WhenZero: return isZero(value);
    case Harmless::WhenZeroOrOne: return isZero(value) || isOne(value);
    case Harmless::WhenTrue: return value == true;
    case Harmless::WhenUsualScale: return isZero(value) || isNear(value, 1 / std::sqrt(static_cast<double>(config.headDim)));
    case Harmless::WhenHeadDimension: return value == config.headDim;
    case Harmless::WhenUsualEpsilon: return isNear(value, config.normEpsilon);
    case Harmless::WhenAlibiOfBloom: return config.position == PositionKind::Alibi ? isNear(value, 8) : isZero(value);
    }
    return false;
}

/// Fields of config.json that change the arithmetic of some family, and of none here; `one`: a scale, so that 1 is neutral too.
struct ForeignField {
    std::string_view key;
    bool one = false;
};

constexpr std::array kForeignFields = {
    ForeignField{"per_layer_config"}, ForeignField{"attn_logit_softcapping"}, ForeignField{"final_logit_softcapping"}, ForeignField{"attention_logit_softcapping"},
    ForeignField{"logits_soft_cap"}, ForeignField{"logit_softcap"}, ForeignField{"logits_softcap"}, ForeignField{"output_logit_soft_cap"},
    ForeignField{"attention_multiplier"}, ForeignField{"query_pre_attn_scalar"}, ForeignField{"attention_scale"}, ForeignField{"attn_scale"}, ForeignField{"softmax_scale"},
    ForeignField{"residual_multiplier", true}, ForeignField{"embedding_multiplier", true}, ForeignField{"logits_scaling", true}, ForeignField{"logit_scale", true},
    ForeignField{"logits_scale", true}, ForeignField{"lm_head_multiplier", true}, ForeignField{"residual_scale", true}, ForeignField{"embedding_scale", true},
    ForeignField{"embed_scale", true}, ForeignField{"scale_emb", true}, ForeignField{"scale_depth"}, ForeignField{"dim_model_base"}, ForeignField{"mup_width_multiplier", true},
    ForeignField{"mlp_multipliers"}, ForeignField{"key_multiplier", true}, ForeignField{"attention_in_multiplier", true}, ForeignField{"attention_out_multiplier", true},
    ForeignField{"num_experts"}, ForeignField{"num_local_experts"}, ForeignField{"n_routed_experts"}, ForeignField{"moe_intermediate_size"}, ForeignField{"num_experts_per_tok"},
    ForeignField{"clip_qkv"}, ForeignField{"attention_chunk_size"}, ForeignField{"sliding_window_pattern"}, ForeignField{"rope_local_base_freq"},
    ForeignField{"no_rope_layers"}, ForeignField{"no_rope_layer_interval"}, ForeignField{"use_qk_norm"}, ForeignField{"qk_norm"}, ForeignField{"qk_layernorm"},
    ForeignField{"parallel_attn"}, ForeignField{"use_parallel_residual"}, ForeignField{"parallel_residual"}, ForeignField{"alibi"}, ForeignField{"use_alibi"},
    ForeignField{"use_bidirectional_attention"}, ForeignField{"rope_interleaved"}, ForeignField{"rope_interleave"}, ForeignField{"kv_lora_rank"}, ForeignField{"q_lora_rank"},
    ForeignField{"attn_output_gate"}, ForeignField{"attention_sinks"}, ForeignField{"num_kv_shared_layers"}, ForeignField{"hidden_size_per_layer_input"},
};

/// Fields that widespread configs carry and that the stock class of this family does not read: its answer stands, and they are told.
constexpr std::array kIgnoredFields = {"sliding_window", "attention_bias", "qkv_bias", "use_qkv_bias", "mlp_bias", "use_bias"};

} // namespace

void refuseUnreadKeys(const ConfigReader& reader, const ModelConfig& config)
{
    for (const std::string& key : reader.unread()) {
        const Json* value = reader.find(key);
        if (!value)
            continue;
        const auto known = std::find_if(kHarmlessKeys.begin(), kHarmlessKeys.end(), [&](const HarmlessKey& entry) { return entry.key == key; });
        const std::string is = "is " + printable(value->dump(-1, ' ', false, Json::error_handler_t::replace), 60);
        if (known == kHarmlessKeys.end())
            reader.unsupported(printable(key), is + ", a key that is not known: it may change what the model computes");
        if (!holds(known->when, *value, config))
            reader.unsupported(key, is + ", which changes what the model computes and is not supported in this architecture");
    }
}

void refuseForeignFields(const ConfigReader& reader, const ModelConfig& config)
{
    const std::vector<std::string> unread = reader.unread();
    const auto read = [&](std::string_view key) { return std::find(unread.begin(), unread.end(), key) == unread.end(); };
    const auto shown = [](const Json& value) { return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 60); };
    for (const ForeignField& field : kForeignFields) {
        if (read(field.key))
            continue;
        const Json* value = reader.find(field.key);
        const bool usual = value && (field.key == "query_pre_attn_scalar" ? isNear(*value, static_cast<double>(config.headDim))
                                     : field.key == "attention_multiplier" || field.key == "attention_scale" || field.key == "attn_scale" || field.key == "softmax_scale"
                                         ? isNear(*value, 1 / std::sqrt(static_cast<double>(config.headDim)))
                                         : field.one && isOne(*value));
        if (value && !isZero(*value) && !usual)
            reader.unsupported(field.key, "is " + shown(*value) + ": it changes what a model computes, and is not known in this architecture");
    }
    if (const Json* types = reader.find("mlp_layer_types");
        types && !(types->is_array() && std::all_of(types->begin(), types->end(), [](const Json& type) { return type == "dense"; })))
        reader.unsupported("mlp_layer_types", "names layers that are not dense");
    for (const char* key : kIgnoredFields) {
        if (read(key))
            continue;
        const Json* value = reader.find(key);
        const bool longWindow = std::string_view(key) == "sliding_window" && value && value->is_number() && value->get<double>() >= static_cast<double>(config.maxPositions);
        if (value && !isZero(*value) && !longWindow)
            reader.note(key, "is " + shown(*value) + ", which the stock class of this architecture does not read: nothing follows it here either");
    }
}

} // namespace halftone
