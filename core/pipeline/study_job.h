#pragma once

#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/project/project.h"
#include "core/recipe/study_result.h"

#include <functional>
#include <memory>
#include <string>

namespace halftone {

/// A study as one job. Its members share the opened model, the tokenised texts and calibration samples, and the float model's walk over each text
/// (one, and a second in the arithmetic of members that round activations where KL is asked for); up to kStudyMembersTogether of them go through the blocks side by
/// side, so that a block is read and rounded once for those that agree on it, and the float model's logits are made once for them all. Each figure
/// is that of a separate evaluate or quantize, to the bit; activation grids are Halftone's own unless the recipe names a contract.
struct StudyJob {
    Study study;                         ///< with model, texts, and the calibration text where a member needs one
    std::shared_ptr<Project> project;    ///< keeps each member as it is finished, and the runs
    bool resume = true;                  ///< go on with a study of the same members, texts and model, and take members that any study here has; else anew
    bool refuseOther = false;            ///< with `resume`: an unfinished study made under other conditions (model, texts, threads) is an Error{InvalidArgument} saying which
    ComputeOptions options;
    std::function<void(const StudyResult&)> changed;   ///< begun, and after each group of members; on the job's thread
};
/// @throws Error, Cancelled; what is finished is in the project then, and the same job goes on from there.
StudyResult runStudy(const StudyJob& job, Progress& progress, const std::stop_token& stop);

} // namespace halftone
