#pragma once

#include "core/pipeline/jobs.h"

#include <string>
#include <vector>

namespace halftone {

/// In what a run that is stored differs from one that is wanted, and how far they go together.
struct RunDifference {
    struct Part {
        std::string what;         ///< "seed", "text", "the recipes' plans differ from block 3 on", …
        std::string had, wants;   ///< as a person reads them; empty where the difference is said by `what` alone
    };
    std::vector<Part> parts;      ///< empty: the same run
    int firstBlock = 0;           ///< the first block that would come out otherwise; the model's number of blocks where all would be the same
    int shared = 0;               ///< finished blocks of the stored run that the wanted one could take over (QuantizeJob::branchFrom)

    bool same() const { return parts.empty(); }
    /// "seed 0, now 7; the recipes' plans differ from block 3 on"
    std::string sentence() const;
};
/// "seed 0, now 7; text a.txt, now b.txt"
std::string sentenceOf(const std::vector<RunDifference::Part>& parts);
/// What differs beside the recipe; `sampledOtherwise`: the tokens may differ for a reason that is said already.
std::vector<RunDifference::Part> inputDifference(const RunInputs& had, const RunInputs& wants, bool sampledOtherwise = false);

/// What a job's run would be computed from. Opens the model and reads the text where the job does not have them open: seconds, so on a worker.
RunInputs inputsOf(const QuantizeJob& job);
/// Of a run of an older version, which does not say what it was computed from, only the recipes are held against each other; it then shares nothing.
RunDifference differenceTo(const RunInfo& stored, const RunInputs& inputs, const Recipe& wanted, const ModelDescription& model);

/// The same from what is open already.
RunInputs inputsOf(const Model& model, const TokenWindows& windows, const TextChoice& text);
/// One hash of everything that the bytes of a run depend on. The number of threads is no part of it: results do not hang on it.
std::string fingerprintOf(const RunInputs& inputs, const Recipe& recipe, const TokenWindows& windows);

} // namespace halftone
