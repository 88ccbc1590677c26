#pragma once

#include "core/methods/linear_result.h"
#include "core/project/project.h"

#include <string_view>
#include <vector>

namespace halftone {

/// What is kept of a block beside its results and codes, to be shown; empty lists where nothing was learned, and in runs of older versions.
struct BlockEvidence {
    std::vector<LossCurve> curves;
    std::vector<TransformEvidence> transforms;
    std::vector<WeightEvidence> weights;
    std::vector<SiteChange> sites;
};

/// Moves evidence into a block's result, and out of it.
void setEvidence(BlockResult& result, BlockEvidence evidence);
BlockEvidence takeEvidence(BlockResult& result);

/// Reads a finished block's evidence without its codes. @throws Error{BadFile} where the run has no such block, or its file is damaged.
BlockEvidence loadEvidence(const Project& project, std::string_view run, int block);

} // namespace halftone
