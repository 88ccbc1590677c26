#include "core/model/architectures/common.h"

namespace halftone {

namespace {

/// What is the same in every BLOOM.
ModelConfig bloomConfig()
{
    ModelConfig config;
    config.architecture = "bloom";
    config.norm = NormKind::Layer;
    config.activation = ActivationFunction::GeluTanh;
    config.gatedMlp = false;
    config.position = PositionKind::Alibi;
    config.fusedQkv = true;
    config.embeddingNorm = true;
    config.attentionBias = config.outputBias = config.mlpBias = true;
    config.tiedEmbeddings = true;
    return config;
}

void setHeads(const ConfigReader& reader, ModelConfig& config, std::string_view key)
{
    config.heads = config.kvHeads = static_cast<int>(reader.integer(key, 1, kMaxHeads));
    if (config.hidden % config.heads != 0)
        reader.fail(key, "is " + std::to_string(config.heads) + ", which does not divide the hidden size " + std::to_string(config.hidden));
    config.headDim = config.hidden / config.heads;
}

ModelConfig fromHuggingFace(const ConfigReader& reader)
{
    ModelConfig config = bloomConfig();
    config.blocks = static_cast<int>(reader.integer(reader.firstOf({"n_layer", "num_hidden_layers"}), 1, kMaxBlocks));
    config.hidden = config.embeddingWidth = reader.integer(reader.firstOf({"n_embed", "hidden_size"}), 1, kMaxWidth);
    config.intermediate = 4 * config.hidden;
    config.vocabulary = reader.integer("vocab_size", 1, kMaxVocabulary);
    config.maxPositions = reader.integer("seq_length", 1, kMaxPositions, 2048);
    setHeads(reader, config, reader.firstOf({"n_head", "num_attention_heads"}));
    config.normEpsilon = reader.real("layer_norm_epsilon", 0, 1, 1e-5);
    config.residualAfterNorm = reader.boolean("apply_residual_connection_post_layernorm", false);
    config.tiedEmbeddings = reader.boolean("tie_word_embeddings", true);
    if (reader.boolean("slow_but_exact", false) && reader.integer("pretraining_tp", 0, kMaxHeads, 1) > 1)
        reader.unsupported("slow_but_exact", "is true beside a pretraining_tp above 1: transformers then leaves out the biases of dense and dense_4h_to_h, "
                                             "with which such models were trained; set it to false to use them");
    return config;
}

ModelConfig fromGguf(const ConfigReader& reader)
{
    ModelConfig config = bloomConfig();
    config.blocks = static_cast<int>(reader.integer("block_count", 1, kMaxBlocks));
    config.hidden = config.embeddingWidth = reader.integer("embedding_length", 1, kMaxWidth);
    config.intermediate = reader.integer("feed_forward_length", 1, kMaxWidth, 4 * config.hidden);
    config.maxPositions = reader.integer("context_length", 1, kMaxPositions, 2048);
    setHeads(reader, config, "attention.head_count");
    if (reader.integer("attention.head_count_kv", 1, kMaxHeads, config.heads) != config.heads)
        reader.unsupported("attention.head_count_kv", "differs from the number of heads, which BLOOM does not have");
    config.normEpsilon = reader.real("attention.layer_norm_epsilon", 0, 1);
    return config;
}

void toHuggingFace(const ModelConfig& config, Json& out, const std::string&)
{
    out["n_layer"] = config.blocks;
    out["n_head"] = config.heads;
    out["layer_norm_epsilon"] = shortest(config.normEpsilon);
    out["apply_residual_connection_post_layernorm"] = config.residualAfterNorm;
    out["seq_length"] = config.maxPositions;
}

} // namespace

/// BLOOM (arXiv:2211.05100): one fused qkv per block with rows interleaved per head, ALiBi, a norm on the embedding.
Architecture bloomArchitecture()
{
    Architecture family;
    family.info = {"bloom", "BLOOM", "BloomForCausalLM", "bloom", "BLOOM and BLOOMZ; fused qkv and ALiBi"};
    family.modelType = "bloom";
    family.huggingFaceClass = "BloomForCausalLM";
    family.ggufArchitecture = "bloom";
    ModuleNames& names = family.names;
    names.embedding = "transformer.word_embeddings";
    names.embeddingNorm = "transformer.word_embeddings_layernorm";
    names.finalNorm = "transformer.ln_f";
    names.head = "lm_head";
    names.blocks = "transformer.h.";
    names.attentionNorm = "input_layernorm";
    names.mlpNorm = "post_attention_layernorm";
    names.linears = {{"self_attention.query_key_value", SiteKind::AttentionInput, LinearRole::FusedQkv},
                     {"self_attention.dense", SiteKind::AttentionOutput, LinearRole::Output},
                     {"mlp.dense_h_to_4h", SiteKind::MlpInput, LinearRole::Up}, {"mlp.dense_4h_to_h", SiteKind::MlpMiddle, LinearRole::Down}};
    ModuleNames& gguf = family.ggufNames;
    gguf.embedding = "token_embd";
    gguf.embeddingNorm = "token_embd_norm";
    gguf.finalNorm = "output_norm";
    gguf.head = "output";
    gguf.blocks = "blk.";
    gguf.attentionNorm = "attn_norm";
    gguf.mlpNorm = "ffn_norm";
    gguf.linears = {{"attn_qkv", SiteKind::AttentionInput, LinearRole::FusedQkv}, {"attn_output", SiteKind::AttentionOutput, LinearRole::Output},
                    {"ffn_up", SiteKind::MlpInput, LinearRole::Up}, {"ffn_down", SiteKind::MlpMiddle, LinearRole::Down}};
    family.optionalPrefix = "transformer.";
    family.ggufSplitsQkv = true;
    family.fromHuggingFace = fromHuggingFace;
    family.fromGguf = fromGguf;
    family.toHuggingFace = toHuggingFace;
    return family;
}

} // namespace halftone
