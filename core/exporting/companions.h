#pragma once

#include "core/exporting/formats.h"
#include "core/model/model.h"

#include <filesystem>
#include <string>
#include <vector>

namespace halftone {

struct Companions {
    std::vector<std::string> written;
    std::vector<LeftBehind> left;
};

/// Everything beside weights and config.json. From a Hugging Face folder: tokenizer, generation config, chat templates, processors, licence, read-me
/// and what else is text or settings; code, other weights and what nobody knows stay behind and are named. From a GGUF: the tokenizer and generation
/// config, made from its key-values.
Companions writeCompanions(const Model& model, const std::filesystem::path& folder);

/// Takes `auto_map` out of a config: it names code, which stays behind, and a loader would ask for it. @return whether there was any
bool dropAutoMap(nlohmann::json& config);

} // namespace halftone
