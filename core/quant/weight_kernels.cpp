#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/quant/weight_kernels.cpp"
#include <hwy/foreach_target.h>
// clang-format off: highway.h must follow foreach_target.h
#include <hwy/highway.h>
// clang-format on
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace halftone::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Wide = hn::ScalableTag<float>;
using One = hn::CappedTag<float, 1>;

template <class D>
bool groupRangePart(D d, const float* w, std::int64_t& i, std::int64_t n, float& low, float& high)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    auto lo = hn::Set(d, low), hi = hn::Set(d, high);
    auto difference = hn::Zero(d);   // x − x is 0 for finite x, NaN otherwise; sums of them stay NaN
    for (; i + lanes <= n; i += lanes) {
        const auto v = hn::LoadU(d, w + i);
        lo = hn::Min(v, lo);
        hi = hn::Max(v, hi);
        difference = hn::Add(difference, hn::Sub(v, v));
    }
    low = hn::GetLane(hn::MinOfLanes(d, lo));
    high = hn::GetLane(hn::MaxOfLanes(d, hi));
    return hn::AllTrue(d, hn::Eq(difference, hn::Zero(d)));
}

bool GroupRanges(const float* w, std::int64_t columns, std::int64_t group, float* low, float* high)
{
    bool finite = true;
    for (std::int64_t g = 0, begin = 0; begin < columns; ++g, begin += group) {
        const std::int64_t n = begin + group < columns ? group : columns - begin;
        float lo = w[begin], hi = w[begin];
        std::int64_t i = 0;
        finite &= groupRangePart(Wide(), w + begin, i, n, lo, hi);
        finite &= groupRangePart(One(), w + begin, i, n, lo, hi);
        low[g] = lo;
        high[g] = hi;
    }
    return finite;
}

template <class D, class T>
bool roundPart(D d, const float* w, std::int64_t& i, std::int64_t n, float scale, float zero, float qmin, float qmax, T* codes)
{
    const hn::Rebind<std::int32_t, D> d32;
    const hn::Rebind<T, D> d8;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto s = hn::Set(d, scale), z = hn::Set(d, zero), lo = hn::Set(d, qmin), hi = hn::Set(d, qmax);
    auto difference = hn::Zero(d);
    for (; i + lanes <= n; i += lanes) {
        auto v = hn::LoadU(d, w + i);
        difference = hn::Add(difference, hn::Sub(v, v));
        v = hn::IfThenElse(hn::Eq(v, v), v, hn::Zero(d));   // what is converted to an integer is always a number in range
        const auto q = hn::Min(hn::Max(hn::Add(hn::Round(hn::Div(v, s)), z), lo), hi);
        hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(d32, q)), d8, codes + i);
    }
    return hn::AllTrue(d, hn::Eq(difference, hn::Zero(d)));
}

template <class T>
bool roundGroups(const float* w, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float qmin, float qmax,
                 T* codes)
{
    bool finite = true;
    for (std::int64_t g = 0, begin = 0; begin < columns; ++g, begin += group) {
        const std::int64_t n = begin + group < columns ? group : columns - begin;
        std::int64_t i = 0;
        const auto z = static_cast<float>(zero[g]);
        finite &= roundPart(Wide(), w + begin, i, n, scale[g], z, qmin, qmax, codes + begin);
        finite &= roundPart(One(), w + begin, i, n, scale[g], z, qmin, qmax, codes + begin);
    }
    return finite;
}

bool RoundSigned(const float* w, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float qmin, float qmax,
                 std::int8_t* codes)
{
    return roundGroups(w, columns, group, scale, zero, qmin, qmax, codes);
}

bool RoundUnsigned(const float* w, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float qmin, float qmax,
                   std::uint8_t* codes)
{
    return roundGroups(w, columns, group, scale, zero, qmin, qmax, codes);
}

