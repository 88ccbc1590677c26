#include "core/model/decoder_block.h"

#include "core/algebra/product.h"
#include "core/base/error.h"
#include "core/model/attention.h"
#include "core/model/block_kernels.h"
#include "core/quant/recorded_rounding.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>

namespace halftone {

/// What the linears of one site read: the activation itself, or its rounding, computed once per distinct quantizer.
class DecoderBlock::SiteInput {
public:
    SiteInput(const at::Tensor& x, Arithmetic arithmetic) : m_x(x), m_arithmetic(arithmetic) {}

    at::Tensor through(const Linear& linear)
    {
        const at::Tensor& x = rounded(linear.input.get());
        return m_arithmetic == Arithmetic::Plain ? at::linear(x, linear.weight, linear.bias) : halftone::linear(x, linear.weight, linear.bias);
    }

private:
    const at::Tensor& rounded(const ActivationQuantizer* quantizer)
    {
        if (!quantizer)
            return m_x;
        if (quantizer != m_last) {
            m_rounded = kernels::recorded(m_x) ? recordedRoundingOf(*quantizer)
                : m_arithmetic == Arithmetic::Plain  ? quantizer->applyPlain(m_x.contiguous())
                                                     : quantizer->apply(m_x.contiguous());
            m_last = quantizer;
        }
        return m_rounded;
    }

    /// A recorded graph sees rounding as the identity (straight-through estimator), and the scale where it follows the token.
    at::Tensor recordedRoundingOf(const ActivationQuantizer& quantizer) const
    {
        const at::Tensor x = m_x.detach(), rounded = quantizer.apply(x.contiguous());
        return quantizer.grid().scheme == ActivationScheme::PerToken && x.numel() > 0
            ? recordedRounding(m_x, rounded, quantizer.grid().bits, quantizer.grid().symmetric) : m_x + (rounded - x);
    }

