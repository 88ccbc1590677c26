#include "core/base/atomic_folder.h"

#include "core/base/atomic_file.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace halftone {

namespace fs = std::filesystem;

namespace {

/// In a folder that is being written, or that holds what a commit put aside: it is ours. Its text says how to go on after a kill.
constexpr const char* kMark = ".halftone-partial";
constexpr std::string_view kWriting = "writing\n";        // everything in it may go
constexpr std::string_view kAside = "set aside for ";     // + name: the folder beside holds what stood there, and goes back
constexpr std::string_view kReplaced = "replaced\n";      // + names, one a line: these may go
constexpr std::uint64_t kMostMark = 1u << 20;
constexpr std::string_view kOld = ".old-";

fs::path withoutTrailingSlash(fs::path path)
{
    return path.has_filename() ? path : path.parent_path();
}

bool isRealFolder(const fs::path& path)
{
    std::error_code ignored;
    return fs::is_directory(fs::symlink_status(path, ignored));
}

/// Whether a file system is mounted there: such a folder can be neither renamed nor removed.
bool isMountPoint(const fs::path& path)
{
    struct statx info {};
    return ::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &info) == 0 && (info.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0
        && (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/// fsync of every file and folder below, so that the rename never shows a half-written one.
void syncTree(const fs::path& folder)
{
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_symlink())
            continue;
        if (entry.is_directory()) {
            syncFolder(entry.path());
        } else if (entry.is_regular_file()) {
            const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
            if (fd < 0)
                failIo(entry.path(), "cannot be opened to be synced", errno);
            const int error = ::fsync(fd) == 0 ? 0 : errno;
            ::close(fd);
            if (error != 0)
                failIo(entry.path(), "cannot be synced to disk", error);
        }
    }
    syncFolder(folder);
}

std::string replacedMark(const std::vector<std::string>& names)
{
    std::string text(kReplaced);
    for (const std::string& name : names)
        text += name + "\n";
    return text;
}

std::vector<std::string> lines(std::string_view text)
{
    std::vector<std::string> found;
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
        found.emplace_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return found;
}

bool isBareName(std::string_view name)
{
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

/// "name" or "folder/name", nothing that leads elsewhere.
bool isInside(const fs::path& name)
{
    return !name.empty() && name.is_relative() && std::all_of(name.begin(), name.end(), [](const fs::path& part) { return isBareName(part.string()); });
}

/// The mark, or what a kill left of writing it.
bool isMark(std::string_view name)
{
    return name == kMark || (name.starts_with("." + std::string(kMark) + ".") && name.ends_with(".part"));
}

void removeMarks(const fs::path& folder)
{
    std::vector<fs::path> marks;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (isMark(it->path().filename().string()))
            marks.push_back(it->path());
    for (const fs::path& mark : marks)
        ::unlink(mark.c_str());
}

void addOthers(const fs::path& folder, const std::string& prefix, const std::vector<std::string>& known, std::vector<std::string>& others)
{
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
        const std::string name = prefix + it->path().filename().string();
        if (isRealFolder(it->path())) {
            if (std::any_of(known.begin(), known.end(), [&](const std::string& one) { return one.starts_with(name + "/"); }))
                addOthers(it->path(), name + "/", known, others);
            else
                others.push_back(name + "/");
        } else if (std::find(known.begin(), known.end(), name) == known.end() && !(prefix.empty() && isMark(name))) {
            others.push_back(name);
        }
    }
    if (error)
        failIo(folder, "cannot be read", error.value());
}

/// Whether only real folders lie between `folder` and the file: a link among them leads to what is not ours.
bool isReachedByFolders(fs::path folder, const fs::path& name)
{
    for (const fs::path& part : name.parent_path())
        if (!isRealFolder(folder /= part))
            return false;
    return true;
}

/// Removes the named files in `folder` (a link, not what it points to), the mark last, and the folders that are empty then.
/// @return 0, or the errno of what is left.
int removeNamed(const fs::path& folder, const std::vector<std::string>& names)
{
    for (const std::string& name : names) {
        if (!isInside(name) || !isReachedByFolders(folder, name))
            continue;
        if (::unlink((folder / name).c_str()) != 0 && errno != ENOENT)
            return errno;
        for (fs::path parent = (folder / name).parent_path(); parent != folder && ::rmdir(parent.c_str()) == 0;)
            parent = parent.parent_path();
    }
    if (!otherEntries(folder, {}).empty())
        return ENOTEMPTY;
    removeMarks(folder);
    return ::rmdir(folder.c_str()) == 0 ? 0 : errno;
}

/// NAME.old-<digits>: what nameAside() makes.
bool isNameAside(std::string_view name, const fs::path& target)
{
    const std::string stem = target.filename().string() + std::string(kOld);
    return name.size() > stem.size() && name.starts_with(stem) && name.find_first_not_of("0123456789", stem.size()) == std::string_view::npos;
}

/// What a kill left beside a target that was replaced by two renames: NAME.old-<milliseconds> with the mark that says what of it may go.
std::vector<fs::path> replacedBeside(const fs::path& target)
{
    std::vector<fs::path> found;
    std::error_code error, ignored;
    for (fs::directory_iterator it(parentOf(target), error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (isNameAside(name, target) && isRealFolder(it->path())
            && fs::is_regular_file(fs::symlink_status(it->path() / kMark, ignored)) && readTextFile(it->path() / kMark, kMostMark).starts_with(kReplaced))
            found.push_back(it->path());
    }
    return found;
}

/// NAME.old-<milliseconds>, where nothing stands yet.
fs::path nameAside(const fs::path& target)
{
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    for (std::int64_t n = now;; ++n) {
        fs::path name = parentOf(target) / (target.filename().string() + std::string(kOld) + std::to_string(n));
        if (!isThere(name))
            return name;
    }
}

} // namespace

std::vector<std::string> otherEntries(const fs::path& folder, const std::vector<std::string>& known)
{
    std::vector<std::string> names;
    addOthers(folder, {}, known, names);
    std::sort(names.begin(), names.end());
    return names;
}

std::string shortList(const std::vector<std::string>& names)
{
    constexpr std::size_t kMost = 3;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i)
        text += (i == 0 ? "" : ", ") + printable(names[i]);
    return text + (names.size() > kMost ? " and " + std::to_string(names.size() - kMost) + " more" : std::string());
}

