#pragma once

#include "core/text/pipeline_tokenizer.h"
#include "core/text/tokenizer.h"

#include <vector>

namespace halftone {

/// What llama.cpp makes of a GGUF's token types and settings.
struct GgufTokens {
    std::vector<std::string> texts;         ///< by id; an empty one reads "[EMPTY_7]"
    std::vector<AddedToken> special;        ///< control and unknown tokens: not looked for in a text
    std::vector<AddedToken> userDefined;    ///< cut out of a text before anything else
    std::vector<std::int32_t> before, behind;  ///< what `special` adds
};

/// @throws Error{BadFile} naming a count or an id that does not fit.
GgufTokens ggufTokens(const GgufVocabulary& vocabulary, bool addBosByDefault, bool noBos);

/// tokenizer.ggml.pre, or what the model implies.
std::string_view preTokenizerName(const GgufVocabulary& vocabulary);

/// A "gpt2" or "gemma4" vocabulary as parts of a pipeline; control tokens are not looked for. @throws Error{Unsupported} for an unknown `pre`.
PipelineParts ggufPipeline(const GgufVocabulary& vocabulary);

/// A "llama" vocabulary: neighbours merge by the score of what they form, from the left where scores are equal; characters that are no
/// token become bytes (SentencePiece's BPE as llama.cpp does it).
std::unique_ptr<Tokenizer> spmTokenizer(const GgufVocabulary& vocabulary);

} // namespace halftone
