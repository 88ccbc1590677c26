#include "app/process_guard.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

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

void onExit()
{
    if (!gExpectsNoExit)
        return;
    say("\nhalftone: out of memory: a library could not go on (see above); use fewer --threads, or raise the limits of this process (ulimit -v, ulimit -u)\n");
    ::_exit(kOutOfMemory);
}

void guardProcess(int, char**, char**)
{
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