AtomicFolder::AtomicFolder(fs::path target, std::vector<std::string> replaces)
    : m_target(withoutTrailingSlash(std::move(target)))
    , m_replaces(std::move(replaces))
{
    const std::string name = m_target.filename().string();
    const fs::path parent = parentOf(m_target);
    if (!isBareName(name) || (isThere(m_target) && !isRealFolder(m_target)))
        throw Error(ErrorKind::InvalidArgument, m_target.string() + ": is no folder that could be replaced; choose another name.", m_target.string());
    if (isMountPoint(m_target))
        throw Error(ErrorKind::InvalidArgument, m_target.string() + ": is where a file system is mounted, and cannot be replaced as a whole; name a new folder in it.", m_target.string());
    std::error_code error;
    fs::create_directories(parent, error);
    if (error)
        failIo(parent, "the folder cannot be made", error.value());

    m_partial = parent / (name + ".partial");
    const fs::path lockPath = parent / ("." + name + ".partial-lock");
    FileLock::Attempt attempt = FileLock::take(lockPath);
    if (!attempt.lock && attempt.error != 0)
        failIo(m_target, "cannot be written", attempt.error);
    if (!attempt.lock)
        throw Error(ErrorKind::Io, m_target.string() + ": is being written by " + attempt.owner + "; wait for it or choose another name.", m_target.string());
    m_lock = std::move(attempt.lock);
    clearTheWay();
    if (isThere(m_target))
        for (const fs::path& old : replacedBeside(m_target))
            removeReplaced(old, lines(std::string_view(readTextFile(old / kMark, kMostMark)).substr(kReplaced.size())));
    if (isThere(m_target))
        if (const std::vector<std::string> others = otherEntries(m_target, m_replaces); !others.empty())
            throw Error(ErrorKind::InvalidArgument, m_target.string() + ": is not replaced, since it holds " + shortList(others) + "; move that away or choose another folder.",
                        m_target.string());
    if (!fs::create_directory(m_partial, error))
        failIo(m_target, "cannot be written", error ? error.value() : EEXIST);
    try {
        writeFileAtomically(m_partial / kMark, kWriting);
    } catch (const Error&) {
        ::rmdir(m_partial.c_str());
        throw;
    }
}

