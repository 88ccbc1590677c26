#pragma once

#include "core/base/json.h"
#include "core/text/regex.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// A text cut into pieces, each of which the model encodes on its own. What no piece covers is dropped.
struct Pieces {
    struct Piece {
        std::size_t begin, end;  ///< bytes of `text`
        std::size_t ofFirst;     ///< bytes at its front that come from the first character of the caller's whole text
    };
    std::string text;
    std::vector<Piece> pieces;
};

/// The "pre_tokenizer" of a tokenizer.json.
class PreTokenizer {
public:
    PreTokenizer() = default;
    /// Knows Sequence, ByteLevel, Split, CharDelimiterSplit, FixedLength, Digits, Punctuation, Whitespace, WhitespaceSplit, Metaspace and BertPreTokenizer.
    /// @throws Error{Unsupported} naming any other.
    PreTokenizer(const Json& description, std::string_view subject);

    /// Cuts every piece further, and rewrites the text where a step says so (bytes to characters, spaces to "▁").
    /// @throws Error{BadFile} naming the rule that takes too long or grows the text beyond `budget`.
    void apply(Pieces& pieces, const TextBudget& budget) const;

private:
    struct Step {
        std::string rule;   ///< for messages
        std::function<void(Pieces&, const TextBudget&)> cut;
    };
    void add(const Json& description, int depth);

    std::string m_subject;
    std::vector<Step> m_steps;
};

} // namespace halftone
