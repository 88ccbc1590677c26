#pragma once

#include "core/quant/grid.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace halftone {

/// What a static activation grid needs from calibration, for one site.
struct ActivationRanges {
    float minimum = 0;                 ///< over all elements
    float maximum = 0;
    std::vector<float> channelAbsmax;  ///< [channels]
    std::vector<float> channelMin, channelMax;  ///< [channels]; for asymmetric per-channel grids; may be empty

    float absmax() const { return maximum > -minimum ? maximum : -minimum; }
};

/// Fake quantization of the input of a linear: x̂ = s·(clamp(round(x/s)) ), fused and multi-threaded. Immutable, thread-safe.
class ActivationQuantizer {
public:
    /// `ranges` may be empty for dynamic schemes. @throws Error{InvalidArgument} when a static scheme lacks its ranges.
    ActivationQuantizer(const ActivationGrid& grid, ActivationRanges ranges);
    const ActivationGrid& grid() const { return m_grid; }
    const ActivationRanges& ranges() const { return m_ranges; }
    /// x [batch, tokens, channels] float32, contiguous → same shape; dynamic maxima are per token, cross columns per batch entry (the current window).
    at::Tensor apply(const at::Tensor& x) const;

private:
    ActivationGrid m_grid;
    ActivationRanges m_ranges;
};

/// Counts of one activation tensor under one grid.
struct KernelCounts {
    std::int64_t elements = 0;
    std::int64_t zero = 0;      ///< codes that are zero
    std::int64_t lost = 0;      ///< … of which x was not zero
    std::int64_t clipped = 0;   ///< |code| would have exceeded its maximum
    void add(const KernelCounts& other);
};

} // namespace halftone
