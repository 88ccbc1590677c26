#include "core/model/architectures/common.h"

namespace halftone {

namespace {

ModelConfig fromHuggingFace(const ConfigReader& reader)
{
    ModelConfig config;
    config.architecture = "opt";
    config.blocks = static_cast<int>(reader.integer("num_hidden_layers", 1, kMaxBlocks));
    config.hidden = reader.integer("hidden_size", 1, kMaxWidth);
    config.embeddingWidth = reader.integer("word_embed_proj_dim", 1, kMaxWidth, config.hidden);
    config.intermediate = reader.integer("ffn_dim", 1, kMaxWidth);
    config.vocabulary = reader.integer("vocab_size", 1, kMaxVocabulary);
    config.maxPositions = reader.integer("max_position_embeddings", 1, kMaxPositions);
    config.heads = config.kvHeads = static_cast<int>(reader.integer("num_attention_heads", 1, kMaxHeads));
    if (config.hidden % config.heads != 0)
        reader.fail("num_attention_heads", "is " + std::to_string(config.heads) + ", which does not divide hidden_size " + std::to_string(config.hidden));
    config.headDim = config.hidden / config.heads;
    config.norm = NormKind::Layer;
    config.normEpsilon = 1e-5;
    config.activation = readActivation(reader, "activation_function", "relu");
    config.gatedMlp = false;
    config.position = PositionKind::Learned;
    config.positionOffset = 2;
    config.preNorm = reader.boolean("do_layer_norm_before", true);
    config.finalNorm = config.preNorm && !reader.boolean("_remove_final_layer_norm", false);
    config.attentionBias = config.outputBias = config.mlpBias = reader.boolean("enable_bias", true);
    config.tiedEmbeddings = reader.boolean("tie_word_embeddings", true);
    if (!reader.boolean("layer_norm_elementwise_affine", true))
        reader.unsupported("layer_norm_elementwise_affine", "is false: norms without weights are not supported");
    return config;
}

} // namespace

/// OPT (arXiv:2205.01068): learned positions, LayerNorm, ReLU; the 350m model norms after the residual and projects its embeddings.
Architecture optArchitecture()
{
    Architecture family;
    family.info = {"opt", "OPT", "OPTForCausalLM", "", "OPT 125m to 175b, with 350m's post-norm and projected embeddings"};
    family.modelType = "opt";
    family.huggingFaceClass = "OPTForCausalLM";
    ModuleNames& names = family.names;
    names.embedding = "model.decoder.embed_tokens";
    names.positions = "model.decoder.embed_positions";
    names.projectIn = "model.decoder.project_in";
    names.projectOut = "model.decoder.project_out";
    names.finalNorm = "model.decoder.final_layer_norm";
    names.head = "lm_head";
    names.blocks = "model.decoder.layers.";
    names.attentionNorm = "self_attn_layer_norm";
    names.mlpNorm = "final_layer_norm";
    names.linears = {{"self_attn.q_proj", SiteKind::AttentionInput, LinearRole::Query},
                     {"self_attn.k_proj", SiteKind::AttentionInput, LinearRole::Key},
                     {"self_attn.v_proj", SiteKind::AttentionInput, LinearRole::Value},
                     {"self_attn.out_proj", SiteKind::AttentionOutput, LinearRole::Output}, {"fc1", SiteKind::MlpInput, LinearRole::Up},
                     {"fc2", SiteKind::MlpMiddle, LinearRole::Down}};
    family.optionalPrefix = "model.";
    family.fromHuggingFace = fromHuggingFace;
    family.traits = {.flattensMlp = true, .namesKvHeads = false, .kernelMark = 0.19, .kernelMarkName = "OPT"};
    return family;
}

} // namespace halftone
