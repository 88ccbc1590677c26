#include "core/quant/weight_quantizer.h"

#include "core/base/error.h"
#include "core/quant/group_scale.h"
#include "core/quant/weight_kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace halftone {
namespace {

std::int64_t grain(std::int64_t columns, const WeightGrid& grid)
{
    const std::int64_t weights = grid.clip == WeightGrid::Clip::Mse ? 1024 : 32768;
    return std::max<std::int64_t>(1, weights / std::max<std::int64_t>(1, columns));
}

/// One scale for the whole matrix; its range is only shrunk by the search, never shifted.
GroupScale tensorScale(const at::Tensor& weight, const WeightGrid& grid, std::string_view subject)
{
    const std::int64_t rows = weight.size(0), columns = weight.size(1);
    const float* w = weight.const_data_ptr<float>();
    std::vector<float> low(static_cast<std::size_t>(rows)), high(static_cast<std::size_t>(rows));
    std::atomic<bool> finite = true;
    at::parallel_for(0, rows, grain(columns, grid), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            if (!kernels::groupRanges({w + r * columns, columns, columns}, &low[static_cast<std::size_t>(r)], &high[static_cast<std::size_t>(r)]))
                finite = false;
    });
    if (!finite)
        throwNotFinite(weight, subject);
    const float least = *std::min_element(low.begin(), low.end()), most = *std::max_element(high.begin(), high.end());
    GroupScale best = groupScale(grid, least, most);
    if (grid.clip == WeightGrid::Clip::None || (least == 0 && most == 0))
        return best;
    const CodeRange codes = codeRange(grid);
    double bestError = std::numeric_limits<double>::infinity();
    std::vector<float> errors(static_cast<std::size_t>(rows));
    const auto attempt = [&](const GroupScale& candidate) {
        at::parallel_for(0, rows, grain(columns, grid), [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r)
                errors[static_cast<std::size_t>(r)] =
                    kernels::clipError(w + r * columns, columns, candidate.scale, static_cast<float>(candidate.zero),
                                       static_cast<float>(codes.minimum), static_cast<float>(codes.maximum));
        });
        double error = 0;
        for (const float e : errors)
            error += e;
        if (error < bestError) {
            bestError = error;
            best = candidate;
        }
    };
    for (int i = 0; i < kClipCandidates; ++i) {
        const float shrink = 1 - static_cast<float>(i) / 100;
        attempt(groupScale(grid, least * shrink, most * shrink));
    }
    return best;
}

/// scaleOf(weights, first column, low, high) for every group of every row.
template <class ScaleOf>
WeightScales groupScales(const at::Tensor& source, const WeightGrid& grid, std::string_view subject, const ScaleOf& scaleOf)
{
    const std::int64_t rows = source.size(0), columns = source.size(1), width = groupWidth(grid, columns), groups = columns / width;
    WeightScales result{at::empty({rows, groups}, at::kFloat), at::empty({rows, groups}, at::kInt)};
    const float* w = source.const_data_ptr<float>();
    float* scale = result.scale.data_ptr<float>();
    std::int32_t* zero = result.zero.data_ptr<std::int32_t>();
    std::atomic<bool> finite = true;
    at::parallel_for(0, rows, grain(columns, grid), [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> low(static_cast<std::size_t>(groups)), high(static_cast<std::size_t>(groups));
        for (std::int64_t r = begin; r < end; ++r) {
            if (!kernels::groupRanges({w + r * columns, columns, width}, low.data(), high.data())) {
                finite = false;
                return;
            }
            for (std::int64_t g = 0; g < groups; ++g) {
                const auto k = static_cast<std::size_t>(g);
                const GroupScale one = scaleOf({w + r * columns + g * width, static_cast<std::size_t>(width)}, g * width, low[k], high[k]);
                scale[r * groups + g] = one.scale;
                zero[r * groups + g] = one.zero;
            }
        }
    });
    if (!finite)
        throwNotFinite(source, subject);
    return result;
}

template <class T>
bool roundAll(const at::Tensor& weight, const WeightScales& scales, const WeightGrid& grid, at::Tensor& codes)
{
    const std::int64_t rows = weight.size(0), columns = weight.size(1), groups = scales.scale.size(1);
    const std::int64_t stride = grid.perTensor ? 0 : groups;
    const float* w = weight.const_data_ptr<float>();
    const float* scale = scales.scale.const_data_ptr<float>();
    const std::int32_t* zero = scales.zero.const_data_ptr<std::int32_t>();
    T* out = codes.data_ptr<T>();
    const CodeRange range = codeRange(grid);
    std::atomic<bool> finite = true;
    at::parallel_for(0, rows, std::max<std::int64_t>(1, 32768 / columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            if (!kernels::roundRow({w + r * columns, columns, groupWidth(grid, columns)}, scale + r * stride, zero + r * stride, range.minimum,
                                   range.maximum, out + r * columns))
                finite = false;
    });
    return finite;
}

