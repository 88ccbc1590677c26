#pragma once

#include "core/base/progress.h"
#include "core/methods/hessian.h"
#include "core/model/decoder_block.h"
#include "core/pipeline/block_learner.h"
#include "core/pipeline/block_transformer.h"
#include "core/pipeline/calibration_streams.h"
#include "core/pipeline/recipe_model.h"
#include "core/project/run_store.h"

#include <functional>
#include <optional>
#include <vector>

namespace halftone {

/// Takes one block through: site statistics → round → measure, stage by stage over the quantized stream. Each linear is rounded on the
/// activations that the already quantized linears before it produce ("true sequential", methods-core §4), at the price of one forward.
/// The stream passes through the recipe's KV-cache grid where the block rounds activations. Transforms are applied to the float block before that; roundings that are fitted to the block's output are learned first, all together.
class BlockDriver {
public:
    /// Called after each batch of a stage, with what is at work.
    using Step = std::function<void(const std::string& detail)>;

    BlockDriver(DecoderBlock& block, const std::vector<Plan>& plans, CalibrationStreams& streams, const std::stop_token& stop, Step step);

    /// Steps that quantize() reports.
    std::int64_t expectedSteps() const;
    /// Advances the float stream, where one is kept, through the block, which must still be float: its outputs are what quantize() fits to.
    void advanceFloat();
    /// Quantizes the block; the hidden stream has advanced when it returns. @throws Error{Internal} when activations stop being finite.
    StoredBlock quantize();
    /// What a person should know of the transforms that quantize() applied.
    const std::vector<std::string>& transformNotes() const { return m_transformed.notes; }
    /// Advances the hidden stream through a block that is quantized already; the same arithmetic as quantize() did.
    void advance();

private:
    void walkStages(bool collect);
    void collectWholeBlock();
    void finishSite(SiteKind kind);
    void wakeSite(SiteKind kind);
    bool quantizesWeightsAt(SiteKind kind) const;
    void observe(SiteKind kind, const at::Tensor& x);
    void compensate(StoredLinear& stored, const Plan& plan, const at::Tensor& weight, const SiteHessian& hessian) const;
    RoundingResult roundingOf(std::size_t index, SiteHessian& hessian);
    void roundLinear(std::size_t index, SiteHessian& hessian);
    /// `site`: whose activation x is; nothing: the block's output.
    void requireFinite(const at::Tensor& x, std::optional<SiteKind> site) const;
    bool trueSequential() const;
    void roundCache();
    /// "block 3 · attention · sample 16 of 128"
    void stepBatch(std::string_view what, std::size_t batch) const;

    DecoderBlock& m_block;
    const std::vector<Plan>& m_plans;
    CalibrationStreams& m_streams;
    std::stop_token m_stop;
    Step m_step;
    PerSite<HessianAccumulator> m_hessians;
    SiteRanges m_ranges;
    TransformedBlock m_transformed;
    LearnedRoundings m_learned;
    StoredBlock m_stored;
    std::uint64_t m_peak = 0;
};

} // namespace halftone
