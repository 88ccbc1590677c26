#include "failing_io.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstring>
#include <mutex>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

namespace failing_io {
namespace {

std::atomic<bool> armed{false}, kills{false}, exchanges{true};
std::mutex mutex;
std::string below, failed;
int left = 0;

/// True for the call that shall fail.
bool fails(const char* call, const char* path)
{
    if (!armed || path == nullptr)
        return false;
    const std::scoped_lock lock(mutex);
    if (std::strncmp(path, below.c_str(), below.size()) != 0 || --left != 0)
        return false;
    if (kills)
        ::_exit(kKilled);
    failed = std::string(call) + ": " + path;
    return true;
}

bool failsOn(const char* call, int fd)
{
    if (!armed)
        return false;
    std::array<char, PATH_MAX> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = ::readlink(link.c_str(), path.data(), path.size() - 1);
    return length > 0 && fails(call, path.data());
}

template <typename F> F* real(const char* name)
{
    return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

} // namespace

void arm(const std::filesystem::path& folder, int n)
{
    const std::scoped_lock lock(mutex);
    below = std::filesystem::canonical(folder).string() + "/";
    failed.clear();
    left = n;
    armed = true;
}

void armToKill(const std::filesystem::path& folder, int n)
{
    kills = true;
    arm(folder, n);
}

void disarm() { armed = false; }

void allowExchange(bool allowed) { exchanges = allowed; }

std::string failedCall()
{
    const std::scoped_lock lock(mutex);
    return failed;
}

} // namespace failing_io

extern "C" {

int open(const char* path, int flags, ...)
{
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    if ((flags & O_CREAT) != 0 && failing_io::fails("open", path)) {
        errno = ENOSPC;
        return -1;
    }
    static auto* const next = failing_io::real<int(const char*, int, ...)>("open");
    return next(path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t size)
{
    if (failing_io::failsOn("write", fd)) {
        errno = ENOSPC;
        return -1;
    }
    static auto* const next = failing_io::real<ssize_t(int, const void*, size_t)>("write");
    return next(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset)
{
    if (failing_io::failsOn("pwrite", fd)) {
        errno = ENOSPC;
        return -1;
    }
    static auto* const next = failing_io::real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
    return next(fd, data, size, offset);
}

int fsync(int fd)
{
    if (failing_io::failsOn("fsync", fd)) {
        errno = EIO;
        return -1;
    }
    static auto* const next = failing_io::real<int(int)>("fsync");
    return next(fd);
}

int ftruncate(int fd, off_t size) noexcept
{
    if (failing_io::failsOn("ftruncate", fd)) {
        errno = EIO;
        return -1;
    }
    static auto* const next = failing_io::real<int(int, off_t)>("ftruncate");
    return next(fd, size);
}

int rename(const char* from, const char* to) noexcept
{
    if (failing_io::fails("rename", to)) {
        errno = EIO;
        return -1;
    }
    static auto* const next = failing_io::real<int(const char*, const char*)>("rename");
    return next(from, to);
}

int renameat2(int fromFolder, const char* from, int toFolder, const char* to, unsigned flags) noexcept
{
    if (!failing_io::exchanges) {
        errno = EINVAL;
        return -1;
    }
    if (failing_io::fails("renameat2", to)) {
        errno = EIO;
        return -1;
    }
    static auto* const next = failing_io::real<int(int, const char*, int, const char*, unsigned)>("renameat2");
    return next(fromFolder, from, toFolder, to, flags);
}

// These clear away: a failure harms nobody, a kill before them may.
int unlink(const char* path) noexcept
{
    if (failing_io::kills)
        failing_io::fails("unlink", path);
    static auto* const next = failing_io::real<int(const char*)>("unlink");
    return next(path);
}

int rmdir(const char* path) noexcept
{
    if (failing_io::kills)
        failing_io::fails("rmdir", path);
    static auto* const next = failing_io::real<int(const char*)>("rmdir");
    return next(path);
}

} // extern "C"
