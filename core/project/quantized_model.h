#pragma once

#include "core/model/model.h"
#include "core/project/run_store.h"

#include <memory>
#include <string>
#include <string_view>

namespace halftone {

/// A model whose blocks' linears are those of a run: dequantized weights, and the activation grids as the runtime of the recipe's contract computes
/// them, so that an export gives there what its run gives here.
std::shared_ptr<const BlockSource> openRun(std::shared_ptr<const Model> model, std::shared_ptr<const Project> project, std::string run);

/// Puts a run's results into a freshly loaded block: dequantized weights, and activation grids shared within a site.
void restoreBlock(DecoderBlock& block, const StoredBlock& stored);

/// Dynamic per-token grids as a contract's runtime computes them: under "transformers" and no contract compressed-tensors' own (ServedQuantizer); the
/// others' are Halftone's. Linears of a site that shared a quantizer still do. The same for a KV-cache grid that
/// transformers can serve.
void useGridsOf(std::string_view contract, DecoderBlock& block);

} // namespace halftone
