#pragma once

#include "core/base/json.h"

#include <string>
#include <string_view>

/// Texts and paths on their way into the JSON that we write: names on a disk are bytes, JSON is UTF-8.
namespace halftone {

/// The JSON as text. @throws Error{BadFile} naming `subject` where a string in it is not UTF-8.
std::string jsonText(const Json& json, int indent, std::string_view subject);

/// `text` with every byte that is no UTF-8 replaced by U+FFFD.
std::string asUtf8(std::string_view text);

/// A path under `key` of an object: as text, and where its bytes are no UTF-8 also as hexadecimal digits under `key`_bytes.
void putPath(Json& object, const std::string& key, std::string_view path);
/// The path that putPath() wrote; `key` holds a string. @throws Error{BadFile} for bytes that are no hexadecimal digits.
std::string takePath(const Json& object, const std::string& key);

} // namespace halftone
