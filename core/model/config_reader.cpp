#include "core/model/config_reader.h"

#include "core/base/error.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {

namespace {

/// A value as a message shows it: short, and whatever the file holds.
std::string shown(const Json& value)
{
    if (value.is_number_float() && !std::isfinite(value.get<double>()))
        return pythonJson(value, -1);
    return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 60);
}

} // namespace

ConfigReader::ConfigReader(const Json& values, std::string subject, std::string prefix)
    : m_values(values), m_subject(std::move(subject)), m_prefix(std::move(prefix))
{
    if (!m_values.is_object())
        throw Error(ErrorKind::BadFile, m_subject + " is no JSON object", m_subject);
}

const Json* ConfigReader::find(std::string_view key) const
{
    const auto it = m_values.find(m_prefix + std::string(key));
    m_read.emplace(key);
    return it == m_values.end() || it->is_null() ? nullptr : &*it;
}

bool ConfigReader::mentions(std::string_view key) const
{
    m_read.emplace(key);
    return m_values.contains(m_prefix + std::string(key));
}

std::vector<std::string> ConfigReader::unread() const
{
    std::vector<std::string> keys;
    for (auto it = m_values.begin(); it != m_values.end(); ++it)
        if (it.key().starts_with(m_prefix) && !m_read.contains(std::string_view(it.key()).substr(m_prefix.size())))
            keys.push_back(it.key().substr(m_prefix.size()));
    return keys;
}

void ConfigReader::note(std::string_view key, std::string_view what) const
{
    m_notes.push_back(describe(key, what) + ".");
}

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t min, std::int64_t max) const
{
    const Json* value = find(key);
    if (!value)
        fail(key, "is missing");
    if (value->is_array() && !value->empty() && std::all_of(value->begin(), value->end(), [&](const Json& item) { return item == value->front(); }))
        value = &value->front();   // one for each layer, all the same
    const std::string limits = ", expected a whole number from " + std::to_string(min) + " to " + std::to_string(max);
    std::int64_t number = 0;
    if (value->is_number_unsigned()) {
        const auto wide = value->get<std::uint64_t>();
        if (wide > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            fail(key, "is " + shown(*value) + limits);
        number = static_cast<std::int64_t>(wide);
    } else if (value->is_number_integer()) {
        number = value->get<std::int64_t>();
    } else if (value->is_array()) {
        unsupported(key, "is a list: models whose layers differ in it are not supported");
    } else {
        fail(key, "is " + shown(*value) + limits);
    }
    if (number < min || number > max)
        fail(key, "is " + shown(*value) + limits);
    return number;
}

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t min, std::int64_t max, std::int64_t fallback) const
{
    return has(key) ? integer(key, min, max) : fallback;
}

double ConfigReader::real(std::string_view key, double min, double max) const
{
    const Json* value = find(key);
    if (!value)
        fail(key, "is missing");
    const double number = value->is_number() ? value->get<double>() : std::nan("");
    if (!(number >= min && number <= max)) {
        Json low = min;
        Json high = max;
        fail(key, "is " + shown(*value) + ", expected a number from " + low.dump() + " to " + high.dump());
    }
    return number;
}

double ConfigReader::real(std::string_view key, double min, double max, double fallback) const
{
    return has(key) ? real(key, min, max) : fallback;
}

bool ConfigReader::boolean(std::string_view key, bool fallback) const
{
    const Json* value = find(key);
    if (!value)
        return fallback;
    if (!value->is_boolean())
        fail(key, "is " + shown(*value) + ", expected true or false");
    return value->get<bool>();
}

std::string ConfigReader::text(std::string_view key, std::string_view fallback) const
{
    const Json* value = find(key);
    if (!value)
        return std::string(fallback);
    if (!value->is_string())
        fail(key, "is " + shown(*value) + ", expected text");
    return value->get<std::string>();
}

std::string_view ConfigReader::firstOf(std::initializer_list<std::string_view> keys) const
{
    std::string_view first;
    for (const std::string_view key : keys)
        if (has(key) && first.empty())
            first = key;
    return first.empty() ? *keys.begin() : first;
}

std::string ConfigReader::describe(std::string_view key, std::string_view why) const
{
    return m_subject + ": \"" + m_prefix + std::string(key) + "\" " + std::string(why);
}

void ConfigReader::fail(std::string_view key, std::string_view why) const
{
    throw Error(ErrorKind::BadFile, describe(key, why), m_subject);
}

void ConfigReader::unsupported(std::string_view key, std::string_view why) const
{
    throw Error(ErrorKind::Unsupported, describe(key, why), m_subject);
}

} // namespace halftone
