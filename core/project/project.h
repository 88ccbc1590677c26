#pragma once

#include "core/analysis/site_statistics.h"
#include "core/methods/linear_result.h"
#include "core/recipe/recipe.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halftone {

/// What a run was computed from beside its recipe, part by part: so that a mismatch can be named. Empty of a run of an older version.
struct RunInputs {
    std::string code;             ///< version of the arithmetic
    std::string model;            ///< the checkpoint's fingerprint
    std::string text;             ///< the calibration texts, as TextChoice::line() says them
    std::string tokens;           ///< SHA-256 of the calibration samples' token ids
    std::string products;         ///< which matrix product: "oneDNN fp32"
    bool known() const { return !code.empty(); }
};

struct RunInfo {
    std::string id;               ///< "run-001"
    std::string state;            ///< "running", "done"
    std::string recipeJson;
    std::string fingerprint;      ///< of model + recipe + calibration tokens + code version + threads: resume refuses a mismatch
    std::string created;
    int blocksDone = 0, blocks = 0;
    double bitsPerWeight = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;
    std::uint64_t peakBytes = 0;
    int flags = 0;                ///< raised by the sentinels so far
    /// Perplexity of the canary, a stretch of the calibration text that no sample holds, quantized and float; 0: not measured. No measure of quality.
    double canaryPerplexity = 0, canaryReference = 0;
    RunInputs inputs;
    std::string name, note;       ///< a person's own words; may be empty
};

/// The project folder NAME.halftone/ (file-safety C): manifest = root of truth, immutable HDF5 files named by hash, journal of edits, lock.
/// Thread-safe: one internal mutex (HDF5 calls are serialised).
class Project {
public:
    /// Opens or creates. @throws Error{BadFile} for a broken manifest, another model's project or a folder with other things in it,
    /// Error{Io} for a folder that cannot be written (openExisting works then). Read-only when another program has it open.
    static std::shared_ptr<Project> open(const std::filesystem::path& folder, const std::filesystem::path& model);
    /// @throws Error{BadFile}. With `readOnly` nothing is touched; without, it may still come out read-only.
    static std::shared_ptr<Project> openExisting(const std::filesystem::path& folder, bool readOnly);
    static bool isProject(const std::filesystem::path& folder);
    ~Project();

    const std::filesystem::path& folder() const;
    std::filesystem::path modelPath() const;
    /// Another program has it open, the folder cannot be written, or a newer Halftone wrote it: everything that writes throws Error{Io}.
    bool readOnly() const;
    std::string readOnlyReason() const;   ///< the end of a sentence; empty when writable
    /// What a person should be told after opening ("the journal's last 17 bytes are damaged …").
    std::vector<std::string> notices() const;

    /// The recipe being edited: every set is one journal line (CRC32), synced within a second; the manifest follows now and then.
    std::optional<Recipe> recipe() const;
    void setRecipe(const Recipe& recipe);
    void sync();

    /// Site statistics, one HDF5 file a block, written when it is finished.
    void beginAnalysis(const AnalysisSettings& settings, int windows, int length, const std::string& textHash);
    void addAnalysisBlock(int block, const std::vector<SiteStatistics>& sites, const std::vector<WeightStatistics>& weights);
    std::optional<Analysis> analysis() const;

    std::vector<RunInfo> runs() const;
    /// "#run" of PROJECT#run; empty = the newest finished one. @throws Error{BadFile} when there is none.
    RunInfo run(std::string_view id) const;
    /// Without loss curves and evidence; loadBlock() and loadEvidence() have them.
    std::vector<BlockResult> results(std::string_view run) const;

    struct Impl;
    Impl& impl() { return *m_impl; }
    const Impl& impl() const { return *m_impl; }
    explicit Project(std::unique_ptr<Impl> impl);

private:
    std::unique_ptr<Impl> m_impl;
};

} // namespace halftone
