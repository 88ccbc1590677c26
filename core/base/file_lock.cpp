#include "core/base/file_lock.h"

#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/json.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace halftone {
namespace {

std::string hostName()
{
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : "unknown";
}

/// Clock ticks after boot at which a process started, so that a pid used again is not taken for its former owner; empty when unknown.
std::string startTime(long pid)
{
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(stat, text);
    const std::size_t afterName = text.rfind(')');
    if (afterName == std::string::npos)
        return {};
    std::istringstream fields(text.substr(afterName + 1));
    std::string field;
    for (int i = 3; i <= 22; ++i)
        fields >> field;
    return fields ? field : std::string();
}

struct Owner {
    long pid = 0;
    std::string host, started;
    bool known() const { return pid > 0 && !host.empty(); }
};

constexpr std::size_t kMostLock = 1024;   // bytes; what we write has about a hundred

/// What stands in a lock file, as far as a lock may be long.
std::string textOf(int fd)
{
    std::string text(kMostLock + 1, '\0');
    const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

Json lockOf(const std::string& text)
{
    Json json = text.empty() || text.size() > kMostLock ? Json() : Json::parse(text, nullptr, false);
    return json.is_object() && json.contains("pid") && json["pid"].is_number_integer() ? json : Json();
}

/// A lock of ours, or what is left of one that was cut short: nothing, or the zeros that a power failure leaves of a file.
bool isOurs(const std::string& text)
{
    const auto known = [](const auto& entry) { return entry.key() == "pid" || entry.key() == "host" || entry.key() == "started"; };
    const Json json = lockOf(text);
    const auto entries = json.items();
    return (json.is_object() && std::all_of(entries.begin(), entries.end(), known))
        || (text.size() <= kMostLock && text.find_first_not_of('\0') == std::string::npos);
}

Owner ownerIn(const std::string& text)
{
    Owner owner;
    const Json json = lockOf(text);
    if (!json.is_object())
        return owner;
    owner.pid = json["pid"].get<long>();
    if (json.contains("host") && json["host"].is_string())
        owner.host = json["host"].get<std::string>();
    if (json.contains("started") && json["started"].is_string())
        owner.started = json["started"].get<std::string>();
    return owner;
}

bool alive(const Owner& owner)
{
    if (::kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH)
        return false;
    const std::string started = startTime(owner.pid);
    return owner.started.empty() || started.empty() || owner.started == started;
}

std::string describe(const Owner& owner)
{
    return owner.known() ? "process " + std::to_string(owner.pid) + " on " + owner.host : "another program";
}

[[noreturn]] void refuse(const std::filesystem::path& path)
{
    throw Error(ErrorKind::BadFile, path.string() + ": stands where a lock is kept and was not made by Halftone; move it away and try again.", path.string());
}

} // namespace

FileLock::FileLock(std::filesystem::path path, int fd) : m_path(std::move(path)), m_fd(fd) {}

FileLock::~FileLock()
{
    struct stat ours {}, there {};   // somebody may have put another file in its place
    if (::fstat(m_fd, &ours) == 0 && ::lstat(m_path.c_str(), &there) == 0 && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
        ::unlink(m_path.c_str());
    ::close(m_fd);
}

FileLock::Attempt FileLock::take(const std::filesystem::path& path)
{
    const auto failed = [](int fd) {
        Attempt attempt;
        attempt.error = errno;
        if (fd >= 0)
            ::close(fd);
        return attempt;
    };
    for (int tries = 0; tries < 100; ++tries) {
        struct stat before {};   // a device must not even be opened
        if (::lstat(path.c_str(), &before) == 0 && !S_ISREG(before.st_mode))
            refuse(path);
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        if (fd < 0)
            return failed(fd);
        const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (!locked && errno == EWOULDBLOCK) {
            Attempt attempt;
            attempt.owner = describe(ownerIn(textOf(fd)));
            ::close(fd);
            return attempt;
        }
        // The last owner may have removed the file between our open and our lock: then it is another file by now.
        struct stat ours {}, there {};
        if (::fstat(fd, &ours) != 0 || ::lstat(path.c_str(), &there) != 0 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) {
            ::close(fd);
            continue;
        }
        const std::string found = textOf(fd);
        if (!S_ISREG(ours.st_mode) || ours.st_nlink > 1 || !isOurs(found)) {   // under a second name it may be anybody's
            ::close(fd);
            refuse(path);
        }
        const Owner owner = ownerIn(found);
        const bool foreign = owner.known() && owner.host != hostName();
        // With a lock of our own the former owner on this host is dead; where the file system has no locks, its process tells.
        const bool living = owner.known() && !foreign && !locked && alive(owner);
        if (foreign || living) {
            Attempt attempt;
            attempt.owner = describe(owner) + (foreign ? " (if it is gone, remove the file " + path.filename().string() + ")" : "");
            ::close(fd);
            return attempt;
        }
        const std::string text = Json{{"pid", static_cast<long>(::getpid())}, {"host", hostName()},
            {"started", startTime(::getpid())}}.dump() + "\n";
        if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
            const int error = errno;
            ::unlink(path.c_str());
            ::close(fd);
            errno = error;
            return failed(-1);
        }
        Attempt attempt;
        attempt.lock.reset(new FileLock(path, fd));
        return attempt;
    }
    errno = EAGAIN;
    return failed(-1);
}

std::unique_ptr<FileLock> FileLock::wait(const std::filesystem::path& file, std::chrono::milliseconds atMost)
{
    constexpr auto kBetween = std::chrono::milliseconds(5);
    const auto until = std::chrono::steady_clock::now() + atMost;
    for (;;) {
        Attempt attempt = take(file);
        if (attempt.lock)
            return std::move(attempt.lock);
        if (attempt.error != 0 && attempt.error != EAGAIN)
            failIo(file, "the lock cannot be made", attempt.error);
        if (std::chrono::steady_clock::now() >= until)
            throw Error(ErrorKind::Io, file.string() + ": is held by " + (attempt.owner.empty() ? "another program" : attempt.owner) + "; try again when it is done.",
                        file.string());
        std::this_thread::sleep_for(kBetween);
    }
}

} // namespace halftone
