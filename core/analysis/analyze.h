#pragma once

#include "core/analysis/site_statistics.h"
#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/text/corpus.h"

#include <functional>

namespace halftone {

/// One walk over the model, block by block; all windows' hidden states are the stream. Static grids need a site's whole-text range before
/// their counts: the block's site activations are recomputed (or kept within the budget), never the model.
/// `siteDone` is called on this thread after each block with that block's statistics.
using BlockAnalyzed = std::function<void(int block, const std::vector<SiteStatistics>&, const std::vector<WeightStatistics>&)>;
Analysis analyzeModel(const Model& model, const TokenWindows& windows, const AnalysisSettings& settings, const ComputeOptions& options,
                      Progress& progress, const std::stop_token& stop, const BlockAnalyzed& blockDone = {});

} // namespace halftone
