#pragma once

#include "core/eval/evaluation.h"

#include <filesystem>
#include <string>
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

/// PROJECT/cache/evaluations.json. A missing or broken file reads as an empty list: it is a cache, measured again at will.
std::vector<StoredEvaluation> readEvaluations(const std::filesystem::path& project);
/// Atomically. @throws Error{Io}.
void writeEvaluations(const std::filesystem::path& project, const std::vector<StoredEvaluation>& records);
/// Adds one, in the place of an older one of the same subject. @throws Error{Io}.
void storeEvaluation(const std::filesystem::path& project, const StoredEvaluation& record);

} // namespace halftone
