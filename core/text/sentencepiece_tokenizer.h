#pragma once

#include "core/text/added_tokens.h"
#include "core/text/tokenizer.h"

#include <memory>
#include <string>
#include <vector>

namespace halftone {

/// A SentencePiece model, run by its own library. Between added tokens each part of a text is encoded as a sentence of its own.
struct SentencePieceParts {
    std::string subject;                    ///< the file, for errors
    std::string model;                      ///< its bytes
    std::vector<AddedToken> addedTokens;    ///< id -1: that of the piece with this text
    bool addBos = false, addEos = false;    ///< what `special` adds
};

std::unique_ptr<Tokenizer> sentencePieceTokenizer(SentencePieceParts parts);

} // namespace halftone
