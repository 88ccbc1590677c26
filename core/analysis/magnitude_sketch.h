#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halftone {

/// Quantiles of |x| from a histogram with 64 bins an octave, read off the float's own bits: a bin is at most 1/64 of its value wide, so
/// that its middle is within 0.8 % of all it holds.
class MagnitudeSketch {
public:
    MagnitudeSketch();
    /// Multi-threaded; what is not finite is left out of quantiles.
    void add(std::span<const float> x);
    std::int64_t count() const;
    /// The value below which a share q of the elements lies; 0 when empty.
    float quantile(double q) const;

private:
    std::vector<std::int64_t> m_bins;
};

} // namespace halftone
