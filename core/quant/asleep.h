#pragma once

#include "core/quant/activation_ranges.h"

#include <cstddef>
#include <span>
#include <vector>

/// Channels that a calibration text did not wake. A factor made of their range would say nothing of them, and enlarge them without bound where another
/// text does wake them (by 1 / range); a static grid of that range would cut them off.
namespace halftone {

/// Of the median range of a site's channels that are not zero throughout: a channel whose range is smaller sleeps. Texts of one language differ in a
/// channel's range by factors of a few.
inline constexpr float kAsleepShare = 1.0F / 32;
/// Of the same median, at most the site's largest range: what a static grid takes a sleeping channel's range for.
inline constexpr float kAssumedShare = 4;

/// The range below which a channel of the site sleeps.
float asleepLimit(std::span<const float> ranges);
/// In order. `ranges`: one of each channel, not negative (largest or mean magnitudes).
std::vector<std::size_t> asleepChannels(std::span<const float> ranges);

/// Gives the channels of static ranges that sleep the range that their site's others have. Returns them, with what they were found to reach.
struct WokenRanges {
    std::vector<std::size_t> channels;
    std::vector<float> absmax;   ///< of each, as calibrated
    float limit = 0;
};
WokenRanges wakeRanges(ActivationRanges& ranges);

} // namespace halftone
