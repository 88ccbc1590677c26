#pragma once

#include "core/methods/rounding.h"
#include "core/model/decoder_block.h"
#include "core/pipeline/calibration_streams.h"
#include "core/recipe/recipe.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace halftone {

/// Whether a plan's rounding is fitted to the block's output.
bool fittedToBlock(const Plan& plan);
/// Updates that learnRoundings() will make for a block; 0: none of its linears is fitted to it.
int trainingSteps(const std::vector<Plan>& plans);

struct LearnedRoundings {
    std::map<std::size_t, RoundingResult> linears;   ///< by index in the block
    std::vector<LossCurve> curves;
};

/// Fits the roundings of a block's linears together: input is the quantized stream, target the float stream, which must have been advanced through
/// the float block already. Linears rounded otherwise are held at their nearest rounding meanwhile; static activation ranges are those of the
/// float block on the quantized stream. @throws Cancelled.
LearnedRoundings learnRoundings(const DecoderBlock& block, const std::vector<Plan>& plans, const CalibrationStreams& streams,
                                const std::stop_token& stop, const std::function<void(const std::string& detail)>& step);

} // namespace halftone