/// |r|^2.4 as exp2(2.4 · log2 |r|).
template <class D, class V>
V power24(D d, V r)
{
    const hn::Rebind<std::int32_t, D> d32;
    const auto bits = hn::BitCast(d32, hn::Abs(r));
    const auto exponent = hn::ConvertTo(d, hn::Sub(hn::ShiftRight<23>(bits), hn::Set(d32, 127)));
    const auto m = hn::BitCast(d, hn::Or(hn::And(bits, hn::Set(d32, 0x007FFFFF)), hn::Set(d32, 0x3F800000)));
    auto log = hn::MulAdd(m, hn::Set(d, 0.04392863f), hn::Set(d, -0.40947559f));
    log = hn::MulAdd(m, log, hn::Set(d, 1.61017755f));
    log = hn::MulAdd(m, log, hn::Set(d, -3.52021884f));
    log = hn::MulAdd(m, log, hn::Set(d, 5.06975632f));
    log = hn::Add(exponent, hn::MulAdd(m, log, hn::Set(d, -2.79415368f)));
    const auto y = hn::Max(hn::Mul(log, hn::Set(d, 2.4f)), hn::Set(d, -126.0f));
    const auto whole = hn::Round(y);
    const auto f = hn::Sub(y, whole);
    auto p = hn::MulAdd(f, hn::Set(d, 0.00967604f), hn::Set(d, 0.05592204f));
    p = hn::MulAdd(f, p, hn::Set(d, 0.24022107f));
    p = hn::MulAdd(f, p, hn::Set(d, 0.69312103f));
    p = hn::MulAdd(f, p, hn::Set(d, 1.00000008f));
    const auto shift = hn::ShiftLeft<23>(hn::ConvertTo(d32, hn::Min(whole, hn::Set(d, 126.0f))));
    return hn::BitCast(d, hn::Add(hn::BitCast(d32, p), shift));
}

template <class D>
float clipPart(D d, const float* w, std::int64_t& i, std::int64_t n, float scale, float zero, float qmin, float qmax)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto inverse = hn::Set(d, 1.0f / scale), z = hn::Set(d, zero), lo = hn::Set(d, qmin), hi = hn::Set(d, qmax);
    auto sum = hn::Zero(d);
    for (; i + lanes <= n; i += lanes) {
        const auto x = hn::Mul(hn::LoadU(d, w + i), inverse);
        const auto q = hn::Sub(hn::Min(hn::Max(hn::Add(hn::Round(x), z), lo), hi), z);
        sum = hn::Add(sum, power24(d, hn::Sub(x, q)));
    }
    return hn::GetLane(hn::SumOfLanes(d, sum));
}

/// In units of the scale: the caller multiplies by scale^2.4.
float ClipError(const float* w, std::int64_t n, float scale, float zero, float qmin, float qmax)
{
    std::int64_t i = 0;
    const float sum = clipPart(Wide(), w, i, n, scale, zero, qmin, qmax);
    return sum + clipPart(One(), w, i, n, scale, zero, qmin, qmax);
}

template <class D>
float weightedPart(D d, const float* w, const float* importance, std::int64_t& i, std::int64_t n, float scale, float zero, float qmin, float qmax)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto inverse = hn::Set(d, 1.0f / scale), z = hn::Set(d, zero), lo = hn::Set(d, qmin), hi = hn::Set(d, qmax);
    auto sum = hn::Zero(d);
    for (; i + lanes <= n; i += lanes) {
        const auto x = hn::Mul(hn::LoadU(d, w + i), inverse);
        const auto r = hn::Sub(x, hn::Sub(hn::Min(hn::Max(hn::Add(hn::Round(x), z), lo), hi), z));
        sum = hn::MulAdd(hn::Mul(r, r), hn::LoadU(d, importance + i), sum);
    }
    return hn::GetLane(hn::SumOfLanes(d, sum));
}

/// In units of the scale: the caller multiplies by scale².
float WeightedError(const float* w, const float* importance, std::int64_t n, float scale, float zero, float qmin, float qmax)
{
    std::int64_t i = 0;
    const float sum = weightedPart(Wide(), w, importance, i, n, scale, zero, qmin, qmax);
    return sum + weightedPart(One(), w, importance, i, n, scale, zero, qmin, qmax);
}

