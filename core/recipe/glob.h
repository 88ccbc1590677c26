#pragma once

#include <string>
#include <string_view>

namespace halftone {

/// Longest pattern a rule may have, in bytes.
inline constexpr std::size_t kMaxGlobLength = 1024;

/// What is wrong with a pattern, as the end of a sentence ("has a '[' at byte 3 that is never closed"); empty when it is well formed.
std::string globProblem(std::string_view pattern);

/// Whether `name` as a whole matches. `*` any run of characters (dots too), `?` one character, `[abc]`, `[a-z]`, `[!abc]` one of a set,
/// `{a,b}` either (may be nested and empty). Simulates the automaton: time is proportional to pattern × name whatever the pattern.
/// An ill-formed pattern matches nothing.
bool globMatches(std::string_view pattern, std::string_view name);

/// A pattern that matches exactly this name.
std::string globEscaped(std::string_view name);

} // namespace halftone
