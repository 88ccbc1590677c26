#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace halftone {

/// Text as a terminal or a window may show it (file-safety R17), whatever file it came from: valid UTF-8 in which control characters,
/// those that turn or hide text (bidirectional marks, zero-width characters, tags) and bytes that are no UTF-8 are written out, \x1b or
/// \u{202e}. What is longer than `most` bytes loses its middle, so that a sentence keeps its reason. Line ends and tabs stay where `lines` is set.
std::string shownText(std::string_view text, std::size_t most = 2000, bool lines = false);

/// JSON as it may be shown: the same characters, in the texts of a document that is serialised already, become JSON's own \uXXXX. It
/// still means the same.
std::string shownJson(std::string_view json);

} // namespace halftone
