#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace halftone {

/// How long regular expressions of a tokenizer file may take over one text (file-safety R13): 10 s and 10 s more per MiB.
class RegexBudget {
public:
    explicit RegexBudget(std::size_t textBytes);
    explicit RegexBudget(std::chrono::milliseconds time);
    /// @throws Error{BadFile} naming `pattern` when the time is over.
    void check(std::string_view pattern) const;

private:
    std::chrono::steady_clock::time_point m_end;
};

/// A regular expression in the dialect of Hugging Face tokenizers (Oniguruma, Ruby syntax), run by PCRE2 in UTF mode.
/// Immutable; any thread may match.
class Regex {
public:
    using Match = std::pair<std::size_t, std::size_t>;  ///< begin, end in bytes

    /// @throws Error{Unsupported} naming what of the pattern has no known equivalent, Error{BadFile} if it does not compile.
    explicit Regex(std::string_view pattern, std::string_view subject);
    /// `text` as it stands, no operators.
    static Regex literal(std::string_view text, std::string_view subject);

    const std::string& pattern() const { return m_pattern; }
    /// The first match at or after `from` in valid UTF-8.
    /// @throws Error{BadFile} when a match takes too many steps, or all together more time than `budget` leaves.
    std::optional<Match> search(std::string_view text, std::size_t from, const RegexBudget* budget = nullptr) const;
    /// All matches in order, not overlapping; empty ones too, but none right behind the one before it.
    std::vector<Match> all(std::string_view text, const RegexBudget& budget) const;

private:
    struct Compiled;
    Regex(std::string pattern, const std::string& pcre, std::string_view subject);

    std::string m_pattern;
    std::string m_subject;
    std::shared_ptr<const Compiled> m_compiled;
};

/// The pattern in PCRE2's syntax, meaning the same. @throws Error{Unsupported}.
std::string pcreFromOniguruma(std::string_view pattern, std::string_view subject);

} // namespace halftone
