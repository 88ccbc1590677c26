#include "core/base/file.h"

#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace halftone {

namespace {

constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK; // a FIFO must not hang us

std::string reason(int error)
{
    return std::generic_category().message(error);
}

std::int64_t modified(const struct stat& info)
{
    return static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
}

[[noreturn]] void failOpen(const std::filesystem::path& path, int error)
{
    if (error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO)   // the machine, not the file
        failIo(path, "cannot be opened for reading", error);
    throw Error(ErrorKind::BadFile, path.string() + ": cannot be opened for reading: " + reason(error) + ".", path.string());
}

/// A descriptor that is closed when its scope ends.
struct Descriptor {
    int fd;
    ~Descriptor()
    {
        if (fd >= 0)
            ::close(fd);
    }
};

} // namespace

InputFile::InputFile(const std::filesystem::path& path)
    : InputFile(path, ::open(path.c_str(), kOpenFlags))
{
}

InputFile::InputFile(std::filesystem::path path, int fd)
    : m_path(std::move(path))
    , m_fd(fd)
{
    if (fd < 0)
        failOpen(m_path, errno);
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        ::close(fd);
        m_fd = -1;
        throw Error(ErrorKind::BadFile,
                    m_path.string() + ": is " + (S_ISDIR(info.st_mode) ? "a folder" : "no regular file") + "; a regular file is expected (E-R09).",
                    m_path.string());
    }
    m_size = static_cast<std::uint64_t>(info.st_size);
    m_mtimeNs = modified(info);
}

InputFile InputFile::openIn(const std::filesystem::path& folder, std::string_view name)
{
    const std::string file(name);
    if (file.empty() || file.size() > 255 || file.front() == '.' || file.find('/') != std::string::npos || file.find('\\') != std::string::npos
        || file.find('\0') != std::string::npos)
        throw Error(ErrorKind::BadFile,
                    folder.string() + ": \"" + printable(name) + "\" is no bare file name; a file of this folder is expected (E-R08).",
                    folder.string());
    const std::filesystem::path path = folder / file;
    const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY)};
    if (directory.fd < 0)
        failOpen(folder, errno);
    int fd = ::openat(directory.fd, file.c_str(), kOpenFlags | O_NOFOLLOW);
    if (fd < 0 && (errno == ELOOP || errno == EMLINK)) {
        log(LogLevel::Info, path.string() + ": is a link; it is followed, as model caches are made of links.");
        fd = ::openat(directory.fd, file.c_str(), kOpenFlags); // the constructor refuses all but a regular file
    }
    return {path, fd};
}

InputFile::~InputFile()
{
    if (m_fd >= 0)
        ::close(m_fd);
}

InputFile::InputFile(InputFile&& other) noexcept
    : m_path(std::move(other.m_path))
    , m_fd(std::exchange(other.m_fd, -1))
    , m_size(other.m_size)
    , m_mtimeNs(other.m_mtimeNs)
{
}

void InputFile::read(std::uint64_t offset, std::span<std::byte> out) const
{
    if (offset > m_size || out.size() > m_size - offset)
        throw Error(ErrorKind::BadFile,
                    m_path.string() + ": " + std::to_string(out.size()) + " bytes are wanted at byte " + std::to_string(offset) + " of "
                        + std::to_string(m_size) + " (E-R02).",
                    m_path.string());
    std::size_t done = 0;
    while (done < out.size()) {
        const std::size_t part = std::min<std::size_t>(out.size() - done, 1u << 30);
        const ssize_t got = ::pread(m_fd, out.data() + done, part, static_cast<off_t>(offset + done));
        if (got > 0) {
            done += static_cast<std::size_t>(got);
        } else if (got == 0) {
            throw Error(ErrorKind::BadFile,
                        m_path.string() + ": became shorter while it was read: it ends at byte " + std::to_string(offset + done) + " of "
                            + std::to_string(m_size) + " (E-R10).",
                        m_path.string());
        } else if (errno != EINTR) {
            throw Error(ErrorKind::Io,
                        m_path.string() + ": reading " + std::to_string(out.size()) + " bytes at byte " + std::to_string(offset)
                            + " failed: " + reason(errno) + ".",
                        m_path.string());
        }
    }
}

std::vector<std::byte> InputFile::read(std::uint64_t offset, std::uint64_t bytes) const
{
    if (offset > m_size || bytes > m_size - offset) // before the memory is asked for
        read(offset, std::span<std::byte>(static_cast<std::byte*>(nullptr), static_cast<std::size_t>(bytes)));
    std::vector<std::byte> out(static_cast<std::size_t>(bytes));
    read(offset, out);
    return out;
}

void InputFile::checkUnchanged() const
{
    struct stat info {};
    struct stat named {};
    bool same = ::fstat(m_fd, &info) == 0 && static_cast<std::uint64_t>(info.st_size) == m_size && modified(info) == m_mtimeNs;
    if (same && ::stat(m_path.c_str(), &named) == 0)
        same = named.st_ino == info.st_ino && named.st_dev == info.st_dev;
    if (!same)
        throw Error(ErrorKind::BadFile, m_path.string() + ": was changed on disk since it was opened; open it again.", m_path.string());
}

namespace {

/// Whether `path` lies below `folder`; both without links.
bool liesBelow(const std::filesystem::path& path, const std::filesystem::path& folder)
{
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

} // namespace

std::filesystem::path fileInside(const std::filesystem::path& folder, std::string_view name)
{
    const std::filesystem::path path = folder / name;
    std::error_code error;
    if (!std::filesystem::is_symlink(path, error) || error)
        return path;
    const std::filesystem::path home = std::filesystem::canonical(folder, error);
    const std::filesystem::path target = error ? std::filesystem::path() : std::filesystem::canonical(path, error);
    if (error)
        failOpen(path, error.value());
    if (liesBelow(target, home))
        return path;
    for (std::filesystem::path at = home; at.has_relative_path(); at = at.parent_path())
        if (at.filename() == "snapshots" && liesBelow(target, at.parent_path() / "blobs"))
            return path;
    throw Error(ErrorKind::BadFile,
                path.string() + ": is a link that leads out of its folder, which is not followed. Copy the file itself into the folder (E-R08).",
                path.string());
}

void InputFile::refuseLfsPointer() const
{
    constexpr std::string_view kStart = "version https://git-lfs.github.com/spec/";
    constexpr std::string_view kOldStart = "version http://git-media.io/v/";
    constexpr std::uint64_t kMost = 1024;   // a pointer is smaller by the format's own rule
    if (m_size < kOldStart.size() || m_size >= kMost)
        return;
    std::string text(static_cast<std::size_t>(m_size), '\0');
    read(0, std::as_writable_bytes(std::span(text)));
    if (text.starts_with(kStart) || text.starts_with(kOldStart))
        throw Error(ErrorKind::BadFile,
                    m_path.string() + ": is a Git LFS pointer, not the file itself: run git lfs pull in its folder, then try again (E-R01).",
                    m_path.string());
}

bool isThere(const std::filesystem::path& path) noexcept
{
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

std::string readTextFile(const std::filesystem::path& path, std::uint64_t limit)
{
    const InputFile file(path);
    if (file.size() > limit)
        throw Error(ErrorKind::BadFile,
                    path.string() + ": has " + std::to_string(file.size()) + " bytes; at most " + std::to_string(limit)
                        + " are allowed (E-R04).",
                    path.string());
    file.refuseLfsPointer();
    std::string text(static_cast<std::size_t>(file.size()), '\0');
    file.read(0, std::as_writable_bytes(std::span(text)));
    return text;
}

} // namespace halftone
