#pragma once

#include "core/model/architectures/architecture.h"

namespace halftone {

/// Limits of what a config may ask for: far above any model, far below what overflows a product of two of them.
inline constexpr std::int64_t kMaxBlocks = 10'000;
inline constexpr std::int64_t kMaxWidth = 1 << 22;
inline constexpr std::int64_t kMaxHeads = 1 << 16;
inline constexpr std::int64_t kMaxVocabulary = 1 << 27;
inline constexpr std::int64_t kMaxPositions = std::int64_t{1} << 32;

/// hidden_size, layers, heads, head_dim, intermediate, vocabulary, positions, norm, activation, rope: what the Llama-like families share.
ModelConfig readLlamaLike(const ConfigReader& reader, std::string_view architecture);
/// The same from GGUF key-values.
ModelConfig readLlamaLikeGguf(const ConfigReader& reader, std::string_view architecture);
/// Tensor names of the Llama-like families ("model.layers.0.self_attn.q_proj"); `queryKeyNorm` adds Qwen3's.
ModuleNames llamaLikeNames(bool queryKeyNorm);
ModuleNames llamaLikeGgufNames(bool queryKeyNorm);

/// rope_theta and rope_scaling (or rope_parameters, as transformers 5 writes them).
void readRope(const ConfigReader& reader, ModelConfig& config);
/// sliding_window under use_sliding_window, max_window_layers and layer_types (Qwen).
void readQwenWindow(const ConfigReader& reader, ModelConfig& config);
ActivationFunction readActivation(const ConfigReader& reader, std::string_view key, std::string_view fallback);

} // namespace halftone
