#include "core/base/error.h"

#include <utility>

namespace halftone {

Error::Error(ErrorKind kind, const std::string& what, std::string subject, std::source_location where)
    : std::runtime_error(what)
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

} // namespace halftone
