#pragma once

#include "core/model/decoder_block.h"

#include <ATen/core/Tensor.h>

/// The memory-bound steps of a decoder block, fused: one pass over the activation instead of one per operator. Where a graph is recorded
/// (learned methods), the tensor is not on the CPU or plain arithmetic is asked for, the same function is composed from ATen operators, in the
/// order of transformers' modules.
namespace halftone::kernels {

/// True when autograd would have to follow `x`.
bool recorded(const at::Tensor& x);

/// x·rsqrt(mean(x²) + epsilon)·weight over the last dimension (RMSNorm, arXiv:1910.07467), or LayerNorm when it has a bias or `kind` says so.
at::Tensor normalize(const at::Tensor& x, const Norm& norm, NormKind kind, double epsilon, Arithmetic arithmetic = Arithmetic::Fused);

/// Rotates each head's two halves (arXiv:2104.09864, the "rotate half" form): x [batch, tokens, heads, headDim] contiguous, tables
/// [tokens, headDim/2]. May overwrite x and return it.
at::Tensor rotate(at::Tensor x, const at::Tensor& cosines, const at::Tensor& sines, Arithmetic arithmetic = Arithmetic::Fused);

/// activation(x); may overwrite x.
at::Tensor activate(at::Tensor x, ActivationFunction function);
/// activation(gate) · up, elementwise; may overwrite gate.
at::Tensor activateAndMultiply(at::Tensor gate, const at::Tensor& up, ActivationFunction function, Arithmetic arithmetic = Arithmetic::Fused);

/// a + b; may overwrite a.
at::Tensor addTo(at::Tensor a, const at::Tensor& b);

} // namespace halftone::kernels
