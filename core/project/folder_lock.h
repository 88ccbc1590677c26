#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace halftone {

/// The file `lock` of a project: who writes it. Held through flock, so that a killed owner frees it at once, and named by pid, start time
/// and host for file systems that do not pass locks on. Never stale by age (file-safety P09).
class FolderLock {
public:
    struct Attempt {
        std::unique_ptr<FolderLock> lock;   ///< null: not ours
        std::string owner;                  ///< "process 4711 on host": who has it; empty when the folder cannot be written
        int error = 0;                      ///< errno when the folder cannot be written
    };
    static Attempt take(const std::filesystem::path& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    FolderLock(std::filesystem::path path, int fd);
    std::filesystem::path m_path;
    int m_fd;
};

} // namespace halftone
