#pragma once

#include <cstdint>
#include <span>

/// Loops of the weight quantizer (Highway, dynamic dispatch), single-threaded over what they are given: callers split by rows.
/// A row holds groups of `group` columns; scale and zero have one entry a group, row-major.
namespace halftone::kernels {

struct WeightRow {
    const float* weight = nullptr;
    std::int64_t columns = 0, group = 0;
};

/// Smallest and largest weight of every group. @return false when a weight is NaN or infinite.
bool groupRanges(const WeightRow& row, float* low, float* high);

/// codes = clamp(round(w / s) + z, qmin, qmax), stored as 8-bit. Division, half to even. @return false when a weight is not finite.
bool roundRow(const WeightRow& row, const float* scale, const std::int32_t* zero, int qmin, int qmax, std::int8_t* codes);
bool roundRow(const WeightRow& row, const float* scale, const std::int32_t* zero, int qmin, int qmax, std::uint8_t* codes);

/// Σ |x̂ − x|^2.4 over n weights for one scale and zero point; the power by polynomials, relative error < 3e-4 (it only ranks candidates).
float clipError(const float* weight, std::int64_t n, float scale, float zero, float qmin, float qmax);

/// Σ importance · (x̂ − x)², likewise; multiplies by 1/scale instead of dividing.
float weightedError(const float* weight, const float* importance, std::int64_t n, float scale, float zero, float qmin, float qmax);

/// out = (code − zero) · scale
void dequantizeRow(const std::int8_t* codes, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float* out);
void dequantizeRow(const std::uint8_t* codes, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float* out);

} // namespace halftone::kernels
