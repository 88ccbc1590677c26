#pragma once

#include <ATen/core/Tensor.h>

namespace halftone {

/// Matrix products whose bits do not hang on the number of threads: the result is cut into pieces by its shape alone, and each is one product of one
/// thread over the whole inner dimension. Tensors on an accelerator, and products that are no float matrices, are LibTorch's own.

/// a [m, k] · b [k, n], or a [count, m, k] · b [count, k, n]; any layout. Recorded where gradients are.
at::Tensor product(const at::Tensor& a, const at::Tensor& b);
/// x [..., in] · weightᵀ + bias [out] or undefined → [..., out]; weight [out, in]. Recorded where gradients are.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});
/// out += factor · a · b, not recorded. out [m, n] may be a view.
void addProduct(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b, double factor = 1);
/// sum += xᵀ · x of x [tokens, n], the upper triangle of sum [n, n] only (what lies below its pieces stays as it was).
void addSquare(const at::Tensor& sum, const at::Tensor& x);

} // namespace halftone
