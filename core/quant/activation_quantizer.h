#pragma once

#include "core/quant/activation_ranges.h"
#include "core/quant/grid.h"

#include <ATen/core/Tensor.h>


namespace halftone {

/// Fake quantization of the input of a linear: x̂ = s·(clamp(round(x/s)) ), fused and multi-threaded. Immutable, thread-safe.
class ActivationQuantizer {
public:
    /// `ranges` may be empty for dynamic schemes. @throws Error{InvalidArgument} when a static scheme lacks its ranges.
    ActivationQuantizer(const ActivationGrid& grid, ActivationRanges ranges);
    const ActivationGrid& grid() const { return m_grid; }
    const ActivationRanges& ranges() const { return m_ranges; }
    /// x [batch, tokens, channels] float32, contiguous → same shape; dynamic maxima are per token, cross columns per batch entry (the current window).
    virtual at::Tensor apply(const at::Tensor& x) const;
    virtual ~ActivationQuantizer() = default;

private:
    ActivationGrid m_grid;
    ActivationRanges m_ranges;
};

} // namespace halftone
