#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace halftone {

/// What the rules of a tokenizer file may take over one text (file-safety R13): 2 s of processor time and 2 s more per MiB, on the thread that made
/// it; and a text may grow to sixteen times its size, four times where it is large.
class TextBudget {
public:
    explicit TextBudget(std::size_t textBytes);
    TextBudget(std::chrono::nanoseconds time, std::size_t bytes);

    /// @throws Error{BadFile} naming `subject` and `rule` (a pattern, cut to a sane length) when the time is over.
    void check(std::string_view subject, std::string_view rule) const;
    /// Most bytes that a rule may make of the text.
    std::size_t bytes() const { return m_bytes; }
    /// @throws Error{BadFile} when a rule made more.
    void checkSize(std::size_t bytes, std::string_view subject, std::string_view rule) const
    {
        if (bytes > m_bytes)
            refuseSize(subject, rule);
    }

private:
    [[noreturn]] void refuseSize(std::string_view subject, std::string_view rule) const;

    std::chrono::nanoseconds m_end;
    std::size_t m_bytes;
};

} // namespace halftone
