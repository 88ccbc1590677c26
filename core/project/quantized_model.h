#pragma once

#include "core/model/model.h"
#include "core/project/run_store.h"

#include <memory>
#include <string>

namespace halftone {

/// A model whose blocks' linears are those of a run: dequantized weights and activation grids.
std::shared_ptr<const BlockSource> openRun(std::shared_ptr<const Model> model, std::shared_ptr<const Project> project, std::string run);

/// Puts a run's results into a freshly loaded block: dequantized weights, and activation grids shared within a site.
void restoreBlock(DecoderBlock& block, const StoredBlock& stored);

} // namespace halftone
