#pragma once

#include "core/base/file.h"

#include <filesystem>
#include <fstream>
#include <string>

namespace halftone {

inline std::string contents(const std::filesystem::path& path)
{
    return readTextFile(path, 1u << 30);
}

inline void put(const std::filesystem::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

inline std::size_t entries(const std::filesystem::path& folder)
{
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

} // namespace halftone