template <class D, class T>
void dequantizePart(D d, const T* codes, std::int64_t& i, std::int64_t n, float scale, std::int32_t zero, float* out)
{
    const hn::Rebind<std::int32_t, D> d32;
    const hn::Rebind<T, D> d8;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto s = hn::Set(d, scale);
    const auto z = hn::Set(d32, zero);
    for (; i + lanes <= n; i += lanes)
        hn::StoreU(hn::Mul(hn::ConvertTo(d, hn::Sub(hn::PromoteTo(d32, hn::LoadU(d8, codes + i)), z)), s), d, out + i);
}

template <class T>
void dequantizeGroups(const T* codes, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float* out)
{
    for (std::int64_t g = 0, begin = 0; begin < columns; ++g, begin += group) {
        const std::int64_t n = begin + group < columns ? group : columns - begin;
        std::int64_t i = 0;
        dequantizePart(Wide(), codes + begin, i, n, scale[g], zero[g], out + begin);
        dequantizePart(One(), codes + begin, i, n, scale[g], zero[g], out + begin);
    }
}

void DequantizeSigned(const std::int8_t* codes, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float* out)
{
    dequantizeGroups(codes, columns, group, scale, zero, out);
}

void DequantizeUnsigned(const std::uint8_t* codes, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero,
                        float* out)
{
    dequantizeGroups(codes, columns, group, scale, zero, out);
}

} // namespace halftone::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "core/quant/weight_kernels.h"

#include <cmath>

namespace halftone::kernels {
namespace {
HWY_EXPORT(GroupRanges);
HWY_EXPORT(RoundSigned);
HWY_EXPORT(RoundUnsigned);
HWY_EXPORT(ClipError);
HWY_EXPORT(WeightedError);
HWY_EXPORT(DequantizeSigned);
HWY_EXPORT(DequantizeUnsigned);
} // namespace

bool groupRanges(const WeightRow& row, float* low, float* high)
{
    return HWY_DYNAMIC_DISPATCH(GroupRanges)(row.weight, row.columns, row.group, low, high);
}

bool roundRow(const WeightRow& row, const float* scale, const std::int32_t* zero, int qmin, int qmax, std::int8_t* codes)
{
    return HWY_DYNAMIC_DISPATCH(RoundSigned)(row.weight, row.columns, row.group, scale, zero, static_cast<float>(qmin), static_cast<float>(qmax),
                                             codes);
}

bool roundRow(const WeightRow& row, const float* scale, const std::int32_t* zero, int qmin, int qmax, std::uint8_t* codes)
{
    return HWY_DYNAMIC_DISPATCH(RoundUnsigned)(row.weight, row.columns, row.group, scale, zero, static_cast<float>(qmin),
                                               static_cast<float>(qmax), codes);
}

float clipError(const float* weight, std::int64_t n, float scale, float zero, float qmin, float qmax)
{
    return HWY_DYNAMIC_DISPATCH(ClipError)(weight, n, scale, zero, qmin, qmax) * std::pow(scale, 2.4f);
}

float weightedError(const float* weight, const float* importance, std::int64_t n, float scale, float zero, float qmin, float qmax)
{
    return HWY_DYNAMIC_DISPATCH(WeightedError)(weight, importance, n, scale, zero, qmin, qmax) * scale * scale;
}

void dequantizeRow(const std::int8_t* codes, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float* out)
{
    HWY_DYNAMIC_DISPATCH(DequantizeSigned)(codes, columns, group, scale, zero, out);
}

void dequantizeRow(const std::uint8_t* codes, std::int64_t columns, std::int64_t group, const float* scale, const std::int32_t* zero, float* out)
{
    HWY_DYNAMIC_DISPATCH(DequantizeUnsigned)(codes, columns, group, scale, zero, out);
}

} // namespace halftone::kernels
#endif // HWY_ONCE
