#pragma once

#include "core/base/error.h"

#include <exception>
#include <string>

namespace halftone {

/// An exception of the standard library or of JSON as an Error: what the file system refuses by itself (loops of links, names that are too
/// long, a full disk) and texts of files that JSON cannot hold are the file's fault or the disk's, all else is ours (Internal). `subject`
/// says what was done; it may be empty.
Error foreignError(const std::exception& error, const std::string& subject = {});

} // namespace halftone
