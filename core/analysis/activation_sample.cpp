#include "core/analysis/activation_sample.h"

#include "core/base/error.h"
#include "core/quant/activation_quantizer.h"
#include "core/quant/kernels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace halftone {
namespace {

constexpr std::int64_t kRun = 8;           // neighbours kept together: enough to read, few enough to spread
constexpr std::int64_t kLeastTokens = 8;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

/// Rows of a sample that share their column scales and their stratum.
struct Group {
    std::int64_t first = 0, rows = 0, window = 0;   ///< window: place in tokens->windows()
    bool opening = false;                           ///< first token of a window
};

/// @param byWindow whether column scales change from window to window
std::vector<Group> groupsOf(const SampledTokens& tokens, bool byWindow)
{
    std::vector<Group> groups;
    std::int64_t window = -1, before = -1;
    for (std::size_t r = 0; r < tokens.positions.size(); ++r) {
        const std::int64_t own = tokens.positions[r] / tokens.length;
        if (own != before)
            ++window;
        const bool opening = tokens.positions[r] % tokens.length == 0;
        if (groups.empty() || groups.back().opening != opening || (byWindow && own != before))
            groups.push_back({static_cast<std::int64_t>(r), 0, window, opening});
        ++groups.back().rows;
        before = own;
    }
    return groups;
}

/// The factors of a grid's scales on a sample: the same arithmetic as the walk's, so that a whole text counts the same.
class Scales {
public:
    Scales(const SiteSample& sample, const ActivationGrid& grid)
        : m_sample(sample), m_grid(grid), m_qmax(symmetricMax(grid.bits))
    {
        validate(grid);
        if (!grid.quantized() || !grid.symmetric)
            throw Error(ErrorKind::InvalidArgument, "a sample is rounded by symmetric grids only, not by \"" + std::string(name(grid.scheme)) + "\"", "scheme");
        switch (grid.scheme) {
        case ActivationScheme::PerTensor: {
            const float absmax = sample.channelAbsmax.empty() ? 0 : *std::max_element(sample.channelAbsmax.begin(), sample.channelAbsmax.end());
            m_row.assign(size(sample.rows()), std::max(absmax, kAbsmaxFloor) / static_cast<float>(m_qmax));
            break;
        }
        case ActivationScheme::PerChannel: m_column = crossColumnScales(sample.channelAbsmax, 0, m_qmax); break;
        case ActivationScheme::CrossStatic: m_column = crossColumnScales(sample.channelAbsmax, grid.alpha, m_qmax); [[fallthrough]];
        case ActivationScheme::PerToken:
        case ActivationScheme::Cross: {
            std::vector<float> absmax(size(sample.rows()));
            kernels::absmax(sample.values, sample.rows(), sample.channels, absmax, {});
            m_row = crossRowScales(absmax, grid.scheme == ActivationScheme::PerToken ? 1 : grid.alpha, m_qmax);
            break;
        }
        case ActivationScheme::None: break;
        }
    }

    bool byWindow() const { return m_grid.scheme == ActivationScheme::Cross; }
    int qmax() const { return m_qmax; }
    std::span<const float> rows(const Group& group) const
    {
        return m_row.empty() ? std::span<const float>() : std::span<const float>(m_row).subspan(size(group.first), size(group.rows));
    }
    /// Valid until the next call.
    std::span<const float> columns(const Group& group)
    {
        if (byWindow())
            m_column = crossColumnScales(std::span<const float>(m_sample.windowAbsmax).subspan(size(group.window * m_sample.channels), size(m_sample.channels)),
                                         m_grid.alpha, m_qmax);
        return m_column;
    }
    std::span<const float> values(const Group& group) const
    {
        return std::span<const float>(m_sample.values).subspan(size(group.first * m_sample.channels), size(group.rows * m_sample.channels));
    }

private:
    const SiteSample& m_sample;
    ActivationGrid m_grid;
    int m_qmax;
    std::vector<float> m_row, m_column;
};

} // namespace

int SampledTokens::rowOf(std::int64_t position) const
{
    const auto at = std::lower_bound(positions.begin(), positions.end(), position);
    return at != positions.end() && *at == position ? static_cast<int>(at - positions.begin()) : -1;
}

std::vector<std::int64_t> SampledTokens::windows() const
{
    std::vector<std::int64_t> found;
    for (const std::int64_t position : positions)
        if (found.empty() || found.back() != position / length)
            found.push_back(position / length);
    return found;
}

