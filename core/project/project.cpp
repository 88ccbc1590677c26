#include "core/project/project.h"

#include "core/base/atomic_file.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/sha256.h"
#include "core/project/project_impl.h"

#include <cerrno>
#include <chrono>
#include <ctime>
#include <new>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace halftone {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{8} << 30;   ///< a block of more weights than any model has, at 8 bits
constexpr std::uint64_t kCompactAbove = std::uint64_t{4} << 20;
constexpr auto kSyncWithin = std::chrono::milliseconds(500);

/// The first part of a path below `folder` that is a symbolic link; empty: none is.
fs::path linkOnTheWay(fs::path folder, const fs::path& below)
{
    std::error_code ignored;
    for (const fs::path& part : below)
        if (fs::is_symlink(fs::symlink_status(folder /= part, ignored)))
            return folder;
    return {};
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

void makeFolder(const fs::path& folder)
{
    std::error_code ignored;
    if (fs::is_directory(fs::symlink_status(folder, ignored)))
        return;
    if (::mkdir(folder.c_str(), 0777) != 0)
        failIo(folder, "the folder cannot be made", errno);
    syncFolder(parentOf(folder));
}

// ---- Project

Project::Project(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Project::~Project() = default;

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
        known = at->id + (at->state == "done" ? "" : " (" + std::to_string(at->blocksDone) + " of " + std::to_string(at->blocks)
            + " blocks)")
            + (known.empty() ? "" : ", ") + known;
    }
    const std::string which = id.empty() ? "has no finished run" : "has no run \"" + std::string(id) + "\"";
    throw Error(ErrorKind::BadFile, m_impl->folder.string() + ": " + which
        + (known.empty() ? "; there are none." : "; there are " + known + "."),
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
    writeFileAtomically(folder / kManifestFile, next.toJson(), true);
    const std::lock_guard guard(state);
    manifest = std::move(next);
}

FileEntry Project::Impl::store(const std::string& directory, const std::string& stem, std::span<const std::byte> image, const char* ending)
{
    requireWritable();
    Sha256 hash;
    hash.update(image);
    FileEntry entry;
    entry.sha256 = hash.finish();
    entry.bytes = image.size();
    entry.file = directory + "/" + stem + "-" + entry.sha256.substr(0, 12) + ending;
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
    if (const fs::path link = linkOnTheWay(folder, entry.file); !link.empty())
        bad("is reached through the link " + link.string() + "; a project holds no links.");
    const InputFile file(path);
    if (file.size() > kMaxFileBytes)
        bad("has " + std::to_string(file.size()) + " bytes; at most " + std::to_string(kMaxFileBytes) + " are read (E-R04).");
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
    try {
        if (snapshot().files().contains(entry.file))
            return;
    } catch (const std::bad_alloc&) {
        return;   // it stays, and goes as unnamed when the project is opened again
    }
    std::error_code ignored;
    if (linkOnTheWay(folder, fs::path(entry.file).parent_path()).empty())   // what lies behind a link is not the project's
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
