#pragma once

#include "core/project/project.h"

#include <QTemporaryDir>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

/// A project of a model that is only a name, in a folder of its own.
class ProjectFixture {
public:
    ProjectFixture() : m_root(std::filesystem::canonical(m_dir.path().toStdString())) { std::ofstream(model()) << "weights"; }

    std::filesystem::path root() const { return m_root; }
    std::filesystem::path model() const { return m_root / "model.gguf"; }
    std::filesystem::path folder() const { return m_root / "x.halftone"; }
    std::shared_ptr<halftone::Project> open() const { return halftone::Project::open(folder(), model()); }
    std::shared_ptr<halftone::Project> reopen(bool readOnly = false) const { return halftone::Project::openExisting(folder(), readOnly); }

    static std::string content(const std::filesystem::path& file)
    {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const std::filesystem::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

    /// Every file below the project and its bytes.
    std::map<std::string, std::string> files() const
    {
        std::map<std::string, std::string> all;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder()))
            if (entry.is_regular_file())
                all[entry.path().lexically_relative(folder()).generic_string()] = content(entry.path());
        return all;
    }

private:
    QTemporaryDir m_dir;
    std::filesystem::path m_root;
};
