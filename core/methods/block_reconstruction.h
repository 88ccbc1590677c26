#pragma once

#include "core/methods/learned_rounding.h"
#include "core/methods/training.h"
#include "core/model/decoder_block.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace halftone {

/// The windows a block is fitted on: what reaches it in the quantized model, and what the float model's block makes of the float model's stream.
class ReconstructionData {
public:
    virtual ~ReconstructionData() = default;
    virtual std::size_t windows() const = 0;
    /// Both [windows, tokens, hidden].
    virtual at::Tensor inputs(std::span<const std::size_t> windows) const = 0;
    virtual at::Tensor targets(std::span<const std::size_t> windows) const = 0;
};

/// How far training is.
struct TrainingPoint {
    int step = 0, batch = 1;
    std::size_t windows = 0;   ///< there are; a pass over them is an epoch
};

/// Puts what is being trained into a block: weights (norms, biases) that a recorded graph connects with the leaves.
class BlockParameters {
public:
    virtual ~BlockParameters() = default;
    virtual std::vector<Leaf> leaves() = 0;
    virtual void apply(DecoderBlock& block) = 0;
    /// Before a step is taken, for what changes with training's progress.
    virtual void begin(const TrainingPoint&) {}
    /// Whether what apply() last found can be gone on from; a step or judgement where it cannot has no finite loss, so that training rolls back.
    virtual bool sound() const { return true; }
};

/// Every tensor of a block that may be trained; some are undefined.
std::vector<at::Tensor*> trainableTensors(DecoderBlock& block);

/// Learned roundings of some of a block's linears; the block's weights are their sources.
class RoundingParameters : public BlockParameters {
public:
    struct Item {
        std::size_t linear = 0;   ///< index in the block
        std::unique_ptr<LearnedWeight> learned;
    };
    explicit RoundingParameters(std::vector<Item> items) : m_items(std::move(items)) {}
    std::vector<Leaf> leaves() override;
    void apply(DecoderBlock& block) override;
    std::vector<Item>& items() { return m_items; }

private:
    std::vector<Item> m_items;
};

/// Mean squared error of the block's output against the float model's. Gradients stop at the block's weights first and go on from there to the
/// leaves once a mini-batch, so that a mini-batch may be run in pieces of about 1024 tokens: that bounds memory and the time to a cancellation.
class BlockReconstruction final : public Objective {
public:
    /// `block` with the activation grids it is to be trained under; kept by reference, as the others.
    BlockReconstruction(const DecoderBlock& block, BlockParameters& parameters, const ReconstructionData& data, int batch, std::uint64_t seed,
                        std::stop_token stop);

    std::vector<Leaf> leaves() override { return m_parameters.leaves(); }
    double step(int step) override;
    /// Over at most 64 windows, evenly spread.
    double judge() override;

private:
    const DecoderBlock& m_block;
    BlockParameters& m_parameters;
    const ReconstructionData& m_data;
    int m_batch;
    std::uint64_t m_seed;
    std::stop_token m_stop;
};

} // namespace halftone
