#pragma once

#include "core/text/text_budget.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace halftone {

/// A token that is cut out of the text before the model sees it.
struct AddedToken {
    std::string content;
    std::int32_t id = 0;
    bool special = false;
    bool normalized = false;  ///< looked for in the normalized text, by its own normalized form
    bool stripLeft = false, stripRight = false;
    bool singleWord = false;
};

/// A part of a text: an added token, or text still to be encoded (id -1).
struct Segment {
    std::size_t begin, end;
    std::int32_t id = -1;
};

/// Finds added tokens in a text.
class AddedTokens {
public:
    AddedTokens() = default;
    /// `patterns[i]` is the text that stands for `tokens[i]`. @throws Error{BadFile} naming `subject` where they are longer than 8 MiB together.
    AddedTokens(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns, std::string_view subject);

    bool empty() const { return m_tokens.empty(); }
    /// As Hugging Face: from the left, the longest at each place. @throws Error{BadFile} where `budget` is used up, or where tokenizers itself ends.
    std::vector<Segment> split(std::string_view text, const TextBudget& budget) const;
    /// As llama.cpp: the longest token first, wherever it stands, then the next longest in what is left.
    std::vector<Segment> splitLongestFirst(std::string_view text, const TextBudget& budget) const;

private:
    /// Tells `found` of each token at text[at], the shortest first.
    template <typename Found>
    void tokensAt(std::string_view text, std::size_t at, const TextBudget& budget, std::size_t& steps, Found found) const;
    std::vector<bool> occurring(std::string_view text, const TextBudget& budget) const;

    std::string m_subject;

    std::vector<AddedToken> m_tokens;
    std::vector<std::string> m_patterns;
    std::optional<std::size_t> m_nothing;                        ///< a token whose pattern is empty: it is found wherever no other one is
    std::vector<bool> m_begins = std::vector<bool>(256, false);  ///< bytes a pattern begins with
    std::unordered_map<std::uint64_t, std::uint32_t> m_edges;    ///< trie: node << 8 | byte → node
    std::vector<std::int32_t> m_ends{-1};                        ///< by node: index of the token that ends there
};

} // namespace halftone
