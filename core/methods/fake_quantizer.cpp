#include "core/methods/fake_quantizer.h"

#include "core/quant/group_scale.h"
#include "core/quant/nearest.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace halftone {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

inline float within(float x, float low, float high) { return std::min(std::max(x, low), high); }

constexpr float kFarOutside = 1048576.0F;

/// Calls work(row, group, first element) over all groups, by rows in parallel.
template <class Work>
void eachGroup(std::int64_t rows, std::int64_t columns, std::int64_t groups, const Work& work)
{
    const std::int64_t width = columns / groups;
    at::parallel_for(0, rows, std::max<std::int64_t>(1, 32768 / columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            for (std::int64_t g = 0; g < groups; ++g)
                work(r * groups + g, r * columns + g * width);
    });
}

/// What both directions of roundScaled() read. The tensors keep the memory alive.
struct Scaled {
    Scaled(const at::Tensor& w, const at::Tensor& s, const at::Tensor& d, const at::Tensor& z)
        : weight(w.const_data_ptr<float>()), scale(s.const_data_ptr<float>()), divisor(d.const_data_ptr<float>()),
          zero(z.const_data_ptr<std::int32_t>()), rows(w.size(0)), columns(w.size(1)), groups(s.size(1)), width(columns / groups)
    {
    }
    const float *weight, *scale, *divisor;
    const std::int32_t* zero;
    std::int64_t rows, columns, groups, width;
};

