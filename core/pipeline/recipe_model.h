#pragma once

#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/recipe/recipe.h"
#include "core/text/corpus.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halftone {

/// Static activation ranges by block and site, over a text.
using SiteRanges = std::map<std::pair<int, SiteKind>, ActivationRanges>;

/// Adds the ranges of x [batch, tokens, channels] to what is known.
void mergeRanges(ActivationRanges& ranges, const at::Tensor& x);

/// Ranges of the sites whose linears have a static grid, by one walk of the float model over the windows.
SiteRanges measureRanges(const Model& model, const std::vector<ResolvedPlan>& plans, const TokenWindows& windows, Progress& progress,
                         const std::stop_token& stop);

/// Sets the activation grids of a block's linears (of one site only, when `only` is given); linears of a site with the same grid share one quantizer.
void applyActivationGrids(DecoderBlock& block, const std::vector<Plan>& plans, const SiteRanges& ranges, std::optional<SiteKind> only = {});

/// The float block at work and its linears rounded to nearest, each made once for all the recipes that walk one model side by side.
/// What it gives is not to be changed in place. Not thread-safe.
class SharedBlocks {
public:
    explicit SharedBlocks(std::shared_ptr<const Model> model) : m_model(std::move(model)) {}
    DecoderBlock block(int index);
    /// Linear number `linear` of the block that block() gave last, float32.
    at::Tensor rounded(std::size_t linear, const WeightGrid& grid);

private:
    std::shared_ptr<const Model> m_model;
    std::optional<DecoderBlock> m_block;
    struct Rounded { std::size_t linear; WeightGrid grid; at::Tensor weight; };
    std::vector<Rounded> m_rounded;
};

/// A model under a recipe without a run: weights rounded to nearest and activation grids applied as each block is loaded, these as the contract's
/// runtime computes them (useGridsOf()). The recipe's KV-cache grid and contract are read, its plans are `plans`.
std::shared_ptr<const BlockSource> openWithRecipe(std::shared_ptr<const Model> model, std::vector<ResolvedPlan> plans, SiteRanges ranges,
                                                  const Recipe& recipe, std::shared_ptr<SharedBlocks> shared = {});

} // namespace halftone
