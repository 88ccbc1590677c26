#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// SentencePiece's compiled normalization rules ("precompiled_charsmap"): a double-array trie of what is replaced, and the texts that replace it.
class PrecompiledMap {
public:
    /// `base64` as tokenizer.json holds it. @throws Error{BadFile} where it is none, or its parts do not fit.
    PrecompiledMap(std::string_view base64, std::string_view subject);

    /// As Hugging Face tokenizers apply it: to grapheme clusters of fewer than six bytes, else to each character.
    std::string apply(std::string_view text) const;

private:
    /// What stands for the shortest rule that `part` begins with.
    std::optional<std::string_view> replacement(std::string_view part) const;

    std::vector<std::uint32_t> m_units;
    std::string m_texts;   ///< each ends with a zero byte
};

} // namespace halftone
