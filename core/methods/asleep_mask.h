#pragma once

#include "core/methods/linear_result.h"
#include "core/methods/transform.h"

#include <ATen/core/Tensor.h>

namespace halftone {

/// Which channels sleep, by their largest or mean magnitudes (core/quant/asleep.h). float32 [channels] → bool [channels].
at::Tensor asleepMask(const at::Tensor& ranges);

/// What a run keeps of them: `mask` bool [channels of the site] or undefined. A text wakes a channel that goes beyond the limit and twice what the calibration saw.
AsleepChannels asleepOf(int block, SiteKind site, const std::string& method, const at::Tensor& mask, const at::Tensor& absmax);

/// "block 3, attention in: 2 of 64 channels …": what was done about them.
std::string asleepSentence(const AsleepChannels& asleep);

} // namespace halftone
