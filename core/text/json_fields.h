#pragma once

#include "core/base/error.h"
#include "core/base/json.h"

#include <string>
#include <string_view>

namespace halftone::fields {

/// Typed access to the parts of a tokenizer.json; each throws Error{BadFile} naming `subject` and the key.
[[noreturn]] inline void refuse(std::string_view subject, std::string_view key, std::string_view wanted)
{
    throw Error(ErrorKind::BadFile, std::string(subject) + ": \"" + std::string(key) + "\" is not " + std::string(wanted) + ".",
                std::string(subject));
}

inline const Json& object(const Json& value, std::string_view key, std::string_view subject)
{
    if (!value.is_object())
        refuse(subject, key, "an object");
    return value;
}

/// The member, or a null value where it is missing.
inline const Json& member(const Json& value, const char* key)
{
    static const Json none;
    const auto found = value.is_object() ? value.find(key) : value.end();
    return value.is_object() && found != value.end() ? *found : none;
}

inline std::string text(const Json& value, const char* key, std::string_view subject)
{
    const Json& v = member(value, key);
    if (!v.is_string())
        refuse(subject, key, "a string");
    return v.get<std::string>();
}

inline bool flag(const Json& value, const char* key, bool otherwise, std::string_view subject)
{
    const Json& v = member(value, key);
    if (v.is_null())
        return otherwise;
    if (!v.is_boolean())
        refuse(subject, key, "true or false");
    return v.get<bool>();
}

inline const Json& list(const Json& value, const char* key, std::string_view subject)
{
    const Json& v = member(value, key);
    if (!v.is_array())
        refuse(subject, key, "a list");
    return v;
}

/// A token id: 0 … 2^24-1.
inline std::int32_t id(const Json& value, std::string_view key, std::string_view subject)
{
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() >= (1 << 24))
        refuse(subject, key, "a token id in 0…16777215");
    return value.get<std::int32_t>();
}

} // namespace halftone::fields
