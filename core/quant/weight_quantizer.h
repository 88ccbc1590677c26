#pragma once

#include "core/quant/grid.h"

#include <ATen/core/Tensor.h>

#include <string_view>

namespace halftone {

/// Scales and zero points of a weight matrix; value = scale · (code − zero).
struct WeightScales {
    at::Tensor scale;   ///< float32 [out, groups] ([1, 1] per tensor)
    at::Tensor zero;    ///< int32, same shape; all zero when symmetric
};

/// A quantized weight matrix: codes + scales + zeros.
struct QuantizedWeight {
    WeightGrid grid;
    at::Tensor codes;   ///< int8 [out, in] when symmetric (signed), uint8 when not (0 … 2^bits − 1)
    WeightScales scales;

    /// float32 [out, in]; exactly what an export's reader computes.
    at::Tensor dequantize() const;
};

/// Ranges of `weight` [out, in] under `grid`, in float32. Scales stay float32: exports store them so, hence codes are computed with the stored
/// scale (§1.4.3). With Clip::Mse the range search of §1.3. All-zero groups get codes 0.
/// @throws Error{InvalidArgument} for a grid that does not fit or a weight that is NaN or infinite (named by `subject`, row and column).
WeightScales weightScales(const at::Tensor& weight, const WeightGrid& grid, std::string_view subject = "weight");
/// Scales that make Σ importance(column) · (x̂ − x)² of every group least, as searchScale() finds them. `importance` float32 [in], positive;
/// not for grids of one scale for the whole matrix. @throws as above.
WeightScales searchScales(const at::Tensor& weight, const WeightGrid& grid, const at::Tensor& importance, std::string_view subject = "weight");
/// Round to nearest even with given scales. @throws as weightScales().
at::Tensor roundToCodes(const at::Tensor& weight, const WeightScales& scales, const WeightGrid& grid, std::string_view subject = "weight");
QuantizedWeight quantizeToNearest(const at::Tensor& weight, const WeightGrid& grid, std::string_view subject = "weight");

/// Columns that share a scale: the group, or all.
std::int64_t groupWidth(const WeightGrid& grid, std::int64_t columns);
/// Checks shape, type and fit. @return contiguous float32 on the CPU.
at::Tensor weightForRounding(const at::Tensor& weight, const WeightGrid& grid, std::string_view subject);
/// @throws Error{InvalidArgument} naming the first element that is not finite.
[[noreturn]] void throwNotFinite(const at::Tensor& weight, std::string_view subject);

} // namespace halftone
