#pragma once

#include "core/base/file_lock.h"
#include "core/project/journal.h"
#include "core/project/manifest.h"
#include "core/project/project.h"

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace halftone {

/// The open project. Locks, outermost first: `writing` (one writer of files at a time, may be held for long), `state` (plain values, never
/// held while the disk works, so that a window can always read), `journalLock`.
struct Project::Impl {
    std::filesystem::path folder;
    std::unique_ptr<FileLock> lock;     ///< null: read-only
    std::string readOnlyReason;

    std::mutex writing;
    mutable std::mutex state;
    Manifest manifest;                    ///< state
    std::optional<Recipe> recipe;         ///< state: the manifest's, plus the journal's edits
    std::uint64_t sequence = 0;           ///< state
    std::vector<std::string> notices;     ///< state
    std::vector<std::pair<std::string, bool>> used;   ///< state: runs that jobs are at work with, and whether they write them

    std::mutex journalLock;
    std::unique_ptr<JournalWriter> journal;
    bool unsynced = false;                ///< journalLock
    bool journalLost = false;             ///< journalLock: an edit is only in memory, the manifest must take it
    std::condition_variable_any edited;
    std::jthread flusher;                 ///< syncs the journal within a second of an edit

    ~Impl();

    /// @throws Error{Io} saying why nothing can be written.
    void requireWritable() const;
    Manifest snapshot() const;
    /// Changes a copy of the manifest, puts it on disk, then makes it the one in force. When `change` or the disk fails, nothing changed.
    void update(const std::function<void(Manifest&)>& change);
    /// Writes an immutable file `directory`/`stem`-<hash12>`ending` and returns its entry. It counts once the manifest names it.
    FileEntry store(const std::string& directory, const std::string& stem, std::span<const std::byte> image, const char* ending = ".h5");
    /// The bytes of a file of the project, checked against size and hash. @throws Error{BadFile} naming the file.
    std::vector<std::byte> read(const FileEntry& entry) const;
    /// Whether the file is there with the right size.
    bool present(const FileEntry& entry) const;
    /// Removes a file, unless the manifest still names it (a branch shares blocks with its run).
    void discard(const FileEntry& entry) const noexcept;

    void syncJournal();
    /// The manifest takes over the journal's edits.
    void compact();
    void flushInBackground(const std::stop_token& stop);
};

inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kJournalFile = "journal.log";
inline constexpr const char* kLockFile = "lock";
inline constexpr const char* kEvaluationsFile = "evaluations.json";

/// One folder, durable; one that exists is fine. @throws Error{Io}.
void makeFolder(const std::filesystem::path& folder);

/// "2025-01-31T12:00:00Z"
std::string utcNow();

} // namespace halftone
