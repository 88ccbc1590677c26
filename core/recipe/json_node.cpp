#include "core/recipe/json_node.h"

#include "core/base/error.h"
#include "core/base/number_text.h"

#include <algorithm>
#include <cstdio>
#include <limits>

namespace halftone {

std::string pointerToken(std::string_view key)
{
    std::string token;
    for (const char c : key)
        token += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return token;
}

std::string inQuotes(std::string_view text) { return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string listed(const std::vector<std::string>& words)
{
    std::string list;
    for (std::size_t i = 0; i < words.size(); ++i)
        list += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
    return list;
}

std::string shown(const Json& value)
{
    std::string text = value.is_structured() ? value.type_name() : value.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (text.size() > 80)
        text = text.substr(0, 80) + "…";
    return text;
}

std::string shown(double number)
{
    return numberText(number);
}

JsonNode::JsonNode(const Json& value, std::string pointer, std::string_view file, std::string_view document)
    : m_value(value), m_pointer(std::move(pointer)), m_file(file), m_document(document)
{
}

void JsonNode::fail(const std::string& sentence) const
{
    throw Error(ErrorKind::BadFile, std::string(m_file) + ": " + (m_pointer.empty() ? std::string(m_document) : m_pointer) + ": " + sentence, m_pointer);
}

const JsonNode& JsonNode::object(const std::vector<std::string>& keys) const
{
    if (!m_value.is_object())
        fail("must be an object, not " + shown(m_value) + ".");
    for (const auto& [key, unused] : m_value.items())
        if (std::find(keys.begin(), keys.end(), key) == keys.end())
            (*this)[key].fail("unknown key; known here are " + listed(keys) + ".");
    return *this;
}

std::int64_t JsonNode::integer(std::int64_t minimum, std::int64_t maximum) const
{
    const std::string allowed = "a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum);
    if (!m_value.is_number_integer())
        fail("must be " + allowed + ", not " + shown(m_value) + ".");
    const bool tooLarge = m_value.is_number_unsigned()
        && m_value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (tooLarge || m_value.get<std::int64_t>() < minimum || m_value.get<std::int64_t>() > maximum)
        fail("is " + shown(m_value) + "; allowed is " + allowed + ".");
    return m_value.get<std::int64_t>();
}

double JsonNode::real(double minimum, double maximum) const
{
    const std::string allowed = "a number from " + shown(minimum) + " to " + shown(maximum);
    if (!m_value.is_number())
        fail("must be " + allowed + ", not " + shown(m_value) + ".");
    const double number = m_value.get<double>();
    if (!(number >= minimum && number <= maximum))
        fail("is " + shown(m_value) + "; allowed is " + allowed + ".");
    return number;
}

bool JsonNode::boolean() const
{
    if (!m_value.is_boolean())
        fail("must be true or false, not " + shown(m_value) + ".");
    return m_value.get<bool>();
}

std::string JsonNode::text() const
{
    if (!m_value.is_string())
        fail("must be a string, not " + shown(m_value) + ".");
    return m_value.get<std::string>();
}

std::size_t JsonNode::word(const std::vector<std::string>& words) const
{
    const std::string given = text();
    const auto at = std::find(words.begin(), words.end(), given);
    if (at == words.end())
        fail(inQuotes(given) + " is not known; known are " + listed(words) + ".");
    return static_cast<std::size_t>(at - words.begin());
}

} // namespace halftone
