#include "core/base/atomic_file.h"

#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/sha256.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace halftone {

namespace fs = std::filesystem;

namespace {

/// The hash of the file behind `path`, as the disk gives it back; its size goes to `size`.
std::string hashBack(const fs::path& path, std::uint64_t& size)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        failIo(path, "what was written cannot be opened again to be verified", errno);
    Sha256 hash;
    std::vector<std::byte> buffer(1u << 20);
    size = 0;
    for (;;) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got == 0)
            break;
        if (got < 0) {
            const int error = errno;
            if (error == EINTR)
                continue;
            ::close(fd);
            failIo(path, "what was written cannot be read back", error);
        }
        hash.update(std::span<const std::byte>(buffer.data(), static_cast<std::size_t>(got)));
        size += static_cast<std::uint64_t>(got);
    }
    ::close(fd);
    return hash.finish();
}

fs::path temporaryName(const fs::path& target)
{
    static std::atomic<unsigned> counter{0};
    const std::string suffix = "." + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".part";
    std::string name = target.filename().string();
    name.resize(std::min<std::size_t>(name.size(), 254 - suffix.size())); // file systems allow 255 bytes
    return parentOf(target) / ("." + name + suffix);
}

} // namespace

struct AtomicFile::State {
    fs::path temporary;
    int fd = -1;
    std::uint64_t written = 0;
    std::uint64_t expected = 0;
    bool adopted = false;
    bool failed = false;
    bool done = false;
    Sha256 hash;
};

AtomicFile::AtomicFile(fs::path target, std::uint64_t expectedBytes, bool privateMode)
    : m_target(std::move(target))
    , m_state(std::make_unique<State>())
{
    std::error_code ignored;
    if (m_target.filename().empty() || fs::is_directory(fs::symlink_status(m_target, ignored)))
        throw Error(ErrorKind::Io, m_target.string() + ": is a folder; the name of a file to write is expected.", m_target.string());
    m_state->expected = expectedBytes;
    for (int attempt = 0; m_state->fd < 0; ++attempt) {
        m_state->temporary = temporaryName(m_target);
        m_state->fd = ::open(m_state->temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, privateMode ? 0600 : 0666);
        if (m_state->fd < 0 && (errno != EEXIST || attempt >= 100))
            failIo(m_target, "cannot be written", errno, expectedBytes);
    }
    if (expectedBytes > 0) {
        const int error = ::fallocate(m_state->fd, 0, 0, static_cast<off_t>(expectedBytes)) == 0 ? 0 : errno;
        if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
            ::close(m_state->fd);
            ::unlink(m_state->temporary.c_str());
            failIo(m_target, "cannot be written", error, expectedBytes);
        }
        // Any other answer means that this file system cannot reserve: the writes themselves will tell.
    }
}

AtomicFile::~AtomicFile()
{
    if (m_state->fd >= 0)
        ::close(m_state->fd);
    if (!m_state->done)
        ::unlink(m_state->temporary.c_str());
}

void AtomicFile::write(std::span<const std::byte> data)
{
    State& s = *m_state;
    if (s.done || s.adopted)
        throw Error(ErrorKind::Internal, m_target.string() + ": is written after it was committed or adopted.", m_target.string());
    std::size_t at = 0;
    while (at < data.size()) {
        const std::size_t part = std::min<std::size_t>(data.size() - at, 1u << 30);
        const ssize_t put = ::write(s.fd, data.data() + at, part);
        if (put > 0) {
            at += static_cast<std::size_t>(put);
        } else if (put == 0 || errno != EINTR) {
            const int error = put == 0 ? ENOSPC : errno;
            s.failed = true;
            failIo(m_target, "cannot be written at byte " + std::to_string(s.written + at), error,
                 std::max(s.expected, s.written + data.size()));
        }
    }
    s.hash.update(data);
    s.written += data.size();
}

void AtomicFile::write(std::string_view text)
{
    write(std::as_bytes(std::span(text)));
}

std::uint64_t AtomicFile::bytesWritten() const
{
    return m_state->written;
}

const fs::path& AtomicFile::temporaryPath() const
{
    return m_state->temporary;
}

void AtomicFile::adopt()
{
    m_state->adopted = true;
}

std::string AtomicFile::commit()
{
    State& s = *m_state;
    if (s.done)
        throw Error(ErrorKind::Internal, m_target.string() + ": is committed twice.", m_target.string());
    if (s.failed)
        throw Error(ErrorKind::Io, m_target.string() + ": is not kept, since a write failed.", m_target.string());
    if (!s.adopted && ::ftruncate(s.fd, static_cast<off_t>(s.written)) != 0) // gives back what was reserved and not used
        failIo(m_target, "cannot be brought to its length", errno, s.written);
    if (::fsync(s.fd) != 0) { // never retried: the data may be gone (W04)
        s.failed = true;
        failIo(m_target, "cannot be synced to disk", errno, s.written);
    }
    const int closed = ::close(std::exchange(s.fd, -1));
    if (closed != 0 && errno != EINTR) {
        s.failed = true;
        failIo(m_target, "cannot be closed", errno, s.written);
    }
    std::uint64_t size = 0;
    const std::string onDisk = hashBack(s.temporary, size);
    if (s.adopted) {
        s.written = size;
    } else if (const std::string meant = s.hash.finish(); size != s.written || onDisk != meant) {
        s.failed = true;
        throw Error(ErrorKind::Io,
                    m_target.string() + ": the disk gives back " + std::to_string(size) + " bytes that differ from the "
                        + std::to_string(s.written) + " written; the old file is kept. Check the disk.",
                    m_target.string());
    }
    if (::rename(s.temporary.c_str(), m_target.c_str()) != 0)
        failIo(m_target, "cannot be put in place", errno, s.written);
    s.done = true;
    syncFolderAfterRename(m_target);
    return onDisk;
}

void writeFileAtomically(const fs::path& target, std::string_view text, bool privateMode)
{
    AtomicFile file(target, text.size(), privateMode);
    file.write(text);
    file.commit();
}

int removeStaleTemporaries(const fs::path& folder)
{
    int removed = 0;
    std::error_code error;
    const auto hourAgo = fs::file_time_type::clock::now() - std::chrono::hours(1);
    std::vector<fs::path> stale;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (!name.starts_with('.') || !name.ends_with(".part") || it->is_symlink(error) || !it->is_regular_file(error))
            continue;
        const std::size_t dash = name.rfind('-');
        const std::size_t dot = dash == std::string::npos ? dash : name.rfind('.', dash);
        if (dot == std::string::npos || dot == 0)
            continue;
        long pid = 0;
        const auto parsed = std::from_chars(name.data() + dot + 1, name.data() + dash, pid);
        if (parsed.ec != std::errc() || parsed.ptr != name.data() + dash || pid <= 0)
            continue;
        const bool dead = ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
        if (dead && it->last_write_time(error) < hourAgo)
            stale.push_back(it->path());
    }
    for (const fs::path& path : stale)
        removed += fs::remove(path, error) ? 1 : 0;
    return removed;
}

} // namespace halftone
