#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

/// What the targets share. A reader of an untrusted file may take it or refuse it with Error{BadFile} or Error{Unsupported}; whatever else leaves
/// it, a sanitizer's report, more than kProcessorSeconds or the memory that `run` allows is a finding.
namespace halftone::fuzz {

/// Of one input, sanitizers included. A tokenizer may take 2 s over a text by itself.
inline constexpr int kProcessorSeconds = 5;

std::string_view textOf(const std::uint8_t* data, std::size_t size);
/// A folder of this process, empty at first; it lies where TMPDIR says.
const std::filesystem::path& folder();
void put(const std::filesystem::path& file, std::string_view bytes);
/// The sentence goes to stderr, the input to a crash file.
[[noreturn]] void finding(const std::string& sentence);
/// Calls a reader under these rules. @return whether it took the file.
bool takesOrRefuses(const std::function<void()>& read);

} // namespace halftone::fuzz
