#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/methods/gptq_kernel.cpp"
#include <hwy/foreach_target.h>
// clang-format off: highway.h must follow foreach_target.h
#include <hwy/highway.h>
// clang-format on
#include "core/methods/gptq_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace halftone::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;   // divides the tile's width

/// Four vectors of rows at once hide the latency of the multiply-adds.
template <class D, class V>
void subtractErrors(D d, const GptqTile& tile, std::int64_t column, std::int64_t first, std::int64_t last, std::int64_t row, V& a, V& b, V& c, V& e)
{
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const float* factor = tile.factor + column * tile.factorStride;
    for (std::int64_t k = first; k < last; ++k) {
        const auto u = hn::Set(d, factor[k]);
        const float* error = tile.error + k * kGptqTile + row;
        a = hn::NegMulAdd(u, hn::LoadU(d, error), a);
        b = hn::NegMulAdd(u, hn::LoadU(d, error + lanes), b);
        c = hn::NegMulAdd(u, hn::LoadU(d, error + 2 * lanes), c);
        e = hn::NegMulAdd(u, hn::LoadU(d, error + 3 * lanes), e);
    }
}

void Update(const GptqTile& tile, std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last)
{
    const Tag d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (std::int64_t j = begin; j < end; ++j)
        for (std::int64_t row = 0; row < kGptqTile; row += 4 * lanes) {
            float* w = tile.weight + j * tile.stride + row;
            auto a = hn::LoadU(d, w), b = hn::LoadU(d, w + lanes), c = hn::LoadU(d, w + 2 * lanes), e = hn::LoadU(d, w + 3 * lanes);
            subtractErrors(d, tile, j, first, last, row, a, b, c, e);
            hn::StoreU(a, d, w);
            hn::StoreU(b, d, w + lanes);
            hn::StoreU(c, d, w + 2 * lanes);
            hn::StoreU(e, d, w + 3 * lanes);
        }
}

template <class D, class V>
void roundOne(D d, const GptqTile& tile, std::int64_t column, std::int64_t row, V w)
{
    const hn::Rebind<std::int32_t, D> d32;
    const hn::Rebind<std::int8_t, D> d8;
    const auto s = hn::LoadU(d, tile.scale[column] + row), z = hn::LoadU(d, tile.zero[column] + row);
    const auto free = hn::Add(hn::Round(hn::Div(w, s)), z);
    const auto q = hn::Min(hn::Max(hn::IfThenElse(hn::Eq(free, free), free, z), hn::Set(d, tile.qmin)), hn::Set(d, tile.qmax));
    const auto rounded = hn::Mul(hn::Sub(q, z), s);
    const auto pivot = hn::Set(d, tile.factor[column * tile.factorStride + column]);
    hn::StoreU(hn::Div(hn::Sub(w, rounded), pivot), d, tile.error + column * kGptqTile + row);
    hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(d32, hn::Sub(q, hn::Set(d, tile.codeOffset)))), d8, tile.codes + column * tile.stride + row);
}

void Solve(const GptqTile& tile, std::int64_t begin, std::int64_t end, std::int64_t first)
{
    const Tag d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (std::int64_t row = 0; row < kGptqTile; row += 4 * lanes)
        for (std::int64_t j = begin; j < end; ++j) {
            const float* w = tile.weight + j * tile.stride + row;
            auto a = hn::LoadU(d, w), b = hn::LoadU(d, w + lanes), c = hn::LoadU(d, w + 2 * lanes), e = hn::LoadU(d, w + 3 * lanes);
            subtractErrors(d, tile, j, first, j, row, a, b, c, e);
            roundOne(d, tile, j, row, a);
            roundOne(d, tile, j, row + lanes, b);
            roundOne(d, tile, j, row + 2 * lanes, c);
            roundOne(d, tile, j, row + 3 * lanes, e);
        }
}

} // namespace halftone::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halftone::kernels {
namespace {
HWY_EXPORT(Update);
HWY_EXPORT(Solve);
} // namespace

void gptqUpdate(const GptqTile& tile, std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last)
{
    HWY_DYNAMIC_DISPATCH(Update)(tile, begin, end, first, last);
}

void gptqSolve(const GptqTile& tile, std::int64_t begin, std::int64_t end, std::int64_t first)
{
    HWY_DYNAMIC_DISPATCH(Solve)(tile, begin, end, first);
}

} // namespace halftone::kernels
#endif // HWY_ONCE
