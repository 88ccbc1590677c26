#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace halftone {

using Json = nlohmann::json;                 ///< keys sorted: what we write is reproducible (W08)
using OrderedJson = nlohmann::ordered_json;  ///< keys in file order

struct JsonLimits {
    std::uint64_t bytes = 64u << 20;
    int depth = 64;
};

/// The only JSON parser of the project (R11): depth and size limited, duplicate keys, invalid UTF-8 and trailing text refused.
/// @throws Error{BadFile} naming `subject`, line and column.
Json parseJson(std::string_view text, std::string_view subject, const JsonLimits& limits = {});
OrderedJson parseOrderedJson(std::string_view text, std::string_view subject, const JsonLimits& limits = {});
Json readJsonFile(const std::filesystem::path& path, const JsonLimits& limits = {});

} // namespace halftone
