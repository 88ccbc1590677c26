#pragma once

#include <cstdint>
#include <vector>

namespace halftone {

/// What a static activation grid needs from calibration, for one site.
struct ActivationRanges {
    float minimum = 0;                 ///< over all elements
    float maximum = 0;
    std::vector<float> channelAbsmax;  ///< [channels]
    std::vector<float> channelMin, channelMax;  ///< [channels]; for asymmetric per-channel grids; may be empty

    float absmax() const { return maximum > -minimum ? maximum : -minimum; }
};

/// Counts of one activation tensor under one grid.
struct KernelCounts {
    std::int64_t elements = 0;
    std::int64_t zero = 0;      ///< codes that are zero
    std::int64_t lost = 0;      ///< … of which x was not zero
    std::int64_t clipped = 0;   ///< |code| would have exceeded its maximum
    void add(const KernelCounts& other);
};

} // namespace halftone
