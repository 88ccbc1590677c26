#pragma once

#include "core/base/file.h"

#include <QTemporaryDir>
#include <QtTest>

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

/// Gone with the test.
class TestFolder {
public:
    /// A folder of the test function at work, made where it is not there.
    std::filesystem::path ofThisFunction() const
    {
        const std::filesystem::path path = std::filesystem::path(m_root.path().toStdString()) / QTest::currentTestFunction();
        std::filesystem::create_directories(path);
        return path;
    }

private:
    QTemporaryDir m_root;
};

} // namespace halftone
