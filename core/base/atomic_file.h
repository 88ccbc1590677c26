#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace halftone {

/// Temp file in the same folder + fsync + rename + fsync of the folder (file-safety W01–W05, W10).
/// Dropped without commit(), the temp is removed and the old file stays.
class AtomicFile {
public:
    /// `expectedBytes` > 0 reserves the space first, so that a full disk shows at once.
    explicit AtomicFile(std::filesystem::path target, std::uint64_t expectedBytes = 0, bool privateMode = false);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    /// @throws Error{Io} naming path, needed and free bytes.
    void write(std::span<const std::byte> data);
    void write(std::string_view text);
    /// SHA-256 (hex) of what was written. After it returns, the file is in place and durable.
    std::string commit();
    std::uint64_t bytesWritten() const;
    /// The temp's path, for writers (HDF5) that must write it themselves; call adopt() when they closed it.
    const std::filesystem::path& temporaryPath() const;
    /// The temp was written by someone else: its content is hashed and synced by commit().
    void adopt();

private:
    struct State;
    std::filesystem::path m_target;
    std::unique_ptr<State> m_state;
};

/// Writes the whole text atomically.
void writeFileAtomically(const std::filesystem::path& target, std::string_view text, bool privateMode = false);

/// A folder that appears whole or not at all (W07): work in path() (`NAME.partial`), then commit() syncs it and renames it to the target.
/// What stood there before is removed only then. Without commit() nothing is left and the old target stays.
class AtomicFolder {
public:
    /// Replaces an existing folder at commit(): the caller must have asked whether it may.
    /// @throws Error{Io} if the parent is not writable, the target is no folder, or another process is writing the same target.
    explicit AtomicFolder(std::filesystem::path target);
    ~AtomicFolder();
    AtomicFolder(const AtomicFolder&) = delete;
    AtomicFolder& operator=(const AtomicFolder&) = delete;
    const std::filesystem::path& path() const { return m_partial; }
    void commit();

private:
    std::filesystem::path m_target;
    std::filesystem::path m_partial;
    std::filesystem::path m_lockPath;  ///< beside the folder: says that `.partial` is ours, and holds other writers off
    int m_lock = -1;
};

/// Removes what a killed process of ours left in `folder` (W11): `.NAME.PID-N.part` whose process is gone and that is older than an hour.
/// @return how many were removed.
int removeStaleTemporaries(const std::filesystem::path& folder);

/// Free bytes for us on the file system that holds `path` (its nearest existing parent).
std::uint64_t freeDiskBytes(const std::filesystem::path& path);

/// @throws Error{Io} if `needed` is more than the free bytes less 5 % (W06), naming both figures.
void requireDiskSpace(const std::filesystem::path& path, std::uint64_t needed);

} // namespace halftone
