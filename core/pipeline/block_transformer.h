#pragma once

#include "core/model/decoder_block.h"
#include "core/pipeline/block_learner.h"
#include "core/pipeline/calibration_streams.h"
#include "core/project/run_store.h"
#include "core/recipe/recipe.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace halftone {

/// Whether a plan's transform is to be done.
bool transforms(const Plan& plan);

/// Whether that transform is learned on the block's output.
bool transformIsLearned(const Plan& plan);
/// Updates that the block's learned transforms take.
int transformSteps(const std::vector<Plan>& plans);

struct TransformedBlock {
    LearnedRoundings learned;                    ///< clipping that was learned together with a transform
    std::map<std::size_t, at::Tensor> sources;   ///< weights that rounding starts from instead of the block's, by index
    std::vector<TransformEvidence> evidence;
    std::vector<AsleepChannels> asleep;          ///< of sites that have some
    std::vector<std::string> notes;
};

/// Applies the transforms of a float block's sites, in the order of the sites, as one pass over the quantized stream shows their activations; learned
/// ones last, together with the linears' learned clipping ("lwc"), other linears rounded to nearest meanwhile. Activations with a dynamic grid are
/// rounded while training; static ranges would change with the transform.
/// @throws Cancelled.
TransformedBlock transformBlock(DecoderBlock& block, const std::vector<Plan>& plans, const CalibrationStreams& streams, const std::stop_token& stop,
                                const std::function<void(const std::string& detail)>& step);

/// Norms, biases and float weights in which a block differs from `original`; quantized weights are not among them.
std::vector<StoredTensor> changedTensors(const DecoderBlock& original, const DecoderBlock& block, const std::vector<Plan>& plans);

} // namespace halftone
