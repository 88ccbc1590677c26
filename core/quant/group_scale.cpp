#include "core/quant/group_scale.h"

#include "core/quant/weight_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {
namespace {
/// Floor of a group's largest weight, as the reference figures use it.
constexpr float kSmallestRange = 1e-8f;
/// Weights after which a candidate that is behind already is given up.
constexpr std::size_t kPiece = 64;

/// The best of `best`, whose error is `least`, and the narrower ranges with other zero points.
GroupScale shifted(const WeightGrid& grid, std::span<const float> weights, float low, float high, GroupScale best, float least)
{
    const CodeRange codes = codeRange(grid);
    for (int percent = 100; percent > 0; --percent) {
        const float factor = static_cast<float>(percent) / 100;
        const GroupScale centre = groupScale(grid, low * factor, high * factor);
        const int last = std::min(codes.maximum, centre.zero + kShiftedZeros);
        for (int zero = std::max(codes.minimum, centre.zero - kShiftedZeros); zero <= last; ++zero) {
            float error = 0;
            for (std::size_t at = 0; at < weights.size() && error < least; at += kPiece)
                error += kernels::clipError(weights.data() + at, static_cast<std::int64_t>(std::min(kPiece, weights.size() - at)), centre.scale,
                                            static_cast<float>(zero), static_cast<float>(codes.minimum), static_cast<float>(codes.maximum));
            if (error < least) {
                least = error;
                best = {centre.scale, zero};
            }
        }
    }
    return best;
}
} // namespace

CodeRange codeRange(const WeightGrid& grid)
{
    const int top = symmetricMax(grid.bits);
    if (!grid.symmetric)
        return {0, (1 << grid.bits) - 1};
    return {-top - 1, top};
}

GroupScale groupScale(const WeightGrid& grid, float low, float high)
{
    const auto steps = static_cast<float>((1 << grid.bits) - 1);
    if (grid.symmetric) {
        const float absmax = std::max({std::abs(low), std::abs(high), kSmallestRange});
        return {grid.range == WeightGrid::Range::Full ? 2 * absmax / steps : absmax / static_cast<float>(symmetricMax(grid.bits)), 0};
    }
    low = std::min(low, 0.0f);
    high = std::max(high, 0.0f);
    const float scale = std::max((high - low) / steps, kSmallestRange);
    return {scale, static_cast<std::int32_t>(std::clamp(std::nearbyint(-low / scale), 0.0f, steps))};
}

GroupScale groupScale(const WeightGrid& grid, std::span<const float> weights, float low, float high)
{
    GroupScale best = groupScale(grid, low, high);
    if (grid.clip == WeightGrid::Clip::None || (low == 0 && high == 0))
        return best;
    const CodeRange codes = codeRange(grid);
    float least = std::numeric_limits<float>::infinity();
    for (int i = 0; i < kClipCandidates; ++i) {
        const float shrink = 1 - static_cast<float>(i) / 100;
        const GroupScale candidate = groupScale(grid, low * shrink, high * shrink);
        const float error = kernels::clipError(weights.data(), static_cast<std::int64_t>(weights.size()), candidate.scale,
                                               static_cast<float>(candidate.zero), static_cast<float>(codes.minimum),
                                               static_cast<float>(codes.maximum));
        if (error < least) {
            least = error;
            best = candidate;
        }
    }
    return grid.symmetric ? best : shifted(grid, weights, low, high, best, least);
}

GroupScale searchScale(const WeightGrid& grid, std::span<const float> weights, std::span<const float> importance, float low, float high)
{
    GroupScale best = groupScale(grid, low, high);
    if (low == 0 && high == 0)
        return best;
    const CodeRange codes = codeRange(grid);
    float least = std::numeric_limits<float>::infinity();
    for (int i = 0; i < kScaleCandidates; ++i) {
        const float factor = 1.1f - static_cast<float>(i) / 100;
        const GroupScale candidate = groupScale(grid, low * factor, high * factor);
        const float error = kernels::weightedError(weights.data(), importance.data(), static_cast<std::int64_t>(weights.size()), candidate.scale,
                                                   static_cast<float>(candidate.zero), static_cast<float>(codes.minimum),
                                                   static_cast<float>(codes.maximum));
        if (error < least) {
            least = error;
            best = candidate;
        }
    }
    return best;
}

} // namespace halftone
