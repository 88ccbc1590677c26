#include "core/project/project.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/sha256.h"
#include "core/project/project_impl.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <ctime>
#include <set>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace halftone {
namespace {

constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{256} << 20;
constexpr std::uint64_t kCompactAbove = std::uint64_t{4} << 20;
constexpr auto kSyncWithin = std::chrono::milliseconds(500);
constexpr const char* kManifest = "manifest.json";
constexpr const char* kJournal = "journal.log";

[[noreturn]] void fail(const fs::path& path, const std::string& deed, int error)
{
    throw Error(ErrorKind::Io, path.string() + ": " + deed + ": " + std::generic_category().message(error) + ".", path.string());
}

bool isRealFolder(const fs::path& path)
{
    std::error_code ignored;
    return fs::is_directory(fs::symlink_status(path, ignored));
}

void syncFolder(const fs::path& folder)
{
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail(folder, "the folder cannot be opened to be synced", errno);
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    if (error != 0 && error != EINVAL && error != EROFS)
        fail(folder, "the folder cannot be synced to disk", error);
}

void makeFolder(const fs::path& folder)
{
    if (isRealFolder(folder))
        return;
    if (::mkdir(folder.c_str(), 0777) != 0)
        fail(folder, "the folder cannot be made", errno);
    syncFolder(folder.has_parent_path() ? folder.parent_path() : fs::path("."));
}

/// Ours by name: what a project folder that was never finished may hold.
bool maybeOurs(const std::string& name)
{
    static const std::set<std::string> known{"lock", kJournal, "runs", "stats", "cache"};
    return known.count(name) > 0 || name.ends_with(".part") || name.starts_with("journal.bad-");
}

/// ".manifest.json.4711-0.part" → 4711; 0 when the name is no temporary of ours.
long temporaryPid(const std::string& name)
{
    if (!name.starts_with('.') || !name.ends_with(".part"))
        return 0;
    const std::size_t dot = name.rfind('.', name.size() - 6);
    long pid = 0;
    if (dot == std::string::npos)
        return 0;
    const auto [end, error] = std::from_chars(name.data() + dot + 1, name.data() + name.size(), pid);
    return error == std::errc() && *end == '-' ? pid : 0;
}

/// "block-012-0123456789ab.h5"
bool isBlockFile(const std::string& name)
{
    const std::size_t dash = name.rfind('-');
    return name.starts_with("block-") && name.ends_with(".h5") && dash != std::string::npos && name.size() - dash == 1 + 12 + 3
        && name.find_first_not_of("0123456789abcdef", dash + 1) == name.size() - 3;
}

/// What a killed process left: temporaries of dead processes older than an hour, and block files that the manifest never came to name. We hold
/// the lock, so no job runs.
void collectGarbage(const fs::path& folder, const Manifest& manifest)
{
    std::set<std::string> named;
    if (manifest.analysis)
        for (const auto& block : manifest.analysis->blocks)
            named.insert(block.file.file);
    for (const RunRecord& run : manifest.runs)
        for (const RunBlock& block : run.blocks)
            named.insert(block.file.file);
    std::vector<fs::path> folders{folder};
    std::error_code ignored;
    for (const char* part : {"stats", "runs"})
        if (isRealFolder(folder / part))
            folders.push_back(folder / part);
    if (isRealFolder(folder / "runs"))
        for (const fs::directory_entry& entry : fs::directory_iterator(folder / "runs", ignored))
            if (isRealFolder(entry.path()))
                folders.push_back(entry.path());
    const auto hourAgo = fs::file_time_type::clock::now() - std::chrono::hours(1);
    for (const fs::path& place : folders) {
        for (const fs::directory_entry& entry : fs::directory_iterator(place, ignored)) {
            std::error_code error;
            if (!fs::is_regular_file(entry.symlink_status(error)))
                continue;
            const std::string name = entry.path().filename().string();
            const long pid = temporaryPid(name);
            const bool dead = pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH && entry.last_write_time(error) < hourAgo;
            const bool unnamed = isBlockFile(name) && named.count(entry.path().lexically_relative(folder).generic_string()) == 0;
            if (dead || unnamed) {
                fs::remove(entry.path(), error);
                log(LogLevel::Info, "Removed " + entry.path().string() + ", left by an interrupted job.");
            }
        }
    }
}

/// Edits after the manifest's. An edit that cannot be understood ends the replay like a torn line.
void replay(Project::Impl& impl, bool writable)
{
    const fs::path path = impl.folder / kJournal;
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
            + " bytes are damaged (an edit cut off by a crash); edits before them are kept, and the bytes lie in " + kept.filename().string() + ".";
        log(LogLevel::Warning, notice);
        impl.notices.push_back(std::move(notice));
    }
    impl.journal = std::make_unique<JournalWriter>(path, content.goodBytes);
}

