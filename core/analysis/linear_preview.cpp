#include "core/analysis/linear_preview.h"

#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/quant/group_scale.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

namespace halftone {
namespace {

constexpr std::int64_t kMostTokens = 128;   ///< of a sample; its products stay within tens of milliseconds

/// Whole rows spread evenly, at most `most` elements but at least one row.
at::Tensor spreadRows(const at::Tensor& matrix, std::int64_t most)
{
    const std::int64_t rows = matrix.size(0), wanted = std::max<std::int64_t>(1, most / std::max<std::int64_t>(1, matrix.size(1)));
    if (most <= 0 || wanted >= rows)
        return matrix;
    std::vector<std::int64_t> chosen;
    for (std::int64_t i = 0; i < wanted; ++i)
        chosen.push_back(i * rows / wanted);
    return matrix.index_select(0, at::tensor(chosen, at::kLong));
}

at::Tensor asTensor(const std::vector<float>& values, std::int64_t rows, std::int64_t columns)
{
    return at::from_blob(const_cast<float*>(values.data()), {rows, columns}, at::kFloat);
}

double lengthOf(const at::Tensor& x)
{
    return std::sqrt(x.square().sum(at::kDouble).item<double>());
}

Histogram histogramOf(const std::vector<float>& values, int bins)
{
    Histogram histogram;
    histogram.counts.assign(static_cast<std::size_t>(bins), 0);
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (const float value : values)
        if (std::isfinite(value)) {
            low = std::min(low, value);
            high = std::max(high, value);
        }
    if (!(low <= high))
        return histogram;
    histogram.low = low;
    histogram.high = high;
    const double scale = high > low ? bins / (histogram.high - histogram.low) : 0;
    for (const float value : values)
        if (std::isfinite(value)) {
            const auto bin = static_cast<int>((value - histogram.low) * scale);
            ++histogram.counts[static_cast<std::size_t>(std::clamp(bin, 0, bins - 1))];
        }
    return histogram;
}

/// The values that the codes of the group with the median scale stand for.
std::vector<float> levelsOf(const WeightScales& scales, const WeightGrid& grid)
{
    const at::Tensor scale = scales.scale.flatten(), zero = scales.zero.flatten();
    const std::int64_t median = std::get<1>(scale.median(0)).item<std::int64_t>();
    const auto s = scale[median].item<float>();
    const auto z = zero[median].item<std::int32_t>();
    CodeRange range = codeRange(grid);
    if (grid.symmetric && grid.range == WeightGrid::Range::Narrow)
        range.minimum = -range.maximum;   // the lowest code is there for clipped scales only
    std::vector<float> levels;
    for (int code = range.minimum; code <= range.maximum; ++code)
        levels.push_back(s * static_cast<float>(code - z));
    return levels;
}

/// Root mean square over tokens of the relative error of each token's output.
double outputError(const at::Tensor& weight, const at::Tensor& rounded, const at::Tensor& x, const at::Tensor& xRounded)
{
    const at::Tensor y = x.matmul(weight.t());
    const at::Tensor difference = xRounded.matmul(rounded.t()).sub_(y);
    const at::Tensor energy = y.square().sum(1, false, at::kDouble), error = difference.square().sum(1, false, at::kDouble);
    const at::Tensor ratio = error.masked_select(energy > 0) / energy.masked_select(energy > 0);
    return ratio.numel() > 0 ? std::sqrt(ratio.mean().item<double>()) : 0;
}

} // namespace

double decibels(double relativeError)
{
    return relativeError > 0 ? -20 * std::log10(relativeError) : std::numeric_limits<double>::infinity();
}

LinearWeights::LinearWeights(std::string linear, std::int64_t out, std::int64_t in, std::vector<float> values)
    : m_linear(std::move(linear))
    , m_out(out)
    , m_in(in)
    , m_values(std::move(values))
{
    const auto count = static_cast<std::int64_t>(m_values.size());
    if (in <= 0 || count == 0 || count % in != 0 || count / in > out)
        throw Error(ErrorKind::InvalidArgument, m_linear + ": " + std::to_string(count) + " weights are no rows of " + std::to_string(in) + ".", m_linear);
    m_histogram = histogramOf(m_values, kBins);
    m_low = static_cast<float>(m_histogram.low);
    m_high = static_cast<float>(m_histogram.high);
}

LinearPreview LinearWeights::preview(const WeightGrid& weights, const ActivationGrid& activations, const SiteSample* sample, std::int64_t most,
                                     const std::stop_token& stop) const
{
    const at::NoGradGuard noGrad;
    const at::Tensor weight = spreadRows(asTensor(m_values, rows(), m_in), most);
    LinearPreview preview;
    preview.rows = weight.size(0);
    at::Tensor rounded = weight;
    if (weights.quantized()) {
        // One scale for the matrix is that of all of it, whatever rows are looked at.
        WeightScales scales;
        if (weights.perTensor) {
            const at::Tensor dense = weightForRounding(weight, weights, m_linear);
            const GroupScale one = groupScale(weights, {dense.const_data_ptr<float>(), static_cast<std::size_t>(dense.numel())}, m_low, m_high);
            scales = {at::full({1, 1}, one.scale, at::kFloat), at::full({1, 1}, one.zero, at::kInt)};
        } else {
            scales = weightScales(weight, weights, m_linear);
        }
        throwIfStopped(stop);
        const QuantizedWeight quantized{weights, roundToCodes(weight, scales, weights, m_linear), scales};
        rounded = quantized.dequantize();
        const double all = lengthOf(weight);
        preview.weightError = all > 0 ? lengthOf(rounded - weight) / all : 0;

        const std::int64_t groups = scales.scale.size(1);
        const at::Tensor wide = weights.perTensor ? weight : weight.reshape({weight.size(0), groups, m_in / groups});
        const at::Tensor s = weights.perTensor ? scales.scale : scales.scale.unsqueeze(2), z = weights.perTensor ? scales.zero : scales.zero.unsqueeze(2);
        const at::Tensor codes = (wide / s).round_().add_(z);
        const CodeRange range = codeRange(weights);
        const auto count = static_cast<double>(weight.numel());
        preview.clipped = static_cast<double>(((codes < range.minimum).logical_or_(codes > range.maximum)).sum().item<std::int64_t>()) / count;
        preview.zeros = static_cast<double>((codes.clamp(range.minimum, range.maximum) == z).sum().item<std::int64_t>()) / count;
        preview.levels = levelsOf(scales, weights);
        throwIfStopped(stop);
    }
    if (sample && sample->channels == m_in && sample->rows() > 0 && (activations.symmetric || !activations.quantized())) {
        const at::Tensor x = asTensor(sample->values, sample->rows(), m_in);
        at::Tensor shown = spreadRows(x, kMostTokens * m_in), roundedInput = shown;
        if (activations.quantized()) {
            const std::vector<float> all = roundSample(*sample, activations);
            roundedInput = spreadRows(asTensor(all, sample->rows(), m_in), kMostTokens * m_in).clone();
        }
        throwIfStopped(stop);
        preview.outputError = weights.quantized() || activations.quantized() ? outputError(weight, rounded, shown, roundedInput) : 0;
    }
    return preview;
}

struct WeightReader::Opened {
    std::filesystem::path path;
    std::mutex mutex;
    std::shared_ptr<const Model> model;
};

WeightReader::WeightReader(std::filesystem::path model) : m_opened(std::make_unique<Opened>())
{
    m_opened->path = std::move(model);
}

WeightReader::~WeightReader() = default;

std::shared_ptr<const LinearWeights> WeightReader::read(std::string_view linear, const std::stop_token& stop)
{
    const at::NoGradGuard noGrad;
    std::shared_ptr<const Model> model;
    {
        const std::lock_guard lock(m_opened->mutex);
        if (!m_opened->model)
            m_opened->model = Model::open(m_opened->path);
        model = m_opened->model;
    }
    throwIfStopped(stop);
    const at::Tensor weight = model->weight(std::string(linear) + ".weight").contiguous();
    throwIfStopped(stop);
    const at::Tensor kept = spreadRows(weight, LinearWeights::kMostWeights).contiguous();
    const float* first = kept.const_data_ptr<float>();
    auto read = std::make_shared<LinearWeights>(std::string(linear), weight.size(0), weight.size(1), std::vector<float>(first, first + kept.numel()));
    if (kept.size(0) < weight.size(0)) {
        read->m_low = weight.min().item<float>();
        read->m_high = weight.max().item<float>();
    }
    return read;
}

} // namespace halftone
