#pragma once

#include "core/quant/activation_ranges.h"
#include "core/quant/grid.h"

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

namespace halftone {

/// Fake quantization of the input of a linear, fused and multi-threaded. Immutable, thread-safe.
///
/// Symmetric: x̂ = s · clamp(round(x / s), −q−1, q) with q = 2^(bits−1) − 1 and s = absmax / q; the absmax is that of the calibration text
/// (per_tensor, per_channel), of the token (per_token), or t^α · c^(1−α) with the token's t and the channel's c (cross: c of the current window,
/// that is of the batch entry; cross_static: c of the calibration text). Asymmetric (not for cross): 0 in the range, integer zero point.
/// Zero rows and columns stay zero. NaN stays NaN.
class ActivationQuantizer {
public:
    /// `ranges` may be empty for dynamic schemes. @throws Error{InvalidArgument} when a static scheme lacks its ranges or the grid is impossible.
    ActivationQuantizer(const ActivationGrid& grid, ActivationRanges ranges);
    virtual ~ActivationQuantizer() = default;

    const ActivationGrid& grid() const { return m_grid; }
    const ActivationRanges& ranges() const { return m_ranges; }
    /// x [batch, tokens, channels] (or [tokens, channels], one window) → float32, same shape.
    /// @throws Error{InvalidArgument} when the channels are not those of the ranges.
    virtual at::Tensor apply(const at::Tensor& x) const;
    /// The same operator by operator in ATen, a cross scale as (t^α · c^(1−α)) / q: its bits are those of a PyTorch program that writes the formulas so.
    virtual at::Tensor applyPlain(const at::Tensor& x) const;

private:
    void check(const at::Tensor& x) const;
    at::Tensor applyCpu(const at::Tensor& x) const;
    at::Tensor applyGeneric(const at::Tensor& x) const;

    ActivationGrid m_grid;
    ActivationRanges m_ranges;
    std::vector<float> m_columnScale, m_columnZero;   ///< static column scales (cross_static: c^(1−α)); zero points of asymmetric per_channel
    float m_scale = 0, m_zero = 0;                    ///< static per_tensor
};

/// Token factors t^α / q and channel factors c^(1−α) of a cross grid, so that the scale of (i, j) is their product. α = 1 is bit-equal to
/// per token, α = 0 to per channel.
std::vector<float> crossRowScales(std::span<const float> tokenAbsmax, double alpha, int qmax);
std::vector<float> crossColumnScales(std::span<const float> channelAbsmax, double alpha, int qmax);

/// Smallest absmax that a scale is made of, so that all-zero rows and columns divide to 0 and not to NaN.
inline constexpr float kAbsmaxFloor = 1e-12f;

} // namespace halftone
