#include "core/base/disk.h"

#include "core/base/error.h"
#include "core/base/log.h"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace halftone {

namespace fs = std::filesystem;

namespace {

/// The largest file that this process may write (`ulimit -f`), as a person reads it.
std::string fileSizeLimit()
{
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        return "this process may write files of at most " + std::to_string(limit.rlim_cur) + " bytes (ulimit -f). Raise that limit";
    return "the file system takes no larger file. Choose a folder on another one";
}

/// What to add to a message when the disk is at fault: figures and what can be done.
std::string advice(int error, const fs::path& path, std::uint64_t needed)
{
    std::string text = std::generic_category().message(error) + ".";
    if (error == ENOSPC || error == EDQUOT) {
        std::uint64_t available = 0;
        try {
            available = freeDiskBytes(path);
        } catch (const Error&) {
            available = 0;
        }
        text += " " + std::to_string(needed) + " bytes are needed, " + std::to_string(available)
            + " are free there. Free some space or choose another folder; what was there before is untouched.";
    } else if (error == EFBIG) {
        text += " " + std::to_string(needed) + " bytes are needed, and " + fileSizeLimit() + "; what was there before is untouched.";
    } else if (error == EMFILE) {
        text += " Raise the limit of this process (ulimit -n).";
    } else if (error == EACCES || error == EPERM || error == EROFS) {
        text += " Choose a folder you may write to.";
    }
    return text;
}

} // namespace

fs::path parentOf(const fs::path& path)
{
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void failIo(const fs::path& path, const std::string& deed, int error, std::uint64_t needed)
{
    const bool badName = error == ENAMETOOLONG || error == ELOOP || error == ENOTDIR;   // what was asked for, not the disk
    throw Error(badName ? ErrorKind::BadFile : ErrorKind::Io, path.string() + ": " + deed + ": " + advice(error, path, needed), path.string());
}

int trySyncFolder(const fs::path& folder)
{
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    return error == EINVAL || error == EROFS ? 0 : error; // some file systems cannot sync a folder
}

void syncFolder(const fs::path& folder)
{
    if (const int error = trySyncFolder(folder); error != 0)
        failIo(folder, "the folder cannot be synced to disk", error);
}

void syncFolderAfterRename(const fs::path& target)
{
    if (const int error = trySyncFolder(parentOf(target)); error != 0)
        log(LogLevel::Warning, target.string() + ": is in place, but its folder could not be synced to disk (" + std::generic_category().message(error)
                + "): after a power failure the one before may stand there. Check the disk.");
}

std::uint64_t freeDiskBytes(const fs::path& path)
{
    std::error_code error;
    fs::path place = fs::absolute(path.empty() ? fs::path(".") : path, error);   // empty: the parent of a bare name
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
