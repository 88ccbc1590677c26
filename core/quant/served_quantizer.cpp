#include "core/quant/served_quantizer.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace halftone {
namespace {

ActivationRanges servedRange(int bits, float scale, float zero)
{
    ActivationRanges ranges;
    const auto half = static_cast<float>(1 << (bits - 1));
    ranges.minimum = scale * (-half - zero);
    ranges.maximum = scale * (half - 1 - zero);
    return ranges;
}

} // namespace

ServedQuantizer::ServedQuantizer(int bits, bool symmetric)
    : ActivationQuantizer({ActivationScheme::PerToken, bits, symmetric, 0}, {}), m_low(-std::ldexp(1.0, bits - 1)), m_high(std::ldexp(1.0, bits - 1) - 1)
{
}

ServedQuantizer::ServedQuantizer(int bits, bool symmetric, float scale, float zero)
    : ActivationQuantizer({ActivationScheme::PerTensor, bits, symmetric, 0}, servedRange(bits, scale, zero)), m_low(-std::ldexp(1.0, bits - 1)),
      m_high(std::ldexp(1.0, bits - 1) - 1), m_scale(at::full({1}, scale, at::kFloat)), m_zero(at::full({1}, zero, at::kFloat))
{
}

at::Tensor ServedQuantizer::apply(const at::Tensor& x) const
{
    if (m_scale.defined())
        return round(x, m_scale.to(x.device()), m_zero.to(x.device()));
    const at::Tensor low = x.amin(-1, true).clamp_max(0);
    const at::Tensor high = x.amax(-1, true).clamp_min(0);
    at::Tensor scale = grid().symmetric ? at::maximum(low.neg(), high) / ((m_high - m_low) / 2) : (high - low) / (m_high - m_low);
    const at::Tensor empty = scale == 0;
    const at::Tensor zero = grid().symmetric ? at::zeros_like(scale) : at::round(at::clamp(m_low - low / scale, m_low, m_high)).masked_fill_(empty, 0);
    scale.masked_fill_(empty, static_cast<double>(std::numeric_limits<float>::epsilon()));
    return round(x, scale, zero);
}

at::Tensor ServedQuantizer::round(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& zero) const
{
    return at::div(x, scale).add_(zero).clamp_(m_low, m_high).round_().sub_(zero).mul_(scale);
}

} // namespace halftone
