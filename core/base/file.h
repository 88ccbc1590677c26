#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// A regular file opened for reading (R09); pread into owned buffers (R10), so a file that shrinks is an Error, not a SIGBUS.
class InputFile {
public:
    /// @throws Error{BadFile} if it is missing, unreadable, or no regular file.
    explicit InputFile(const std::filesystem::path& path);
    /// A file named by another file (R08): `name` must be a bare file name, looked up in `folder` itself. A link is followed only to a
    /// regular file (hub caches are made of links), and the log says so. @throws Error{BadFile}.
    static InputFile openIn(const std::filesystem::path& folder, std::string_view name);
    ~InputFile();
    InputFile(InputFile&& other) noexcept;
    InputFile& operator=(InputFile&&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    std::uint64_t size() const { return m_size; }
    /// Fills `out` from `offset`; threads may share the object. @throws Error{BadFile} past the end, Error{Io} if the disk fails.
    void read(std::uint64_t offset, std::span<std::byte> out) const;
    std::vector<std::byte> read(std::uint64_t offset, std::uint64_t bytes) const;
    /// @throws Error{BadFile} if size or modification time changed since it was opened.
    void checkUnchanged() const;
    /// @throws Error{BadFile} if it holds a Git LFS pointer in place of the contents, with the command that fetches them.
    void refuseLfsPointer() const;

private:
    InputFile(std::filesystem::path path, int fd);

    std::filesystem::path m_path;
    int m_fd = -1;
    std::uint64_t m_size = 0;
    std::int64_t m_mtimeNs = 0;
};

/// A file beside a model's weights. A link is followed inside the folder, or as a hub's cache lays it (…/snapshots/REVISION/NAME → ../../blobs/HASH),
/// and nowhere else: a folder from somebody else must not name files of this machine. @throws Error{BadFile} for a link that leads out or to nothing.
std::filesystem::path fileInside(const std::filesystem::path& folder, std::string_view name);

/// Whether something may be at `path`: false only where it is certain that nothing is. What cannot be looked at (a loop of links, a name
/// that is too long, a folder without permission) and a link that leads nowhere count as there, so that opening it says why it cannot be read. Never throws.
bool isThere(const std::filesystem::path& path) noexcept;

/// The whole of a small file. @throws Error{BadFile} if it is longer than `limit`, or a Git LFS pointer.
std::string readTextFile(const std::filesystem::path& path, std::uint64_t limit);

} // namespace halftone
