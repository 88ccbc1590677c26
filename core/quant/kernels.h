#pragma once

#include "core/quant/activation_quantizer.h"

#include <cstdint>
#include <span>

/// Fused CPU kernels (Highway, dynamic dispatch), multi-threaded through ATen's pool. All take row-major float32 [rows, columns].
/// The scale of element (i, j) is rowScale[i] · columnScale[j]; an empty span counts as all ones. Division, not reciprocal; round half to even.
namespace halftone::kernels {

/// Largest |x| per row and/or per column (either output may be empty). Columns are max-combined into what columnAbsmax holds already.
void absmax(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<float> rowAbsmax, std::span<float> columnAbsmax);
/// out = round-and-clamp(x / scale) · scale, codes in [qmin, qmax]; in place allowed.
void fakeQuantize(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<const float> rowScale,
                  std::span<const float> columnScale, int qmin, int qmax, std::span<float> out);
/// Zero, lost and clipped counts of the same rounding, without writing it.
KernelCounts countKernel(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<const float> rowScale,
                         std::span<const float> columnScale, int qmax);

} // namespace halftone::kernels
