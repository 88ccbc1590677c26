#pragma once

#include <filesystem>
#include <string>

namespace halftone {

/// Where the class that transformers takes for a Hugging Face folder cuts text by its own rule, whatever tokenizer.json says, and that says another:
/// a sentence. Else, and where the files cannot be read, empty.
std::string noteOnTokenizerClass(const std::filesystem::path& folder);

} // namespace halftone
