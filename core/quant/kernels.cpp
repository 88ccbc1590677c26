#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/quant/kernels.cpp"
#include <hwy/foreach_target.h>
// clang-format off: highway.h must follow foreach_target.h
#include <hwy/highway.h>
// clang-format on
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace halftone::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Every body is a template on the vector tag: whole vectors first, the rest with one lane.
using Wide = hn::ScalableTag<float>;
using One = hn::CappedTag<float, 1>;

template <class D>
float absmaxPart(D d, const float* x, std::int64_t& i, std::int64_t n)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    auto a = hn::Zero(d), b = hn::Zero(d);
    // Compared, since no comparison is true of NaN, while Max gives one operand or the other of it, as the processor likes.
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        const auto v = hn::Abs(hn::LoadU(d, x + i)), w = hn::Abs(hn::LoadU(d, x + i + lanes));
        a = hn::IfThenElse(hn::Gt(v, a), v, a);
        b = hn::IfThenElse(hn::Gt(w, b), w, b);
    }
    for (; i + lanes <= n; i += lanes) {
        const auto v = hn::Abs(hn::LoadU(d, x + i));
        a = hn::IfThenElse(hn::Gt(v, a), v, a);
    }
    return hn::GetLane(hn::MaxOfLanes(d, hn::Max(a, b)));
}

float AbsmaxRow(const float* x, std::int64_t n)
{
    std::int64_t i = 0;
    const float a = absmaxPart(Wide(), x, i, n);
    const float b = absmaxPart(One(), x, i, n);
    return a > b ? a : b;
}

template <class D>
void rangePart(D d, const float* x, std::int64_t& i, std::int64_t n, float& low, float& high)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    auto lo = hn::Set(d, low), hi = hn::Set(d, high);
    for (; i + lanes <= n; i += lanes) {
        const auto v = hn::LoadU(d, x + i);
        lo = hn::IfThenElse(hn::Lt(v, lo), v, lo);
        hi = hn::IfThenElse(hn::Gt(v, hi), v, hi);
    }
    low = hn::GetLane(hn::MinOfLanes(d, lo));
    high = hn::GetLane(hn::MaxOfLanes(d, hi));
}

void RangeRow(const float* x, std::int64_t n, float* low, float* high)
{
    std::int64_t i = 0;
    rangePart(Wide(), x, i, n, *low, *high);
    rangePart(One(), x, i, n, *low, *high);
}

template <class D>
void absmaxColumnsPart(D d, const float* x, std::int64_t& i, std::int64_t n, float* columns)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (; i + lanes <= n; i += lanes) {
        const auto v = hn::Abs(hn::LoadU(d, x + i));
        const auto c = hn::LoadU(d, columns + i);
        hn::StoreU(hn::IfThenElse(hn::Gt(v, c), v, c), d, columns + i);
    }
}

void AbsmaxColumns(const float* x, std::int64_t n, float* columns)
{
    std::int64_t i = 0;
    absmaxColumnsPart(Wide(), x, i, n, columns);
    absmaxColumnsPart(One(), x, i, n, columns);
}

/// x held in [lo, hi]. Compared, so that NaN stays NaN on every processor: Min and Max give the other operand on some.
template <class V>
V held(V x, V lo, V hi)
{
    const V most = hn::IfThenElse(hn::Gt(x, hi), hi, x);
    return hn::IfThenElse(hn::Lt(most, lo), lo, most);
}

template <class V>
V roundClamp(V x, V scale, V lo, V hi)
{
    return hn::Mul(held(hn::Round(hn::Div(x, scale)), lo, hi), scale);
}

template <class D>
void fakePart(D d, const float* x, std::int64_t& i, std::int64_t n, float row, const float* column, float qmin, float qmax, float* out)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto lo = hn::Set(d, qmin), hi = hn::Set(d, qmax), s = hn::Set(d, row);
    if (column == nullptr) {
        for (; i + lanes <= n; i += lanes)
            hn::StoreU(roundClamp(hn::LoadU(d, x + i), s, lo, hi), d, out + i);
    } else {
        for (; i + lanes <= n; i += lanes)
            hn::StoreU(roundClamp(hn::LoadU(d, x + i), hn::Mul(s, hn::LoadU(d, column + i)), lo, hi), d, out + i);
    }
}

void FakeRow(const float* x, std::int64_t n, float row, const float* column, float qmin, float qmax, float* out)
{
    std::int64_t i = 0;
    fakePart(Wide(), x, i, n, row, column, qmin, qmax, out);
    fakePart(One(), x, i, n, row, column, qmin, qmax, out);
}

