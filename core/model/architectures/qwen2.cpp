#include "core/model/architectures/common.h"

namespace halftone {

namespace {

ModelConfig fromHuggingFace(const ConfigReader& reader)
{
    ModelConfig config = readLlamaLike(reader, "qwen2", 32);
    config.attentionBias = true;
    readQwenWindow(reader, config);
    return config;
}

ModelConfig fromGguf(const ConfigReader& reader)
{
    ModelConfig config = readLlamaLikeGguf(reader, "qwen2");
    config.attentionBias = true;
    return config;
}

void toHuggingFace(const ModelConfig& config, Json& out, const std::string& subject)
{
    writeLlamaLike(config, out, subject);
    writeQwenWindow(config, out);
}

} // namespace

/// Qwen2 and Qwen2.5 (arXiv:2407.10671): Llama with biases on q, k and v.
Architecture qwen2Architecture()
{
    Architecture family;
    family.info = {"qwen2", "Qwen2", "Qwen2ForCausalLM", "qwen2", "Qwen2 and Qwen2.5, dense"};
    family.modelType = "qwen2";
    family.huggingFaceClass = "Qwen2ForCausalLM";
    family.ggufArchitecture = "qwen2";
    family.names = llamaLikeNames(false);
    family.ggufNames = llamaLikeGgufNames(false);
    family.optionalPrefix = "model.";
    family.fromHuggingFace = fromHuggingFace;
    family.fromGguf = fromGguf;
    family.toHuggingFace = toHuggingFace;
    return family;
}

} // namespace halftone
