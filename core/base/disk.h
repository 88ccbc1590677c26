#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

/// What the writers of files and folders share.
namespace halftone {

/// "." for a bare name.
std::filesystem::path parentOf(const std::filesystem::path& path);

/// @throws Error{Io}, or Error{BadFile} for a path that no file can have: path, deed, the system's reason for `error` (an errno), and what can be done about it.
[[noreturn]] void failIo(const std::filesystem::path& path, const std::string& deed, int error, std::uint64_t needed = 0);

/// fsync of a folder; file systems that cannot are passed over. @return 0, or the errno of what failed.
int trySyncFolder(const std::filesystem::path& folder);
/// @throws Error{Io}.
void syncFolder(const std::filesystem::path& folder);
/// After a file was made or a rename succeeded: what stands there is the new, whatever the sync says, so that it is told as a warning and not as a failure.
void syncFolderAfterRename(const std::filesystem::path& target);

/// Free bytes for us on the file system that holds `path` (its nearest existing parent).
std::uint64_t freeDiskBytes(const std::filesystem::path& path);

/// @throws Error{Io} if `needed` is more than the free bytes less 5 % (W06), naming both figures.
void requireDiskSpace(const std::filesystem::path& path, std::uint64_t needed);

} // namespace halftone
