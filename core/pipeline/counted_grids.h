#pragma once

#include "core/model/model.h"
#include "core/quant/activation_ranges.h"

#include <memory>

namespace halftone {

/// What the activation grid of `quantizer` does to x [batch, tokens, channels] (or [tokens, channels], one window), element by element.
/// Symmetric grids by the rule of kernels::countKernel(); asymmetric ones: zero where x̂ = 0, clipped where x lies outside a static range.
KernelCounts countGrid(const ActivationQuantizer& quantizer, const at::Tensor& x);

/// The same model, whose activation grids count what they round into `counts` as they are applied. Linears of a site that share a grid count once.
/// Not thread-safe: one walk at a time.
std::shared_ptr<const BlockSource> countGrids(std::shared_ptr<const BlockSource> source, std::shared_ptr<KernelCounts> counts);

} // namespace halftone
