#include "core/quant/recorded_rounding.h"

#include "core/quant/activation_quantizer.h"
#include "core/quant/nearest.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

namespace halftone {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// One token's gradient.
void backwardRow(const float* x, const float* rounded, const float* g, float* to, std::int64_t count, int bits, bool symmetric)
{
    float low = 0, high = 0;
    for (std::int64_t j = 0; j < count; ++j) {
        low = std::min(low, x[j]);
        high = std::max(high, x[j]);
    }
    const float range = symmetric ? std::max(high, -low) : high - low;
    if (!(range > kAbsmaxFloor)) {
        std::copy(g, g + count, to);
        return;
    }
    const auto top = static_cast<float>((1 << (symmetric ? bits - 1 : bits)) - 1);
    const float scale = range / top;
    const float zero = symmetric ? 0 : std::clamp(nearest(-low / scale), 0.0F, top);
    const float least = symmetric ? -top - 1 : 0;
    float sum = 0;
    for (std::int64_t j = 0; j < count; ++j) {
        const float t = x[j] / scale;
        const float code = nearest(t) + zero;
        const float inside = code >= least && code <= top ? 1.0F : 0.0F;
        to[j] = g[j] * inside;
        sum += g[j] * (rounded[j] / scale - inside * t);
    }
    const float ofRange = sum / top;
    if (symmetric) {
        const float magnitude = range;
        const std::int64_t at = std::find_if(x, x + count, [&](float v) { return std::abs(v) == magnitude; }) - x;
        to[at] += x[at] < 0 ? -ofRange : ofRange;
        return;
    }
    if (high > 0)
        to[std::find(x, x + count, high) - x] += ofRange;
    if (low < 0)
        to[std::find(x, x + count, low) - x] -= ofRange;
}

/// The same for all tokens, operator by operator.
at::Tensor backwardGeneric(const at::Tensor& x, const at::Tensor& rounded, const at::Tensor& g, int bits, bool symmetric)
{
    const double top = (1 << (symmetric ? bits - 1 : bits)) - 1;
    const at::Tensor low = x.amin(-1, true).clamp_max(0), high = x.amax(-1, true).clamp_min(0);
    const at::Tensor range = symmetric ? at::maximum(high, -low) : high - low;
    const at::Tensor usable = range > kAbsmaxFloor, scale = range.clamp_min(kAbsmaxFloor) / top, t = x / scale;
    const at::Tensor zero = symmetric ? at::zeros_like(scale) : (-low / scale).round().clamp(0, top);
    const at::Tensor code = t.round() + zero;
    const at::Tensor inside = (code >= (symmetric ? -top - 1 : 0)).logical_and(code <= top).logical_or(usable.logical_not()).to(x.scalar_type());
    const at::Tensor ofRange = (g * (rounded / scale - inside * t)).sum(-1, true) / top * usable;
    at::Tensor out = g * inside;
    if (symmetric) {
        const at::Tensor at = x.abs().argmax(-1, true);
        return out.scatter_add(-1, at, ofRange * x.gather(-1, at).sign());
    }
    out = out.scatter_add(-1, x.argmax(-1, true), ofRange * (high > 0));
    return out.scatter_add(-1, x.argmin(-1, true), -ofRange * (low < 0));
}

struct TokenRounding : torch::autograd::Function<TokenRounding> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& rounded, std::int64_t bits, bool symmetric)
    {
        context->save_for_backward({x, rounded});
        context->saved_data["bits"] = bits;
        context->saved_data["symmetric"] = symmetric;
        return rounded.view_as(rounded);
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        const variable_list saved = context->get_saved_variables();
        const int bits = static_cast<int>(context->saved_data["bits"].toInt());
        const bool symmetric = context->saved_data["symmetric"].toBool();
        if (!saved[0].is_cpu() || saved[0].scalar_type() != at::kFloat)
            return {backwardGeneric(saved[0], saved[1], gradients[0], bits, symmetric), at::Tensor(), at::Tensor(), at::Tensor()};
        const at::Tensor x = saved[0].contiguous(), rounded = saved[1].contiguous(), g = gradients[0].contiguous();
        at::Tensor out = at::empty_like(x);
        const std::int64_t columns = x.size(-1), rows = x.numel() / columns;
        const float *from = x.const_data_ptr<float>(), *values = rounded.const_data_ptr<float>(), *gradient = g.const_data_ptr<float>();
        float* to = out.data_ptr<float>();
        at::parallel_for(0, rows, std::max<std::int64_t>(1, 32768 / columns), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r)
                backwardRow(from + r * columns, values + r * columns, gradient + r * columns, to + r * columns, columns, bits, symmetric);
        });
        return {out, at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

} // namespace

at::Tensor recordedRounding(const at::Tensor& x, const at::Tensor& rounded, int bits, bool symmetric)
{
    return TokenRounding::apply(x, rounded, std::int64_t{bits}, symmetric);
}

} // namespace halftone
