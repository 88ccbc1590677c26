#pragma once

#include "core/text/text_budget.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace halftone {

/// A regular expression in the dialect of Hugging Face tokenizers (Oniguruma, Ruby syntax), run by PCRE2 in UTF mode.
/// Immutable; any thread may match.
class Regex {
public:
    using Match = std::pair<std::size_t, std::size_t>;  ///< begin, end in bytes

    /// @throws Error{Unsupported} naming what of the pattern has no known equivalent, Error{BadFile} if it does not compile.
    explicit Regex(std::string_view pattern, std::string_view subject);
    /// `text` as it stands, no operators.
    static Regex literal(std::string_view text, std::string_view subject);
    /// One extended grapheme cluster.
    static Regex grapheme();

    const std::string& pattern() const { return m_pattern; }
    /// The first match at or after `from` in valid UTF-8.
    /// @throws Error{BadFile} when a match takes too many steps, or all together more time than `budget` leaves.
    std::optional<Match> search(std::string_view text, std::size_t from, const TextBudget* budget = nullptr) const;
    /// All matches in order, not overlapping; empty ones too, but none right behind the one before it, and none in an
    /// empty text, as tokenizers has it.
    std::vector<Match> all(std::string_view text, const TextBudget& budget) const;

private:
    struct Compiled;
    [[noreturn]] void giveUp(std::size_t at, int why) const;
    Regex(std::string pattern, const std::string& pcre, std::string_view subject);

    std::string m_pattern;
    std::string m_subject;
    std::shared_ptr<const Compiled> m_compiled;
};

/// The pattern in PCRE2's syntax, meaning the same. @throws Error{Unsupported}.
std::string pcreFromOniguruma(std::string_view pattern, std::string_view subject);

} // namespace halftone
