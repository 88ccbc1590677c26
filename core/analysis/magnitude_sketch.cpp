#include "core/analysis/magnitude_sketch.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <numeric>

namespace halftone {
namespace {

constexpr int kShift = 17;                               // 23 mantissa bits less the 6 that tell 64 bins an octave
constexpr std::uint32_t kBins = 255u << (23 - kShift);   // exponent 255 is not finite
constexpr std::uint32_t kAllBins = 256u << (23 - kShift);

float lowerEdge(std::uint32_t bin)
{
    return std::bit_cast<float>(bin << kShift);
}

} // namespace

MagnitudeSketch::MagnitudeSketch()
    : m_bins(kBins, 0)
{
}

void MagnitudeSketch::add(std::span<const float> x)
{
    constexpr std::int64_t kPart = 1 << 18;
    const auto n = static_cast<std::int64_t>(x.size());
    std::mutex merging;
    at::parallel_for(0, (n + kPart - 1) / kPart, 1, [&](std::int64_t begin, std::int64_t end) {
        // Two tables, so that equal neighbours do not wait for each other's count.
        std::array<std::vector<std::uint32_t>, 2> local{std::vector<std::uint32_t>(kAllBins, 0), std::vector<std::uint32_t>(kAllBins, 0)};
        std::uint32_t* even = local[0].data();
        std::uint32_t* odd = local[1].data();
        for (std::int64_t part = begin; part < end; ++part) {
            const float* values = x.data() + part * kPart;
            const std::int64_t count = std::min(kPart, n - part * kPart);
            std::int64_t i = 0;
            for (; i + 2 <= count; i += 2) {
                ++even[(std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFu) >> kShift];
                ++odd[(std::bit_cast<std::uint32_t>(values[i + 1]) & 0x7FFFFFFFu) >> kShift];
            }
            if (i < count)
                ++even[(std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFu) >> kShift];
        }
        const std::lock_guard lock(merging);
        for (std::uint32_t bin = 0; bin < kBins; ++bin)
            m_bins[bin] += static_cast<std::int64_t>(even[bin]) + odd[bin];
    });
}

std::int64_t MagnitudeSketch::count() const
{
    return std::accumulate(m_bins.begin(), m_bins.end(), std::int64_t{0});
}

float MagnitudeSketch::quantile(double q) const
{
    const std::int64_t total = count();
    if (total == 0)
        return 0;
    const auto rank = static_cast<std::int64_t>(std::clamp(q, 0.0, 1.0) * static_cast<double>(total - 1));
    std::int64_t seen = 0;
    for (std::uint32_t bin = 0; bin < kBins; ++bin) {
        seen += m_bins[bin];
        if (seen > rank)
            return bin == 0 ? 0.0f : lowerEdge(bin) + (lowerEdge(bin + 1) - lowerEdge(bin)) / 2;
    }
    return 0;
}

} // namespace halftone
