#pragma once

#include "core/analysis/activation_sample.h"
#include "core/model/model_info.h"
#include "core/quant/activation_ranges.h"
#include "core/quant/grid.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace halftone {

/// The grids whose kernel is counted: per_tensor, per_token, per_channel, cross, cross_static.
inline constexpr int kKernelSchemes = 5;
ActivationScheme kernelScheme(int index);

/// A max-pooled picture of |x|: rows × columns floats, every cell the largest of its source cells (an outlier never vanishes).
struct PooledMap {
    int rows = 0, columns = 0;
    std::int64_t sourceRows = 0, sourceColumns = 0;
    std::vector<float> cells;
    float at(int row, int column) const { return cells[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column)]; }
};

/// Everything one walk learns of one site. Shares are over all elements of all windows.
struct SiteStatistics {
    SiteInfo site;
    std::int64_t tokens = 0;
    std::vector<float> channelAbsmax, channelMin, channelMax;   ///< [channels], over the whole text
    std::vector<float> channelMean, channelVariance, channelKurtosis;  ///< population variance; fourth standardised moment, 3 for a normal distribution
    std::vector<float> tokenAbsmax;                             ///< [tokens], in text order
    std::vector<float> absQuantiles;                            ///< |x| at kQuantiles, from a log-binned sketch (1 % relative)
    std::array<KernelCounts, kKernelSchemes> kernel;
    PooledMap tokenMap;                                         ///< token × channel, at most 512 × 512
    std::int64_t notFinite = 0;
    std::shared_ptr<const SiteSample> sample;                   ///< null in analyses of old versions

    double absmax() const;
    double medianChannelAbsmax() const;      ///< lower median (as torch.median), over channels
    double outlierRatio() const;
    std::int64_t outlierChannel() const;
    /// Channels whose absmax is at least `factor` × the median, largest first.
    std::vector<std::int64_t> outlierChannels(double factor = 10) const;
    double kernelShare(int scheme) const;
    double lostShare(int scheme) const;
    double clippedShare(int scheme) const;
};
inline constexpr std::array<double, 7> kQuantiles{0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999};

/// Weight statistics of one linear.
struct WeightStatistics {
    std::string linear;
    double absmax = 0, mean = 0, deviation = 0, kurtosis = 0;
    std::int64_t zeros = 0, notFinite = 0;
};

struct AnalysisSettings {
    int bits = 8;
    double alpha = 0.15;
    friend bool operator==(const AnalysisSettings&, const AnalysisSettings&) = default;
};

struct Analysis {
    AnalysisSettings settings;
    int windows = 0, length = 0;
    std::string textHash;
    std::vector<SiteStatistics> sites;      ///< model order; while it runs: those finished
    std::vector<WeightStatistics> weights;  ///< one a linear
};

} // namespace halftone