/// `scale` and `zero` advance with the columns when perColumn.
template <class D>
void affinePart(D d, const float* x, std::int64_t& i, std::int64_t n, const float* scale, const float* zero, bool perColumn, float qmax,
                float* out)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto lo = hn::Zero(d), hi = hn::Set(d, qmax);
    for (; i + lanes <= n; i += lanes) {
        const auto s = perColumn ? hn::LoadU(d, scale + i) : hn::Set(d, *scale);
        const auto z = perColumn ? hn::LoadU(d, zero + i) : hn::Set(d, *zero);
        const auto q = hn::Add(hn::Round(hn::Div(hn::LoadU(d, x + i), s)), z);
        hn::StoreU(hn::Mul(hn::Sub(held(q, lo, hi), z), s), d, out + i);
    }
}

void AffineRow(const float* x, std::int64_t n, const float* scale, const float* zero, bool perColumn, float qmax, float* out)
{
    std::int64_t i = 0;
    affinePart(Wide(), x, i, n, scale, zero, perColumn, qmax, out);
    affinePart(One(), x, i, n, scale, zero, perColumn, qmax, out);
}

// round(x / s) = 0  ⇔  |x| ≤ s/2: s/2 is exact, and no float lies between s/2 and the largest value whose quotient rounds to 1/2.
// |round(x / s)| > qmax  ⇔  |x| ≥ s·(qmax + 1/2), qmax being odd.
template <class D>
void countPart(D d, const float* x, std::int64_t& i, std::int64_t n, float row, const float* column, float limit, std::int64_t& zero,
               std::int64_t& clipped)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto s = hn::Set(d, row), half = hn::Set(d, 0.5f), most = hn::Set(d, limit);
    std::size_t zeros = 0, clips = 0;
    if (column == nullptr) {
        const auto low = hn::Mul(s, half), high = hn::Mul(s, most);
        for (; i + lanes <= n; i += lanes) {
            const auto v = hn::Abs(hn::LoadU(d, x + i));
            zeros += hn::CountTrue(d, hn::Le(v, low));
            clips += hn::CountTrue(d, hn::Ge(v, high));
        }
    } else {
        for (; i + lanes <= n; i += lanes) {
            const auto v = hn::Abs(hn::LoadU(d, x + i));
            const auto scale = hn::Mul(s, hn::LoadU(d, column + i));
            zeros += hn::CountTrue(d, hn::Le(v, hn::Mul(scale, half)));
            clips += hn::CountTrue(d, hn::Ge(v, hn::Mul(scale, most)));
        }
    }
    zero += static_cast<std::int64_t>(zeros);
    clipped += static_cast<std::int64_t>(clips);
}

void CountRow(const float* x, std::int64_t n, float row, const float* column, float limit, std::int64_t* zero, std::int64_t* clipped)
{
    std::int64_t i = 0;
    countPart(Wide(), x, i, n, row, column, limit, *zero, *clipped);
    countPart(One(), x, i, n, row, column, limit, *zero, *clipped);
}

template <class D>
std::int64_t exactZerosPart(D d, const float* x, std::int64_t& i, std::int64_t n)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    std::size_t zeros = 0;
    for (; i + lanes <= n; i += lanes)
        zeros += hn::CountTrue(d, hn::Eq(hn::LoadU(d, x + i), hn::Zero(d)));
    return static_cast<std::int64_t>(zeros);
}

std::int64_t ExactZeros(const float* x, std::int64_t n)
{
    std::int64_t i = 0;
    const std::int64_t zeros = exactZerosPart(Wide(), x, i, n);
    return zeros + exactZerosPart(One(), x, i, n);
}

} // namespace halftone::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "core/quant/kernels.h"

#include "core/base/error.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

namespace halftone {

void KernelCounts::add(const KernelCounts& other)
{
    elements += other.elements;
    zero += other.zero;
    lost += other.lost;
    clipped += other.clipped;
}

} // namespace halftone

