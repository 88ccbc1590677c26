#pragma once

#include "core/model/model_tensors.h"

#include <mutex>
#include <optional>
#include <span>

namespace halftone {

/// @throws Error{BadFile} for a model without a head. `subject` names it.
void requireHead(const ModelConfig& config, const std::string& subject);

/// The two ends of a model: token ids → hidden states, hidden states → logits. Weights are loaded at first use and kept; a tied embedding once. Thread-safe.
class ModelEnds {
public:
    ModelEnds(const ModelTensors& tensors, std::shared_ptr<const ModelConfig> config);

    /// @throws Error{InvalidArgument} for ids outside the vocabulary, unequal lengths, or more tokens than there are learned positions.
    at::Tensor embed(std::span<const std::vector<std::int32_t>> ids) const;
    at::Tensor logits(const at::Tensor& hidden) const;

private:
    /// Rows of the embedding for `ids`, [ids, width]; reads only these from the file unless the head holds the matrix anyway.
    at::Tensor embeddingRows(const std::vector<std::int64_t>& ids) const;
    at::Tensor headOn(const at::Device& device) const;
    struct Small {
        at::Tensor positions, projectIn, projectOut;
        Norm embeddingNorm, finalNorm;
    };
    const Small& small() const;

    const ModelTensors& m_tensors;
    std::shared_ptr<const ModelConfig> m_config;
    mutable std::mutex m_mutex;
    mutable std::optional<Small> m_small;
    mutable at::Tensor m_head;   ///< [vocabulary, width]
};

} // namespace halftone
