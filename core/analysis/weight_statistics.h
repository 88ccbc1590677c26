#pragma once

#include "core/analysis/site_statistics.h"

#include <ATen/core/Tensor.h>

namespace halftone {

/// Statistics of a weight matrix [out, in] of any float type; what is not finite is counted and otherwise left out.
WeightStatistics weightStatistics(std::string linear, const at::Tensor& weight);

} // namespace halftone
