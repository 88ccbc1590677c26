#pragma once

#include "core/methods/linear_result.h"

#include <ATen/core/Tensor.h>

#include <string>

namespace halftone {

/// Cells a side that are kept of a matrix.
inline constexpr std::int64_t kEvidenceSide = 256;

/// A matrix [rows, columns] as it is kept: at most kEvidenceSide cells a side, each the entry of the largest magnitude it stands for (sign kept, NaN
/// before all), so that nothing that stands out is averaged away. The linear's name is the caller's to set.
WeightEvidence weightEvidence(std::string kind, const at::Tensor& matrix, std::int64_t rank, double learnable);

} // namespace halftone
