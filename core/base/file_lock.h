#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace halftone {

/// A lock file: who writes what stands beside it. Held through flock, so that a killed owner frees it at once, and named by pid, start time
/// and host for file systems that do not pass locks on. Never stale by age (file-safety P09). Removed with the lock.
class FileLock {
public:
    struct Attempt {
        std::unique_ptr<FileLock> lock;   ///< null: not ours
        std::string owner;                ///< "process 4711 on host": who has it; empty when the file cannot be made
        int error = 0;                    ///< errno when the file cannot be made
    };
    static Attempt take(const std::filesystem::path& file);
    /// For locks that are held for moments only: tries again while another has it. @throws Error{Io} when it is not to be had.
    static std::unique_ptr<FileLock> wait(const std::filesystem::path& file, std::chrono::milliseconds atMost);
    ~FileLock();
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;

private:
    FileLock(std::filesystem::path path, int fd);
    std::filesystem::path m_path;
    int m_fd;
};

} // namespace halftone
