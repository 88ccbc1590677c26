#include "core/project/project.h"

#include "core/base/atomic_file.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/project/project_impl.h"
#include "core/project/project_model.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace fs = std::filesystem;

// Opening a project: the folder, the lock, what a crash left behind, and the edits after the manifest.
namespace halftone {
namespace {

bool isRealFolder(const fs::path& path)
{
    std::error_code ignored;
    return fs::is_directory(fs::symlink_status(path, ignored));
}

/// Ours by name: what a project folder that was never finished may hold.
bool maybeOurs(const std::string& name)
{
    static const std::set<std::string> known{kLockFile, kJournalFile, kEvaluationsFile, "runs", "stats", "studies", "cache"};
    return known.count(name) > 0 || name.ends_with(".part") || name.starts_with("journal.bad-");
}

/// "block-012-0123456789ab.h5", "member-003-0123456789ab.json"
bool isResultFile(const std::string& name)
{
    const bool block = name.starts_with("block-") && name.ends_with(".h5");
    const bool study = (name.starts_with("member-") || name.starts_with("study-")) && name.ends_with(".json");
    const std::size_t ending = block ? 3 : 5;
    const std::size_t dash = name.rfind('-');
    return (block || study) && dash != std::string::npos && name.size() - dash == 1 + 12 + ending
        && name.find_first_not_of("0123456789abcdef", dash + 1) == name.size() - ending;
}

/// What a killed process left: temporaries of dead processes older than an hour, and result files that the manifest never came to name. We
/// hold the lock, so no job runs.
void collectGarbage(const fs::path& folder, const Manifest& manifest)
{
    const std::set<std::string> named = manifest.files();
    std::vector<fs::path> folders{folder};
    std::error_code ignored;
    for (const char* part : {"stats", "runs"})
        if (isRealFolder(folder / part))
            folders.push_back(folder / part);
    for (const char* part : {"runs", "studies"})
        if (isRealFolder(folder / part))
            for (const fs::directory_entry& entry : fs::directory_iterator(folder / part, ignored))
                if (isRealFolder(entry.path()))
                    folders.push_back(entry.path());
    for (const fs::path& place : folders) {
        if (const int removed = removeStaleTemporaries(place); removed > 0)
            log(LogLevel::Info, "Removed " + std::to_string(removed) + " temporary files from " + place.string() + ", left by an interrupted job.");
        for (const fs::directory_entry& entry : fs::directory_iterator(place, ignored)) {
            std::error_code error;
            if (!fs::is_regular_file(entry.symlink_status(error)))
                continue;
            const std::string name = entry.path().filename().string();
            const bool unnamed = isResultFile(name) && named.count(entry.path().lexically_relative(folder).generic_string()) == 0;
            if (unnamed) {
                fs::remove(entry.path(), error);
                log(LogLevel::Info, "Removed " + entry.path().string() + ", left by an interrupted job.");
            }
        }
    }
}

/// Edits after the manifest's. An edit that cannot be understood ends the replay like a torn line.
void replay(Project::Impl& impl, bool writable)
{
    const fs::path path = impl.folder / kJournalFile;
    JournalContent content = readJournal(path);
    for (const Json& edit : content.edits) {
        if (!edit.is_object() || !edit.contains("sequence") || !edit["sequence"].is_number_unsigned() || !edit.contains("recipe"))
            continue;
        const auto sequence = edit["sequence"].get<std::uint64_t>();
        if (sequence <= impl.sequence)
            continue;
        try {
            impl.recipe = Recipe::parse(edit["recipe"].dump(), path.string());
            impl.sequence = sequence;
        } catch (const Error& e) {
            impl.notices.push_back(path.string() + ": edit " + std::to_string(sequence) + " was passed over: " + e.what());
        }
    }
    if (!writable)
        return;   // a torn end may be a line that the writer is at
    if (!content.badTail.empty()) {
        std::string stamp = utcNow();
        stamp.erase(std::remove_if(stamp.begin(), stamp.end(), [](char c) { return c == '-' || c == ':'; }), stamp.end());
        const fs::path kept = impl.folder / ("journal.bad-" + stamp);
        writeFileAtomically(kept, content.badTail, true);
        std::string notice = path.string() + ": the last " + std::to_string(content.badTail.size())
            + " bytes are damaged (an edit cut off by a crash); edits before them are kept, and the bytes lie in "
                + kept.filename().string() + ".";
        log(LogLevel::Warning, notice);
        impl.notices.push_back(std::move(notice));
    }
    impl.journal = std::make_unique<JournalWriter>(path, content.goodBytes);
}

Manifest loadManifest(const fs::path& folder)
{
    const fs::path path = folder / kManifestFile;
    return Manifest::parse(readTextFile(path, Manifest::kMaxBytes), path.string());
}

struct Opened {
    std::shared_ptr<Project> project;
    int lockError = 0;   ///< errno when the folder cannot be written
};

Opened openFolder(const fs::path& folder, bool readOnly)
{
    if (!Project::isProject(folder))
        throw Error(ErrorKind::BadFile, folder.string() + ": is no Halftone project (it has no manifest.json).", folder.string());
    auto impl = std::make_unique<Project::Impl>();
    impl->folder = folder;
    Opened opened;
    if (readOnly) {
        impl->readOnlyReason = "it was opened for reading only";
    } else {
        FileLock::Attempt attempt = FileLock::take(folder / kLockFile);
        impl->lock = std::move(attempt.lock);
        opened.lockError = attempt.error;
        if (!impl->lock)
            impl->readOnlyReason = attempt.error != 0 ? "its folder cannot be written (" + std::generic_category().message(attempt.error)
                + ")"
                                                      : "it is open in " + attempt.owner;
    }
    impl->manifest = loadManifest(folder);   // after the lock: what the last writer left
    if (impl->manifest.major > Manifest::kMajor) {
        impl->readOnlyReason = "it was written by a newer Halftone (format " + std::to_string(impl->manifest.major) + "."
            + std::to_string(impl->manifest.minor) + ")";
        impl->lock.reset();
    }
    impl->recipe = impl->manifest.recipe;
    impl->sequence = impl->manifest.sequence;
    const bool writable = impl->lock != nullptr;
    replay(*impl, writable);
    if (writable)
        collectGarbage(folder, impl->manifest);
    opened.project = std::make_shared<Project>(std::move(impl));
    return opened;
}

fs::path realPath(const fs::path& path)
{
    std::error_code error;
    const fs::path real = fs::weakly_canonical(path, error);
    return error ? fs::absolute(path) : real;
}

} // namespace

bool Project::isProject(const fs::path& folder)
{
    std::error_code ignored;
    return fs::is_directory(folder, ignored) && fs::is_regular_file(fs::symlink_status(folder / kManifestFile, ignored));
}

std::shared_ptr<Project> Project::open(const fs::path& folder, const fs::path& model)
{
    std::error_code ignored;
    if (!isProject(folder)) {
        const fs::file_status status = fs::status(folder, ignored);
        if (fs::exists(status) && !fs::is_directory(status))
            throw Error(ErrorKind::BadFile, folder.string() + ": is a file; a project is a folder.", folder.string());
        if (fs::is_directory(status))
            for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
                if (!maybeOurs(entry.path().filename().string()))
                    throw Error(ErrorKind::BadFile, folder.string() + ": is no Halftone project and not empty (it holds \""
                        + entry.path().filename().string()
                            + "\"); choose a new folder.", folder.string());
        if (folder.has_parent_path())
            fs::create_directories(folder.parent_path(), ignored);   // what goes wrong shows in the next line
        if (!fs::is_directory(status))
            makeFolder(folder);
        const FileLock::Attempt attempt = FileLock::take(folder / kLockFile);
        if (attempt.error != 0)
            failIo(folder, "a project cannot be made here", attempt.error);
        if (!attempt.lock)
            throw Error(ErrorKind::Io, folder.string() + ": a project cannot be made here: " + attempt.owner + " is at work in it.", folder.string());
        if (!isProject(folder)) {
            Manifest manifest;
            manifest.place(model, folder);
            writeFileAtomically(folder / kManifestFile, manifest.toJson(), true);
        }
    }
    const Opened opened = openFolder(folder, false);
    if (opened.lockError != 0)
        failIo(folder, "the project cannot be written", opened.lockError);
    const fs::path known = opened.project->modelPath();
    if (realPath(known) != realPath(model)) {
        if (fs::exists(known, ignored))
            throw Error(ErrorKind::BadFile, folder.string() + ": is the project of the model " + known.string() + ", not of "
                + model.string()
                    + "; choose another project folder.", folder.string());
        if (!opened.project->readOnly())
            moveModel(*opened.project, model);
    }
    return opened.project;
}

std::shared_ptr<Project> Project::openExisting(const fs::path& folder, bool readOnly) { return openFolder(folder, readOnly).project; }

} // namespace halftone
