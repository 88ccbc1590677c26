#pragma once

#include "core/model/architectures/architecture.h"

namespace halftone {

/// A config.json that transformers loads, from a typed config (which came from GGUF key-values; these give the special token ids).
/// @throws Error{Unsupported} where GGUF holds what config.json cannot say.
Json huggingFaceConfigOf(const ModelConfig& config, const Architecture& family, const Json& keyValues, const std::string& subject);

} // namespace halftone
