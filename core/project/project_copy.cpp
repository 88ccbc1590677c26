#include "core/base/atomic_file.h"
#include "core/base/atomic_folder.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/project/evaluation_store.h"
#include "core/project/project_impl.h"
#include "core/project/run_edit.h"

#include <algorithm>
#include <map>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace fs = std::filesystem;

// A project as a whole, from outside: a copy of it, and what can be said of it at a glance.
namespace halftone {
namespace {

constexpr std::uint64_t kGlancedBytes = std::uint64_t{64} << 20;   // of a manifest: a list of projects is not worth more

fs::path realPath(const fs::path& path)
{
    std::error_code error;
    const fs::path real = fs::weakly_canonical(path, error);
    return error ? fs::absolute(path) : real;
}

bool lies(const fs::path& inner, const fs::path& outer)
{
    const fs::path relative = realPath(inner).lexically_relative(realPath(outer));
    return !relative.empty() && *relative.begin() != "..";
}

/// Every file that the manifest vouches for, once.
std::map<std::string, FileEntry> entriesOf(const Manifest& manifest)
{
    std::map<std::string, FileEntry> entries;
    const auto add = [&](const FileEntry& entry) { entries.emplace(entry.file, entry); };
    if (manifest.modelIdentity)
        add(*manifest.modelIdentity);
    if (manifest.analysis)
        for (const AnalysisRecord::Block& block : manifest.analysis->blocks)
            add(block.file);
    for (const RunRecord& run : manifest.runs)
        for (const RunBlock& block : run.blocks)
            add(block.file);
    for (const StudyRecord& study : manifest.studies) {
        add(study.head);
        for (const StudyRecord::Member& member : study.members)
            add(member.file);
    }
    return entries;
}

/// Whether a living process holds the project's lock. A FIFO in its place must not hang us.
bool isHeld(const fs::path& folder)
{
    const int fd = ::open((folder / kLockFile).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
    ::close(fd);   // lets go of it
    return held;
}

} // namespace

void copyProject(const Project& project, const fs::path& target, Progress& progress, const std::stop_token& stop)
{
    const Project::Impl& impl = project.impl();
    if (target.empty())
        throw Error(ErrorKind::InvalidArgument, "The copy has no name.", "target");
    if (lies(target, impl.folder))
        throw Error(ErrorKind::InvalidArgument, target.string() + ": lies in the project itself; choose a place beside it.", target.string());
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(target, ignored)))
        throw Error(ErrorKind::InvalidArgument, target.string() + ": is there already; choose another name.", target.string());
    Manifest manifest = impl.snapshot();
    {
        const std::lock_guard guard(impl.state);   // edits that the manifest has not taken yet
        manifest.recipe = impl.recipe;
        manifest.sequence = impl.sequence;
    }
    manifest.place(project.modelPath(), target);

    const std::map<std::string, FileEntry> entries = entriesOf(manifest);
    std::uint64_t bytes = 0;
    for (const auto& [name, entry] : entries)
        bytes += entry.bytes;
    requireDiskSpace(parentOf(target), bytes);
    progress.begin("copy", static_cast<std::int64_t>(entries.size()), "files");
    AtomicFolder made(target);
    std::int64_t done = 0;
    for (const auto& [name, entry] : entries) {
        throwIfStopped(stop);
        const std::vector<std::byte> image = impl.read(entry);
        fs::path place = made.path();
        for (const fs::path& part : fs::path(name).parent_path()) {
            place /= part;
            makeFolder(place);
        }
        AtomicFile file(made.path() / name, image.size(), true);
        file.write(image);
        if (file.commit() != entry.sha256)
            throw Error(ErrorKind::Io, (made.path() / name).string() + ": what lies on disk is not what was written. Check the disk.", name);
        progress.update(++done, name);
    }
    copyEvaluations(impl.folder, made.path());
    writeFileAtomically(made.path() / kManifestFile, manifest.toJson(), true);
    throwIfStopped(stop);
    made.commit();
}

std::optional<ProjectGlance> glanceAt(const fs::path& folder)
{
    if (!Project::isProject(folder))
        return std::nullopt;
    try {
        const fs::path path = folder / kManifestFile;
        const Manifest manifest = Manifest::parse(readTextFile(path, kGlancedBytes), path.string());
        ProjectGlance glance;
        glance.runs = static_cast<int>(manifest.runs.size());
        for (const RunRecord& run : manifest.runs) {
            glance.blocks = std::max(glance.blocks, run.info.blocks);
            if (run.info.state == "done") {
                ++glance.finished;
            } else {
                glance.interrupted = run.info.id;
                glance.interruptedAt = run.info.blocksDone;
            }
        }
        if (!glance.interrupted.empty() && isHeld(folder))
            glance.interrupted.clear();
        return glance;
    } catch (const std::exception&) {   // opening it says what is wrong
        return std::nullopt;
    }
}

} // namespace halftone
