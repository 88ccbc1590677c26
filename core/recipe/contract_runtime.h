#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What a contract's runtime does with what it takes.
namespace halftone {

/// Whose activation grids a recipe of that contract is computed with, wherever it is computed: "transformers'" (where it names none, too) or "vLLM's",
/// which are Halftone's own. @throws Error{InvalidArgument} for an unknown contract.
std::string_view activationGridOf(std::string_view contract);

/// Words of the command that serves, or tries, an export in that folder. @throws Error{InvalidArgument} for an unknown contract.
std::vector<std::string> serveWords(std::string_view contract, const std::string& folder);

} // namespace halftone
