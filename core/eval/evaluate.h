#pragma once

#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/eval/evaluation.h"
#include "core/model/model.h"
#include "core/text/corpus.h"

namespace halftone {

/// Walks block by block over all windows (hidden streams only, one block in memory), then the head in chunks of rows: no full logits.
/// With `reference`, its stream runs beside and the divergence is measured. @throws Cancelled, Error.
Evaluation evaluateModel(const BlockSource& model, const BlockSource* reference, const TokenWindows& windows,
                         const ComputeOptions& options, Progress& progress, const std::stop_token& stop);

} // namespace halftone
