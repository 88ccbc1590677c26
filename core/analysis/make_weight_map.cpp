#include "core/analysis/make_weight_map.h"

#include "core/base/error.h"
#include "core/base/progress.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

namespace halftone {
namespace {

constexpr int kFloatBins = 256;
constexpr int kStepBins = 512;   // over all codes, at least one a code

std::shared_ptr<const std::vector<float>> shared(const at::Tensor& x)
{
    const at::Tensor flat = x.to(at::kCPU, at::kFloat).contiguous();
    const float* first = flat.const_data_ptr<float>();
    return std::make_shared<const std::vector<float>>(first, first + flat.numel());
}

/// Where a weight stands on the histogram's axis.
struct Axis {
    const WeightMap& map;
    const std::vector<float>& zero;   ///< as map.scale; empty: none

    double of(std::int64_t row, std::int64_t column) const
    {
        const double w = map.at(row, column);
        if (!map.inSteps)
            return w;
        const double scale = map.scaleAt(row, column);
        const double offset = zero.empty() ? 0.0 : zero[static_cast<std::size_t>(row * map.groups + column * map.groups / map.columns)];
        return scale > 0 ? w / scale + offset : offset;
    }
};

void count(WeightMap& map, const std::vector<float>& zero)
{
    const Axis axis{map, zero};
    const double width = (map.high - map.low) / static_cast<double>(map.counts.size());
    std::mutex merging;
    at::parallel_for(0, map.rows, std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, map.columns)), [&](std::int64_t begin, std::int64_t end) {
        std::vector<std::int64_t> local(map.counts.size(), 0);
        for (std::int64_t r = begin; r < end; ++r)
            for (std::int64_t c = 0; c < map.columns; ++c) {
                const double x = axis.of(r, c);
                if (!std::isfinite(x))
                    continue;
                const double bin = std::clamp(std::floor((x - map.low) / width), 0.0, static_cast<double>(local.size() - 1));
                ++local[static_cast<std::size_t>(bin)];
            }
        const std::lock_guard lock(merging);
        for (std::size_t i = 0; i < local.size(); ++i)
            map.counts[i] += local[i];
    });
}

void measureErrors(WeightMap& map, const at::Tensor& weight, const at::Tensor& rounded)
{
    const at::Tensor square = (rounded - weight).square_();
    const auto list = [](const at::Tensor& x) {
        const at::Tensor flat = x.sqrt().to(at::kFloat).contiguous();
        const float* first = flat.const_data_ptr<float>();
        return std::vector<float>(first, first + flat.numel());
    };
    map.rowError = list(square.mean(1));
    const at::Tensor columns = square.mean(0);
    map.columnError = list(columns);
    map.groupError = map.columns % map.groups == 0 ? list(columns.reshape({map.groups, -1}).mean(1)) : map.columnError;
    const double error = square.sum(at::kDouble).item<double>(), signal = weight.square().sum(at::kDouble).item<double>();
    map.sqnrDb = error > 0 ? 10 * std::log10(signal / error) : std::numeric_limits<double>::infinity();
}

} // namespace

WeightMap makeWeightMap(std::string linear, const at::Tensor& original, const QuantizedWeight* quantized, const std::stop_token& stop)
{
    const at::NoGradGuard noGrad;
    const at::Tensor weight = original.to(at::kCPU, at::kFloat).contiguous();
    if (weight.dim() != 2 || (quantized && quantized->codes.sizes() != weight.sizes()))
        throw Error(ErrorKind::InvalidArgument, linear + ": its weight and its codes differ in shape", linear);
    WeightMap map;
    map.linear = std::move(linear);
    map.rows = weight.size(0);
    map.columns = weight.size(1);
    map.weight = shared(weight);
    map.notFinite = weight.numel() - at::isfinite(weight).sum().item<std::int64_t>();
    throwIfStopped(stop);
    std::vector<float> zero;
    if (quantized) {
        const at::Tensor rounded = quantized->dequantize();
        throwIfStopped(stop);
        map.grid = quantized->grid;
        map.quantized = shared(rounded);
        const at::Tensor scale = quantized->scales.scale.expand({map.rows, quantized->scales.scale.size(1)});
        map.groups = scale.size(1);
        map.scale = shared(scale);
        measureErrors(map, weight, rounded);
        throwIfStopped(stop);
        const bool symmetric = map.grid.symmetric;
        const int lowest = symmetric ? -symmetricMax(map.grid.bits) - 1 : 0, highest = lowest + (1 << map.grid.bits) - 1;
        if (!symmetric)
            zero = *shared(quantized->scales.zero.to(at::kFloat).expand({map.rows, map.groups}));
        map.inSteps = true;
        const int codes = highest - lowest + 1, perCode = std::max(1, kStepBins / codes) | 1;   // odd: a code is the centre of a bin
        map.low = lowest - 0.5;
        map.high = highest + 0.5;
        map.counts.assign(static_cast<std::size_t>(codes * perCode), 0);
        for (int code = lowest; code <= highest; ++code)
            map.levels.push_back(code);
    } else {
        const at::Tensor finite = at::where(at::isfinite(weight), weight, at::zeros({}));
        const double absmax = weight.numel() > 0 ? finite.abs().max().item<double>() : 0;
        map.high = absmax > 0 ? absmax : 1;
        map.low = -map.high;
        map.counts.assign(kFloatBins, 0);
    }
    throwIfStopped(stop);
    count(map, zero);
    return map;
}

} // namespace halftone
