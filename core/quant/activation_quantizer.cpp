#include "core/quant/activation_quantizer.h"

#include "core/base/error.h"
#include "core/quant/kernels.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace halftone {
namespace {

struct Affine {
    float scale, zero;
};

/// Scale and zero point of [low, high] widened to hold 0, codes 0…n.
Affine affine(float low, float high, float n)
{
    low = std::min(low, 0.0f);
    high = std::max(high, 0.0f);
    const float scale = std::max(high - low, kAbsmaxFloor) / n;
    return {scale, std::clamp(std::nearbyint(-low / scale), 0.0f, n)};
}

[[noreturn]] void refuse(const ActivationGrid& grid, const std::string& what)
{
    throw Error(ErrorKind::InvalidArgument, "the activation grid \"" + std::string(name(grid.scheme)) + "\" " + what, "activations");
}

std::span<const float> view(const at::Tensor& x)
{
    return {x.const_data_ptr<float>(), static_cast<std::size_t>(x.numel())};
}

} // namespace

std::vector<float> crossRowScales(std::span<const float> tokenAbsmax, double alpha, int qmax)
{
    std::vector<float> scales(tokenAbsmax.size());
    const auto power = static_cast<float>(alpha);
    for (std::size_t i = 0; i < scales.size(); ++i) {
        const float t = std::max(tokenAbsmax[i], kAbsmaxFloor);
        scales[i] = alpha == 0 ? 1.0f : (alpha == 1 ? t : std::pow(t, power)) / static_cast<float>(qmax);
    }
    return scales;
}

std::vector<float> crossColumnScales(std::span<const float> channelAbsmax, double alpha, int qmax)
{
    std::vector<float> scales(channelAbsmax.size());
    const auto power = static_cast<float>(1 - alpha);
    for (std::size_t j = 0; j < scales.size(); ++j) {
        const float c = std::max(channelAbsmax[j], kAbsmaxFloor);
        scales[j] = alpha == 1 ? 1.0f : alpha == 0 ? c / static_cast<float>(qmax) : std::pow(c, power);
    }
    return scales;
}

ActivationQuantizer::ActivationQuantizer(const ActivationGrid& grid, ActivationRanges ranges)
    : m_grid(grid), m_ranges(std::move(ranges))
{
    validate(grid);
    const int qmax = symmetricMax(grid.bits);
    const auto steps = static_cast<float>((1 << grid.bits) - 1);
    const auto finite = [](const std::vector<float>& values) {
        return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
    };
    if (!std::isfinite(m_ranges.minimum) || !std::isfinite(m_ranges.maximum) || !finite(m_ranges.channelAbsmax) || !finite(m_ranges.channelMin) ||
        !finite(m_ranges.channelMax))
        refuse(grid, "has calibration ranges that are not finite");

    switch (grid.scheme) {
    case ActivationScheme::PerTensor:
        if (!(m_ranges.maximum >= m_ranges.minimum) || (m_ranges.maximum == 0 && m_ranges.minimum == 0 && m_ranges.channelAbsmax.empty()))
            refuse(grid, "is static and needs the range of a calibration text");
        if (grid.symmetric) {
            m_scale = std::max(m_ranges.absmax(), kAbsmaxFloor) / static_cast<float>(qmax);
        } else {
            const Affine one = affine(m_ranges.minimum, m_ranges.maximum, steps);
            m_scale = one.scale;
            m_zero = one.zero;
        }
        break;
    case ActivationScheme::PerChannel:
        if (grid.symmetric) {
            if (m_ranges.channelAbsmax.empty())
                refuse(grid, "is static and needs the channel maxima of a calibration text");
            m_columnScale = crossColumnScales(m_ranges.channelAbsmax, 0, qmax);
        } else {
            if (m_ranges.channelMin.empty() || m_ranges.channelMin.size() != m_ranges.channelMax.size())
                refuse(grid, "is static and asymmetric and needs the least and largest value of every channel of a calibration text");
            for (std::size_t j = 0; j < m_ranges.channelMin.size(); ++j) {
                const Affine one = affine(m_ranges.channelMin[j], m_ranges.channelMax[j], steps);
                m_columnScale.push_back(one.scale);
                m_columnZero.push_back(one.zero);
            }
        }
        break;
    case ActivationScheme::CrossStatic:
        if (m_ranges.channelAbsmax.empty())
            refuse(grid, "is static and needs the channel maxima of a calibration text");
        m_columnScale = crossColumnScales(m_ranges.channelAbsmax, grid.alpha, qmax);
        break;
    case ActivationScheme::None:
    case ActivationScheme::PerToken:
    case ActivationScheme::Cross:
        break;
    }
}

void ActivationQuantizer::check(const at::Tensor& x) const
{
    if (x.dim() != 2 && x.dim() != 3)
        refuse(m_grid, "is applied to [batch, tokens, channels], not to a tensor of " + std::to_string(x.dim()) + " dimensions");
    if (!m_columnScale.empty() && static_cast<std::int64_t>(m_columnScale.size()) != x.size(-1))
        refuse(m_grid, "was calibrated on " + std::to_string(m_columnScale.size()) + " channels and meets " + std::to_string(x.size(-1)));
}

at::Tensor ActivationQuantizer::applyPlain(const at::Tensor& x) const
{
    if (m_grid.scheme == ActivationScheme::None)
        return x;
    check(x);
    return x.numel() == 0 ? x.to(at::kFloat) : applyGeneric(x.to(at::kFloat));
}

at::Tensor ActivationQuantizer::apply(const at::Tensor& x) const
{
    if (m_grid.scheme == ActivationScheme::None)
        return x;
    check(x);
    if (x.numel() == 0)
        return x.to(at::kFloat);
    return x.is_cpu() ? applyCpu(x.to(at::kFloat).contiguous()) : applyGeneric(x.to(at::kFloat));
}

