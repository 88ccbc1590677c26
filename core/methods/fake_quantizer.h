#pragma once

#include "core/quant/weight_quantizer.h"

#include <ATen/core/Tensor.h>

#include <utility>

/// Fake quantization of weights that a recorded graph can follow: fused forward, straight-through backward (rounding has the derivative 1, clipped
/// elements 0 but for their scale). All float32 on the CPU; values are bit-equal to dequantize() of the codes.
namespace halftone {

/// ŵ = s · clamp(R(w / (s · e^δ)), qmin − z, qmax − z), FlexRound's and LRQ's form (methods-core §10, §11).
/// weight and delta [out, in]; scale s [out, groups], recorded; zero int32 [out, groups]. |δ| is held below kLargestDelta.
at::Tensor roundScaled(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& delta, const at::Tensor& zero, const WeightGrid& grid);
/// The codes of that. δ clipped.
at::Tensor scaledCodes(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& delta, const at::Tensor& zero, const WeightGrid& grid);
inline constexpr float kLargestDelta = 3;

/// Rounds to the grid of the ranges [low, high], each [out, groups] and recorded: clipping that can be learned (OmniQuant's LWC, methods-core §12).
/// The range is widened to hold 0, the zero point an integer among the codes.
at::Tensor roundClipped(const at::Tensor& weight, const at::Tensor& low, const at::Tensor& high, const WeightGrid& grid);
/// Least and largest weight of every group, [out, groups] ([1, 1] per tensor), recorded.
std::pair<at::Tensor, at::Tensor> groupRanges(const at::Tensor& weight, const WeightGrid& grid);
/// Scales and zero points of those ranges.
WeightScales clippedScales(const at::Tensor& low, const at::Tensor& high, const WeightGrid& grid);

/// Rounds to the nearest value of the grid that the weight has now; gradients pass unchanged.
at::Tensor roundNearest(const at::Tensor& weight, const WeightGrid& grid);

} // namespace halftone
