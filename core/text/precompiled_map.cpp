#include "core/text/precompiled_map.h"

#include "core/base/error.h"
#include "core/text/regex.h"
#include "core/text/unicode.h"

#include <algorithm>

namespace halftone {

namespace {

std::optional<std::string> fromBase64(std::string_view text)
{
    std::string out;
    std::uint32_t bits = 0;
    int count = 0;
    while (text.ends_with('='))
        text.remove_suffix(1);
    for (const char c : text) {
        const int value = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
        if (value < 0)
            return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(static_cast<unsigned char>(bits >> count));
        }
    }
    return out;
}

std::uint32_t littleEndian(std::string_view bytes)
{
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;)
        value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

// Units of the double array, as Darts-clone packs them.
bool hasLeaf(std::uint32_t unit) { return (unit >> 8 & 1) == 1; }
std::uint32_t valueOf(std::uint32_t unit) { return unit & 0x7FFFFFFF; }
std::uint32_t labelOf(std::uint32_t unit) { return unit & 0x800000FF; }
std::uint32_t offsetOf(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

} // namespace

PrecompiledMap::PrecompiledMap(std::string_view base64, std::string_view subject)
{
    const auto refuse = [&](const char* why) { throw Error(ErrorKind::BadFile, std::string(subject) + ": \"precompiled_charsmap\" " + why + ".", std::string(subject)); };
    const std::optional<std::string> bytes = fromBase64(base64);
    if (!bytes)
        refuse("is no base64");
    const std::string_view all = *bytes;
    const std::size_t trie = all.size() < 4 ? 0 : littleEndian(all);
    if (all.size() < 4 || trie % 4 != 0 || trie == 0 || trie > all.size() - 4)
        refuse("says a size of its trie that it does not have");
    for (std::size_t at = 4; at < 4 + trie; at += 4)
        m_units.push_back(littleEndian(all.substr(at)));
    m_texts = all.substr(4 + trie);
    if (unicode::validPrefix(m_texts) != m_texts.size())
        refuse("holds texts that are not UTF-8");
}

std::optional<std::string_view> PrecompiledMap::replacement(std::string_view part) const
{
    std::size_t node = offsetOf(m_units.front());
    for (const char c : part) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte == 0)
            break;
        node ^= byte;
        if (node >= m_units.size() || labelOf(m_units[node]) != byte)
            return std::nullopt;
        const std::uint32_t unit = m_units[node];
        node ^= offsetOf(unit);
        if (!hasLeaf(unit))
            continue;
        const std::size_t begin = node < m_units.size() ? valueOf(m_units[node]) : m_texts.size();
        if (begin >= m_texts.size() || (begin > 0 && (static_cast<unsigned char>(m_texts[begin]) & 0xC0) == 0x80))
            return std::string_view();
        return std::string_view(m_texts).substr(begin, std::min(m_texts.find('\0', begin), m_texts.size()) - begin);
    }
    return std::nullopt;
}

std::string PrecompiledMap::apply(std::string_view text) const
{
    static const Regex cluster = Regex::grapheme();
    constexpr std::size_t kLargest = 6;
    std::string out;
    out.reserve(text.size());
    const auto characters = [&](std::size_t begin, std::size_t end) {
        for (std::size_t at = begin; at < end;) {
            const std::string_view one = text.substr(at, unicode::lengthAt(text, at));
            out += replacement(one).value_or(one);
            at += one.size();
        }
    };
    for (std::size_t at = 0; at < text.size();) {
        // Of two ASCII characters only CR LF belong together; a cluster goes on into what is not ASCII.
        std::size_t end = at + 1;
        const auto ascii = [&](std::size_t i) { return static_cast<unsigned char>(text[i]) < 0x80; };
        if (!ascii(at) || (end < text.size() && (!ascii(end) || text[end] == '\n')))
            end = cluster.search(text, at)->second;
        const std::string_view whole = text.substr(at, end - at);
        const std::optional<std::string_view> by = whole.size() < kLargest ? replacement(whole) : std::nullopt;
        if (by)
            out += *by;
        else
            characters(at, end);
        at = end;
    }
    return out;
}

} // namespace halftone