    const at::Tensor& m_x;
    Arithmetic m_arithmetic;
    at::Tensor m_rounded;
    const ActivationQuantizer* m_last = nullptr;
};

DecoderBlock::DecoderBlock(std::shared_ptr<const ModelConfig> config, int index) : m_config(std::move(config)), m_index(index) {}

std::size_t DecoderBlock::indexOf(LinearRole role) const
{
    const auto place = std::find_if(m_linears.begin(), m_linears.end(), [role](const Linear& linear) { return linear.info.role == role; });
    if (place == m_linears.end())
        throw Error(ErrorKind::Internal, "block " + std::to_string(m_index) + " has no linear of role " + std::to_string(static_cast<int>(role)));
    return static_cast<std::size_t>(place - m_linears.begin());
}

Linear& DecoderBlock::linear(std::string_view name)
{
    for (Linear& linear : m_linears)
        if (linear.info.name == name || linear.info.shortName() == name)
            return linear;
    throw Error(ErrorKind::InvalidArgument, "block " + std::to_string(m_index) + " has no linear \"" + std::string(name) + "\"", std::string(name));
}

at::Tensor* DecoderBlock::tensor(std::string_view name)
{
    const auto of = [name](const std::string& module, at::Tensor& weight, at::Tensor& bias) -> at::Tensor* {
        if (module.empty() || !name.starts_with(module))
            return nullptr;
        const std::string_view rest = name.substr(module.size());
        at::Tensor* found = rest == ".weight" ? &weight : rest == ".bias" ? &bias : nullptr;
        return found && found->defined() ? found : nullptr;
    };
    for (Linear& linear : m_linears)
        if (at::Tensor* found = of(linear.info.name, linear.weight, linear.bias))
            return found;
    for (Norm* norm : {&attentionNorm, &mlpNorm, &queryNorm, &keyNorm})
        if (at::Tensor* found = of(norm->name, norm->weight, norm->bias))
            return found;
    return nullptr;
}

void DecoderBlock::moveTo(const at::Device& device)
{
    const auto move = [&](at::Tensor& x) {
        if (x.defined())
            x = x.to(device);
    };
    for (Linear& linear : m_linears) {
        move(linear.weight);
        move(linear.bias);
    }
    for (Norm* norm : {&attentionNorm, &mlpNorm, &queryNorm, &keyNorm}) {
        move(norm->weight);
        move(norm->bias);
    }
}

/// x [batch, tokens, heads, headDim] as the cache's grid leaves it; may overwrite x.
at::Tensor DecoderBlock::cached(at::Tensor x) const
{
    if (kernels::recorded(x))
        return x + (kvCache->applyPlain(x.detach()) - x.detach());
    return arithmetic == Arithmetic::Plain ? kvCache->applyPlain(x) : kvCache->apply(std::move(x));
}

at::Tensor DecoderBlock::attentionInput(const at::Tensor& hidden) const
{
    return m_config->preNorm ? kernels::normalize(hidden, attentionNorm, m_config->norm, m_config->normEpsilon, arithmetic) : hidden;
}

at::Tensor DecoderBlock::attentionOutput(const at::Tensor& attentionIn) const
{
    const ModelConfig& config = *m_config;
    const std::int64_t batch = attentionIn.size(0);
    const std::int64_t tokens = attentionIn.size(1);
    SiteInput input(attentionIn, arithmetic);
    at::Tensor q;
    at::Tensor k;
    at::Tensor v;
    if (config.fusedQkv) {   // rows are [heads, (q, k, v), headDim]
        const at::Tensor all = input.through(linear(LinearRole::FusedQkv)).view({batch, tokens, config.heads, 3, config.headDim});
        q = all.select(3, 0);
        k = all.select(3, 1);
        v = all.select(3, 2);
    } else {
        q = input.through(linear(LinearRole::Query)).view({batch, tokens, config.heads, config.headDim});
        k = input.through(linear(LinearRole::Key)).view({batch, tokens, config.kvHeads, config.headDim});
        v = input.through(linear(LinearRole::Value)).view({batch, tokens, config.kvHeads, config.headDim});
    }
    if (config.queryKeyNorm) {
        q = kernels::normalize(q, queryNorm, NormKind::Rms, config.normEpsilon, arithmetic);
        k = kernels::normalize(k, keyNorm, NormKind::Rms, config.normEpsilon, arithmetic);
    }
    const auto roundKeys = [&](KvCacheGrid::Position position) {
        if (!kvCache || kvCache->grid().position != position)
            return;
        k = cached(std::move(k));
        if (kvCache->grid().queries)
            q = cached(std::move(q));
    };
    roundKeys(KvCacheGrid::Position::PreRope);
    if (config.position == PositionKind::Rope) {
        const std::shared_ptr<const RopeTable> rope = ropeTable(config, tokens, attentionIn.device());
        q = kernels::rotate(q, rope->cosines, rope->sines, arithmetic);
        k = kernels::rotate(k, rope->cosines, rope->sines, arithmetic);
    }
    roundKeys(KvCacheGrid::Position::PostRope);
    if (kvCache)
        v = cached(std::move(v));
    return causalAttention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), config, config.windowOf(m_index));
}

at::Tensor DecoderBlock::afterAttention(const at::Tensor& hidden, const at::Tensor& attentionIn, const at::Tensor& attentionOut) const
{
    at::Tensor sum = kernels::addTo(SiteInput(attentionOut, arithmetic).through(linear(LinearRole::Output)), m_config->residualAfterNorm ? attentionIn : hidden);
    return m_config->preNorm ? sum : kernels::normalize(sum, attentionNorm, m_config->norm, m_config->normEpsilon, arithmetic);
}

at::Tensor DecoderBlock::mlpInput(const at::Tensor& hidden) const
{
    return m_config->preNorm ? kernels::normalize(hidden, mlpNorm, m_config->norm, m_config->normEpsilon, arithmetic) : hidden;
}

