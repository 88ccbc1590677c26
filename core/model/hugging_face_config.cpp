#include "core/model/hugging_face_config.h"

#include "core/base/error.h"

#include <utility>

namespace halftone {

Json huggingFaceConfigOf(const ModelConfig& config, const Architecture& family, const Json& keyValues, const std::string& subject)
{
    const Architecture& written = family.writtenAs ? architectureById(family.writtenAs(config)) : family;
    if (!written.toHuggingFace)
        throw Error(ErrorKind::Internal, subject + ": " + written.info.name + " has no config.json of its own to write", subject);
    Json out{{"architectures", {written.huggingFaceClass}}, {"model_type", written.modelType}, {"hidden_size", config.hidden}, {"vocab_size", config.vocabulary},
             {"tie_word_embeddings", config.tiedEmbeddings}, {"use_cache", true}};
    written.toHuggingFace(config, out, subject);
    const ConfigReader reader(keyValues, subject);
    const std::pair<const char*, const char*> specials[] = {{"bos_token_id", "tokenizer.ggml.bos_token_id"}, {"eos_token_id", "tokenizer.ggml.eos_token_id"},
                                                           {"pad_token_id", "tokenizer.ggml.padding_token_id"}};
    for (const auto& [key, source] : specials)
        if (reader.has(source))
            out[key] = reader.integer(source, 0, config.vocabulary - 1);
    return out;
}

} // namespace halftone
