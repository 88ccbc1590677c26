#pragma once

#include "core/analysis/magnitude_sketch.h"
#include "core/analysis/moment_kernels.h"
#include "core/analysis/site_statistics.h"

#include <cstdint>
#include <memory>
#include <span>

namespace halftone {

/// Rows and columns of a site's map, at most.
inline constexpr std::int64_t kMapSide = 512;

/// Builds the statistics of one site in two passes over its activations, given window by window in text order, the same in both passes:
/// ranges, moments, sketch and map first; then, the whole-text ranges being known, the kernel under five grids at once.
class SiteAccumulator {
public:
    /// `sampled`: the tokens whose activations are kept; null keeps none. Its windows are those that count() is given.
    SiteAccumulator(SiteInfo site, std::int64_t tokens, const AnalysisSettings& settings, std::shared_ptr<const SampledTokens> sampled = {});

    /// First pass. x [tokens, channels], row-major; any number of whole windows.
    void measure(std::span<const float> x);
    /// Between the passes: what the static grids need.
    void finishMeasuring();
    /// Second pass. x is exactly one window: cross grids take its channel maxima.
    void count(std::span<const float> window);
    SiteStatistics take();

private:
    void pool(std::span<const float> x, std::int64_t tokens);
    void keep(std::span<const float> window, std::int64_t tokens, std::span<const float> windowAbsmax);

    AnalysisSettings m_settings;
    SiteStatistics m_statistics;
    ColumnMoments m_moments;
    MagnitudeSketch m_sketch;
    std::int64_t m_measured = 0, m_counted = 0;
    std::vector<float> m_channelScale, m_staticColumnScale;
    std::shared_ptr<SiteSample> m_sample;
    std::size_t m_kept = 0;   ///< sampled tokens copied so far
};

} // namespace halftone
