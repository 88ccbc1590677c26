#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace halftone::byte_level {

/// GPT-2's alphabet: each byte has a printable character of its own ("Ġ" is the space).
std::string_view character(unsigned char byte);
/// Each byte by its character.
std::string mapped(std::string_view bytes);
/// The bytes behind the characters; empty if a character is none of the alphabet.
std::optional<std::string> unmapped(std::string_view characters);

} // namespace halftone::byte_level
