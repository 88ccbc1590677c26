#pragma once

#include "core/project/project.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// A file of the project, as the manifest vouches for it.
struct FileEntry {
    std::string file;     ///< relative to the project, "runs/run-001/block-000-1f2e3d4c5b6a.h5"
    std::string sha256;
    std::uint64_t bytes = 0;
};

struct RunBlock {
    FileEntry file;
    BlockResult result;   ///< all a run measured, seconds and memory included (they differ between equal runs, so the block file has none)
};

struct RunRecord {
    RunInfo info;
    std::vector<RunBlock> blocks;   ///< by block number
};

struct AnalysisRecord {
    AnalysisSettings settings;
    int windows = 0, length = 0;
    std::string textHash;
    struct Block { int block = 0; FileEntry file; };
    std::vector<Block> blocks;      ///< by block number
};

struct StudyRecord {
    std::string id;                 ///< "study-001"
    bool done = false;
    std::string fingerprint;        ///< of all that its figures depend on
    RunInputs conditions;           ///< of all but its members, in words
    std::string created;
    double seconds = 0;
    int floatWalks = 0, reused = 0;
    FileEntry head;                 ///< what is studied, and the float model's figures
    struct Member { int member = 0; std::string fingerprint; FileEntry file; };
    std::vector<Member> members;    ///< finished ones, by number
};

/// manifest.json: the single root of truth of a project.
struct Manifest {
    static constexpr int kMajor = 1, kMinor = 0;
    static constexpr std::uint64_t kMaxBytes = std::uint64_t{256} << 20;
    int major = kMajor, minor = kMinor;
    std::string model;              ///< absolute path when it was made
    std::string modelRelative;      ///< from the project's folder, for projects that move with their model
    std::optional<FileEntry> modelIdentity;   ///< what the model is made of (ModelIdentity), since the first results
    std::optional<Recipe> recipe;
    std::uint64_t sequence = 0;     ///< number of the last edit in `recipe`
    std::optional<AnalysisRecord> analysis;
    std::vector<RunRecord> runs;
    int lastRun = 0;                ///< the highest number of a run that was removed: no other run gets it
    std::vector<StudyRecord> studies;

    std::string toJson() const;
    /// @throws Error{BadFile} naming file and JSON pointer; a newer major version is read as far as it has the same keys.
    static Manifest parse(std::string_view text, std::string_view subject);

    /// Where the model lies, seen from nowhere and from the project's folder.
    void place(const std::filesystem::path& model, const std::filesystem::path& project);
    /// Every file that it names.
    std::set<std::string> files() const;

    RunRecord* find(std::string_view run);
    const RunRecord* find(std::string_view run) const;
};

/// 12 of "run-012"; 0 of what is no run's id of ours.
int runNumber(std::string_view id);

} // namespace halftone