namespace halftone::kernels {
namespace {

HWY_EXPORT(AbsmaxRow);
HWY_EXPORT(RangeRow);
HWY_EXPORT(AbsmaxColumns);
HWY_EXPORT(FakeRow);
HWY_EXPORT(AffineRow);
HWY_EXPORT(CountRow);
HWY_EXPORT(ExactZeros);

void require(bool condition, const char* what)
{
    if (!condition)
        throw Error(ErrorKind::InvalidArgument, std::string("kernel called with ") + what);
}

void requireMatrix(std::span<const float> x, std::int64_t rows, std::int64_t columns)
{
    require(rows >= 0 && columns >= 0 && static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(columns) == x.size(),
            "a matrix whose size is not rows × columns");
}

void requireScales(std::int64_t rows, std::int64_t columns, std::span<const float> row, std::span<const float> column)
{
    require(row.empty() || row.size() == static_cast<std::size_t>(rows), "row scales whose number is not the number of rows");
    require(column.empty() || column.size() == static_cast<std::size_t>(columns), "column scales whose number is not the number of columns");
}

/// Rows a thread should take at least, so that handing out work costs little.
std::int64_t grain(std::int64_t columns)
{
    return std::max<std::int64_t>(1, 32768 / std::max<std::int64_t>(1, columns));
}

} // namespace

void absmax(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<float> rowAbsmax, std::span<float> columnAbsmax)
{
    requireMatrix(x, rows, columns);
    requireScales(rows, columns, rowAbsmax, columnAbsmax);
    const auto rowOf = HWY_DYNAMIC_DISPATCH(AbsmaxRow);
    const auto columnsOf = HWY_DYNAMIC_DISPATCH(AbsmaxColumns);
    std::mutex merging;
    at::parallel_for(0, rows, grain(columns), [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> local(columnAbsmax.size(), 0.0f);
        for (std::int64_t i = begin; i < end; ++i) {
            const float* row = x.data() + i * columns;
            if (!rowAbsmax.empty())
                rowAbsmax[static_cast<std::size_t>(i)] = rowOf(row, columns);
            if (!local.empty())
                columnsOf(row, columns, local.data());
        }
        if (!local.empty()) {
            const std::lock_guard lock(merging);
            columnsOf(local.data(), columns, columnAbsmax.data());
        }
    });
}

void rowRanges(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<float> rowMin, std::span<float> rowMax)
{
    requireMatrix(x, rows, columns);
    require(columns > 0 || rows == 0, "rows without elements");
    require(rowMin.size() == static_cast<std::size_t>(rows) && rowMax.size() == rowMin.size(), "outputs whose number is not the number of rows");
    const auto rangeOf = HWY_DYNAMIC_DISPATCH(RangeRow);
    at::parallel_for(0, rows, grain(columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const float* row = x.data() + i * columns;
            float low = std::numeric_limits<float>::infinity(), high = -low;
            rangeOf(row, columns, &low, &high);
            rowMin[static_cast<std::size_t>(i)] = low;
            rowMax[static_cast<std::size_t>(i)] = high;
        }
    });
}

void fakeQuantize(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<const float> rowScale,
                  std::span<const float> columnScale, int qmin, int qmax, std::span<float> out)
{
    requireMatrix(x, rows, columns);
    requireScales(rows, columns, rowScale, columnScale);
    require(out.size() == x.size(), "an output of another size");
    const auto fake = HWY_DYNAMIC_DISPATCH(FakeRow);
    at::parallel_for(0, rows, grain(columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            fake(x.data() + i * columns, columns, rowScale.empty() ? 1.0f : rowScale[static_cast<std::size_t>(i)],
                 columnScale.empty() ? nullptr : columnScale.data(), static_cast<float>(qmin), static_cast<float>(qmax), out.data() + i * columns);
    });
}

void fakeQuantizePerToken(std::span<const float> x, std::int64_t rows, std::int64_t columns, int qmax, float floor, std::span<float> out)
{
    requireMatrix(x, rows, columns);
    require(out.size() == x.size(), "an output of another size");
    const auto absmaxOf = HWY_DYNAMIC_DISPATCH(AbsmaxRow);
    const auto fake = HWY_DYNAMIC_DISPATCH(FakeRow);
    const auto limit = static_cast<float>(qmax);
    at::parallel_for(0, rows, grain(columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const float* row = x.data() + i * columns;
            fake(row, columns, std::max(absmaxOf(row, columns), floor) / limit, nullptr, -limit - 1, limit, out.data() + i * columns);
        }
    });
}

void fakeQuantizeAffine(std::span<const float> x, std::int64_t rows, std::int64_t columns, const AffineScales& scales, int qmax,
                        std::span<float> out)
{
    requireMatrix(x, rows, columns);
    require(out.size() == x.size(), "an output of another size");
    const std::size_t count = scales.scale.size();
    require(scales.zero.size() == count && (count == static_cast<std::size_t>(scales.perColumn ? columns : rows) || (count == 1 && !scales.perColumn)),
            "scales whose number fits neither rows nor columns");
    const auto affine = HWY_DYNAMIC_DISPATCH(AffineRow);
    at::parallel_for(0, rows, grain(columns), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const std::size_t k = scales.perColumn || count == 1 ? 0 : static_cast<std::size_t>(i);
            affine(x.data() + i * columns, columns, scales.scale.data() + k, scales.zero.data() + k, scales.perColumn, static_cast<float>(qmax),
                   out.data() + i * columns);
        }
    });
}

