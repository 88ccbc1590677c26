#pragma once

#include "core/base/json.h"

#include <string_view>

namespace halftone {

/// What a name in tokenizer.ggml.pre stands for.
struct GgufPreTokenizer {
    Json normalizer, description, decoder;   ///< in tokenizer.json's words; null: none
    bool byteFallback = false;  ///< tokens are UTF-8 with "▁" for a space and "<0x0A>" for bytes, not GPT-2's alphabet
    bool ignoreMerges = false;  ///< a word that is a token stays whole
    bool addBos = false;        ///< where the file is silent
    bool noBos = false;         ///< the BOS of the file counts for nothing (ChatGLM)
};

/// The regular expressions are those of llama.cpp; where it only approximates the model's own (Tekken, GPT-4o), the model's own.
/// @throws Error{Unsupported} naming an unknown pre-tokenizer; an empty name is one too, since llama.cpp's fallback is a guess.
GgufPreTokenizer ggufPreTokenizer(std::string_view name, std::string_view subject);

} // namespace halftone
