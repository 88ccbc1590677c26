#pragma once

#include "core/methods/linear_result.h"
#include "core/model/model.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace halftone {

/// What the sentinels take for a fault. Shares are in [0, 1].
struct SentinelLimits {
    static constexpr int kCanaryTokens = 128;   ///< at most: a stream so short costs next to nothing
    double kernelJump = 0.05;       ///< a site's kernel may be this much larger in the quantized stream
    double canaryError = 0.6;       ///< drift after a block …
    double canaryStep = 0.25;       ///< … that grew by so much in it, is a fault
    double canaryPerplexity = 2;    ///< quantized over float, at the end
};

/// Most that may lie at the ends of `grid` before it counts as saturated: half as much again as evenly spread codes would put there, or as
/// the one largest weight of each group does.
double saturationLimit(const WeightGrid& grid, std::int64_t columns);

/// Sets result.saturated and returns what is wrong with a rounded linear: scales that are no numbers or vanish in float16, groups rounded to
/// zero altogether, codes piled up at the ends of the grid. `weight` float32 [out, in], before rounding.
/// @throws Error{Internal} for a scale that is not finite.
std::vector<BlockFlag> inspectRounded(int block, const at::Tensor& weight, const QuantizedWeight& rounded, LinearResult& result);

/// Watches the streams of a run: a held-out text goes through the float and the quantized model, block by block, beside the calibration.
class Sentinels {
public:
    /// `heldOut`: token ids; with fewer than two there is no canary.
    Sentinels(const Model& model, std::vector<std::int32_t> heldOut, const SentinelLimits& limits = {});

    /// Before the block is quantized: the float stream moves through it.
    void before(const DecoderBlock& block);
    /// After: the quantized stream moves through it; what drifted goes into `result`. On the last block the perplexities are measured.
    /// @throws Error{BadFile} when the quantized stream is no longer finite.
    void after(const DecoderBlock& block, BlockResult& result);

    double perplexity() const { return m_perplexity; }   ///< of the quantized model on the canary; 0 before the last block
    double reference() const { return m_reference; }     ///< of the float model

private:
    double perplexityOf(const at::Tensor& hidden) const;
    void lookForWoken(const DecoderBlock& block, BlockResult& result) const;
    void compareKernels(const DecoderBlock& block, const PerSite<at::Tensor>& quantized, BlockResult& result) const;

    const Model& m_model;
    SentinelLimits m_limits;
    std::vector<std::int32_t> m_ids;
    std::optional<BlockFlag> m_lost;                     ///< the float stream stopped being finite
    at::Tensor m_float, m_quantized;                     ///< hidden states [1, tokens, hidden]
    PerSite<at::Tensor> m_floatSites;     ///< of the block at work
    double m_error = 0, m_perplexity = 0, m_reference = 0;
};

} // namespace halftone