/// What a killed writer of this target left is put right; what is not ours stops us.
void AtomicFolder::clearTheWay() const
{
    if (!isThere(m_partial))
        return;
    std::error_code error;
    if (isRealFolder(m_partial) && ::rmdir(m_partial.c_str()) == 0)
        return;   // it was empty
    const auto inTheWay = [this] {
        throw Error(ErrorKind::InvalidArgument, m_partial.string() + ": is in the way and was not made by Halftone; move it or choose another name.", m_partial.string());
    };
    if (!isRealFolder(m_partial))
        inTheWay();
    const bool marked = fs::is_regular_file(fs::symlink_status(m_partial / kMark, error));
    if (!marked && !otherEntries(m_partial, {}).empty())
        inTheWay();
    const std::string mark = marked ? readTextFile(m_partial / kMark, kMostMark) : std::string(kWriting);   // else a kill came before the mark was whole
    if (mark.starts_with(kReplaced)) {
        const int left = removeNamed(m_partial, lines(std::string_view(mark).substr(kReplaced.size())));
        if (left != 0)
            failIo(m_partial, "what an earlier export replaced cannot be removed", left);
        return;
    }
    if (mark.starts_with(kAside)) {
        const std::vector<std::string> names = lines(std::string_view(mark).substr(kAside.size()));
        const fs::path aside = parentOf(m_target) / (names.empty() ? std::string() : names.front());
        if (!names.empty() && !isNameAside(names.front(), m_target))
            inTheWay();
        if (!names.empty() && isRealFolder(aside) && !isThere(m_target)) {
            if (::rename(aside.c_str(), m_target.c_str()) != 0)
                failIo(aside, "what a stopped export set aside cannot be put back", errno);
            log(LogLevel::Warning, m_target.string() + ": was put back from " + aside.string() + ", where a stopped export had set it aside.");
        }
    } else if (mark != kWriting) {
        inTheWay();
    }
    fs::remove_all(m_partial, error);
    if (error)
        failIo(m_partial, "what a stopped export left cannot be removed", error.value());
}

AtomicFolder::~AtomicFolder()
{
    if (!m_lock)
        return;
    std::error_code ignored;
    fs::remove_all(m_partial, ignored);
}

/// Puts the new folder in place. @return where the replaced one is now; empty where none was.
fs::path AtomicFolder::swapIn()
{
    if (!isThere(m_target)) {
        if (::rename(m_partial.c_str(), m_target.c_str()) != 0)
            failIo(m_target, "cannot be put in place", errno);
        return {};
    }
    if (::renameat2(AT_FDCWD, m_partial.c_str(), AT_FDCWD, m_target.c_str(), RENAME_EXCHANGE) == 0)
        return m_partial;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        failIo(m_target, "cannot be put in place", errno);
    // A file system that cannot exchange: the mark says where the old one is, for a kill in between.
    const fs::path aside = nameAside(m_target);
    writeFileAtomically(m_partial / kMark, std::string(kAside) + aside.filename().string() + "\n");
    if (::rename(m_target.c_str(), aside.c_str()) != 0)
        failIo(m_target, "what stands there cannot be moved aside", errno);
    if (::rename(m_partial.c_str(), m_target.c_str()) != 0) {
        const int why = errno;
        if (::rename(aside.c_str(), m_target.c_str()) != 0)
            throw Error(ErrorKind::Io, m_target.string() + ": cannot be put in place; what stood there is now " + aside.string() + ".", m_target.string());
        failIo(m_target, "cannot be put in place", why);
    }
    return aside;
}

void AtomicFolder::commit()
{
    if (!m_lock)
        throw Error(ErrorKind::Internal, m_target.string() + ": is committed twice.", m_target.string());
    try {
        syncTree(m_partial);
    } catch (const fs::filesystem_error& e) {
        failIo(m_partial, "cannot be synced to disk", e.code().value());
    }
    const bool replaces = isThere(m_target);
    if (replaces)   // for a kill right after the swap: what is then beside the new one is known as ours, and which files of it may go
        writeFileAtomically(m_target / kMark, replacedMark(m_replaces));
    fs::path old;
    try {
        old = swapIn();
    } catch (const Error&) {
        if (replaces)
            removeMarks(m_target);
        throw;
    }
    const std::unique_ptr<FileLock> lock = std::move(m_lock);   // from here on the target is the new one, and nothing fails
    removeMarks(m_target);
    syncFolderAfterRename(m_target);
    if (old.empty())
        return;
    removeReplaced(old, m_replaces);
}

/// Takes the named files of a replaced folder away. What came in while we worked, or cannot be removed, is kept under a name that is in nobody's way.
void AtomicFolder::removeReplaced(const fs::path& old, const std::vector<std::string>& names) const
{
    int left = 0;
    try {
        left = removeNamed(old, names);
    } catch (const Error& e) {
        log(LogLevel::Warning, e.what());
        left = EIO;
    }
    if (left == 0)
        return;
    fs::path kept = old;
    removeMarks(old);
    if (old == m_partial) {
        kept = nameAside(m_target);
        if (::rename(old.c_str(), kept.c_str()) != 0)
            kept = old;
    }
    log(LogLevel::Warning, kept.string() + ": holds what the replaced folder had beside the earlier export (" + std::generic_category().message(left) + ").");
}

} // namespace halftone
