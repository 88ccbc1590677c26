#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace halftone {

using Json = nlohmann::json;                 ///< keys sorted: what we write is reproducible (W08)
using OrderedJson = nlohmann::ordered_json;  ///< keys in file order

struct JsonLimits {
    std::uint64_t bytes = 64u << 20;
    int depth = 64;
    std::uint64_t values = 2'000'000;   ///< numbers, strings, arrays, objects …, all together: a tree takes up to 100 bytes for each, a text two
    /// What Python's json module writes and reads: bare Infinity, -Infinity and NaN are numbers, and of a doubled key the last counts.
    bool python = false;
};

/// The only JSON parser of the project (R11): depth and size limited, duplicate keys, invalid UTF-8 and trailing text refused.
/// @throws Error{BadFile} naming `subject`, line and column.
Json parseJson(std::string_view text, std::string_view subject, const JsonLimits& limits = {});
OrderedJson parseOrderedJson(std::string_view text, std::string_view subject, const JsonLimits& limits = {});
Json readJsonFile(const std::filesystem::path& path, const JsonLimits& limits = {});

/// Thrown by a JsonVisitor to refuse what it sees; the parser adds file, line and column and makes an Error{BadFile} of it.
struct JsonRefusal {
    std::string sentence; ///< without a full stop
    std::string rule;     ///< "E-R06"
};

/// Sees a document's parts in file order without a tree being built. It must look for duplicate keys itself.
class JsonVisitor {
public:
    virtual ~JsonVisitor() = default;
    /// null, booleans, numbers (exact integers keep their signedness) and strings.
    virtual void value(Json scalar) = 0;
    virtual void beginObject() = 0;
    virtual void key(std::string name) = 0;
    virtual void endObject() = 0;
    virtual void beginArray() = 0;
    virtual void endArray() = 0;
};

/// Indented text that Python's json module reads back: what is not finite stands as bare Infinity, -Infinity or NaN. Strings that are no
/// UTF-8 are mended with the replacement character.
std::string pythonJson(const Json& value, int indent);

void visitJson(std::string_view text, std::string_view subject, JsonVisitor& visitor, const JsonLimits& limits = {});

} // namespace halftone
