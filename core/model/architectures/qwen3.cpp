#include "core/model/architectures/common.h"

namespace halftone {

namespace {

ModelConfig fromHuggingFace(const ConfigReader& reader)
{
    ModelConfig config = readLlamaLike(reader, "qwen3", 32, 128);   // its own default, whatever the hidden size
    config.attentionBias = config.outputBias = reader.boolean("attention_bias", false);
    config.queryKeyNorm = true;
    readQwenWindow(reader, config);
    return config;
}

ModelConfig fromGguf(const ConfigReader& reader)
{
    ModelConfig config = readLlamaLikeGguf(reader, "qwen3");
    config.queryKeyNorm = true;
    return config;
}

void toHuggingFace(const ModelConfig& config, Json& out, const std::string& subject)
{
    writeLlamaLike(config, out, subject);
    writeQwenWindow(config, out);
}

} // namespace

/// Qwen3 (arXiv:2505.09388): Llama with RMSNorm on each query and key head, no biases.
Architecture qwen3Architecture()
{
    Architecture family;
    family.info = {"qwen3", "Qwen3", "Qwen3ForCausalLM", "qwen3", "Qwen3, dense"};
    family.modelType = "qwen3";
    family.huggingFaceClass = "Qwen3ForCausalLM";
    family.ggufArchitecture = "qwen3";
    family.names = llamaLikeNames(true);
    family.ggufNames = llamaLikeGgufNames(true);
    family.ggufAttentionBias = true;
    family.optionalPrefix = "model.";
    family.fromHuggingFace = fromHuggingFace;
    family.fromGguf = fromGguf;
    family.toHuggingFace = toHuggingFace;
    return family;
}

} // namespace halftone
