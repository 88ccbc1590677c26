#define PCRE2_CODE_UNIT_WIDTH 8

#include "core/text/regex.h"

#include "core/base/error.h"
#include "core/text/unicode.h"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <new>

namespace halftone {

namespace {

constexpr std::uint32_t kMatchLimit = 50'000'000;  ///< steps of one match
constexpr std::uint32_t kFirstLimit = 100'000;     ///< the same, before the clock is looked at
constexpr std::uint32_t kHeapKib = 64 * 1024;      ///< memory of one match without JIT
constexpr std::size_t kStartsAtOnce = 64;
constexpr std::size_t kJitStack = 16u << 20;
constexpr std::size_t kShownPattern = 120;         ///< of a pattern in a message

template <auto Free>
struct Deleter {
    template <typename T>
    void operator()(T* p) const
    {
        Free(p);
    }
};

/// What a match writes to; one a thread, as PCRE2 asks.
struct Scratch {
    std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free>> data{pcre2_match_data_create(1, nullptr)};
    std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free>> context{pcre2_match_context_create(nullptr)};
    std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack_free>> stack{pcre2_jit_stack_create(64 * 1024, kJitStack, nullptr)};

    Scratch()
    {
        if (!data || !context)
            throw std::bad_alloc();
        pcre2_set_heap_limit(context.get(), kHeapKib);
        if (stack)
            pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
    }
};

std::string pcreMessage(int code)
{
    std::array<PCRE2_UCHAR, 256> text{};
    pcre2_get_error_message(code, text.data(), text.size());
    return reinterpret_cast<const char*>(text.data());
}

} // namespace

namespace {

/// Characters are read from it without a look at its end. @throws Error{BadFile}.
std::string_view requireUtf8(std::string_view pattern, std::string_view subject)
{
    if (unicode::repaired(pattern) != pattern)
        throw Error(ErrorKind::BadFile, std::string(subject) + ": the pattern \"" + printable(pattern, 160) + "\" is no UTF-8.", std::string(subject));
    return pattern;
}

} // namespace

struct Regex::Compiled {
    std::unique_ptr<pcre2_code, Deleter<pcre2_code_free>> code;
};

Regex::Regex(std::string_view pattern, std::string_view subject)
    : Regex(std::string(pattern), pcreFromOniguruma(requireUtf8(pattern, subject), subject), subject)
{
}

Regex Regex::literal(std::string_view text, std::string_view subject)
{
    std::string quoted;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) == 0)
            quoted += '\\';
        quoted += c;
    }
    return Regex(std::string(text), quoted, subject);
}

Regex Regex::grapheme()
{
    return Regex("\\X", "\\X", "grapheme clusters");
}

Regex::Regex(std::string pattern, const std::string& pcre, std::string_view subject)
    : m_pattern(std::move(pattern))
    , m_subject(subject)
{
    if (unicode::validPrefix(pcre) != pcre.size())
        throw Error(ErrorKind::BadFile, m_subject + ": a regular expression is not UTF-8.", m_subject);
    const std::unique_ptr<pcre2_compile_context, Deleter<pcre2_compile_context_free>> context(pcre2_compile_context_create(nullptr));
    if (!context)
        throw std::bad_alloc();
    pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE offset = 0;
    // Oniguruma's ^ and $ are those of lines. Matched text is valid UTF-8 by our own check.
    auto compiled = std::make_shared<Compiled>();
    compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pcre.data()), pcre.size(),
                                       PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | PCRE2_MULTILINE | PCRE2_USE_OFFSET_LIMIT, &error,
                                       &offset, context.get()));
    if (!compiled->code)
        throw Error(ErrorKind::BadFile,
                    m_subject + ": the regular expression \"" + printable(m_pattern, kShownPattern) + "\" does not compile: " + pcreMessage(error) + ".", m_subject);
    pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE);  // where it cannot, the interpreter matches the same
    m_compiled = std::move(compiled);
}

void Regex::giveUp(std::size_t at, int why) const
{
    throw Error(ErrorKind::BadFile,
                m_subject + ": the regular expression \"" + printable(m_pattern, kShownPattern) + "\" gave up at byte " + std::to_string(at)
                    + " of the text: " + pcreMessage(why) + ".",
                m_subject);
}

std::optional<Regex::Match> Regex::search(std::string_view text, std::size_t from, const TextBudget* budget) const
{
    thread_local Scratch scratch;
    std::uint32_t steps = kFirstLimit;
    std::size_t starts = kStartsAtOnce;
    for (;;) {
        // A few start positions at a time, with few steps each: the clock is read in between, even where each of them walks to the end of a long
        // text, or a single one tries without end.
        std::size_t limit = std::min(text.size(), from + starts - 1);
        while (limit < text.size() && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80)
            ++limit;
        pcre2_set_offset_limit(scratch.context.get(), limit);
        pcre2_set_match_limit(scratch.context.get(), steps);
        const auto run = [&](std::uint32_t options) {
            return pcre2_match(m_compiled->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                               PCRE2_NO_UTF_CHECK | options, scratch.data.get(), scratch.context.get());
        };
        int result = run(0);
        if (result == PCRE2_ERROR_JIT_STACKLIMIT)
            result = run(PCRE2_NO_JIT);
        if (result >= 0) {
            const PCRE2_SIZE* range = pcre2_get_ovector_pointer(scratch.data.get());
            return Match(range[0], range[1]);
        }
        if (budget != nullptr)
            budget->check(m_subject, m_pattern);
        if (result == PCRE2_ERROR_MATCHLIMIT && (starts > 1 || steps < kMatchLimit)) {   // once more, with smaller strides
            steps = starts > 1 ? steps : std::min(kMatchLimit, steps * 2);
            starts = 1;
            continue;
        }
        if (result != PCRE2_ERROR_NOMATCH)
            giveUp(from, result);
        if (limit >= text.size())
            return std::nullopt;
        from = limit + unicode::lengthAt(text, limit);
        if (steps == kFirstLimit)
            starts = std::min(kStartsAtOnce, starts * 2);
        steps = kFirstLimit;
    }
}

std::vector<Regex::Match> Regex::all(std::string_view text, const TextBudget& budget) const
{
    std::vector<Match> matches;
    std::size_t from = 0;
    std::optional<std::size_t> lastEnd;
    for (std::size_t count = 1; !text.empty() && from <= text.size(); ++count) {
        if (count % 64 == 0)
            budget.check(m_subject, m_pattern);
        const auto found = search(text, from, &budget);
        if (!found)
            break;
        if (found->first == found->second && lastEnd == found->second) {
            if (from >= text.size())
                break;
            from += unicode::lengthAt(text, from);
            continue;
        }
        matches.push_back(*found);
        from = found->second;
        lastEnd = from;
    }
    return matches;
}

} // namespace halftone
