#pragma once

#include "core/methods/linear_result.h"
#include "core/model/decoder_block.h"
#include "core/pipeline/calibration_streams.h"
#include "core/recipe/recipe.h"

#include <vector>

namespace halftone {

/// What transforms did to the sites of a block, measured on the first thousand tokens of the quantized stream: `before` and `after` are the float
/// block, `plans` those of its linears. Sites without a transform are left out. @throws Cancelled.
std::vector<SiteChange> siteChanges(const DecoderBlock& before, const DecoderBlock& after, const std::vector<Plan>& plans, const CalibrationStreams& streams,
                                    const std::stop_token& stop);

} // namespace halftone
