#pragma once

#include <string>
#include <string_view>

namespace halftone {

class Error;

/// A message as a person reads it: without the codes of reading rules, " (E-R06)", which are there for logs and tests.
std::string withoutRules(std::string_view message);
/// The same for one who sees the recipe before them: without the key's place in a file, "recipe: /defaults/weights/bits: ".
std::string withoutPlace(const Error& error);

} // namespace halftone
