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
    /// SHA-256 (hex) of what was written. After it returns, the file is in place and durable; when it throws, the old one is.
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

/// Removes what a killed process of ours left in `folder` (W11): `.NAME.PID-N.part` whose process is gone and that is older than an hour.
/// @return how many were removed.
int removeStaleTemporaries(const std::filesystem::path& folder);

} // namespace halftone
