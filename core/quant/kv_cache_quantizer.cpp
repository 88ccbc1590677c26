#include "core/quant/kv_cache_quantizer.h"

#include "core/base/error.h"
#include "core/quant/kernels.h"
#include "core/quant/served_quantizer.h"

#include <ATen/ATen.h>

namespace halftone {
namespace {

void check(const at::Tensor& x)
{
    if (x.dim() != 4)
        throw Error(ErrorKind::InvalidArgument, "a KV-cache grid is applied to [batch, tokens, heads, headDim], not to a tensor of " +
                    std::to_string(x.dim()) + " dimensions", "kv_cache");
}

} // namespace

KvCacheQuantizer::KvCacheQuantizer(const KvCacheGrid& grid, Steps steps) : m_grid(grid), m_steps(steps)
{
    validate(grid);
    if (!grid.quantized())
        return;
    m_rows = steps == Steps::Served ? std::make_unique<const ServedQuantizer>(grid.bits, grid.symmetric)
                                    : std::make_unique<const ActivationQuantizer>(ActivationGrid{ActivationScheme::PerToken, grid.bits, grid.symmetric, 0}, ActivationRanges{});
}

at::Tensor KvCacheQuantizer::apply(at::Tensor x) const
{
    check(x);
    if (!m_rows || x.numel() == 0)
        return x;
    if (m_steps == Steps::Served || !x.is_cpu() || x.scalar_type() != at::kFloat || x.stride(3) != 1)
        return applyPlain(x);
    kernels::fakeQuantizeHeads(x.mutable_data_ptr<float>(), {x.size(0), x.size(1), x.size(2), x.size(3), x.stride(0), x.stride(1), x.stride(2)},
                               m_grid.scheme == KvCacheGrid::Scheme::PerTokenHead, m_grid.bits, m_grid.symmetric, kAbsmaxFloor);
    return x;
}

at::Tensor KvCacheQuantizer::applyPlain(const at::Tensor& x) const
{
    check(x);
    if (!m_rows || x.numel() == 0)
        return x;
    const std::int64_t width = m_grid.scheme == KvCacheGrid::Scheme::PerTokenHead ? x.size(3) : x.size(2) * x.size(3);
    return m_rows->applyPlain(x.reshape({-1, width})).view(x.sizes());
}

std::shared_ptr<const KvCacheQuantizer> kvCacheOfBlock(const KvCacheGrid& grid, int block)
{
    const KvCacheGrid here = grid.ofBlock(block);
    return here.quantized() ? std::make_shared<const KvCacheQuantizer>(here) : nullptr;
}

} // namespace halftone