at::Tensor ActivationQuantizer::applyCpu(const at::Tensor& x) const
{
    const std::int64_t columns = x.size(-1), rows = x.numel() / columns;
    const int qmax = symmetricMax(m_grid.bits), steps = (1 << m_grid.bits) - 1;
    at::Tensor result = at::empty(x.sizes(), at::kFloat);
    const std::span<const float> in = view(x);
    const std::span<float> out(result.data_ptr<float>(), in.size());

    switch (m_grid.scheme) {
    case ActivationScheme::PerTensor:
        if (m_grid.symmetric)
            kernels::fakeQuantize(in, rows, columns, std::vector<float>(static_cast<std::size_t>(rows), m_scale), {}, -qmax - 1, qmax, out);
        else
            kernels::fakeQuantizeAffine(in, rows, columns, {{&m_scale, 1}, {&m_zero, 1}, false}, steps, out);
        break;
    case ActivationScheme::PerToken:
        if (m_grid.symmetric) {
            kernels::fakeQuantizePerToken(in, rows, columns, qmax, kAbsmaxFloor, out);
        } else {
            std::vector<float> low(static_cast<std::size_t>(rows)), high(low.size());
            kernels::rowRanges(in, rows, columns, low, high);
            for (std::size_t i = 0; i < low.size(); ++i) {
                const Affine one = affine(low[i], high[i], static_cast<float>(steps));
                low[i] = one.scale;
                high[i] = one.zero;
            }
            kernels::fakeQuantizeAffine(in, rows, columns, {low, high, false}, steps, out);
        }
        break;
    case ActivationScheme::PerChannel:
        if (m_grid.symmetric)
            kernels::fakeQuantize(in, rows, columns, {}, m_columnScale, -qmax - 1, qmax, out);
        else
            kernels::fakeQuantizeAffine(in, rows, columns, {m_columnScale, m_columnZero, true}, steps, out);
        break;
    case ActivationScheme::Cross:
    case ActivationScheme::CrossStatic: {
        const std::int64_t windows = x.dim() == 3 ? x.size(0) : 1, tokens = rows / windows;
        std::vector<float> t(static_cast<std::size_t>(tokens));
        for (std::int64_t w = 0; w < windows; ++w) {
            const auto begin = static_cast<std::size_t>(w * tokens * columns), count = static_cast<std::size_t>(tokens * columns);
            const bool current = m_grid.scheme == ActivationScheme::Cross;
            std::vector<float> c(current ? static_cast<std::size_t>(columns) : 0, 0.0f);
            kernels::absmax(in.subspan(begin, count), tokens, columns, t, c);
            if (current)
                c = crossColumnScales(c, m_grid.alpha, qmax);
            kernels::fakeQuantize(in.subspan(begin, count), tokens, columns, crossRowScales(t, m_grid.alpha, qmax), current ? c : m_columnScale,
                                  -qmax - 1, qmax, out.subspan(begin, count));
        }
        break;
    }
    case ActivationScheme::None:
        break;
    }
    return result;
}

/// The same formulas in ATen, for tensors on an accelerator and for plain arithmetic.
at::Tensor ActivationQuantizer::applyGeneric(const at::Tensor& x) const
{
    const int qmax = symmetricMax(m_grid.bits), steps = (1 << m_grid.bits) - 1;
    const auto column = [&](const std::vector<float>& values) {
        return at::from_blob(const_cast<float*>(values.data()), {static_cast<std::int64_t>(values.size())}, at::kFloat).clone().to(x.device());
    };
    const auto symmetric = [&](const at::Tensor& scale) { return x.div(scale).round_().clamp_(-qmax - 1, qmax).mul_(scale); };
    const auto asymmetric = [&](const at::Tensor& scale, const at::Tensor& zero) {
        return x.div(scale).round_().add_(zero).clamp_(0, steps).sub_(zero).mul_(scale);
    };
    const auto tokenMax = [&] { return x.abs().amax(-1, true).clamp_min_(kAbsmaxFloor); };

    switch (m_grid.scheme) {
    case ActivationScheme::PerTensor: {
        const at::Tensor scale = at::full({1}, m_scale, x.options());
        return m_grid.symmetric ? symmetric(scale) : asymmetric(scale, at::full({1}, m_zero, x.options()));
    }
    case ActivationScheme::PerToken: {
        if (m_grid.symmetric)
            return symmetric(tokenMax().div_(qmax));
        const at::Tensor low = x.amin(-1, true).clamp_max_(0), high = x.amax(-1, true).clamp_min_(0);
        const at::Tensor scale = high.sub(low).clamp_min_(kAbsmaxFloor).div_(steps);
        return asymmetric(scale, low.neg().div_(scale).round_().clamp_(0, steps));
    }
    case ActivationScheme::PerChannel:
        return m_grid.symmetric ? symmetric(column(m_columnScale)) : asymmetric(column(m_columnScale), column(m_columnZero));
    case ActivationScheme::Cross: {
        const at::Tensor c = x.abs().amax(-2, true).clamp_min_(kAbsmaxFloor);
        return symmetric(tokenMax().pow_(m_grid.alpha).mul(c.pow(1 - m_grid.alpha)).div_(qmax));
    }
    case ActivationScheme::CrossStatic: {
        const at::Tensor rows = m_grid.alpha == 0 ? at::ones_like(tokenMax()) : tokenMax().pow_(m_grid.alpha).div_(qmax);
        return symmetric(rows.mul(column(m_columnScale)));
    }
    case ActivationScheme::None:
        break;
    }
    return x;
}

} // namespace halftone
