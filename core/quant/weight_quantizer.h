#pragma once

#include "core/quant/grid.h"

#include <ATen/core/Tensor.h>

namespace halftone {

/// Scales and zero points of a weight matrix; value = scale · (code − zero).
struct WeightScales {
    at::Tensor scale;   ///< float32 [out, groups] ([1, 1] per tensor)
    at::Tensor zero;    ///< int32, same shape; all zero when symmetric
};

/// A quantized weight matrix: codes + scales + zeros (+ the order its columns were visited in, for the record).
struct QuantizedWeight {
    WeightGrid grid;
    at::Tensor codes;   ///< int8 [out, in] when symmetric (signed), uint8 when not (0 … 2^bits − 1)
    WeightScales scales;

    /// float32 [out, in]; exactly what an export's reader computes.
    at::Tensor dequantize() const;
};

/// Ranges of `weight` [out, in] under `grid`, computed in float32; scales are rounded to bfloat16-representable floats when `roundScales`
/// (what an export stores), so that codes are computed with the stored scale (§1.4.3).
WeightScales weightScales(const at::Tensor& weight, const WeightGrid& grid);
/// Round to nearest even with given scales.
at::Tensor roundToCodes(const at::Tensor& weight, const WeightScales& scales, const WeightGrid& grid);
QuantizedWeight quantizeToNearest(const at::Tensor& weight, const WeightGrid& grid);

} // namespace halftone
