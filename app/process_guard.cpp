#include "app/process_guard.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace halftone {

namespace {

constexpr int kCancelled = 130, kOutOfMemory = 4;

std::atomic<int> gWake{-1};
std::atomic<int> gSignals{0};
std::atomic<bool> gExpectsNoExit{false};

void say(std::string_view text)
{
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

/// Async-signal-safe.
void onSignal(int)
{
    const int before = errno;
    const int descriptor = gWake.load();
    const char byte = 1;
    if (descriptor < 0 || gSignals.fetch_add(1) > 0 || ::write(descriptor, &byte, 1) != 1)
        ::_exit(kCancelled);
    errno = before;
}

/// What nobody catches: thrown while libraries are initialised, or on a thread of theirs.
void onTerminate()
{
    if (const std::exception_ptr thrown = std::current_exception()) {
        try {
            std::rethrow_exception(thrown);
        } catch (const std::bad_alloc&) {
            say("\nhalftone: out of memory; close other programs, or raise the limit of this one (ulimit -v)\n");
            ::_exit(kOutOfMemory);
        } catch (const std::exception& e) {
            if (std::strstr(e.what(), "allocate memory") || std::strstr(e.what(), "Cannot allocate") || std::strstr(e.what(), "Resource temporarily unavailable")) {
                say("\nhalftone: out of memory: ");
                say(e.what());
                say("\n");
                ::_exit(kOutOfMemory);
            }
            say("\nhalftone: internal error: ");
            say(e.what());
            say("\n");
        } catch (...) {
        }
    }
    std::abort();
}

/// The limit of this process, RLIM_INFINITY where it has none.
rlim_t limitOf(decltype(RLIMIT_AS) resource)
{
    rlimit limit{};
    return ::getrlimit(resource, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

bool isNear(rlim_t limit, unsigned long used)
{
    constexpr unsigned long kNear = 128UL << 20;   // what one allocation of a library may have asked for
    return limit != RLIM_INFINITY && used + kNear > limit;
}

/// Whether a limited address space (ulimit -v) or data segment (ulimit -d) is as good as used up. Async-signal-safe.
bool memoryIsUsedUp()
{
    const int descriptor = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    char text[128] = {};
    const ssize_t length = ::read(descriptor, text, sizeof text - 1);
    ::close(descriptor);
    constexpr int kFields = 6, kAll = 0, kData = 5;   // proc(5)
    unsigned long pages[kFields] = {};
    int field = 0;
    for (ssize_t i = 0; i < length && field < kFields; ++i) {
        if (text[i] >= '0' && text[i] <= '9')
            pages[field] = pages[field] * 10 + static_cast<unsigned long>(text[i] - '0');
        else
            ++field;
    }
    const auto page = static_cast<unsigned long>(::sysconf(_SC_PAGESIZE));
    return isNear(limitOf(RLIMIT_AS), pages[kAll] * page) || isNear(limitOf(RLIMIT_DATA), pages[kData] * page);
}

/// oneDNN writes through the null pointer of an allocation that failed. With the memory used up that is what happened, and is said; else the
/// program dies as it would have.
void onBadAccess(int number)
{
    if (memoryIsUsedUp()) {
        say("\nhalftone: out of memory in a library; raise the limit of this process (ulimit -v, ulimit -d), or take fewer --threads\n");
        ::_exit(kOutOfMemory);
    }
    std::signal(number, SIG_DFL);   // and the access is tried again
}

void onExit()
{
    if (!gExpectsNoExit)
        return;
    say("\nhalftone: out of memory: a library could not go on (see above); use fewer --threads, or raise the limits of this process (ulimit -v, ulimit -u)\n");
    ::_exit(kOutOfMemory);
}

/// Where standard input, output or errors were closed, the next file opened would take the number, and what is printed would go into it.
void openStandardStreams()
{
    int descriptor = 0;
    do {
        descriptor = ::open("/dev/null", O_RDWR);
    } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor >= 0)
        ::close(descriptor);
}

void guardProcess(int, char**, char**)
{
    openStandardStreams();
    std::signal(SIGXFSZ, SIG_IGN);   // a file-size limit is told by the write that meets it
    std::signal(SIGPIPE, SIG_IGN);
    struct sigaction action {};
    action.sa_handler = onSignal;
    action.sa_flags = SA_RESTART;
    for (const int number : {SIGTERM, SIGHUP, SIGINT}) {
        struct sigaction before {};
        if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler != SIG_IGN)
            ::sigaction(number, &action, nullptr);
    }
    if (limitOf(RLIMIT_AS) != RLIM_INFINITY || limitOf(RLIMIT_DATA) != RLIM_INFINITY)
        std::signal(SIGSEGV, onBadAccess);
    std::set_terminate(onTerminate);
}

/// The dynamic linker calls what stands here before the initialisers of all libraries.
__attribute__((section(".preinit_array"), used)) void (*const kFirst)(int, char**, char**) = guardProcess;

} // namespace

void wakeOnFirstSignal(int descriptor) { gWake = descriptor; }

void expectNoExit()
{
    std::atexit(onExit);
    gExpectsNoExit = true;
}

void endsByItself() { gExpectsNoExit = false; }

} // namespace halftone