void fakeQuantizeHeads(float* x, const HeadLayout& layout, bool perHead, int bits, bool symmetric, float floor)
{
    require(layout.heads > 0 && layout.headDim > 0, "heads without elements");
    const auto absmaxOf = HWY_DYNAMIC_DISPATCH(AbsmaxRow);
    const auto rangeOf = HWY_DYNAMIC_DISPATCH(RangeRow);
    const auto fake = HWY_DYNAMIC_DISPATCH(FakeRow);
    const auto affine = HWY_DYNAMIC_DISPATCH(AffineRow);
    const bool adjacent = layout.headStride == layout.headDim;
    // What shares a scale lies in `runs` runs of `length` floats; a token has `groups` of them.
    const std::int64_t groups = perHead ? layout.heads : 1;
    const std::int64_t runs = perHead || adjacent ? 1 : layout.heads;
    const std::int64_t length = !perHead && adjacent ? layout.heads * layout.headDim : layout.headDim;
    const auto qmax = static_cast<float>((1 << (bits - 1)) - 1);
    const auto steps = static_cast<float>((1 << bits) - 1);
    const auto roundGroup = [&](float* first) {
        if (symmetric) {
            float most = 0;
            for (std::int64_t r = 0; r < runs; ++r)
                most = std::max(most, absmaxOf(first + r * layout.headStride, length));
            const float scale = std::max(most, floor) / qmax;
            for (std::int64_t r = 0; r < runs; ++r)
                fake(first + r * layout.headStride, length, scale, nullptr, -qmax - 1, qmax, first + r * layout.headStride);
            return;
        }
        float low = 0, high = 0;
        for (std::int64_t r = 0; r < runs; ++r)
            rangeOf(first + r * layout.headStride, length, &low, &high);
        const float scale = std::max(high - low, floor) / steps;
        const float zero = std::clamp(std::nearbyint(-low / scale), 0.0f, steps);
        for (std::int64_t r = 0; r < runs; ++r)
            affine(first + r * layout.headStride, length, &scale, &zero, false, steps, first + r * layout.headStride);
    };
    at::parallel_for(0, layout.batch * layout.tokens, grain(layout.heads * layout.headDim), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* token = x + i / layout.tokens * layout.batchStride + i % layout.tokens * layout.tokenStride;
            for (std::int64_t g = 0; g < groups; ++g)
                roundGroup(token + g * layout.headStride);
        }
    });
}

void countKernels(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<const SchemeScales> schemes, int qmax,
                  std::span<KernelCounts> counts)
{
    requireMatrix(x, rows, columns);
    require(counts.size() == schemes.size(), "as many counters as grids");
    require(qmax % 2 == 1, "an even largest code");
    for (const SchemeScales& scheme : schemes)
        requireScales(rows, columns, scheme.row, scheme.column);
    const auto countOf = HWY_DYNAMIC_DISPATCH(CountRow);
    const auto zerosOf = HWY_DYNAMIC_DISPATCH(ExactZeros);
    const float limit = static_cast<float>(qmax) + 0.5f;
    std::mutex merging;
    at::parallel_for(0, rows, grain(columns), [&](std::int64_t begin, std::int64_t end) {
        std::vector<KernelCounts> local(schemes.size());
        std::int64_t exact = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            const float* row = x.data() + i * columns;
            exact += zerosOf(row, columns);
            for (std::size_t k = 0; k < schemes.size(); ++k)
                countOf(row, columns, schemes[k].row.empty() ? 1.0f : schemes[k].row[static_cast<std::size_t>(i)],
                        schemes[k].column.empty() ? nullptr : schemes[k].column.data(), limit, &local[k].zero, &local[k].clipped);
        }
        const std::lock_guard lock(merging);
        for (std::size_t k = 0; k < schemes.size(); ++k) {
            local[k].elements = (end - begin) * columns;
            local[k].lost = local[k].zero - exact;   // a true zero has code zero under every grid
            counts[k].add(local[k]);
        }
    });
}

KernelCounts countKernel(std::span<const float> x, std::int64_t rows, std::int64_t columns, std::span<const float> rowScale,
                         std::span<const float> columnScale, int qmax)
{
    KernelCounts counts;
    const SchemeScales scheme{rowScale, columnScale};
    countKernels(x, rows, columns, {&scheme, 1}, qmax, {&counts, 1});
    return counts;
}

const char* instructionSet()
{
    return hwy::TargetName(static_cast<std::int64_t>(hwy::SupportedTargets() & -hwy::SupportedTargets()));
}

} // namespace halftone::kernels
#endif // HWY_ONCE
