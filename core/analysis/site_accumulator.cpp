#include "core/analysis/site_accumulator.h"

#include "core/base/error.h"
#include "core/quant/activation_quantizer.h"
#include "core/quant/kernels.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace halftone {
SiteAccumulator::SiteAccumulator(SiteInfo site, std::int64_t tokens, const AnalysisSettings& settings, std::shared_ptr<const SampledTokens> sampled)
    : m_settings(settings)
    , m_moments(site.channels)
{
    if (sampled) {
        m_sample = std::make_shared<SiteSample>();
        m_sample->channels = site.channels;
        m_sample->values.reserve(sampled->positions.size() * static_cast<std::size_t>(site.channels));
        m_sample->tokens = std::move(sampled);
    }
    m_statistics.site = std::move(site);
    m_statistics.tokens = tokens;
    m_statistics.tokenAbsmax.resize(static_cast<std::size_t>(tokens));
    PooledMap& map = m_statistics.tokenMap;
    map.sourceRows = tokens;
    map.sourceColumns = m_moments.columns();
    map.rows = static_cast<int>(std::min(map.sourceRows, kMapSide));
    map.columns = static_cast<int>(std::min(map.sourceColumns, kMapSide));
    map.cells.assign(static_cast<std::size_t>(map.rows) * static_cast<std::size_t>(map.columns), 0.0f);
}

/// Token maxima and the pooled map; a thread owns whole rows of the map.
void SiteAccumulator::pool(std::span<const float> x, std::int64_t tokens)
{
    PooledMap& map = m_statistics.tokenMap;
    const std::int64_t channels = m_moments.columns(), first = m_measured;
    const auto rowOf = [&](std::int64_t token) { return token * map.rows / map.sourceRows; };
    at::parallel_for(rowOf(first), rowOf(first + tokens - 1) + 1, 1, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> largest(static_cast<std::size_t>(channels));
        for (std::int64_t row = begin; row < end; ++row) {
            // Tokens of this map row: row ≤ token · rows / sourceRows < row + 1.
            const std::int64_t from = std::max((row * map.sourceRows + map.rows - 1) / map.rows, first);
            const std::int64_t to = std::min(((row + 1) * map.sourceRows + map.rows - 1) / map.rows, first + tokens);
            if (from >= to)
                continue;
            std::fill(largest.begin(), largest.end(), 0.0f);
            kernels::absmax(x.subspan(static_cast<std::size_t>((from - first) * channels), static_cast<std::size_t>((to - from) * channels)), to - from,
                            channels, {m_statistics.tokenAbsmax.data() + from, static_cast<std::size_t>(to - from)}, largest);
            float* cells = map.cells.data() + row * map.columns;
            for (std::int64_t c = 0; c < channels; ++c) {
                float& cell = cells[c * map.columns / channels];
                cell = std::max(cell, largest[static_cast<std::size_t>(c)]);
            }
        }
    });
}

void SiteAccumulator::measure(std::span<const float> x)
{
    const std::int64_t channels = m_moments.columns(), tokens = static_cast<std::int64_t>(x.size()) / channels;
    if (static_cast<std::size_t>(tokens * channels) != x.size() || m_measured + tokens > m_statistics.tokens)
        throw Error(ErrorKind::Internal, "the statistics of " + m_statistics.site.name + " were given more or other tokens than announced");
    if (tokens == 0)
        return;
    m_moments.add(x.data(), tokens);
    m_sketch.add(x);
    pool(x, tokens);
    m_measured += tokens;
}

