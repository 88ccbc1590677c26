#pragma once

#include "core/model/model_info.h"

#include <ATen/core/Tensor.h>

#include <memory>

namespace halftone {

/// Cosines and sines of the rotary angles of positions 0…tokens−1, float32 [tokens, headDim/2] each.
struct RopeTable {
    at::Tensor cosines, sines;
};

/// The table of a model for sequences of `tokens`; the last one made is kept and shared by all blocks and threads.
std::shared_ptr<const RopeTable> ropeTable(const ModelConfig& config, std::int64_t tokens, const at::Device& device);

/// Causal attention: q [batch, heads, tokens, headDim], k and v [batch, kvHeads, tokens, headDim] → [batch, tokens, heads·headDim]. Adds ALiBi
/// (arXiv:2108.12409) where the model has it, and lets a token see `window` tokens back, itself included (0: all).
at::Tensor causalAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const ModelConfig& config, std::int64_t window);

} // namespace halftone
