#include "reader.h"

#include "core/base/error.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

namespace halftone::fuzz {

namespace fs = std::filesystem;

namespace {

void tooLong(int)
{
    static constexpr std::string_view kSays = "\nFINDING: it takes more processor time than an input may.\n";
    static_cast<void>(!::write(STDERR_FILENO, kSays.data(), kSays.size()));
    std::abort();
}

/// Processor time, not time on the wall: a busy machine is no finding.
class Watch {
public:
    Watch() { set(kProcessorSeconds); }
    ~Watch() { set(0); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

private:
    static void set(int seconds)
    {
        static const auto installed = std::signal(SIGPROF, tooLong);
        static_cast<void>(installed);
        itimerval timer{};
        timer.it_value.tv_sec = seconds;
        ::setitimer(ITIMER_PROF, &timer, nullptr);
    }
};

} // namespace

std::string_view textOf(const std::uint8_t* data, std::size_t size)
{
    return {reinterpret_cast<const char*>(data), size};
}

const fs::path& folder()
{
    static const fs::path made = [] {
        fs::path path = fs::temp_directory_path() / ("halftone-fuzz-" + std::to_string(::getpid()));
        fs::remove_all(path);
        fs::create_directories(path);
        return path;
    }();
    return made;
}

void put(const fs::path& file, std::string_view bytes)
{
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) || ::close(fd) != 0) {
        std::fprintf(stderr, "%s cannot be written.\n", file.c_str());
        std::_Exit(2);
    }
}

void finding(const std::string& sentence)
{
    std::fprintf(stderr, "\nFINDING: %s\n", sentence.c_str());
    std::abort();
}

bool takesOrRefuses(const std::function<void()>& read)
{
    const Watch watch;
    try {
        read();
        return true;
    } catch (const Error& e) {
        if (e.kind() != ErrorKind::BadFile && e.kind() != ErrorKind::Unsupported)
            finding(std::string("an error of another kind: ") + e.what());
        if (std::string_view(e.what()).size() < 8)
            finding(std::string("an error that says nothing: ") + e.what());
        return false;
    } catch (const std::exception& e) {
        finding(std::string("an exception that is no Error: ") + e.what());
    }
}

} // namespace halftone::fuzz
