#include "core/project/replace_guard.h"

#include "core/base/error.h"
#include "core/project/project.h"

#include <cstdlib>
#include <optional>
#include <system_error>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace halftone {

namespace {

[[noreturn]] void refuse(const fs::path& target, const std::string& reason)
{
    throw Error(ErrorKind::InvalidArgument, target.string() + ": is not replaced: " + reason + ". Choose another name.", target.string());
}

struct Identity {
    dev_t device = 0;
    ino_t number = 0;
    friend bool operator==(const Identity&, const Identity&) = default;
};

/// Of what a path leads to, links followed; nothing where it leads nowhere.
std::optional<Identity> identityOf(const fs::path& path)
{
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0)
        return std::nullopt;
    return Identity{info.st_dev, info.st_ino};
}

/// Absolute and without links, as far as it exists.
fs::path resolved(const fs::path& path)
{
    std::error_code error;
    fs::path whole = fs::weakly_canonical(fs::absolute(path, error), error);
    if (error)
        throw Error(ErrorKind::InvalidArgument, path.string() + ": is no usable path: " + error.message() + ".", path.string());
    return whole.has_filename() ? whole : whole.parent_path();
}

/// Whether `wanted` is `path` or a folder above it.
bool isAtOrAbove(const Identity& wanted, const fs::path& path)
{
    for (fs::path place = resolved(path);; place = place.parent_path()) {
        if (identityOf(place) == wanted)
            return true;
        if (place == place.parent_path())
            return false;
    }
}

/// A project as programs leave it: other programs have a manifest.json too.
bool looksLikeProject(const fs::path& folder)
{
    std::error_code ignored;
    if (!Project::isProject(folder))
        return false;
    if (folder.extension() == ".halftone")
        return true;
    for (const char* part : {"runs", "stats", "studies", "journal.log"})
        if (fs::exists(fs::symlink_status(folder / part, ignored)))
            return true;
    return false;
}

std::vector<fs::path> homes()
{
    std::vector<fs::path> found{"/root"};
    if (const char* home = std::getenv("HOME"); home && *home)
        found.emplace_back(home);
    if (const struct passwd* entry = ::getpwuid(::getuid()); entry && entry->pw_dir && *entry->pw_dir)
        found.emplace_back(entry->pw_dir);
    std::error_code ignored;
    for (fs::directory_iterator it("/home", ignored), end; !ignored && it != end; it.increment(ignored))
        found.push_back(it->path());
    return found;
}

} // namespace

void requireReplaceable(const fs::path& target, const std::vector<Precious>& precious)
{
    std::error_code error;
    const fs::path named = target.has_filename() ? target : target.parent_path();
    const fs::file_status status = fs::symlink_status(named, error);
    if (status.type() == fs::file_type::not_found)
        return;
    const fs::path place = resolved(named);
    const std::optional<Identity> there = identityOf(place);
    if (fs::is_symlink(status))
        refuse(target, "it is a link" + (there ? " to " + place.string() : std::string()) + "; name what it leads to");
    if (!there)
        refuse(target, error ? error.message() : "it cannot be looked at");
    for (const Precious& one : precious) {
        if (isAtOrAbove(*there, one.path))
            refuse(target, identityOf(one.path) == there ? "it is " + one.what : "it holds " + one.what + ", " + one.path.string());
        if (!fs::is_directory(status) && fs::is_directory(one.path, error) && identityOf(place.parent_path()) == identityOf(one.path))
            refuse(target, "it is a file of " + one.what);
    }
    for (fs::path folder = place; folder != folder.parent_path(); folder = folder.parent_path())
        if (looksLikeProject(folder))
            refuse(target, folder == place ? "it is a Halftone project" : "it is part of the Halftone project " + folder.string());
    if (!fs::is_directory(status))
        return;
    if (place == place.root_path())
        refuse(target, "it is the root of everything");
    for (const fs::path& home : homes())
        if (isAtOrAbove(*there, home))
            refuse(target, "it is or holds the home folder " + home.string());
    if (const fs::path here = fs::current_path(error); !error && isAtOrAbove(*there, here))
        refuse(target, "it is or holds the folder that this program works in");
}

void requireOutsideProjects(const fs::path& target)
{
    for (fs::path folder = resolved(target).parent_path();; folder = folder.parent_path()) {
        if (looksLikeProject(folder))
            throw Error(ErrorKind::InvalidArgument, target.string() + ": is not written: it lies in the Halftone project " + folder.string() + ". Choose a place beside it.",
                        target.string());
        if (folder == folder.parent_path())
            return;
    }
}

void requireFileTarget(const fs::path& target, bool allowed, const std::vector<Precious>& precious)
{
    std::error_code error;
    const fs::file_status status = fs::symlink_status(target, error);
    if (status.type() == fs::file_type::not_found && target.has_filename())
        return;
    if (error && status.type() == fs::file_type::none)
        throw Error(ErrorKind::InvalidArgument, target.string() + ": cannot be written: " + error.message() + ".", target.string());
    if (!fs::is_regular_file(status) && !fs::is_symlink(status))
        throw Error(ErrorKind::InvalidArgument, target.string() + ": is no file; the name of a file to write is expected.", target.string());
    if (!allowed)
        throw Error(ErrorKind::InvalidArgument, target.string() + ": exists already; choose another name, or allow to overwrite it (--overwrite).", target.string());
    requireReplaceable(target, precious);
}

} // namespace halftone