SampledTokens chooseSample(std::int64_t total, int length, std::int64_t channels)
{
    if (total < 0 || length <= 0 || channels <= 0)
        throw Error(ErrorKind::InvalidArgument, "a sample of " + std::to_string(total) + " tokens in windows of " + std::to_string(length) + " over " +
                                                    std::to_string(channels) + " channels cannot be chosen");
    SampledTokens tokens;
    tokens.total = total;
    tokens.length = length;
    // The kept tokens and, for each window they touch, its channel maxima: within the bytes together.
    const std::int64_t rows = kSampleBytes / (static_cast<std::int64_t>(sizeof(float)) * channels), windows = (total + length - 1) / length;
    const std::int64_t touched = (kRun - 2) / length + 2;   // by a run at most
    const std::int64_t kept = std::min(total, std::max({kLeastTokens, rows - windows, rows * kRun / (kRun + touched)}));
    if (kept == total) {
        for (std::int64_t p = 0; p < total; ++p)
            tokens.positions.push_back(p);
        return tokens;
    }
    const std::int64_t runs = std::max<std::int64_t>(1, kept / kRun);
    const double stride = static_cast<double>(total) / static_cast<double>(runs);
    for (std::int64_t k = 0; k < runs; ++k) {
        // A golden-section shift within each stretch, so that runs do not fall in step with the windows.
        const double shift = std::fmod(static_cast<double>(k) * 0.6180339887498949, 1.0) * std::max(0.0, stride - static_cast<double>(kRun));
        const auto first = static_cast<std::int64_t>(static_cast<double>(k) * stride + shift);
        for (std::int64_t p = std::max(first, tokens.positions.empty() ? 0 : tokens.positions.back() + 1); p < std::min(first + kRun, total); ++p)
            tokens.positions.push_back(p);
    }
    return tokens;
}

KernelEstimate estimateKernel(const SiteSample& sample, const ActivationGrid& grid)
{
    Scales scales(sample, grid);
    std::array<KernelCounts, 2> counts;   // openings of windows, all others
    std::array<std::int64_t, 2> rows{};
    for (const Group& group : groupsOf(*sample.tokens, scales.byWindow())) {
        const std::size_t stratum = group.opening ? 0 : 1;
        counts[stratum].add(kernels::countKernel(scales.values(group), group.rows, sample.channels, scales.rows(group), scales.columns(group), scales.qmax()));
        rows[stratum] += group.rows;
    }
    const SampledTokens& tokens = *sample.tokens;
    const std::int64_t openings = (tokens.total + tokens.length - 1) / tokens.length;
    const std::array<std::int64_t, 2> inText{openings, tokens.total - openings};
    std::int64_t known = 0;
    for (std::size_t s = 0; s < 2; ++s)
        known += rows[s] > 0 ? inText[s] : 0;
    KernelEstimate estimate;
    for (std::size_t s = 0; s < 2; ++s) {
        if (rows[s] == 0)
            continue;
        const double weight = static_cast<double>(inText[s]) / static_cast<double>(rows[s]);   // 1 where the stratum is whole
        estimate.share += weight * static_cast<double>(counts[s].zero);
        estimate.lost += weight * static_cast<double>(counts[s].lost);
        estimate.clipped += weight * static_cast<double>(counts[s].clipped);
    }
    const double elements = std::max(1.0, static_cast<double>(known) * static_cast<double>(sample.channels));
    estimate.share /= elements;
    estimate.lost /= elements;
    estimate.clipped /= elements;
    return estimate;
}

std::vector<KernelEstimate> estimateKernels(std::span<const std::shared_ptr<const SiteSample>> samples, const ActivationGrid& grid)
{
    std::vector<KernelEstimate> estimates(samples.size());
    at::parallel_for(0, static_cast<std::int64_t>(samples.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            if (samples[size(i)])
                estimates[size(i)] = estimateKernel(*samples[size(i)], grid);
    });
    return estimates;
}

std::vector<float> roundSample(const SiteSample& sample, const ActivationGrid& grid)
{
    Scales scales(sample, grid);
    std::vector<float> rounded(sample.values.size());
    for (const Group& group : groupsOf(*sample.tokens, scales.byWindow()))
        kernels::fakeQuantize(scales.values(group), group.rows, sample.channels, scales.rows(group), scales.columns(group), -scales.qmax() - 1, scales.qmax(),
                              std::span<float>(rounded).subspan(size(group.first * sample.channels), size(group.rows * sample.channels)));
    return rounded;
}

ChannelSummary summarizeChannels(const SiteSample& sample, const ActivationGrid& grid)
{
    const std::vector<float> rounded = roundSample(sample, grid);
    const std::int64_t rows = sample.rows(), channels = sample.channels;
    ChannelSummary summary;
    for (std::vector<float>* values : {&summary.low, &summary.middle, &summary.high, &summary.roundedAbsmax, &summary.kernelShare})
        values->assign(size(channels), 0.0f);
    if (rows == 0)
        return summary;
    at::parallel_for(0, channels, 256, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> column(size(rows));
        for (std::int64_t c = begin; c < end; ++c) {
            std::int64_t zeros = 0;
            float largest = 0;
            for (std::int64_t r = 0; r < rows; ++r) {
                const float x = std::abs(sample.values[size(r * channels + c)]), after = std::abs(rounded[size(r * channels + c)]);
                column[size(r)] = std::isnan(x) ? 0 : x;
                zeros += after == 0 ? 1 : 0;
                largest = std::max(largest, std::isnan(after) ? 0 : after);
            }
            std::sort(column.begin(), column.end());
            const auto quantile = [&](double q) { return column[static_cast<std::size_t>(q * static_cast<double>(rows - 1) + 0.5)]; };
            summary.low[size(c)] = quantile(0.1);
            summary.middle[size(c)] = quantile(0.5);
            summary.high[size(c)] = quantile(0.9);
            summary.roundedAbsmax[size(c)] = largest;
            summary.kernelShare[size(c)] = static_cast<float>(static_cast<double>(zeros) / static_cast<double>(rows));
        }
    });
    return summary;
}

} // namespace halftone
