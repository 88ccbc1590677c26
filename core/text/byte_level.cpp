#include "core/text/byte_level.h"

#include "core/text/unicode.h"

#include <array>

namespace halftone::byte_level {

namespace {

struct Alphabet {
    std::array<std::string, 256> characters;
    std::array<int, 512> bytes;  ///< by code point; -1: none

    Alphabet()
    {
        bytes.fill(-1);
        char32_t beyond = 256;
        for (int b = 0; b < 256; ++b) {
            const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            const char32_t point = printable ? static_cast<char32_t>(b) : beyond++;
            unicode::append(characters[static_cast<std::size_t>(b)], point);
            bytes[point] = b;
        }
    }
};

const Alphabet& alphabet()
{
    static const Alphabet one;
    return one;
}

} // namespace

std::string_view character(unsigned char byte)
{
    return alphabet().characters[byte];
}

std::string mapped(std::string_view bytes)
{
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 4);
    for (const char c : bytes)
        out += character(static_cast<unsigned char>(c));
    return out;
}

std::optional<std::string> unmapped(std::string_view characters)
{
    std::string out;
    out.reserve(characters.size());
    for (std::size_t at = 0; at < characters.size();) {
        const char32_t point = unicode::next(characters, at);
        if (point >= alphabet().bytes.size() || alphabet().bytes[point] < 0)
            return std::nullopt;
        out += static_cast<char>(static_cast<unsigned char>(alphabet().bytes[point]));
    }
    return out;
}

} // namespace halftone::byte_level
