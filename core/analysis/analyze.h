#pragma once

#include "core/analysis/site_statistics.h"
#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/text/corpus.h"

#include <cstdint>
#include <functional>

namespace halftone {

/// Called on the job's thread after each block with that block's statistics.
using BlockAnalyzed = std::function<void(int block, const std::vector<SiteStatistics>&, const std::vector<WeightStatistics>&)>;

/// Most that a block's site activations and the stream, in and out, may take together: half of a memory budget, 2 GiB where none is given.
constexpr std::uint64_t mostKept(std::uint64_t memoryBudget) { return memoryBudget > 0 ? memoryBudget / 2 : 2ull << 30; }

/// One walk over the model, block by block; all windows' hidden states are the stream. Static grids need a site's whole-text range before their
/// counts: a block's site activations are kept where they may be (mostKept()), else the block, never the model, is computed a second time. Each
/// site keeps a sample of its activations within kSampleBytes for the model; `tokenizer`, where it is given, says its tokens' texts.
/// @throws Error{InvalidArgument} for impossible settings or no windows; Cancelled.
Analysis analyzeModel(const Model& model, const TokenWindows& windows, const AnalysisSettings& settings, const ComputeOptions& options,
                      Progress& progress, const std::stop_token& stop, const BlockAnalyzed& blockDone = {}, const Tokenizer* tokenizer = nullptr);

} // namespace halftone
