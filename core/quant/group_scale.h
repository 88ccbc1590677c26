#pragma once

#include "core/quant/grid.h"

#include <cstdint>
#include <span>

namespace halftone {

/// Codes of a weight grid: symmetric −2^(b−1)…2^(b−1)−1, asymmetric 0…2^b−1. The scale of a narrow symmetric grid never needs the lowest code;
/// it is there for scales that clip and for weights that GPTQ moves.
struct CodeRange {
    int minimum = 0, maximum = 0;
};
CodeRange codeRange(const WeightGrid& grid);

/// Scale and zero point of weights that share them; value = scale · (code − zero).
struct GroupScale {
    float scale = 0;
    std::int32_t zero = 0;
};

/// From the range [low, high] of the weights: symmetric narrow s = max|w| / (2^(b−1)−1); symmetric full s = 2·max|w| / (2^b−1), where the
/// largest positive weight is clipped by half a step; asymmetric with 0 in the range, s = (high − low) / (2^b−1) and z = round(−low/s), clamped
/// to the codes. An all-zero group gets a tiny positive scale, so that its codes are 0 and nothing is NaN.
GroupScale groupScale(const WeightGrid& grid, float low, float high);

/// The same; with Clip::Mse the range is the one that makes Σ |x̂ − x|^2.4 least (§1.3; the first of equals): shrunk by the factor 1 − i/100, i in
/// 0…79, and for asymmetric grids also shrunk to 1 … 100 % with any zero point of kShiftedZeros to either side.
GroupScale groupScale(const WeightGrid& grid, std::span<const float> weights, float low, float high);

/// The scale that makes Σ importance · (x̂ − x)² least, among those of the range times 1.1, 1.09, … 0.41 (the first of equals).
GroupScale searchScale(const WeightGrid& grid, std::span<const float> weights, std::span<const float> importance, float low, float high);

inline constexpr int kClipCandidates = 80;
inline constexpr int kShiftedZeros = 8;
inline constexpr int kScaleCandidates = 70;

} // namespace halftone
