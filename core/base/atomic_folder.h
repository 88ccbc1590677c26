#pragma once

#include "core/base/file_lock.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace halftone {

/// A folder that appears whole or not at all (W07): work in path() (`NAME.partial`), then commit() syncs it and puts it in the place of the
/// target. Of a folder that stood there only the files that the caller names go, and only then. Without commit() nothing is left and the old
/// target stays. A killed process leaves `NAME.partial` with a mark in it, by which the next writer knows it as ours; nothing without that mark
/// is ever removed.
class AtomicFolder {
public:
    /// `replaces`: files in the target ("name", "folder/name") that may be removed with it: those that the caller wrote there before.
    /// @throws Error{InvalidArgument} if the target is no folder or holds anything else, or what is not ours is in the way at `NAME.partial`;
    /// Error{Io} if the parent is not writable, or another process is writing the same target.
    explicit AtomicFolder(std::filesystem::path target, std::vector<std::string> replaces = {});
    ~AtomicFolder();
    AtomicFolder(const AtomicFolder&) = delete;
    AtomicFolder& operator=(const AtomicFolder&) = delete;
    const std::filesystem::path& path() const { return m_partial; }
    void commit();

private:
    std::filesystem::path swapIn();
    void clearTheWay() const;
    void removeReplaced(const std::filesystem::path& old, const std::vector<std::string>& names) const;

    std::filesystem::path m_target;
    std::filesystem::path m_partial;
    std::vector<std::string> m_replaces;
    std::unique_ptr<FileLock> m_lock;   ///< beside the folder: holds other writers off
};

/// What is in `folder` beside the files `known`, sorted: names of files, and of folders ("name/") that hold none of them.
/// A mark that a killed AtomicFolder left does not count. @throws Error{Io} where it cannot be read.
std::vector<std::string> otherEntries(const std::filesystem::path& folder, const std::vector<std::string>& known);
/// "a, b, c and 4 more"
std::string shortList(const std::vector<std::string>& names);

} // namespace halftone