at::Tensor DecoderBlock::mlpMiddle(const at::Tensor& mlpIn) const
{
    SiteInput input(mlpIn, arithmetic);
    if (!m_config->gatedMlp)
        return kernels::activate(input.through(linear(LinearRole::Up)), m_config->activation);
    at::Tensor gate = input.through(linear(LinearRole::Gate));
    return kernels::activateAndMultiply(std::move(gate), input.through(linear(LinearRole::Up)), m_config->activation, arithmetic);
}

at::Tensor DecoderBlock::afterMlp(const at::Tensor& hidden, const at::Tensor& mlpIn, const at::Tensor& mlpMid) const
{
    at::Tensor sum = kernels::addTo(SiteInput(mlpMid, arithmetic).through(linear(LinearRole::Down)), m_config->residualAfterNorm ? mlpIn : hidden);
    return m_config->preNorm ? sum : kernels::normalize(sum, mlpNorm, m_config->norm, m_config->normEpsilon, arithmetic);
}

std::span<const Stage> DecoderBlock::stages() const
{
    // Where the residual takes the norm's output, that is computed a second time: few models ask for it, and nothing else has to be kept.
    static constexpr std::array kStages{
        Stage{SiteKind::AttentionInput, "attention", [](const DecoderBlock& block, const BlockState& at) { return block.attentionInput(at.hidden); },
              [](const DecoderBlock& block, const BlockState& at, const at::Tensor& x) { return BlockState{at.hidden, block.attentionOutput(x)}; }},
        Stage{SiteKind::AttentionOutput, "attention out", [](const DecoderBlock&, const BlockState& at) { return at.carry; },
              [](const DecoderBlock& block, const BlockState& at, const at::Tensor& x) {
                  const at::Tensor input = block.m_config->residualAfterNorm ? block.attentionInput(at.hidden) : at::Tensor();
                  return BlockState{block.afterAttention(at.hidden, input, x), {}};
              }},
        Stage{SiteKind::MlpInput, "MLP", [](const DecoderBlock& block, const BlockState& at) { return block.mlpInput(at.hidden); },
              [](const DecoderBlock& block, const BlockState& at, const at::Tensor& x) { return BlockState{at.hidden, block.mlpMiddle(x)}; }},
        Stage{SiteKind::MlpMiddle, "MLP out", [](const DecoderBlock&, const BlockState& at) { return at.carry; },
              [](const DecoderBlock& block, const BlockState& at, const at::Tensor& x) {
                  const at::Tensor input = block.m_config->residualAfterNorm ? block.mlpInput(at.hidden) : at::Tensor();
                  return BlockState{block.afterMlp(at.hidden, input, x), {}};
              }},
    };
    return kStages;
}

at::Tensor DecoderBlock::half(BlockHalf half, const at::Tensor& hidden) const
{
    BlockState state{hidden, {}};
    for (const Stage& stage : stages())
        if (stage.site.half() == half)
            state = stage.advance(*this, state, stage.activation(*this, state));
    return state.hidden;
}

at::Tensor DecoderBlock::activation(SiteKind site, const at::Tensor& hidden) const
{
    BlockState state{hidden, {}};
    for (const Stage& stage : stages()) {
        if (stage.site.half() != site.half())
            continue;
        const at::Tensor x = stage.activation(*this, state);
        if (stage.site == site)
            return x;
        state = stage.advance(*this, state, x);
    }
    throw Error(ErrorKind::Internal, "block " + std::to_string(m_index) + " has no site " + std::string(name(site)));
}

at::Tensor DecoderBlock::forward(const at::Tensor& hidden, SiteObserver* observer) const
{
    BlockState state{hidden, {}};
    for (const Stage& stage : stages()) {
        const at::Tensor x = stage.activation(*this, state);
        if (observer)
            observer->site(stage.site, x);
        state = stage.advance(*this, state, x);
    }
    return state.hidden;
}

} // namespace halftone
