#include "core/model/foreign_errors.h"

#include "core/base/error.h"
#include "core/base/foreign_error.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <system_error>

namespace halftone {

namespace {

/// What libraries say when an allocation failed: LibTorch's allocator, the C library, oneDNN (whose own buffers are all that it can lack here), threads
/// that get no stack, or whose work ended before it had an answer.
bool saysOutOfMemory(std::string_view what)
{
    constexpr std::array<std::string_view, 8> kPhrases{"allocate memory", "not enough memory", "out of memory", "Cannot allocate", "bad_alloc",
                                                       "could not create a primitive", "could not execute a primitive", "Broken promise"};
    return std::any_of(kPhrases.begin(), kPhrases.end(), [&](std::string_view phrase) { return what.find(phrase) != std::string_view::npos; });
}

/// What libraries say when they may open no further file: LibTorch for its seed, the dynamic linker.
bool saysTooManyFiles(std::string_view what)
{
    return what.find("Too many open files") != std::string_view::npos || what.find("Unable to open /dev/urandom") != std::string_view::npos;
}

/// The first line is the reason; LibTorch lets places in its sources follow.
std::string firstLine(const std::string& what) { return what.substr(0, what.find('\n')); }

[[noreturn]] void outOfMemory(const std::string& subject, const std::string& why)
{
    throw Error(ErrorKind::OutOfMemory, subject + ": out of memory" + (why.empty() ? std::string() : " (" + why + ")")
                + "; use fewer or shorter samples or windows, --memory-budget to spill streams to disk, or raise the limit of this process (ulimit -v)", subject);
}

/// What a library said, as ours.
[[noreturn]] void translate(const std::string& subject, const std::string& what, const Error& otherwise)
{
    if (saysOutOfMemory(what))
        outOfMemory(subject, firstLine(what));
    if (saysTooManyFiles(what))
        throw Error(ErrorKind::Io, subject + ": no further file can be opened (" + firstLine(what) + "); raise the limit of this process (ulimit -n)", subject);
    throw otherwise;
}

} // namespace

void translateErrors(const std::string& subject, const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error&) {
        throw;
    } catch (const Cancelled&) {
        throw;
    } catch (const std::bad_alloc&) {
        outOfMemory(subject, {});
    } catch (const c10::OutOfMemoryError& e) {
        throw Error(ErrorKind::OutOfMemory, subject + ": out of device memory; use fewer or shorter samples, or --device cpu", subject);
    } catch (const c10::Error& e) {
        const std::string what = e.what_without_backtrace();
        translate(subject, what, Error(ErrorKind::Internal, subject + ": " + what, subject));
    } catch (const std::system_error& e) {   // the only one that the standard library throws on its own: a thread that cannot start
        if (e.code() == std::errc::resource_unavailable_try_again || e.code() == std::errc::not_enough_memory)
            outOfMemory(subject, e.what());
        throw foreignError(e, subject);
    } catch (const std::exception& e) {
        translate(subject, e.what(), foreignError(e, subject));
    }
}

} // namespace halftone
