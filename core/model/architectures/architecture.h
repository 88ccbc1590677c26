#pragma once

#include "core/model/config_reader.h"
#include "core/model/family_traits.h"
#include "core/model/model.h"
#include "core/model/model_info.h"

#include <string>
#include <vector>

namespace halftone {

struct LinearName {
    std::string name;   ///< inside the block: "self_attn.q_proj"
    SiteKind site;
    LinearRole role;
};

/// How a family names its modules; ".weight" and ".bias" follow. Empty: the family has none. In block names, a number stands between `blocks` and the rest.
struct ModuleNames {
    std::string embedding, positions, embeddingNorm, projectIn, projectOut, finalNorm, head;
    std::string blocks;                                       ///< "model.layers."
    std::string attentionNorm, queryNorm, keyNorm, mlpNorm;   ///< inside the block
    /// In the order in which a block computes them.
    std::vector<LinearName> linears;
};

/// One family: how its config reads and how its tensors are called. A new family is one such value and one line in registry.cpp.
struct Architecture {
    ArchitectureInfo info;
    FamilyTraits traits;
    std::string modelType;         ///< Hugging Face model_type
    std::string huggingFaceClass;  ///< "LlamaForCausalLM"
    std::string ggufArchitecture;  ///< general.architecture; empty: not read from GGUF
    ModuleNames names, ggufNames;
    /// Older checkpoints leave out this start of every tensor name ("transformer.").
    std::string optionalPrefix;
    bool ggufPairsRope = false;    ///< q and k rows are stored in interleaved rotary pairs (llama.cpp's llama)
    /// The linears of attention (q, k, v, output) and of the MLP may have biases, which only a GGUF's tensors tell.
    bool ggufAttentionBias = false, ggufMlpBias = false;
    bool ggufSplitsQkv = false;    ///< fused qkv rows are stored as q | k | v instead of per head
    ModelConfig (*fromHuggingFace)(const ConfigReader&) = nullptr;
    /// `reader` is prefixed with the architecture's name. Vocabulary and tied embeddings are found out from the tensors.
    ModelConfig (*fromGguf)(const ConfigReader&) = nullptr;
    /// What config.json says of a model read from GGUF, beside what every family says. @throws Error{Unsupported} for what it cannot say.
    void (*toHuggingFace)(const ModelConfig&, Json& out, const std::string& subject) = nullptr;
    /// Registry id of the family whose class such a model is written as; null: its own.
    std::string_view (*writtenAs)(const ModelConfig&) = nullptr;
};

/// All families (registry.cpp).
const std::vector<Architecture>& architectureList();
/// @throws Error{Unsupported} naming the known families.
const Architecture& architectureOfHuggingFace(const Json& config, const std::string& subject);
const Architecture& architectureOfGguf(const Json& keyValues, const std::string& subject);
/// By registry id. @throws Error{Internal}.
const Architecture& architectureById(std::string_view id);

} // namespace halftone
