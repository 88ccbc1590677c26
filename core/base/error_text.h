#pragma once

#include <string>
#include <string_view>

namespace halftone {

/// A message as a person reads it: without the codes of reading rules, " (E-R06)", which are there for logs and tests.
std::string withoutRules(std::string_view message);

} // namespace halftone
