#include "core/base/file_lock.h"

#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/json.h"

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

Owner readOwner(int fd)
{
    std::array<char, 1024> buffer{};
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), 0);
    Owner owner;
    const Json json = got > 0 ? Json::parse(buffer.data(), buffer.data() + got, nullptr, false) : Json();
    if (!json.is_object() || !json.contains("pid") || !json["pid"].is_number_integer())
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

} // namespace

FileLock::FileLock(std::filesystem::path path, int fd) : m_path(std::move(path)), m_fd(fd) {}

FileLock::~FileLock()
{
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
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        if (fd < 0)
            return failed(fd);
        const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (!locked && errno == EWOULDBLOCK) {
            Attempt attempt;
            attempt.owner = describe(readOwner(fd));
            ::close(fd);
            return attempt;
        }
        // The last owner may have removed the file between our open and our lock: then it is another file by now.
        struct stat ours {}, there {};
        if (::fstat(fd, &ours) != 0 || ::lstat(path.c_str(), &there) != 0 || ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) {
            ::close(fd);
            continue;
        }
        if (!S_ISREG(ours.st_mode)) {
            errno = EINVAL;
            return failed(fd);
        }
        const Owner owner = readOwner(fd);
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
