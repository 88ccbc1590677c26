#pragma once

#include "core/model/model_info.h"

#include <algorithm>
#include <cstdint>

/// What a quantize job keeps, in one place for the job and for its estimate.
namespace halftone::memory {

inline constexpr std::uint64_t kFloat = 4;
inline std::uint64_t positive(std::int64_t x) { return x > 0 ? static_cast<std::uint64_t>(x) : 0; }

/// A batch of calibration samples has about so many tokens.
inline constexpr std::uint64_t kTokensPerBatch = 2048;
/// The Hessian of a site as it was made, as it is visited, damped, turned round, what its factorisation still has to do, and the factor.
inline constexpr std::uint64_t kHessianCopies = 8;
/// The same of a method that does not factorise it: it is made for the output error alone.
inline constexpr std::uint64_t kMeasuredHessianCopies = 4;
/// Of the linear at work: transposed weights, rounded weights, their error and a temporary in float32, and the codes twice.
inline constexpr std::uint64_t kLinearBytesPerWeight = 18;
/// Of a block that is learned, beside its weights: parameters, gradients, AdamW's two moments, the best state, fake-quantized weights and theirs.
inline constexpr std::uint64_t kLearnedCopies = 9;
/// What a training step keeps of its batch for the way back: rows as wide as the hidden state and as the MLP's middle.
inline constexpr std::uint64_t kTrainedHiddenRows = 20, kTrainedMiddleRows = 8;
/// Code and tables that only training wakes in the libraries.
inline constexpr std::uint64_t kTrainingProgram = 14'000'000;
/// Rows of logits that the canary holds, twice.
inline constexpr std::uint64_t kCanaryLogitRows = 256;

/// The calibration's activations between two stages: bytes of each stream, and where a memory budget lets them live.
struct Streams {
    std::uint64_t hidden = 0, middle = 0;   ///< the second is that of attention output and of the MLP's middle, never both
    std::uint64_t share = 0;                ///< most that one stream may keep in memory; 0: no limit
    std::uint64_t kept = 0, spilled = 0;    ///< at once, in memory and on disk
    std::uint64_t keptHidden = 0;           ///< of these in memory what lives between two blocks
};

/// `budget` 0: no limit. Half of it is for the streams, the other half for one block, its Hessians and the model's two ends.
/// `fitted`: the float model's hidden states are a third stream.
inline Streams streamsOf(const ModelConfig& config, std::uint64_t tokens, std::uint64_t budget, bool fitted)
{
    Streams streams;
    streams.hidden = tokens * positive(config.hidden) * kFloat;
    streams.middle = tokens * positive(std::max(config.intermediate, config.hidden)) * kFloat;
    streams.share = budget == 0 ? 0 : std::max<std::uint64_t>(1, budget / (fitted ? 6 : 4));
    const auto place = [&](std::uint64_t bytes, std::uint64_t onDisk) {
        const bool spills = streams.share > 0 && bytes > streams.share;
        streams.kept += spills ? 0 : bytes;
        streams.spilled += spills ? onDisk : 0;
    };
    place(streams.hidden, streams.hidden);
    if (fitted)
        place(streams.hidden, streams.hidden);
    streams.keptHidden = streams.kept;
    // In memory one of the two lives at a time; a file keeps its slots.
    place(streams.middle, streams.hidden + streams.middle);
    return streams;
}

} // namespace halftone::memory
