#pragma once

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
    std::vector<std::int32_t> heldOut;           ///< sampleWindows(): the last window not among `ids`; empty when all are
    std::vector<std::vector<std::int32_t>> unseen;   ///< sampleWindows(): up to kUnseenWindows not among `ids`, spread evenly, of about kUnseenTokens together
    static constexpr int kUnseenWindows = 16, kUnseenTokens = 4096;
};

/// The text of a file. @throws Error{BadFile} when empty, or binary (NUL bytes or mostly no UTF-8).
std::string readText(const std::filesystem::path& file);

/// The contract's windows: the whole text tokenised once without special tokens, cut from the start into non-overlapping windows of
/// `length`; the first `count` of them (0: all). @throws Error{BadFile} when the text is shorter than one window.
TokenWindows cutWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int count, int length);

/// Calibration samples: `count` windows (0: all) from the start when `seed` is 0, else drawn with that seed, without repetition and in
/// text order. @throws Error{BadFile} when the text holds fewer windows.
TokenWindows sampleWindows(const Tokenizer& tokenizer, std::string_view text, std::string_view subject, int count, int length,
                           std::uint64_t seed);

} // namespace halftone
