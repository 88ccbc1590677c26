#include "core/base/json_paths.h"

#include "core/base/error.h"

#include <charconv>

namespace halftone {

namespace {

constexpr const char* kBytes = "_bytes";

} // namespace

std::string jsonText(const Json& json, int indent, std::string_view subject)
{
    try {
        return json.dump(indent);
    } catch (const Json::type_error&) {   // the only one that dump() throws: a string that is no UTF-8
        throw Error(ErrorKind::BadFile, std::string(subject) + ": holds a name or path that is not UTF-8 and cannot be written as JSON; rename it.",
                    std::string(subject));
    }
}

std::string asUtf8(std::string_view text)
{
    return Json::parse(Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

void putPath(Json& object, const std::string& key, std::string_view path)
{
    const std::string text = asUtf8(path);
    object[key] = text;
    if (text == path)
        return;
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string bytes;
    for (const char c : path) {
        bytes += kDigits[static_cast<unsigned char>(c) >> 4];
        bytes += kDigits[static_cast<unsigned char>(c) & 15];
    }
    object[key + kBytes] = bytes;
}

std::string takePath(const Json& object, const std::string& key)
{
    const auto found = object.find(key + kBytes);
    if (found == object.end())
        return object.at(key).get<std::string>();
    const std::string digits = found->is_string() ? found->get<std::string>() : std::string();
    std::string path;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
        unsigned value = 0;
        const auto read = std::from_chars(digits.data() + at, digits.data() + at + 2, value, 16);
        if (read.ec != std::errc() || read.ptr != digits.data() + at + 2 || value == 0)
            break;
        path += static_cast<char>(value);
    }
    if (path.empty() || path.size() * 2 != digits.size())
        throw Error(ErrorKind::BadFile, "\"" + key + kBytes + "\" must be the hexadecimal digits of a path", key + kBytes);
    return path;
}

} // namespace halftone
