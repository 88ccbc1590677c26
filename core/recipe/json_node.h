#pragma once

#include "core/base/json.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// The words that complaints about a document are made of.
std::string pointerToken(std::string_view key);            ///< a key as a part of a JSON pointer
std::string inQuotes(std::string_view text);
std::string listed(const std::vector<std::string>& words); ///< "a, b and c"
std::string shown(const Json& value);                      ///< a value in a sentence; an object or list by its kind
std::string shown(double number);

/// A value of a document that people write, and where it stands: every complaint is an Error{BadFile} that names the file, the JSON pointer (its
/// subject) and what is allowed.
class JsonNode {
public:
    /// @param document what the whole is called in a complaint about it: "the recipe"
    JsonNode(const Json& value, std::string pointer, std::string_view file, std::string_view document = "the document");

    [[noreturn]] void fail(const std::string& sentence) const;
    const Json& value() const { return m_value; }
    const std::string& pointer() const { return m_pointer; }
    JsonNode operator[](std::string_view key) const { return {m_value[std::string(key)], m_pointer + '/' + pointerToken(key), m_file, m_document}; }
    JsonNode operator[](std::size_t index) const { return {m_value[index], m_pointer + '/' + std::to_string(index), m_file, m_document}; }
    bool has(std::string_view key) const { return m_value.contains(std::string(key)); }
    JsonNode missing(std::string_view key) const { return {m_value, m_pointer + '/' + pointerToken(key), m_file, m_document}; }

    /// An object with no other keys than these.
    const JsonNode& object(const std::vector<std::string>& keys) const;
    std::int64_t integer(std::int64_t minimum, std::int64_t maximum) const;
    double real(double minimum, double maximum) const;
    bool boolean() const;
    std::string text() const;
    /// Index into `words`.
    std::size_t word(const std::vector<std::string>& words) const;

private:
    const Json& m_value;
    std::string m_pointer;
    std::string_view m_file, m_document;
};

} // namespace halftone
