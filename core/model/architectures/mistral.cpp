#include "core/model/architectures/common.h"

namespace halftone {

namespace {

ModelConfig fromHuggingFace(const ConfigReader& reader)
{
    ModelConfig config = readLlamaLike(reader, "mistral");
    if (reader.has("layer_types"))
        reader.unsupported("layer_types", "is set: Mistral models whose layers alternate between attention kinds are not supported");
    config.slidingWindow = reader.integer("sliding_window", 0, kMaxPositions, 0);
    return config;
}

} // namespace

/// Mistral 7B (arXiv:2310.06825): Llama with grouped queries and a sliding attention window. Its GGUF files call themselves "llama".
Architecture mistralArchitecture()
{
    Architecture family;
    family.info = {"mistral", "Mistral", "MistralForCausalLM", "", "dense Mistral models with or without a sliding window; their GGUF files are read as Llama"};
    family.modelType = "mistral";
    family.huggingFaceClass = "MistralForCausalLM";
    family.names = llamaLikeNames(false);
    family.optionalPrefix = "model.";
    family.fromHuggingFace = fromHuggingFace;
    return family;
}

} // namespace halftone
