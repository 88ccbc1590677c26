#include "core/text/text_budget.h"

#include "core/base/error.h"

#include <algorithm>
#include <string>

#include <ctime>

namespace halftone {

namespace {

constexpr std::size_t kShownRule = 120;   ///< bytes of a rule in a message
constexpr std::size_t kMiB = 1u << 20;

/// Of this thread: other programs at work, or a pause, take nothing from a budget.
std::chrono::nanoseconds processorTime()
{
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

} // namespace

TextBudget::TextBudget(std::size_t textBytes)
    : TextBudget(std::chrono::milliseconds(2000 + 2000 * (textBytes / 1024) / 1024), std::min(16 * textBytes + 64 * 1024, 4 * textBytes + 256 * kMiB))
{
}

TextBudget::TextBudget(std::chrono::nanoseconds time, std::size_t bytes)
    : m_end(processorTime() + time)
    , m_bytes(bytes)
{
}

void TextBudget::check(std::string_view subject, std::string_view rule) const
{
    if (processorTime() > m_end)
        throw Error(ErrorKind::BadFile,
                    std::string(subject) + ": the tokenizer's rule \"" + printable(rule, kShownRule) + "\" takes too long over this text.",
                    std::string(subject));
}

void TextBudget::refuseSize(std::string_view subject, std::string_view rule) const
{
    throw Error(ErrorKind::BadFile,
                std::string(subject) + ": the tokenizer's rule \"" + printable(rule, kShownRule) + "\" makes more than " + std::to_string(m_bytes)
                    + " bytes of this text.",
                std::string(subject));
}

} // namespace halftone
