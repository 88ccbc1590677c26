#pragma once

#include <cstddef>
#include <string_view>

namespace halftone::fuzz {

/// Takes the front of an input that stands for several files: up to the next record separator (byte 0x1E), which is dropped.
inline std::string_view nextPart(std::string_view& rest)
{
    const std::size_t end = rest.find('\x1e');
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

} // namespace halftone::fuzz
