#include "core/model/model_ends.h"

#include "core/base/error.h"
#include "core/model/block_kernels.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_map>

namespace halftone {

void requireHead(const ModelConfig& config, const std::string& subject)
{
    if (!config.head)
        throw Error(ErrorKind::BadFile, subject + ": the model has no head (none is stored, and none is tied to the embedding), so it predicts no tokens: it can be inspected, "
                    "analyzed and quantized, not evaluated", subject);
}

ModelEnds::ModelEnds(const ModelTensors& tensors, std::shared_ptr<const ModelConfig> config) : m_tensors(tensors), m_config(std::move(config)) {}

const ModelEnds::Small& ModelEnds::small() const
{
    const std::scoped_lock lock(m_mutex);
    if (!m_small) {
        const ModuleNames& names = m_tensors.names();
        const auto norm = [&](const std::string& name) { return Norm{m_tensors.loadIfAny(name + ".weight"), m_tensors.loadIfAny(name + ".bias")}; };
        Small loaded;
        loaded.positions = m_tensors.loadIfAny(names.positions + ".weight");
        loaded.projectIn = m_tensors.loadIfAny(names.projectIn + ".weight");
        loaded.projectOut = m_tensors.loadIfAny(names.projectOut + ".weight");
        loaded.embeddingNorm = norm(names.embeddingNorm);
        loaded.finalNorm = norm(names.finalNorm);
        m_small = std::move(loaded);
    }
    return *m_small;
}

at::Tensor ModelEnds::embeddingRows(const std::vector<std::int64_t>& ids) const
{
    const std::int64_t width = m_config->embeddingWidth;
    if (m_config->tiedEmbeddings) {
        const std::scoped_lock lock(m_mutex);
        if (m_head.defined() && m_head.is_cpu())
            return m_head.index_select(0, at::tensor(ids, at::kLong));
    }
    const ModelTensor& embedding = m_tensors.at(m_tensors.names().embedding + ".weight");
    at::Tensor rows = at::empty({static_cast<std::int64_t>(ids.size()), width}, at::kFloat);
    float* out = rows.mutable_data_ptr<float>();
    std::unordered_map<std::int64_t, std::int64_t> seen;   // id → first row that holds it
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i);
        const auto [known, isNew] = seen.emplace(ids[i], row);
        if (isNew)
            m_tensors.checkpoint().readRows(*embedding.stored, ids[i], 1, {out + row * width, static_cast<std::size_t>(width)});
        else
            std::copy_n(out + known->second * width, width, out + row * width);
    }
    return rows;
}

at::Tensor ModelEnds::embed(std::span<const std::vector<std::int32_t>> ids) const
{
    const ModelConfig& config = *m_config;
    if (ids.empty() || ids.front().empty())
        throw Error(ErrorKind::InvalidArgument, "there are no tokens to embed");
    const auto tokens = static_cast<std::int64_t>(ids.front().size());
    if (config.position == PositionKind::Learned && tokens > config.maxPositions)
        throw Error(ErrorKind::InvalidArgument, "a window of " + std::to_string(tokens) + " tokens is longer than the " + std::to_string(config.maxPositions) +
                    " positions that the model has learned");
    std::vector<std::int64_t> flat;
    for (const std::vector<std::int32_t>& window : ids) {
        if (static_cast<std::int64_t>(window.size()) != tokens)
            throw Error(ErrorKind::InvalidArgument, "windows of " + std::to_string(tokens) + " and " + std::to_string(window.size()) + " tokens in one batch");
        for (const std::int32_t id : window) {
            if (id < 0 || id >= config.vocabulary)
                throw Error(ErrorKind::InvalidArgument, "token id " + std::to_string(id) + " is outside the model's vocabulary of " + std::to_string(config.vocabulary));
            flat.push_back(id);
        }
    }
    const Small& small = this->small();
    at::Tensor hidden = embeddingRows(flat).view({static_cast<std::int64_t>(ids.size()), tokens, config.embeddingWidth});
    if (config.embeddingNorm)
        hidden = kernels::normalize(hidden, small.embeddingNorm, config.norm, config.normEpsilon);
    if (small.projectIn.defined())
        hidden = at::linear(hidden, small.projectIn);
    if (small.positions.defined())
        hidden = hidden.add_(small.positions.narrow(0, config.positionOffset, tokens));
    return hidden;
}

at::Tensor ModelEnds::headOn(const at::Device& device) const
{
    const std::scoped_lock lock(m_mutex);
    if (!m_head.defined()) {
        const ModuleNames& names = m_tensors.names();
        m_head = m_tensors.load((m_config->tiedEmbeddings ? names.embedding : names.head) + ".weight");
    }
    if (m_head.device() != device)
        m_head = m_head.to(device);
    return m_head;
}

at::Tensor ModelEnds::logits(const at::Tensor& hidden) const
{
    requireHead(*m_config, m_tensors.subject());
    const Small& small = this->small();
    const auto here = [&](const at::Tensor& x) { return x.defined() ? x.to(hidden.device()) : x; };
    at::Tensor x = hidden;
    if (m_config->finalNorm)
        x = kernels::normalize(x, {here(small.finalNorm.weight), here(small.finalNorm.bias)}, m_config->norm, m_config->normEpsilon);
    if (small.projectOut.defined())
        x = at::linear(x, here(small.projectOut));
    return at::linear(x, headOn(hidden.device()));
}

} // namespace halftone
