#include "core/quant/asleep.h"

#include <algorithm>

namespace halftone {
namespace {

/// Of the ranges that are not zero; 0 where there are none.
float medianRange(std::span<const float> ranges)
{
    std::vector<float> awake;
    std::copy_if(ranges.begin(), ranges.end(), std::back_inserter(awake), [](float range) { return range > 0; });
    if (awake.empty())
        return 0;
    const auto middle = awake.begin() + static_cast<std::ptrdiff_t>(awake.size() / 2);
    std::nth_element(awake.begin(), middle, awake.end());
    return *middle;
}

} // namespace

float asleepLimit(std::span<const float> ranges) { return kAsleepShare * medianRange(ranges); }

std::vector<std::size_t> asleepChannels(std::span<const float> ranges)
{
    const float limit = asleepLimit(ranges);
    std::vector<std::size_t> asleep;
    for (std::size_t c = 0; c < ranges.size(); ++c)
        if (ranges[c] == 0 || ranges[c] < limit)
            asleep.push_back(c);
    return asleep;
}

WokenRanges wakeRanges(ActivationRanges& ranges)
{
    WokenRanges woken{asleepChannels(ranges.channelAbsmax), {}, asleepLimit(ranges.channelAbsmax)};
    const float assumed = std::min(ranges.absmax(), kAssumedShare * medianRange(ranges.channelAbsmax));
    for (const std::size_t c : woken.channels) {
        woken.absmax.push_back(ranges.channelAbsmax[c]);
        ranges.channelAbsmax[c] = assumed;
        if (c < ranges.channelMin.size()) {
            ranges.channelMin[c] = -assumed;
            ranges.channelMax[c] = assumed;
        }
    }
    return woken;
}

} // namespace halftone
