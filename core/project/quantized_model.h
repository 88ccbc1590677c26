#pragma once

#include "core/model/model.h"
#include "core/project/run_store.h"

#include <memory>
#include <string>

namespace halftone {

/// A model whose blocks' linears are those of a run: dequantized weights and activation grids.
std::shared_ptr<const BlockSource> openRun(std::shared_ptr<const Model> model, std::shared_ptr<const Project> project, std::string run);

} // namespace halftone