void SiteAccumulator::finishMeasuring()
{
    if (m_measured != m_statistics.tokens)
        throw Error(ErrorKind::Internal, "the statistics of " + m_statistics.site.name + " saw " + std::to_string(m_measured) + " of " +
                                             std::to_string(m_statistics.tokens) + " tokens");
    SiteStatistics& s = m_statistics;
    const std::size_t n = m_moments.minimum.size();
    s.channelMin = m_moments.minimum;
    s.channelMax = m_moments.maximum;
    s.channelAbsmax.resize(n);
    s.channelMean.resize(n);
    s.channelVariance.resize(n);
    s.channelKurtosis.resize(n);
    for (std::size_t c = 0; c < n; ++c) {
        s.channelAbsmax[c] = std::max(std::abs(s.channelMin[c]), std::abs(s.channelMax[c]));
        const Shape shape = shapeOf(m_moments.sum[c], m_moments.sum2[c], m_moments.sum3[c], m_moments.sum4[c],
                                    static_cast<double>(m_moments.rows - m_moments.notFinite[c]));
        s.channelMean[c] = static_cast<float>(shape.mean);
        s.channelVariance[c] = static_cast<float>(shape.variance);
        s.channelKurtosis[c] = static_cast<float>(shape.kurtosis);
        s.notFinite += m_moments.notFinite[c];
    }
    for (const double q : kQuantiles)
        s.absQuantiles.push_back(m_sketch.quantile(q));
    const int qmax = symmetricMax(m_settings.bits);
    m_channelScale = crossColumnScales(s.channelAbsmax, 0, qmax);
    m_staticColumnScale = crossColumnScales(s.channelAbsmax, m_settings.alpha, qmax);
}

void SiteAccumulator::count(std::span<const float> window)
{
    const std::int64_t channels = m_moments.columns(), tokens = static_cast<std::int64_t>(window.size()) / channels;
    if (m_channelScale.empty() || m_counted + tokens > m_statistics.tokens)
        throw Error(ErrorKind::Internal, "the kernel of " + m_statistics.site.name + " was to be counted before its ranges were known");
    const int qmax = symmetricMax(m_settings.bits);
    const std::span<const float> t(m_statistics.tokenAbsmax.data() + m_counted, static_cast<std::size_t>(tokens));
    std::vector<float> current(static_cast<std::size_t>(channels), 0.0f);
    kernels::absmax(window, tokens, channels, {}, current);
    const float tensor = std::max(static_cast<float>(m_statistics.absmax()), kAbsmaxFloor) / static_cast<float>(qmax);
    const std::vector<float> perTensor(static_cast<std::size_t>(tokens), tensor), perToken = crossRowScales(t, 1, qmax),
                             cross = crossRowScales(t, m_settings.alpha, qmax), column = crossColumnScales(current, m_settings.alpha, qmax);
    const std::array<kernels::SchemeScales, kKernelSchemes> schemes{{{perTensor, {}},
                                                                     {perToken, {}},
                                                                     {{}, m_channelScale},
                                                                     {cross, column},
                                                                     {cross, m_staticColumnScale}}};
    kernels::countKernels(window, tokens, channels, schemes, qmax, m_statistics.kernel);
    if (m_sample)
        keep(window, tokens, current);
    m_counted += tokens;
}

/// Copies the sampled tokens of the window that is being counted.
void SiteAccumulator::keep(std::span<const float> window, std::int64_t tokens, std::span<const float> windowAbsmax)
{
    const std::vector<std::int64_t>& positions = m_sample->tokens->positions;
    const std::size_t before = m_kept, channels = static_cast<std::size_t>(m_sample->channels);
    for (; m_kept < positions.size() && positions[m_kept] < m_counted + tokens; ++m_kept) {
        const std::span<const float> row = window.subspan(static_cast<std::size_t>(positions[m_kept] - m_counted) * channels, channels);
        m_sample->values.insert(m_sample->values.end(), row.begin(), row.end());
    }
    if (m_kept > before)
        m_sample->windowAbsmax.insert(m_sample->windowAbsmax.end(), windowAbsmax.begin(), windowAbsmax.end());
}

SiteStatistics SiteAccumulator::take()
{
    if (m_counted != m_statistics.tokens)
        throw Error(ErrorKind::Internal, "the kernel of " + m_statistics.site.name + " was counted over " + std::to_string(m_counted) + " of " +
                                             std::to_string(m_statistics.tokens) + " tokens");
    if (m_sample) {
        m_sample->channelAbsmax = m_statistics.channelAbsmax;
        m_statistics.sample = std::move(m_sample);
    }
    return std::move(m_statistics);
}

} // namespace halftone
