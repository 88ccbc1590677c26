#pragma once

#include "core/quant/grid.h"

#include <cstdint>
#include <string>
#include <vector>

namespace halftone {

/// What a run measured of one linear (plain values).
struct LinearResult {
    std::string linear;
    std::string method;           ///< really applied: "gptq", "rtn", "none" (left float)
    WeightGrid weights;
    ActivationGrid activations;
    double weightSqnrDb = 0;      ///< 10·log10(Σw² / Σ(w−ŵ)²)
    double outputMse = 0;         ///< mean (xŵᵀ − xwᵀ)² over calibration tokens, x as the run saw it
    double damping = 0;
    double seconds = 0;
    std::vector<std::string> notes;
};

struct BlockResult {
    int block = 0;
    std::vector<LinearResult> linears;
    double seconds = 0;
    std::uint64_t peakBytes = 0;
};

} // namespace halftone
