#pragma once

#include "core/eval/evaluation.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// One measured evaluation of a project's model, of a run of it, or of a recipe on the fly.
struct StoredEvaluation {
    enum class Target { Float, Run, Recipe };
    Target target = Target::Float;
    std::string run;              ///< "run-001" for Target::Run
    std::string label;            ///< as a person reads it
    std::string textPath;
    int windows = 0, length = 0;
    double bitsPerWeight = 16;
    double seconds = 0;
    std::string when;             ///< ISO 8601
    Evaluation result;

    /// Says the same thing again: the newer one replaces the older.
    bool sameSubject(const StoredEvaluation& other) const;
};

/// PROJECT/evaluations.json, beside the runs that they belong to. Window and command line change it at the same time: each reads it anew under a lock
/// of its own, which is not the project's, changes its part and leaves what it does not know. Older versions kept it in cache/; it is read from there
/// until the first change.
///
/// The manifest does not vouch for it with a hash: who measures does not hold the project's lock (the window may, for hours), and only who holds it may
/// write the manifest. A broken list is found by its form, and what it held can be measured again.
/// @throws Error{BadFile} where the file is broken.
std::vector<StoredEvaluation> readEvaluations(const std::filesystem::path& project);
/// Adds one, in the place of an older one of the same subject. A broken file is kept as evaluations.json.bad-<time>, which is logged.
/// @return all there are now. @throws Error{Io}.
std::vector<StoredEvaluation> storeEvaluation(const std::filesystem::path& project, const StoredEvaluation& record);
/// The list as it stands, with what this version does not know, into another project that has none. @throws Error{Io}.
void copyEvaluations(const std::filesystem::path& project, const std::filesystem::path& target);
/// Takes those of the same subject out.
std::vector<StoredEvaluation> removeEvaluation(const std::filesystem::path& project, const StoredEvaluation& record);
/// Takes those of a run out.
std::vector<StoredEvaluation> removeEvaluationsOf(const std::filesystem::path& project, std::string_view run);

} // namespace halftone
