#include "core/analysis/weight_statistics.h"

#include "core/analysis/moment_kernels.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halftone {

WeightStatistics weightStatistics(std::string linear, const at::Tensor& weight)
{
    WeightStatistics statistics;
    statistics.linear = std::move(linear);
    const at::Tensor flat = weight.detach().to(at::kCPU, at::kFloat).contiguous();
    if (flat.numel() == 0)
        return statistics;
    ColumnMoments moments(flat.size(-1));
    moments.add(flat.const_data_ptr<float>(), flat.numel() / flat.size(-1));
    const auto total = [](const auto& values) { return std::accumulate(values.begin(), values.end(), typename std::decay_t<decltype(values)>::value_type{}); };
    statistics.zeros = total(moments.zeros);
    statistics.notFinite = total(moments.notFinite);
    const Shape shape = shapeOf(total(moments.sum), total(moments.sum2), total(moments.sum3), total(moments.sum4),
                                static_cast<double>(flat.numel() - statistics.notFinite));
    statistics.absmax = std::max(-*std::min_element(moments.minimum.begin(), moments.minimum.end()),
                                 *std::max_element(moments.maximum.begin(), moments.maximum.end()));
    statistics.mean = shape.mean;
    statistics.deviation = std::sqrt(shape.variance);
    statistics.kurtosis = shape.kurtosis;
    return statistics;
}

} // namespace halftone
