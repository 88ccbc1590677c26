#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace halftone::unicode {

/// The code point at text[at] of valid UTF-8; `at` moves behind it.
inline char32_t next(std::string_view text, std::size_t& at)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    if (lead < 0x80) {
        ++at;
        return lead;
    }
    if (lead < 0xE0) {
        at += 2;
        return static_cast<char32_t>((lead & 0x1F) << 6 | (byte(at - 1) & 0x3F));
    }
    if (lead < 0xF0) {
        at += 3;
        return static_cast<char32_t>((lead & 0x0F) << 12 | (byte(at - 2) & 0x3F) << 6 | (byte(at - 1) & 0x3F));
    }
    at += 4;
    return static_cast<char32_t>((lead & 0x07) << 18 | (byte(at - 3) & 0x3F) << 12 | (byte(at - 2) & 0x3F) << 6 | (byte(at - 1) & 0x3F));
}

/// Bytes of the character that starts at text[at] of valid UTF-8.
inline std::size_t lengthAt(std::string_view text, std::size_t at)
{
    const auto lead = static_cast<unsigned char>(text[at]);
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

void append(std::string& text, char32_t point);

/// Bytes of `text`, from `at`, that are valid UTF-8 (no surrogates, no overlong forms).
std::size_t validPrefix(std::string_view text, std::size_t at = 0);
/// Valid UTF-8: each maximal broken part became U+FFFD. `broken` counts the bytes that were.
std::string repaired(std::string_view text, std::size_t* broken = nullptr);

/// Unicode White_Space.
bool isSpace(char32_t point);
/// General category N, what Rust's char::is_numeric says.
bool isNumeric(char32_t point);
/// ASCII punctuation (with $+<=>^`|~) or general category P.
bool isPunctuation(char32_t point);
/// General category M; Mn; Cc, Cf and Co: of the versions of Unicode that Hugging Face tokenizers know.
bool isMark(char32_t point);
bool isNonspacingMark(char32_t point);
bool isControl(char32_t point);
/// \w of Unicode's technical standard 18: Alphabetic, marks, decimal digits, connectors, joiners.
bool isWord(char32_t point);

/// Canonical decomposition, and composition again.
std::string nfc(std::string_view text);
std::string nfd(std::string_view text);
/// Compatibility decomposition, and composition again.
std::string nfkc(std::string_view text);
std::string nfkd(std::string_view text);
/// Character by character, as Rust's char::to_lowercase does.
std::string lowered(std::string_view text);

} // namespace halftone::unicode
