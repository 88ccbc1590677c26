#include "core/model/config_reader.h"

#include "core/base/error.h"

#include <cmath>
#include <limits>

namespace halftone {

ConfigReader::ConfigReader(const Json& values, std::string subject, std::string prefix)
    : m_values(values), m_subject(std::move(subject)), m_prefix(std::move(prefix))
{
    if (!m_values.is_object())
        throw Error(ErrorKind::BadFile, m_subject + " is no JSON object", m_subject);
}

const Json* ConfigReader::find(std::string_view key) const
{
    const auto it = m_values.find(m_prefix + std::string(key));
    return it == m_values.end() || it->is_null() ? nullptr : &*it;
}

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t min, std::int64_t max) const
{
    const Json* value = find(key);
    if (!value)
        fail(key, "is missing");
    const std::string limits = ", expected a whole number from " + std::to_string(min) + " to " + std::to_string(max);
    std::int64_t number = 0;
    if (value->is_number_unsigned()) {
        const auto wide = value->get<std::uint64_t>();
        if (wide > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            fail(key, "is " + value->dump() + limits);
        number = static_cast<std::int64_t>(wide);
    } else if (value->is_number_integer()) {
        number = value->get<std::int64_t>();
    } else if (value->is_array()) {
        unsupported(key, "is a list: models whose layers differ in it are not supported");
    } else {
        fail(key, "is " + value->dump().substr(0, 60) + limits);
    }
    if (number < min || number > max)
        fail(key, "is " + value->dump() + limits);
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
        fail(key, "is " + value->dump().substr(0, 60) + ", expected a number from " + low.dump() + " to " + high.dump());
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
        fail(key, "is " + value->dump().substr(0, 60) + ", expected true or false");
    return value->get<bool>();
}

std::string ConfigReader::text(std::string_view key, std::string_view fallback) const
{
    const Json* value = find(key);
    if (!value)
        return std::string(fallback);
    if (!value->is_string())
        fail(key, "is " + value->dump().substr(0, 60) + ", expected text");
    return value->get<std::string>();
}

std::string_view ConfigReader::firstOf(std::initializer_list<std::string_view> keys) const
{
    for (const std::string_view key : keys)
        if (has(key))
            return key;
    return *keys.begin();
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
