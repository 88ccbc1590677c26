#include "core/analysis/site_statistics.h"

#include "core/base/error.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace halftone {
namespace {

double share(std::int64_t part, std::int64_t of)
{
    return of > 0 ? static_cast<double>(part) / static_cast<double>(of) : 0.0;
}

} // namespace

ActivationScheme kernelScheme(int index)
{
    constexpr std::array<ActivationScheme, kKernelSchemes> schemes{ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel,
                                                                   ActivationScheme::Cross, ActivationScheme::CrossStatic};
    if (index < 0 || index >= kKernelSchemes)
        throw Error(ErrorKind::InvalidArgument, "there is no kernel scheme " + std::to_string(index) + "; there are " + std::to_string(kKernelSchemes));
    return schemes[static_cast<std::size_t>(index)];
}

double SiteStatistics::absmax() const
{
    return channelAbsmax.empty() ? 0.0 : *std::max_element(channelAbsmax.begin(), channelAbsmax.end());
}

double SiteStatistics::medianChannelAbsmax() const
{
    if (channelAbsmax.empty())
        return 0;
    std::vector<float> sorted = channelAbsmax;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    return *middle;
}

double SiteStatistics::outlierRatio() const
{
    const double largest = absmax(), median = medianChannelAbsmax();
    if (median > 0)
        return largest / median;
    return largest > 0 ? std::numeric_limits<double>::infinity() : 1.0;
}

std::int64_t SiteStatistics::outlierChannel() const
{
    return channelAbsmax.empty() ? -1 : std::max_element(channelAbsmax.begin(), channelAbsmax.end()) - channelAbsmax.begin();
}

std::vector<std::int64_t> SiteStatistics::outlierChannels(double factor) const
{
    const double limit = factor * medianChannelAbsmax();
    std::vector<std::int64_t> found;
    for (std::size_t c = 0; c < channelAbsmax.size(); ++c)
        if (channelAbsmax[c] > 0 && channelAbsmax[c] >= limit)
            found.push_back(static_cast<std::int64_t>(c));
    std::stable_sort(found.begin(), found.end(), [this](std::int64_t a, std::int64_t b) {
        return channelAbsmax[static_cast<std::size_t>(a)] > channelAbsmax[static_cast<std::size_t>(b)];
    });
    return found;
}

double SiteStatistics::kernelShare(int scheme) const
{
    const KernelCounts& counts = kernel.at(static_cast<std::size_t>(scheme));
    return share(counts.zero, counts.elements);
}

double SiteStatistics::lostShare(int scheme) const
{
    const KernelCounts& counts = kernel.at(static_cast<std::size_t>(scheme));
    return share(counts.lost, counts.elements);
}

double SiteStatistics::clippedShare(int scheme) const
{
    const KernelCounts& counts = kernel.at(static_cast<std::size_t>(scheme));
    return share(counts.clipped, counts.elements);
}

} // namespace halftone
