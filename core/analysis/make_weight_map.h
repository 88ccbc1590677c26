#pragma once

#include "core/analysis/weight_map.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/core/Tensor.h>

#include <stop_token>
#include <string>

namespace halftone {

/// @param weight [out, in], any float type
/// @param quantized of the same shape; null: left float
/// @throws Error{InvalidArgument} when the shapes differ; Cancelled.
WeightMap makeWeightMap(std::string linear, const at::Tensor& weight, const QuantizedWeight* quantized, const std::stop_token& stop);

} // namespace halftone
