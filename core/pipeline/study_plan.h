#pragma once

#include "core/base/device.h"
#include "core/recipe/study.h"

#include <cstdint>
#include <string>
#include <vector>

namespace halftone {

/// What a study will do, said before it starts.
struct StudyPlan {
    struct Member {
        std::string impossible;    ///< why it cannot be on this model, a sentence; empty where it can
        bool run = false;          ///< needs a run of its own; else it is evaluated on the fly, or is the float model
        double quantizeWork = 0;   ///< multiply-adds, roughly
    };
    std::vector<Member> members;            ///< as Study::members()
    double evaluateWork = 0;                ///< of one member over all texts, multiply-adds
    int floatWalks = 0;                     ///< of each text
    std::uint64_t peakMemory = 0;           ///< bytes that the process will hold, about
    std::uint64_t diskBytes = 0;            ///< of the members' runs, at most

    int possible() const;
    int runs() const;
};

/// Members whose states go through the blocks side by side, at most.
inline constexpr int kStudyMembersTogether = 4;

/// Reads no weights and no texts. `tokens`: of all texts together, as far as they are known.
StudyPlan planStudy(const ModelDescription& model, const Study& study, std::int64_t tokens, const ComputeOptions& options,
                    const std::filesystem::path& project);

/// Whether a member rounds activations; such are computed in another arithmetic (evaluateModel()) and go together.
bool roundsActivations(const std::vector<ResolvedPlan>& plans);

} // namespace halftone
