#pragma once

#include "core/pipeline/activation_stream.h"

#include <cstdint>
#include <optional>

namespace halftone {

/// The streams of one calibration: hidden states between blocks, and the two site activations that a stage hands to the next.
struct CalibrationStreams {
    ActivationStream hidden, attentionOut, mlpMid;
    std::optional<ActivationStream> floatHidden;   ///< what the float model makes of the same windows; only where a method is fitted to it
    std::size_t batches = 0, samples = 0;
    std::uint64_t seed = 0;                        ///< of everything that methods draw
    at::Tensor unseen = {}, floatUnseen = {};      ///< hidden states of some windows outside the calibration, beside `floatHidden`; may be undefined
};

} // namespace halftone
