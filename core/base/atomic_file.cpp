#include "core/base/atomic_file.h"

#include "core/base/error.h"
#include "core/base/log.h"
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
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace halftone {

namespace fs = std::filesystem;

namespace {

fs::path parentOf(const fs::path& path)
{
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

/// What to add to a message when the disk is at fault: figures and what can be done.
std::string advice(int error, const fs::path& path, std::uint64_t needed)
{
    std::string text = std::generic_category().message(error) + ".";
    if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
        std::uint64_t available = 0;
        try {
            available = freeDiskBytes(path);
        } catch (const Error&) {
            available = 0;
        }
        text += " " + std::to_string(needed) + " bytes are needed, " + std::to_string(available)
            + " are free there. Free some space or choose another folder; what was there before is untouched.";
    } else if (error == EACCES || error == EPERM || error == EROFS) {
        text += " Choose a folder you may write to.";
    }
    return text;
}

[[noreturn]] void fail(const fs::path& path, const std::string& deed, int error, std::uint64_t needed = 0)
{
    throw Error(ErrorKind::Io, path.string() + ": " + deed + ": " + advice(error, path, needed), path.string());
}

void syncFolder(const fs::path& folder)
{
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail(folder, "the folder cannot be opened to be synced", errno);
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (error != 0 && error != EINVAL && error != EROFS) // some file systems cannot sync a folder
        fail(folder, "the folder cannot be synced to disk", error);
}

/// The hash of the file behind `path`, as the disk gives it back; its size goes to `size`.
std::string hashBack(const fs::path& path, std::uint64_t& size)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        fail(path, "what was written cannot be opened again to be verified", errno);
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
            fail(path, "what was written cannot be read back", error);
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
            fail(m_target, "cannot be written", errno, expectedBytes);
    }
    if (expectedBytes > 0) {
        const int error = ::fallocate(m_state->fd, 0, 0, static_cast<off_t>(expectedBytes)) == 0 ? 0 : errno;
        if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
            ::close(m_state->fd);
            ::unlink(m_state->temporary.c_str());
            fail(m_target, "cannot be written", error, expectedBytes);
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
            fail(m_target, "cannot be written at byte " + std::to_string(s.written + at), error,
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
        fail(m_target, "cannot be brought to its length", errno, s.written);
    if (::fsync(s.fd) != 0) { // never retried: the data may be gone (W04)
        s.failed = true;
        fail(m_target, "cannot be synced to disk", errno, s.written);
    }
    const int closed = ::close(std::exchange(s.fd, -1));
    if (closed != 0 && errno != EINTR) {
        s.failed = true;
        fail(m_target, "cannot be closed", errno, s.written);
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
        fail(m_target, "cannot be put in place", errno, s.written);
    s.done = true;
    syncFolder(parentOf(m_target));
    return onDisk;
}

void writeFileAtomically(const fs::path& target, std::string_view text, bool privateMode)
{
    AtomicFile file(target, text.size(), privateMode);
    file.write(text);
    file.commit();
}

// ---------------------------------------------------------------------------------------------------------------- AtomicFolder

namespace {

fs::path withoutTrailingSlash(fs::path path)
{
    return path.has_filename() ? path : path.parent_path();
}

/// fsync of every file and folder below, so that the rename never shows a half-written one.
void syncTree(const fs::path& folder)
{
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_symlink())
            continue;
        if (entry.is_directory()) {
            syncFolder(entry.path());
        } else if (entry.is_regular_file()) {
            const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
            if (fd < 0)
                fail(entry.path(), "cannot be opened to be synced", errno);
            const int error = ::fsync(fd) == 0 ? 0 : errno;
            ::close(fd);
            if (error != 0)
                fail(entry.path(), "cannot be synced to disk", error);
        }
    }
    syncFolder(folder);
}

} // namespace

AtomicFolder::AtomicFolder(fs::path target)
    : m_target(withoutTrailingSlash(std::move(target)))
{
    const std::string name = m_target.filename().string();
    const fs::path parent = parentOf(m_target);
    std::error_code error;
    const fs::file_status status = fs::symlink_status(m_target, error);
    if (name.empty() || name == "." || name == ".." || (fs::exists(status) && !fs::is_directory(status)))
        throw Error(ErrorKind::Io, m_target.string() + ": is no folder that could be replaced; choose another name.", m_target.string());
    fs::create_directories(parent, error);
    if (error)
        fail(parent, "the folder cannot be made", error.value());

    m_partial = parent / (name + ".partial");
    m_lockPath = parent / ("." + name + ".partial-lock");
    const bool ours = fs::exists(fs::symlink_status(m_lockPath, error));
    m_lock = ::open(m_lockPath.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (m_lock < 0)
        fail(m_target, "cannot be written", errno);
    try {
        if (::flock(m_lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
            throw Error(ErrorKind::Io, m_target.string() + ": is being written by another process or job; wait for it or choose another name.",
                        m_target.string());
        if (fs::exists(fs::symlink_status(m_partial, error))) {
            if (!ours && !fs::is_empty(m_partial, error))
                throw Error(ErrorKind::Io, m_partial.string() + ": is in the way and was not made by Halftone; move it or choose another name.",
                            m_partial.string());
            fs::remove_all(m_partial, error); // left by a killed process
            if (error)
                fail(m_partial, "what a stopped export left cannot be removed", error.value());
        }
        if (!fs::create_directory(m_partial, error))
            fail(m_target, "cannot be written", error ? error.value() : EEXIST);
    } catch (const Error&) {
        ::close(m_lock);
        throw;
    }
}

AtomicFolder::~AtomicFolder()
{
    if (m_lock < 0)
        return;
    std::error_code ignored;
    fs::remove_all(m_partial, ignored);
    ::unlink(m_lockPath.c_str());
    ::close(m_lock);
}

void AtomicFolder::commit()
{
    if (m_lock < 0)
        throw Error(ErrorKind::Internal, m_target.string() + ": is committed twice.", m_target.string());
    try {
        syncTree(m_partial);
    } catch (const fs::filesystem_error& e) {
        fail(m_partial, "cannot be synced to disk", e.code().value());
    }
    std::error_code error;
    const bool replaces = fs::exists(fs::symlink_status(m_target, error));
    const fs::path parent = parentOf(m_target);
    fs::path old;
    if (replaces) {
        const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
        old = parent / (m_target.filename().string() + ".old-" + std::to_string(now.count()));
        if (::rename(m_target.c_str(), old.c_str()) != 0)
            fail(m_target, "what stands there cannot be moved aside", errno);
    }
    if (::rename(m_partial.c_str(), m_target.c_str()) != 0) {
        const int why = errno;
        if (replaces && ::rename(old.c_str(), m_target.c_str()) != 0)
            throw Error(ErrorKind::Io, m_target.string() + ": cannot be put in place; what stood there is now " + old.string() + ".",
                        m_target.string());
        fail(m_target, "cannot be put in place", why);
    }
    ::unlink(m_lockPath.c_str());
    ::close(std::exchange(m_lock, -1));
    syncFolder(parent);
    if (replaces) {
        fs::remove_all(old, error);
        if (error)
            log(LogLevel::Warning, old.string() + ": the replaced folder could not be removed: " + error.message() + ".");
    }
}

// ------------------------------------------------------------------------------------------------------------------ disk space

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

std::uint64_t freeDiskBytes(const fs::path& path)
{
    std::error_code error;
    fs::path place = fs::absolute(path, error);
    while (!fs::exists(place, error) && place.has_relative_path())
        place = place.parent_path();
    struct statvfs info {};
    if (::statvfs(place.c_str(), &info) != 0)
        throw Error(ErrorKind::Io, place.string() + ": the free space cannot be asked: " + std::generic_category().message(errno) + ".",
                    place.string());
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

void requireDiskSpace(const fs::path& path, std::uint64_t needed)
{
    const std::uint64_t available = freeDiskBytes(path);
    if (needed > available - available / 20)
        throw Error(ErrorKind::Io,
                    path.string() + ": " + std::to_string(needed) + " bytes are needed, but only " + std::to_string(available)
                        + " are free there (5 % of them are left alone). Free some space or choose another folder.",
                    path.string());
}

} // namespace halftone
