#pragma once

#include "core/text/text_choice.h"
#include "core/text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace halftone {

/// A text's token ids cut into equal windows.
struct TokenWindows {
    int length = 0;                              ///< tokens a window
    std::vector<std::vector<std::int32_t>> ids;  ///< [windows][length]
    std::string textHash;                        ///< SHA-256 of the text's bytes
    std::int64_t tokensInText = 0;
    int wanted = 0;                              ///< sampleWindows(): how many were asked for; more than there are where the text is short
    std::vector<std::int32_t> heldOut;           ///< sampleWindows(): the last window not among `ids`; when all are, what is left behind them
    std::vector<std::string> notes;              ///< of who read the text: how it was put together, in sentences
    std::vector<std::vector<std::int32_t>> unseen;   ///< sampleWindows(): up to kUnseenWindows not among `ids`, spread evenly, of about kUnseenTokens together
    static constexpr int kUnseenWindows = 16, kUnseenTokens = 4096;
};

/// The contract's windows: the whole text tokenised once without special tokens, cut from the start into non-overlapping windows of
/// `length`; the first `count` of them (0: all). @throws Error{BadFile} when the text is shorter than one window.
TokenWindows cutWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int count, int length);

/// Calibration samples: `count` windows (0: all) from the start when `seed` is 0, else drawn with that seed, without repetition and in
/// text order. Of a text that holds fewer, all. @throws Error{BadFile} when the text is shorter than one window.
TokenWindows sampleWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int count, int length,
                           std::uint64_t seed);

/// "23 of 128 samples: the text is short"; empty where there are as many as are wanted.
std::string shortTextSentence(std::int64_t samples, std::int64_t wanted);
/// "the text has 300 tokens, but one window needs 2048; …"
std::string tooShortSentence(std::int64_t tokens, int length);

/// A short text of Halftone's own, for runs that learn from none: output errors and the canary are measured on it.
std::string_view builtInText();

} // namespace halftone
