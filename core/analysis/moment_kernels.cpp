#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/analysis/moment_kernels.cpp"
#include <hwy/foreach_target.h>
// clang-format off: highway.h must follow foreach_target.h
#include <hwy/highway.h>
// clang-format on
#include <cstdint>

#ifndef HALFTONE_MOMENT_COLUMNS
#define HALFTONE_MOMENT_COLUMNS
namespace halftone {
/// Where the sums of some columns lie.
struct MomentColumns {
    float *minimum, *maximum;
    double *sum, *sum2, *sum3, *sum4;
    std::int64_t *zeros, *notFinite;
};
} // namespace halftone
#endif

HWY_BEFORE_NAMESPACE();
namespace halftone::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// As many columns as a vector holds doubles, all rows: every sum stays in a register.
template <class D>
void momentsPart(D d, const float* x, std::int64_t rows, std::int64_t stride, std::int64_t at, const MomentColumns& out)
{
    const hn::Rebind<float, D> df;
    const hn::Rebind<std::int64_t, D> di;
    auto lo = hn::LoadU(df, out.minimum + at), hi = hn::LoadU(df, out.maximum + at);
    auto s1 = hn::LoadU(d, out.sum + at), s2 = hn::LoadU(d, out.sum2 + at), s3 = hn::LoadU(d, out.sum3 + at), s4 = hn::LoadU(d, out.sum4 + at);
    auto zero = hn::Zero(d), bad = hn::Zero(d);
    const auto one = hn::Set(d, 1.0);
    for (std::int64_t r = 0; r < rows; ++r) {
        const auto raw = hn::LoadU(df, x + r * stride + at);
        const auto finite = hn::Eq(hn::Sub(raw, raw), hn::Zero(df));
        const auto v = hn::IfThenElseZero(finite, raw);
        lo = hn::Min(lo, v);
        hi = hn::Max(hi, v);
        const auto w = hn::PromoteTo(d, v);
        const auto square = hn::Mul(w, w);
        s1 = hn::Add(s1, w);
        s2 = hn::Add(s2, square);
        s3 = hn::MulAdd(square, w, s3);
        s4 = hn::MulAdd(square, square, s4);
        zero = hn::Add(zero, hn::IfThenElseZero(hn::Eq(w, hn::Zero(d)), one));
        bad = hn::Add(bad, hn::PromoteTo(d, hn::IfThenZeroElse(finite, hn::Set(df, 1.0f))));
    }
    hn::StoreU(lo, df, out.minimum + at);
    hn::StoreU(hi, df, out.maximum + at);
    hn::StoreU(s1, d, out.sum + at);
    hn::StoreU(s2, d, out.sum2 + at);
    hn::StoreU(s3, d, out.sum3 + at);
    hn::StoreU(s4, d, out.sum4 + at);
    // What is not finite was counted among the zeros above.
    hn::StoreU(hn::Add(hn::LoadU(di, out.zeros + at), hn::ConvertTo(di, hn::Sub(zero, bad))), di, out.zeros + at);
    hn::StoreU(hn::Add(hn::LoadU(di, out.notFinite + at), hn::ConvertTo(di, bad)), di, out.notFinite + at);
}

void AddMoments(const float* x, std::int64_t rows, std::int64_t stride, std::int64_t columns, const MomentColumns& out)
{
    const hn::CappedTag<double, 8> wide;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(wide));
    std::int64_t at = 0;
    for (; at + lanes <= columns; at += lanes)
        momentsPart(wide, x, rows, stride, at, out);
    for (; at < columns; ++at)
        momentsPart(hn::CappedTag<double, 1>(), x, rows, stride, at, out);
}

} // namespace halftone::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "core/analysis/moment_kernels.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>

namespace halftone {
namespace {
HWY_EXPORT(AddMoments);
} // namespace

ColumnMoments::ColumnMoments(std::int64_t columns)
{
    const auto n = static_cast<std::size_t>(columns);
    minimum.assign(n, std::numeric_limits<float>::infinity());
    maximum.assign(n, -std::numeric_limits<float>::infinity());
    for (std::vector<double>* sums : {&sum, &sum2, &sum3, &sum4})
        sums->assign(n, 0.0);
    zeros.assign(n, 0);
    notFinite.assign(n, 0);
}

void ColumnMoments::add(const float* x, std::int64_t count)
{
    constexpr std::int64_t kTile = 64;
    const std::int64_t n = columns();
    const auto addTile = HWY_DYNAMIC_DISPATCH(AddMoments);
    at::parallel_for(0, (n + kTile - 1) / kTile, std::max<std::int64_t>(1, 32768 / (kTile * std::max<std::int64_t>(count, 1))),
                     [&](std::int64_t begin, std::int64_t end) {
                         const std::int64_t first = begin * kTile, last = std::min(end * kTile, n);
                         const MomentColumns out{minimum.data() + first, maximum.data() + first, sum.data() + first,   sum2.data() + first,
                                                 sum3.data() + first,    sum4.data() + first,    zeros.data() + first, notFinite.data() + first};
                         addTile(x + first, count, n, last - first, out);
                     });
    rows += count;
}

Shape shapeOf(double sum, double sum2, double sum3, double sum4, double count)
{
    Shape shape;
    if (count <= 0)
        return shape;
    const double mean = sum / count, second = sum2 / count, third = sum3 / count, fourth = sum4 / count;
    shape.mean = mean;
    shape.variance = std::max(0.0, second - mean * mean);
    const double central = fourth - 4 * mean * third + 6 * mean * mean * second - 3 * mean * mean * mean * mean;
    if (shape.variance > 1e-14 * second)
        shape.kurtosis = std::max(0.0, central / (shape.variance * shape.variance));
    return shape;
}

} // namespace halftone
#endif // HWY_ONCE
