#include "core/base/error.h"

#include "core/base/error_text.h"
#include "core/base/shown_text.h"

#include <utility>

namespace halftone {
namespace {

constexpr std::size_t kMostBytes = 2000;   ///< of a message

} // namespace

Error::Error(ErrorKind kind, const std::string& what, std::string subject, std::source_location where)
    : std::runtime_error(shownText(what, kMostBytes))   // whatever file a part of it came from
    , m_kind(kind)
    , m_subject(std::move(subject))
    , m_where(where)
{
}

int exitCode(ErrorKind kind) noexcept
{
    switch (kind) {
    case ErrorKind::InvalidArgument:
    case ErrorKind::BadFile:
    case ErrorKind::Unsupported:
        return 3;
    case ErrorKind::OutOfMemory:
    case ErrorKind::Io:
        return 4;
    case ErrorKind::Internal:
        break;
    }
    return 1;
}

std::string printable(std::string_view text, std::size_t max)
{
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (out.size() >= max) {
            out += "…";
            break;
        }
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x20 && byte < 0x7f) {
            out += text[i];
        } else {
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
    return out;
}

std::string withoutRules(std::string_view message)
{
    constexpr std::string_view kBegin = " (E-R";
    std::string text;
    for (std::size_t at = message.find(kBegin); at != std::string_view::npos; at = message.find(kBegin)) {
        std::size_t end = at + kBegin.size();
        while (end < message.size() && message[end] >= '0' && message[end] <= '9')
            ++end;
        const bool code = end > at + kBegin.size() && end < message.size() && message[end] == ')';
        text += message.substr(0, code ? at : end);
        message.remove_prefix(code ? end + 1 : end);
    }
    return text + std::string(message);
}

std::string withoutPlace(const Error& error)
{
    const std::string sentence = withoutRules(error.what()), place = "recipe: " + error.subject() + ": ";
    return !error.subject().empty() && sentence.starts_with(place) ? sentence.substr(place.size()) : sentence;
}

} // namespace halftone
