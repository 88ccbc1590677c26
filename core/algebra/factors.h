#pragma once

#include <ATen/core/Tensor.h>

namespace halftone {

/// Factors of matrices; like products, the same bits for any number of threads.

/// L with L Lᵀ = a, for float32 or float64 [n, n]; undefined when a is not positive definite. Blocks: nearly all work is products.
at::Tensor lowerCholesky(const at::Tensor& a);
/// Inverse of a lower triangular matrix, by halves.
at::Tensor lowerInverse(const at::Tensor& lower);

} // namespace halftone
