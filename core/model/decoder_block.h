#pragma once

#include "core/model/model_info.h"
#include "core/quant/activation_quantizer.h"
#include "core/quant/kv_cache_quantizer.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace halftone {

/// Sees each site's activation while a block runs: x [batch, tokens, channels], before any activation grid.
class SiteObserver {
public:
    virtual ~SiteObserver() = default;
    virtual void site(SiteKind kind, const at::Tensor& x) = 0;
};

/// A linear with its weight in memory; `input` (may be null) is the activation grid applied to what it reads.
struct Linear {
    LinearInfo info;
    at::Tensor weight;   ///< float32 [out, in]
    at::Tensor bias;     ///< float32 [out] or undefined
    std::shared_ptr<const ActivationQuantizer> input;
};

struct Norm {
    at::Tensor weight;   ///< float32 [hidden]
    at::Tensor bias;     ///< undefined for RMSNorm
    std::string name = {};   ///< Hugging Face module
};

/// How a block computes its norms, rotations and activations: in one fused pass each, or operator by operator as transformers' LLaMA modules do,
/// so that with the same LibTorch, threads and matrix products every bit is theirs (three times the work outside the matrix products).
enum class Arithmetic { Fused, Plain };

class DecoderBlock;

/// How far a forward through a block has come. All float32, contiguous, [batch, tokens, …].
struct BlockState {
    at::Tensor hidden;   ///< the residual stream
    at::Tensor carry;    ///< a site's activation that linears have yet to read; undefined where the next is made from `hidden`
};

/// A site of a block and the step that reads it. A block's forward is its stages, one after the other.
struct Stage {
    SiteKind site;
    std::string_view work;   ///< "attention": what the linears of the site do there, for people
    /// The site's activation.
    at::Tensor (*activation)(const DecoderBlock&, const BlockState&);
    /// What the linears that read the site, and all up to the next, make of `x`, the site's activation.
    BlockState (*advance)(const DecoderBlock&, const BlockState&, const at::Tensor& x);
};

/// One decoder layer: attention + MLP, a function of hidden states [batch, tokens, hidden].
class DecoderBlock {
public:
    DecoderBlock(std::shared_ptr<const ModelConfig> config, int index);

    /// hidden float32 [batch, tokens, hidden], positions 0…tokens−1, causal. `observer` may be null.
    at::Tensor forward(const at::Tensor& hidden, SiteObserver* observer = nullptr) const;

    /// The stages that forward() is made of, in their order. The quantizing driver walks them one by one over the stream, so that each linear is rounded
    /// on what the already quantized ones before it produce ("true sequential") at the price of a single forward.
    std::span<const Stage> stages() const;
    /// The residual stream behind one half of the block, from the one before it.
    at::Tensor half(BlockHalf half, const at::Tensor& hidden) const;
    /// A site's activation, from the residual stream before its half. @throws Error{Internal} when the block has no such site.
    at::Tensor activation(SiteKind site, const at::Tensor& hidden) const;

    // What the stages compute. All float32, contiguous, [batch, tokens, …].
    at::Tensor attentionInput(const at::Tensor& hidden) const;                               ///< site attn_in: the norm (or hidden itself, post-norm)
    at::Tensor attentionOutput(const at::Tensor& attentionIn) const;                         ///< site attn_out: q, k, v and attention
    at::Tensor afterAttention(const at::Tensor& hidden, const at::Tensor& attentionIn, const at::Tensor& attentionOut) const;  ///< output projection + residual
    at::Tensor mlpInput(const at::Tensor& hidden) const;                                     ///< site mlp_in
    at::Tensor mlpMiddle(const at::Tensor& mlpIn) const;                                     ///< site mlp_mid: gate, up, activation
    at::Tensor afterMlp(const at::Tensor& hidden, const at::Tensor& mlpIn, const at::Tensor& mlpMid) const;  ///< down projection + residual

    int index() const { return m_index; }
    const ModelConfig& config() const { return *m_config; }
    /// In the order of the model's linears() of this block.
    std::vector<Linear>& linears() { return m_linears; }
    const std::vector<Linear>& linears() const { return m_linears; }
    /// By full or short name. @throws Error{InvalidArgument} when the block has no such linear.
    Linear& linear(std::string_view name);
    /// @throws Error{Internal} when the block has no linear of that role.
    Linear& linear(LinearRole role) { return m_linears[indexOf(role)]; }
    const Linear& linear(LinearRole role) const { return m_linears[indexOf(role)]; }
    std::size_t indexOf(LinearRole role) const;
    /// The norm that a half of the block begins with (before the residual sum, where the block norms first).
    Norm& norm(BlockHalf half) { return half == BlockHalf::Attention ? attentionNorm : mlpNorm; }
    const Norm& norm(BlockHalf half) const { return half == BlockHalf::Attention ? attentionNorm : mlpNorm; }
    /// A weight or bias by its Hugging Face name, a linear's or a norm's; null when the block has none of that name.
    at::Tensor* tensor(std::string_view name);
    Norm attentionNorm, mlpNorm, queryNorm, keyNorm;
    Arithmetic arithmetic = Arithmetic::Fused;
    /// How attention sees keys and values (and queries, where the grid says so): rounded as a cache would hold them. Keys after their own norm,
    /// where the model has one. A recorded graph sees the rounding as the identity.
    std::shared_ptr<const KvCacheQuantizer> kvCache;   ///< null: float

    /// Moves weights and norms to a device.
    void moveTo(const at::Device& device);

private:
    at::Tensor cached(at::Tensor x) const;
    /// x through the linears `first`, `second`, … of one site; their shared activation grid is applied once.
    class SiteInput;

    std::shared_ptr<const ModelConfig> m_config;
    int m_index;
    std::vector<Linear> m_linears;
};

} // namespace halftone