template <class T>
void dequantizeAll(const QuantizedWeight& weight, at::Tensor& out)
{
    const std::int64_t rows = out.size(0), columns = out.size(1);
    const at::Tensor codes = weight.codes.contiguous(), scales = weight.scales.scale.contiguous(), zeros = weight.scales.zero.contiguous();
    const std::int64_t stride = weight.grid.perTensor ? 0 : scales.size(1);
    const T* q = codes.const_data_ptr<T>();
    const float* scale = scales.const_data_ptr<float>();
    const std::int32_t* zero = zeros.const_data_ptr<std::int32_t>();
    float* target = out.data_ptr<float>();
    at::parallel_for(0, rows, std::max<std::int64_t>(1, 32768 / columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            kernels::dequantizeRow(q + r * columns, columns, groupWidth(weight.grid, columns), scale + r * stride, zero + r * stride,
                                   target + r * columns);
    });
}

} // namespace

std::int64_t groupWidth(const WeightGrid& grid, std::int64_t columns)
{
    return grid.group > 0 ? grid.group : columns;
}

at::Tensor weightForRounding(const at::Tensor& weight, const WeightGrid& grid, std::string_view subject)
{
    if (!weight.defined() || weight.dim() != 2 || weight.numel() == 0)
        throw Error(ErrorKind::InvalidArgument, std::string(subject) + " cannot be rounded: it is no matrix with elements", std::string(subject));
    if (!grid.quantized())
        throw Error(ErrorKind::InvalidArgument, std::string(subject) + ": a grid of 16 bits leaves weights as they are; there is nothing to round",
                    std::string(subject));
    validate(grid, weight.size(1));
    return weight.to(at::kCPU, at::kFloat).contiguous();
}

void throwNotFinite(const at::Tensor& weight, std::string_view subject)
{
    const at::Tensor flat = weight.contiguous().to(at::kFloat);
    const float* w = flat.const_data_ptr<float>();
    std::int64_t first = 0;
    while (first < flat.numel() && std::isfinite(w[first]))
        ++first;
    const std::int64_t row = first / weight.size(1), column = first % weight.size(1);
    throw Error(ErrorKind::InvalidArgument,
                std::string(subject) + " has a weight that is " + (first < flat.numel() && std::isnan(w[first]) ? "not a number" : "infinite") +
                    " at row " + std::to_string(row) + ", column " + std::to_string(column) + "; it cannot be quantized",
                std::string(subject));
}

WeightScales weightScales(const at::Tensor& weight, const WeightGrid& grid, std::string_view subject)
{
    const at::Tensor source = weightForRounding(weight, grid, subject);
    if (grid.perTensor) {
        const GroupScale one = tensorScale(source, grid, subject);
        return {at::full({1, 1}, one.scale, at::kFloat), at::full({1, 1}, one.zero, at::kInt)};
    }
    return groupScales(source, grid, subject, [&](std::span<const float> weights, std::int64_t, float low, float high) {
        return groupScale(grid, weights, low, high);
    });
}

WeightScales searchScales(const at::Tensor& weight, const WeightGrid& grid, const at::Tensor& importance, std::string_view subject)
{
    const at::Tensor source = weightForRounding(weight, grid, subject);
    if (grid.perTensor || importance.dim() != 1 || importance.size(0) != source.size(1))
        throw Error(ErrorKind::InvalidArgument, std::string(subject) + ": scales can be searched per channel or group, with one importance a column",
                    std::string(subject));
    const at::Tensor dense = importance.to(at::kCPU, at::kFloat).contiguous();
    const float* weightOf = dense.const_data_ptr<float>();
    return groupScales(source, grid, subject, [&](std::span<const float> weights, std::int64_t column, float low, float high) {
        return searchScale(grid, weights, {weightOf + column, weights.size()}, low, high);
    });
}

at::Tensor roundToCodes(const at::Tensor& weight, const WeightScales& scales, const WeightGrid& grid, std::string_view subject)
{
    const at::Tensor source = weightForRounding(weight, grid, subject);
    const std::int64_t rows = grid.perTensor ? 1 : source.size(0);
    const std::int64_t groups = grid.perTensor ? 1 : source.size(1) / groupWidth(grid, source.size(1));
    if (scales.scale.sizes() != at::IntArrayRef({rows, groups}) || scales.zero.sizes() != scales.scale.sizes())
        throw Error(ErrorKind::InvalidArgument, std::string(subject) + ": its scales are not of the shape that its grid asks for", std::string(subject));
    const WeightScales dense{scales.scale.to(at::kFloat).contiguous(), scales.zero.to(at::kInt).contiguous()};
    at::Tensor codes = at::empty(source.sizes(), grid.symmetric ? at::kChar : at::kByte);
    if (!(grid.symmetric ? roundAll<std::int8_t>(source, dense, grid, codes) : roundAll<std::uint8_t>(source, dense, grid, codes)))
        throwNotFinite(source, subject);
    return codes;
}

QuantizedWeight quantizeToNearest(const at::Tensor& weight, const WeightGrid& grid, std::string_view subject)
{
    const at::Tensor source = weightForRounding(weight, grid, subject);
    WeightScales scales = weightScales(source, grid, subject);
    at::Tensor codes = roundToCodes(source, scales, grid, subject);
    return {grid, std::move(codes), std::move(scales)};
}

at::Tensor QuantizedWeight::dequantize() const
{
    at::Tensor out = at::empty(codes.sizes(), at::kFloat);
    if (codes.scalar_type() == at::kChar)
        dequantizeAll<std::int8_t>(*this, out);
    else
        dequantizeAll<std::uint8_t>(*this, out);
    return out;
}

} // namespace halftone
