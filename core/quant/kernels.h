#pragma once

#include "core/quant/activation_ranges.h"

#include <cstdint>
#include <span>

/// Fused CPU kernels for activations (Highway, dynamic dispatch), multi-threaded by rows through ATen's pool. All take row-major float32
/// [rows, columns]. The scale of element (i, j) is rowScale[i] · columnScale[j], rounded to float; an empty span counts as all ones.
/// Division, not reciprocal; round half to even; NaN stays NaN.
namespace halftone::kernels {

/// Largest |x| per row and/or per column (either output may be empty). Rows are overwritten; columns are max-combined into what columnAbsmax
/// holds already. NaN counts as 0.
void absmax(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<float> rowAbsmax, std::span<float> columnAbsmax);
/// Smallest and largest x per row (both spans [rows]); NaN is skipped.
void rowRanges(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<float> rowMin, std::span<float> rowMax);

/// out = round-and-clamp(x / scale) · scale, codes in [qmin, qmax]; in place allowed.
void fakeQuantize(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<const float> rowScale,
                  std::span<const float> columnScale, int qmin, int qmax, std::span<float> out);
/// Dynamic per-token rounding in one pass over memory: scale of a row = max(absmax(row), floor) / qmax, codes in [−qmax − 1, qmax].
void fakeQuantizePerToken(std::span<const float> x, std::int64_t rows, std::int64_t columns, int qmax, float floor, std::span<float> out);
/// Asymmetric: out = (clamp(round(x / s) + z, 0, qmax) − z) · s, with s and z per row, per column or one (spans of size rows, columns or 1).
struct AffineScales {
    std::span<const float> scale, zero;   ///< zero points are integers held as float
    bool perColumn = false;
};
void fakeQuantizeAffine(std::span<const float> x, std::int64_t rows, std::int64_t columns, const AffineScales& scales, int qmax,
                        std::span<float> out);

/// Where the heads of a [batch, tokens, heads, headDim] tensor lie; the elements of a head are adjacent. Strides count floats.
struct HeadLayout {
    std::int64_t batch, tokens, heads, headDim, batchStride, tokenStride, headStride;
};
/// Dynamic rounding in place and in one pass over memory, with a scale a token or a token's head. Symmetric as fakeQuantizePerToken();
/// asymmetric: s = max(high − low, floor) / (2^bits − 1) over a range that holds 0, z = clamp(round(−low / s), 0, 2^bits − 1).
void fakeQuantizeHeads(float* x, const HeadLayout& layout, bool perHead, int bits, bool symmetric, float floor);

/// Zero, lost and clipped counts of the rounding of fakeQuantize(), without writing it; clipped: |round(x / scale)| > qmax.
KernelCounts countKernel(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<const float> rowScale,
                         std::span<const float> columnScale, int qmax);
/// The same for several grids while a row lies in the nearest cache.
struct SchemeScales {
    std::span<const float> row, column;
};
void countKernels(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<const SchemeScales> schemes, int qmax,
                  std::span<KernelCounts> counts);

/// Name of the instruction set in use ("AVX3", "NEON", …).
const char* instructionSet();

} // namespace halftone::kernels
