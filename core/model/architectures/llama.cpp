#include "core/model/architectures/common.h"

#include <algorithm>

namespace halftone {

namespace {

ModelConfig fromHuggingFace(const ConfigReader& reader)
{
    ModelConfig config = readLlamaLike(reader, "llama");
    config.attentionBias = config.outputBias = reader.boolean("attention_bias", false);
    config.mlpBias = reader.boolean("mlp_bias", false);
    const std::vector<std::uint8_t> sliding = readLayerTypes(reader, config);
    if (std::find(sliding.begin(), sliding.end(), 1) != sliding.end())
        reader.unsupported("layer_types", "names sliding_attention, which LlamaForCausalLM does not have");
    return config;
}

ModelConfig fromGguf(const ConfigReader& reader)
{
    return readLlamaLikeGguf(reader, "llama");
}

void toHuggingFace(const ModelConfig& config, Json& out, const std::string& subject)
{
    writeLlamaLike(config, out, subject);
    out["mlp_bias"] = config.mlpBias;
}

/// Llama's class has no attention window and no other difference to Mistral's, whose GGUF files call themselves Llama.
std::string_view writtenAs(const ModelConfig& config)
{
    return config.slidingWindow > 0 ? "mistral" : "llama";
}

} // namespace

/// Llama 1–3, SmolLM and everything else that was published under model_type "llama" (arXiv:2302.13971, arXiv:2307.09288, arXiv:2407.21783).
Architecture llamaArchitecture()
{
    Architecture family;
    family.info = {"llama", "Llama", "LlamaForCausalLM", "llama", "Llama 2 and 3, SmolLM, and models that share their code; linear, dynamic, llama3, yarn and longrope scaling"};
    family.modelType = "llama";
    family.huggingFaceClass = "LlamaForCausalLM";
    family.ggufArchitecture = "llama";
    family.names = llamaLikeNames(false);
    family.ggufNames = llamaLikeGgufNames(false);
    family.optionalPrefix = "model.";
    family.ggufPairsRope = true;
    family.ggufAttentionBias = family.ggufMlpBias = true;
    family.fromHuggingFace = fromHuggingFace;
    family.fromGguf = fromGguf;
    family.toHuggingFace = toHuggingFace;
    family.writtenAs = writtenAs;
    family.traits = {.kernelMark = 0.01, .kernelMarkName = "LLaMA"};
    return family;
}

} // namespace halftone
