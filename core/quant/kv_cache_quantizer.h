#pragma once

#include "core/quant/activation_quantizer.h"
#include "core/quant/kv_cache_grid.h"

#include <ATen/core/Tensor.h>

#include <memory>

namespace halftone {

/// Rounds keys, values and queries x [batch, tokens, heads, headDim] as a KV-cache grid says: ranges, scales and codes are those of a per_token
/// activation grid, over a token's heads together or over each head. Immutable, thread-safe.
class KvCacheQuantizer {
public:
    enum class Steps { Own, Served };   ///< Served: as compressed-tensors computes them (ServedQuantizer)
    /// @throws Error{InvalidArgument} for impossible bits.
    explicit KvCacheQuantizer(const KvCacheGrid& grid, Steps steps = Steps::Own);

    const KvCacheGrid& grid() const { return m_grid; }
    /// In one pass over memory and in x's own where x is float32 on the CPU with the elements of a head adjacent (views of a fused projection
    /// included) and the steps are our own; otherwise in a new tensor. NaN stays NaN.
    at::Tensor apply(at::Tensor x) const;
    /// The same operator by operator in ATen, always in a new tensor.
    at::Tensor applyPlain(const at::Tensor& x) const;

private:
    KvCacheGrid m_grid;
    Steps m_steps;
    std::unique_ptr<const ActivationQuantizer> m_rows;
};

/// Null where the grid leaves the block's cache float.
std::shared_ptr<const KvCacheQuantizer> kvCacheOfBlock(const KvCacheGrid& grid, int block);

} // namespace halftone
