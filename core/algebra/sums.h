#pragma once

#include <ATen/core/Tensor.h>

namespace halftone {

/// Sums over all elements in float64, added in an order that hangs on the shape alone. LibTorch's own sums share out work as there are threads.
double sumOf(const at::Tensor& x);
double sumOfSquares(const at::Tensor& x);
/// Σ a · b, element by element.
double sumOfProducts(const at::Tensor& a, const at::Tensor& b);

} // namespace halftone
