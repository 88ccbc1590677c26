#pragma once

#include "core/quant/activation_quantizer.h"

namespace halftone {

/// The activation grid of compressed-tensors as transformers computes it, operator by operator (calculate_qparams and _quantize of 0.20). Codes
/// −2^(b−1) … 2^(b−1)−1. A dynamic symmetric scale is absmax / ((2^b − 1) / 2): 127.5 at 8 bits, where Halftone's own per-token grid and vLLM's
/// kernels divide by 127.
class ServedQuantizer final : public ActivationQuantizer {
public:
    /// Dynamic: every token makes its own scale and zero point.
    ServedQuantizer(int bits, bool symmetric);
    /// Static: one scale and zero point for all.
    ServedQuantizer(int bits, bool symmetric, float scale, float zero);

    at::Tensor apply(const at::Tensor& x) const override;
    at::Tensor applyPlain(const at::Tensor& x) const override { return apply(x); }

private:
    at::Tensor round(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& zero) const;

    double m_low, m_high;
    at::Tensor m_scale, m_zero;   ///< undefined: dynamic
};

} // namespace halftone
