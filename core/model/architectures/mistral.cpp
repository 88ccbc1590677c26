#include "core/model/architectures/common.h"

#include "core/base/error.h"

#include <algorithm>

namespace halftone {

namespace {

ModelConfig fromHuggingFace(const ConfigReader& reader)
{
    ModelConfig config = readLlamaLike(reader, "mistral", 8);
    // Absent means 4096, null none.
    config.slidingWindow = reader.mentions("sliding_window") ? reader.integer("sliding_window", 0, kMaxPositions, 0) : 4096;
    const std::vector<std::uint8_t> sliding = readLayerTypes(reader, config);
    const bool any = std::find(sliding.begin(), sliding.end(), 1) != sliding.end();
    if (any && (config.slidingWindow == 0 || std::find(sliding.begin(), sliding.end(), 0) != sliding.end()))
        reader.unsupported("layer_types", "is mixed: Mistral models whose layers alternate between attention kinds are not supported");
    if (!sliding.empty() && !any && config.slidingWindow > 0)
        reader.note("layer_types", "says full_attention, but MistralForCausalLM follows sliding_window alone, " + std::to_string(config.slidingWindow) + " here");
    return config;
}

void toHuggingFace(const ModelConfig& config, Json& out, const std::string& subject)
{
    if (config.attentionBias || config.outputBias || config.mlpBias)
        throw Error(ErrorKind::Unsupported, subject + ": has both an attention window and biases, and no stock config.json can say so", subject);
    writeLlamaLike(config, out, subject);
    out.erase("attention_bias");
    out["sliding_window"] = config.slidingWindow;   // absent, it would be 4096
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
    family.toHuggingFace = toHuggingFace;
    return family;
}

} // namespace halftone
