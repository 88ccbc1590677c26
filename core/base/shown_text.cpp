#include "core/base/shown_text.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace halftone {
namespace {

struct CodePoint {
    std::uint32_t value;
    std::size_t bytes;   ///< 0: no UTF-8 stands here
};

/// The code point at the beginning of `text`, which is not empty.
CodePoint first(std::string_view text)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    if (lead < 0x80)
        return {lead, 1};
    const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes)
        return {0, 0};
    std::uint32_t value = lead & (0x7fu >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xc0) != 0x80)
            return {0, 0};
        value = value << 6 | (byte(i) & 0x3f);
    }
    constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    return value < kLeast[bytes] || value > 0x10ffff || surrogate ? CodePoint{0, 0} : CodePoint{value, bytes};
}

/// Characters that a reader of text does not see, though they change what he sees.
bool hidden(std::uint32_t c)
{
    struct Range {
        std::uint32_t first, last;
    };
    static constexpr std::array kRanges{Range{0x00, 0x1f}, Range{0x7f, 0x9f}, Range{0xad, 0xad}, Range{0x34f, 0x34f}, Range{0x61c, 0x61c},
        Range{0x115f, 0x1160}, Range{0x17b4, 0x17b5}, Range{0x180b, 0x180f}, Range{0x200b, 0x200f}, Range{0x2028, 0x202e}, Range{0x2060, 0x206f},
        Range{0x3164, 0x3164}, Range{0xfeff, 0xfeff}, Range{0xffa0, 0xffa0}, Range{0xfff0, 0xfffb}, Range{0xfffe, 0xffff},
        Range{0x1bca0, 0x1bca3}, Range{0x1d173, 0x1d17a}, Range{0xe0000, 0xe0fff}};
    for (const Range& range : kRanges)
        if (c >= range.first && c <= range.last)
            return true;
    return false;
}

std::string formatted(const char* format, unsigned value)
{
    char text[24];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

/// `text` without its middle where it is longer than `most`; whole characters on both sides.
std::string withoutMiddle(const std::string& text, std::size_t most)
{
    if (text.size() <= most)
        return text;
    const auto inside = [&](std::size_t at) { return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
    std::size_t head = most - most / 4, tail = text.size() - most / 4;
    while (head > 0 && inside(head))
        --head;
    while (inside(tail))
        ++tail;
    return text.substr(0, head) + " … " + text.substr(tail);
}

} // namespace

std::string shownText(std::string_view text, std::size_t most, bool lines)
{
    std::string out;
    if (text.size() > 8 * most) {   // what will be lost anyway is not looked at
        const std::string head = shownText(text.substr(0, 2 * most), most, lines), tail = shownText(text.substr(text.size() - 2 * most), most, lines);
        return withoutMiddle(head + tail, most);
    }
    while (!text.empty()) {
        const CodePoint c = first(text);
        if (c.bytes == 0) {
            out += formatted("\\x%02x", static_cast<unsigned char>(text.front()));
            text.remove_prefix(1);
            continue;
        }
        if (lines && (c.value == '\n' || c.value == '\t'))
            out += text.front();
        else if (hidden(c.value))
            out += formatted(c.value < 0x80 ? "\\x%02x" : "\\u{%x}", c.value);
        else
            out += text.substr(0, c.bytes);
        text.remove_prefix(c.bytes);
    }
    return withoutMiddle(out, most);
}

std::string shownJson(std::string_view json)
{
    std::string out;
    out.reserve(json.size());
    while (!json.empty()) {
        const CodePoint c = first(json);
        const std::size_t bytes = c.bytes == 0 ? 1 : c.bytes;
        const bool layout = c.value == '\n' || c.value == '\r' || c.value == '\t';   // inside texts these are escaped already
        if (c.bytes == 0)
            out += "\\ufffd";
        else if (layout || !hidden(c.value))
            out += json.substr(0, bytes);
        else if (c.value < 0x10000)
            out += formatted("\\u%04x", c.value);
        else
            out += formatted("\\u%04x", 0xd800 + ((c.value - 0x10000) >> 10)) + formatted("\\u%04x", 0xdc00 + ((c.value - 0x10000) & 0x3ff));
        json.remove_prefix(bytes);
    }
    return out;
}

} // namespace halftone