struct ScaledRounding : torch::autograd::Function<ScaledRounding> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& delta,
                              const at::Tensor& zero, std::int64_t qmin, std::int64_t qmax)
    {
        const at::Tensor divisor = delta.clamp(-kLargestDelta, kLargestDelta).exp_();
        at::Tensor out = at::empty_like(weight);
        const Scaled in(weight, scale, divisor, zero);
        float* to = out.data_ptr<float>();
        eachGroup(in.rows, in.columns, in.groups, [&](std::int64_t group, std::int64_t first) {
            const float s = in.scale[group];
            const auto low = static_cast<float>(qmin - in.zero[group]), high = static_cast<float>(qmax - in.zero[group]);
            for (std::int64_t j = first; j < first + in.width; ++j)
                to[j] = s * nearest(within(in.weight[j] / (s * in.divisor[j]), low, high));
        });
        context->save_for_backward({weight, scale, divisor, zero});
        context->saved_data["qmin"] = qmin;
        context->saved_data["qmax"] = qmax;
        return out;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        const variable_list saved = context->get_saved_variables();
        const Scaled in(saved[0], saved[1], saved[2], saved[3]);
        const std::int64_t qmin = context->saved_data["qmin"].toInt(), qmax = context->saved_data["qmax"].toInt();
        const at::Tensor gradient = gradients[0].contiguous();
        const float* g = gradient.const_data_ptr<float>();
        at::Tensor ofScale = at::empty_like(saved[1]), ofDelta = at::empty_like(saved[0]);
        at::Tensor ofWeight = context->needs_input_grad(0) ? at::empty_like(saved[0]) : at::Tensor();
        float *toScale = ofScale.data_ptr<float>(), *toDelta = ofDelta.data_ptr<float>();
        float* toWeight = ofWeight.defined() ? ofWeight.data_ptr<float>() : nullptr;
        constexpr float kRail = 20.085536F;   // e^3: at the rail the divisor no longer follows δ
        eachGroup(in.rows, in.columns, in.groups, [&](std::int64_t group, std::int64_t first) {
            const float s = in.scale[group];
            const auto low = static_cast<float>(qmin - in.zero[group]), high = static_cast<float>(qmax - in.zero[group]);
            float sum = 0;
            for (std::int64_t j = first; j < first + in.width; ++j) {
                const float e = in.divisor[j];
                const float t = in.weight[j] / (s * e);
                const float rounded = nearest(within(t, -kFarOutside, kFarOutside));
                const float inside = rounded >= low && rounded <= high ? 1.0F : 0.0F;
                const float q = within(rounded, low, high);
                sum += g[j] * (q - inside * t);
                toDelta[j] = e < kRail * 0.9999F && e * kRail > 1.0001F ? -g[j] * s * t * inside : 0.0F;
                if (toWeight)
                    toWeight[j] = g[j] * inside / e;
            }
            toScale[group] = sum;
        });
        return {ofWeight, ofScale, ofDelta, at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

struct ClippedRounding : torch::autograd::Function<ClippedRounding> {
    static at::Tensor forward(AutogradContext* context, const at::Tensor& weight, const at::Tensor& low, const at::Tensor& high,
                              const WeightGrid& grid)
    {
        const WeightScales scales = clippedScales(low, high, grid);
        const at::Tensor ones = at::ones({}, at::kFloat);
        at::Tensor out = at::empty_like(weight);
        const CodeRange codes = codeRange(grid);
        const Scaled in(weight, scales.scale, ones, scales.zero);
        float* to = out.data_ptr<float>();
        eachGroup(in.rows, in.columns, in.groups, [&](std::int64_t group, std::int64_t first) {
            const float s = in.scale[group];
            const auto least = static_cast<float>(codes.minimum - in.zero[group]), most = static_cast<float>(codes.maximum - in.zero[group]);
            for (std::int64_t j = first; j < first + in.width; ++j)
                to[j] = s * nearest(within(in.weight[j] / s, least, most));
        });
        context->save_for_backward({weight, low, high, scales.scale, scales.zero});
        context->saved_data["minimum"] = std::int64_t{codes.minimum};
        context->saved_data["maximum"] = std::int64_t{codes.maximum};
        context->saved_data["symmetric"] = grid.symmetric;
        context->saved_data["divisor"] = grid.symmetric && grid.range == WeightGrid::Range::Narrow
            ? static_cast<double>(symmetricMax(grid.bits)) : ((1 << grid.bits) - 1) / (grid.symmetric ? 2.0 : 1.0);
        return out;
    }

    static variable_list backward(AutogradContext* context, const variable_list& gradients)
    {
        const variable_list saved = context->get_saved_variables();
        const at::Tensor ones = at::ones({}, at::kFloat);
        const Scaled in(saved[0], saved[3], ones, saved[4]);
        const float *lows = saved[1].const_data_ptr<float>(), *highs = saved[2].const_data_ptr<float>();
        const std::int64_t minimum = context->saved_data["minimum"].toInt(), maximum = context->saved_data["maximum"].toInt();
        const bool symmetric = context->saved_data["symmetric"].toBool();
        const auto divisor = static_cast<float>(context->saved_data["divisor"].toDouble());
        const at::Tensor gradient = gradients[0].contiguous();
        const float* g = gradient.const_data_ptr<float>();
        at::Tensor ofLow = at::empty_like(saved[1]), ofHigh = at::empty_like(saved[2]);
        at::Tensor ofWeight = context->needs_input_grad(0) ? at::empty_like(saved[0]) : at::Tensor();
        float *toLow = ofLow.data_ptr<float>(), *toHigh = ofHigh.data_ptr<float>();
        float* toWeight = ofWeight.defined() ? ofWeight.data_ptr<float>() : nullptr;
        eachGroup(in.rows, in.columns, in.groups, [&](std::int64_t group, std::int64_t first) {
            const float s = in.scale[group];
            const auto least = static_cast<float>(minimum - in.zero[group]), most = static_cast<float>(maximum - in.zero[group]);
            float ofScale = 0, ofZero = 0;
            for (std::int64_t j = first; j < first + in.width; ++j) {
                const float t = in.weight[j] / s;
                const float rounded = nearest(within(t, -kFarOutside, kFarOutside));
                const float inside = rounded >= least && rounded <= most ? 1.0F : 0.0F;
                ofScale += g[j] * (within(rounded, least, most) - inside * t);
                ofZero -= g[j] * s * (1 - inside);
                if (toWeight)
                    toWeight[j] = g[j] * inside;
            }
            const float low = lows[group], high = highs[group];
            if (symmetric) {   // only the side that sets the range moves it
                const bool upper = std::abs(high) >= std::abs(low);
                toHigh[group] = upper ? ofScale / divisor * (high < 0 ? -1.0F : 1.0F) : 0.0F;
                toLow[group] = upper ? 0.0F : ofScale / divisor * (low < 0 ? -1.0F : 1.0F);
            } else {           // s = (high − low) / n; z = −low / s, its rounding passed over
                const float held = std::min(low, 0.0F);
                const float total = ofScale + ofZero * held / (s * s);
                toHigh[group] = high > 0 ? total / divisor : 0.0F;
                toLow[group] = low < 0 ? -total / divisor - ofZero / s : 0.0F;
            }
        });
        return {ofWeight, ofLow, ofHigh, at::Tensor()};
    }
};

struct NearestRounding : torch::autograd::Function<NearestRounding> {
    static at::Tensor forward(AutogradContext*, const at::Tensor& weight, const WeightGrid& grid)
    {
        return quantizeToNearest(weight, grid).dequantize();
    }
    static variable_list backward(AutogradContext*, const variable_list& gradients) { return {gradients[0], at::Tensor()}; }
};

/// [1, 1] of a grid with one scale for the matrix spread over the rows; recorded.
at::Tensor perRow(const at::Tensor& x, std::int64_t rows) { return (x.size(0) == rows ? x : x.expand({rows, x.size(1)})).contiguous(); }

} // namespace

at::Tensor roundScaled(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& delta, const at::Tensor& zero, const WeightGrid& grid)
{
    const CodeRange codes = codeRange(grid);
    const std::int64_t rows = weight.size(0);
    return ScaledRounding::apply(weight.contiguous(), perRow(scale, rows), delta.contiguous(), perRow(zero, rows), std::int64_t{codes.minimum},
                                 std::int64_t{codes.maximum});
}

at::Tensor scaledCodes(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& delta, const at::Tensor& zero, const WeightGrid& grid)
{
    const at::NoGradGuard noGrad;
    const std::int64_t rows = weight.size(0), columns = weight.size(1);
    const at::Tensor step = perRow(scale, rows);
    const std::int64_t groups = step.size(1);
    const at::Tensor value = roundScaled(weight, scale, delta, zero, grid).view({rows, groups, columns / groups});
    const at::Tensor codes = value.div(step.unsqueeze(2)).round_().add_(perRow(zero, rows).unsqueeze(2));
    return codes.view({rows, columns}).to(grid.symmetric ? at::kChar : at::kByte);
}

at::Tensor roundClipped(const at::Tensor& weight, const at::Tensor& low, const at::Tensor& high, const WeightGrid& grid)
{
    const std::int64_t rows = weight.size(0);
    return ClippedRounding::apply(weight.contiguous(), perRow(low, rows), perRow(high, rows), grid);
}

std::pair<at::Tensor, at::Tensor> groupRanges(const at::Tensor& weight, const WeightGrid& grid)
{
    if (grid.perTensor)
        return {weight.amin().view({1, 1}), weight.amax().view({1, 1})};
    const std::int64_t width = groupWidth(grid, weight.size(1));
    const at::Tensor groups = weight.view({weight.size(0), weight.size(1) / width, width});
    return {groups.amin(2), groups.amax(2)};
}

WeightScales clippedScales(const at::Tensor& low, const at::Tensor& high, const WeightGrid& grid)
{
    const at::Tensor lows = low.detach().contiguous(), highs = high.detach().contiguous();
    WeightScales scales{at::empty_like(lows), at::empty(lows.sizes(), at::kInt)};
    for (std::int64_t i = 0; i < lows.numel(); ++i) {
        const GroupScale one = groupScale(grid, lows.const_data_ptr<float>()[i], highs.const_data_ptr<float>()[i]);
        scales.scale.data_ptr<float>()[i] = one.scale;
        scales.zero.data_ptr<std::int32_t>()[i] = one.zero;
    }
    return scales;
}

at::Tensor roundNearest(const at::Tensor& weight, const WeightGrid& grid)
{
    return NearestRounding::apply(weight.contiguous(), grid);
}

} // namespace halftone
