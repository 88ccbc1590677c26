#pragma once

#include "core/base/json.h"

#include <string_view>

namespace halftone {

/// What a name in tokenizer.ggml.pre stands for.
struct GgufPreTokenizer {
    Json description;           ///< in tokenizer.json's words
    bool ignoreMerges = false;  ///< a word that is a token stays whole
    bool addBos = false;        ///< where the file is silent
    bool noBos = false;         ///< the BOS of the file counts for nothing (ChatGLM)
};

/// The regular expressions are those of llama.cpp; where it only approximates the model's own (Tekken, GPT-4o), the model's own.
/// @throws Error{Unsupported} naming an unknown pre-tokenizer; an empty name is one too, since llama.cpp's fallback is a guess.
GgufPreTokenizer ggufPreTokenizer(std::string_view name, std::string_view subject);

} // namespace halftone
