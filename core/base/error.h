#pragma once

#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

namespace halftone {

enum class ErrorKind { InvalidArgument, BadFile, Unsupported, OutOfMemory, Io, Internal };

/// The one exception type that core throws. `what()` is a full sentence that names the thing, the value and the limit.
class Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& what, std::string subject = {},
          std::source_location where = std::source_location::current());

    ErrorKind kind() const noexcept { return m_kind; }
    /// The file, tensor, linear or recipe key it is about; may be empty.
    const std::string& subject() const noexcept { return m_subject; }
    const std::source_location& where() const noexcept { return m_where; }

private:
    ErrorKind m_kind;
    std::string m_subject;
    std::source_location m_where;
};

/// Unwinds a job whose stop token was set. Not an Error: it is never shown.
struct Cancelled {};

/// The command line's exit code for an error (3 bad input, 4 out of memory or disk, 1 internal).
int exitCode(ErrorKind kind) noexcept;

/// Text from a file, made fit for a message: control bytes and bytes that are no ASCII are escaped (\xNN), and more than `max` are elided.
std::string printable(std::string_view text, std::size_t max = 120);

} // namespace halftone