Manifest loadManifest(const fs::path& folder)
{
    const fs::path path = folder / kManifest;
    return Manifest::parse(readTextFile(path, kMaxManifestBytes), path.string());
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
        FolderLock::Attempt attempt = FolderLock::take(folder);
        impl->lock = std::move(attempt.lock);
        opened.lockError = attempt.error;
        if (!impl->lock)
            impl->readOnlyReason = attempt.error != 0 ? "its folder cannot be written (" + std::generic_category().message(attempt.error) + ")"
                                                      : "it is open in " + attempt.owner;
    }
    impl->manifest = loadManifest(folder);   // after the lock: what the last writer left
    if (impl->manifest.major > Manifest::kMajor) {
        impl->readOnlyReason = "it was written by a newer Halftone (format " + std::to_string(impl->manifest.major) + "." + std::to_string(impl->manifest.minor) + ")";
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

std::string utcNow()
{
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

// ---- Project

Project::Project(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Project::~Project() = default;

bool Project::isProject(const fs::path& folder)
{
    std::error_code ignored;
    return fs::is_directory(folder, ignored) && fs::is_regular_file(fs::symlink_status(folder / kManifest, ignored));
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
                    throw Error(ErrorKind::BadFile, folder.string() + ": is no Halftone project and not empty (it holds \"" + entry.path().filename().string()
                            + "\"); choose a new folder.", folder.string());
        if (folder.has_parent_path())
            fs::create_directories(folder.parent_path(), ignored);   // what goes wrong shows in the next line
        if (!fs::is_directory(status))
            makeFolder(folder);
        const FolderLock::Attempt attempt = FolderLock::take(folder);
        if (!attempt.lock)
            throw Error(ErrorKind::Io, folder.string() + ": a project cannot be made here: "
                    + (attempt.error != 0 ? std::generic_category().message(attempt.error) : attempt.owner + " is at work in it") + ".", folder.string());
        if (!isProject(folder)) {
            Manifest manifest;
            manifest.model = realPath(model).string();
            manifest.modelRelative = realPath(model).lexically_relative(realPath(folder)).generic_string();
            writeFileAtomically(folder / kManifest, manifest.toJson(), true);
        }
    }
    const Opened opened = openFolder(folder, false);
    if (opened.lockError != 0)
        fail(folder, "the project cannot be written", opened.lockError);
    Impl& impl = opened.project->impl();
    const fs::path known = opened.project->modelPath();
    if (realPath(known) != realPath(model)) {
        if (fs::exists(known, ignored))
            throw Error(ErrorKind::BadFile, folder.string() + ": is the project of the model " + known.string() + ", not of " + model.string()
                    + "; choose another project folder.", folder.string());
        if (!opened.project->readOnly())   // the model has moved
            impl.update([&](Manifest& manifest) {
                manifest.model = realPath(model).string();
                manifest.modelRelative = realPath(model).lexically_relative(realPath(folder)).generic_string();
            });
    }
    return opened.project;
}

std::shared_ptr<Project> Project::openExisting(const fs::path& folder, bool readOnly) { return openFolder(folder, readOnly).project; }

const fs::path& Project::folder() const { return m_impl->folder; }

fs::path Project::modelPath() const
{
    const Manifest manifest = m_impl->snapshot();
    std::error_code ignored;
    const fs::path near = (m_impl->folder / manifest.modelRelative).lexically_normal();
    if (!fs::exists(manifest.model, ignored) && !manifest.modelRelative.empty() && fs::exists(near, ignored))
        return near;
    return manifest.model;
}

bool Project::readOnly() const { return m_impl->lock == nullptr; }
std::string Project::readOnlyReason() const { return m_impl->readOnlyReason; }

std::vector<std::string> Project::notices() const
{
    const std::lock_guard guard(m_impl->state);
    return m_impl->notices;
}

std::optional<Recipe> Project::recipe() const
{
    const std::lock_guard guard(m_impl->state);
    return m_impl->recipe;
}

void Project::setRecipe(const Recipe& recipe)
{
    Impl& impl = *m_impl;
    impl.requireWritable();
    Json edit;
    edit["recipe"] = Json::parse(recipe.toJson());
    {
        const std::lock_guard guard(impl.state);
        impl.recipe = recipe;
        edit["sequence"] = ++impl.sequence;
    }
    const std::lock_guard guard(impl.journalLock);
    if (!impl.flusher.joinable())
        impl.flusher = std::jthread([&impl](const std::stop_token& stop) { impl.flushInBackground(stop); });
    try {
        impl.journal->append(edit);
    } catch (const Error&) {
        impl.journalLost = true;
        throw;
    }
    impl.unsynced = true;
    impl.edited.notify_one();
}

void Project::sync()
{
    if (readOnly())
        return;
    m_impl->syncJournal();
}

std::vector<RunInfo> Project::runs() const
{
    std::vector<RunInfo> infos;
    for (const RunRecord& run : m_impl->snapshot().runs)
        infos.push_back(run.info);
    return infos;
}

RunInfo Project::run(std::string_view id) const
{
    const std::vector<RunInfo> all = runs();
    std::string known;
    for (auto at = all.rbegin(); at != all.rend(); ++at) {
        if (id.empty() ? at->state == "done" : at->id == id)
            return *at;
        known = at->id + (at->state == "done" ? "" : " (" + std::to_string(at->blocksDone) + " of " + std::to_string(at->blocks) + " blocks)")
            + (known.empty() ? "" : ", ") + known;
    }
    const std::string which = id.empty() ? "has no finished run" : "has no run \"" + std::string(id) + "\"";
    throw Error(ErrorKind::BadFile, m_impl->folder.string() + ": " + which + (known.empty() ? "; there are none." : "; there are " + known + "."),
        m_impl->folder.string());
}

std::vector<BlockResult> Project::results(std::string_view run) const
{
    const Manifest manifest = m_impl->snapshot();
    const RunRecord* record = manifest.find(Project::run(run).id);
    std::vector<BlockResult> results;
    for (const RunBlock& block : record->blocks)
        results.push_back(block.result);
    return results;
}

// ---- Project::Impl

Project::Impl::~Impl()
{
    if (flusher.joinable()) {
        flusher.request_stop();
        edited.notify_all();
        flusher.join();
    }
    if (!lock)
        return;
    try {
        if (journal && (journal->bytes() > 0 || journalLost))
            compact();
    } catch (const std::exception& e) {
        log(LogLevel::Error, std::string("The project's manifest could not take the last edits; the journal keeps them. ") + e.what());
    }
}

void Project::Impl::requireWritable() const
{
    if (!lock)
        throw Error(ErrorKind::Io, folder.string() + ": the project is read-only: " + readOnlyReason + ".", folder.string());
}

Manifest Project::Impl::snapshot() const
{
    const std::lock_guard guard(state);
    return manifest;
}

void Project::Impl::update(const std::function<void(Manifest&)>& change)
{
    requireWritable();
    const std::lock_guard oneWriter(writing);
    Manifest next = snapshot();
    change(next);
    writeFileAtomically(folder / kManifest, next.toJson(), true);
    const std::lock_guard guard(state);
    manifest = std::move(next);
}

FileEntry Project::Impl::store(const std::string& directory, const std::string& stem, std::span<const std::byte> image)
{
    requireWritable();
    Sha256 hash;
    hash.update(image);
    FileEntry entry;
    entry.sha256 = hash.finish();
    entry.bytes = image.size();
    entry.file = directory + "/" + stem + "-" + entry.sha256.substr(0, 12) + ".h5";
    fs::path place = folder;
    for (const fs::path& part : fs::path(directory)) {
        place /= part;
        makeFolder(place);
    }
    AtomicFile file(folder / entry.file, image.size(), true);
    file.write(image);
    if (file.commit() != entry.sha256)
        throw Error(ErrorKind::Io, entry.file + ": what lies on disk is not what was written. Check the disk.", entry.file);
    return entry;
}

bool Project::Impl::present(const FileEntry& entry) const
{
    std::error_code error;
    const fs::path path = folder / entry.file;
    return fs::is_regular_file(fs::symlink_status(path, error)) && fs::file_size(path, error) == entry.bytes && !error;
}

std::vector<std::byte> Project::Impl::read(const FileEntry& entry) const
{
    const fs::path path = folder / entry.file;
    const auto bad = [&path](const std::string& what) { throw Error(ErrorKind::BadFile, path.string() + ": " + what, path.string()); };
    std::error_code ignored;
    fs::path place = folder;
    for (const fs::path& part : fs::path(entry.file)) {
        place /= part;
        if (fs::is_symlink(fs::symlink_status(place, ignored)))
            bad("is reached through the link " + place.string() + "; a project holds no links.");
    }
    const InputFile file(path);
    if (file.size() != entry.bytes)
        bad("has " + std::to_string(file.size()) + " bytes; the manifest says " + std::to_string(entry.bytes) + ". The file is damaged.");
    std::vector<std::byte> image = file.read(0, file.size());
    Sha256 hash;
    hash.update(image);
    if (hash.finish() != entry.sha256)
        bad("does not have the SHA-256 that the manifest says. The file is damaged.");
    return image;
}

void Project::Impl::discard(const FileEntry& entry) const noexcept
{
    std::error_code ignored;
    fs::remove(folder / entry.file, ignored);
}

void Project::Impl::syncJournal()
{
    bool compactNow = false;
    {
        const std::lock_guard guard(journalLock);
        if (!std::exchange(unsynced, false) && !journalLost)
            return;
        compactNow = journalLost || journal->bytes() > kCompactAbove;
    }
    try {
        journal->sync();   // without the lock: further edits need not wait for the disk
    } catch (const Error& e) {
        // After a failed sync the data may be gone and another try would lie (W04): it is written anew, into the manifest.
        log(LogLevel::Warning, e.what());
        const std::lock_guard guard(journalLock);
        compactNow = journalLost = true;
    }
    if (compactNow)
        compact();
}

void Project::Impl::compact()
{
    std::uint64_t taken = 0;
    update([&](Manifest& next) {
        const std::lock_guard guard(state);
        next.recipe = recipe;
        next.sequence = taken = sequence;
    });
    const std::lock_guard guard(journalLock);
    const std::lock_guard alsoState(state);
    if (taken != sequence)
        return;   // an edit came in between: its line stays, those before it are passed over by their number
    journal->clear();
    journalLost = false;
    unsynced = false;
}

void Project::Impl::flushInBackground(const std::stop_token& stop)
{
    while (!stop.stop_requested()) {
        {
            std::unique_lock guard(journalLock);
            edited.wait(guard, stop, [this] { return unsynced; });
            if (!unsynced)
                continue;
            // More edits may follow at once (a slider): one sync for all of them, within the time promised.
            edited.wait_for(guard, stop, kSyncWithin, [] { return false; });
        }
        try {
            syncJournal();
        } catch (const std::exception& e) {
            log(LogLevel::Error, std::string("Edits could not be put on disk: ") + e.what());
        }
    }
}

} // namespace halftone
