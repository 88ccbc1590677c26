#pragma once

#include "core/pipeline/activation_stream.h"

#include "core/quant/kv_cache_grid.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace halftone {

/// A step of the training of a block, or of a linear of it.
struct TrainingStep {
    int block = 0;
    std::string what;   ///< as the loss curve will be named
    int step = 0, steps = 0;
    double loss = 0;
};

/// The streams of one calibration: hidden states between blocks, and the site activation that a stage hands to the next.
struct CalibrationStreams {
    ActivationStream hidden, carry;
    std::optional<ActivationStream> floatHidden;   ///< what the float model makes of the same windows; only where a method is fitted to it
    std::size_t batches = 0, samples = 0;
    std::uint64_t seed = 0;                        ///< of everything that methods draw
    at::Tensor unseen = {}, floatUnseen = {};      ///< hidden states of some windows outside the calibration, beside `floatHidden`; may be undefined
    std::function<void(const TrainingStep&)> trained = {};   ///< told of each step of a training; may be empty
    KvCacheGrid kvCache = {};                      ///< the recipe's
};

} // namespace halftone
