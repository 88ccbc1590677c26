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
/// `kvHeads` is what the family takes where the key is absent; 0: as many as there are heads, which a null always means.
ModelConfig readLlamaLike(const ConfigReader& reader, std::string_view architecture, int kvHeads = 0, std::int64_t headDim = 0);
/// The same from GGUF key-values.
ModelConfig readLlamaLikeGguf(const ConfigReader& reader, std::string_view architecture);
/// Tensor names of the Llama-like families ("model.layers.0.self_attn.q_proj"); `queryKeyNorm` adds Qwen3's.
ModuleNames llamaLikeNames(bool queryKeyNorm);
ModuleNames llamaLikeGgufNames(bool queryKeyNorm);

/// rope_theta and rope_scaling, or rope_parameters, as transformers 5 understands them. After head_dim and the positions.
void readRope(const ConfigReader& reader, ModelConfig& config);
/// The same from GGUF's rope.* keys.
void readGgufRope(const ConfigReader& reader, ModelConfig& config);
/// layer_types, 1 where a window holds; empty where the config has none. @throws Error{Unsupported} for other kinds of layers.
std::vector<std::uint8_t> readLayerTypes(const ConfigReader& reader, const ModelConfig& config);
/// sliding_window under use_sliding_window, max_window_layers and layer_types (Qwen).
void readQwenWindow(const ConfigReader& reader, ModelConfig& config);
/// config.json of the Llama-like families, from num_hidden_layers to rope_scaling. @throws Error{Unsupported} for scalings that it has no words for.
void writeLlamaLike(const ModelConfig& config, Json& out, const std::string& subject);
/// What readQwenWindow() reads.
void writeQwenWindow(const ModelConfig& config, Json& out);
/// The shortest decimal of a float that GGUF stored in 32 bits: 1e-05, not 9.999999747378752e-06.
double shortest(double value);
ActivationFunction readActivation(const ConfigReader& reader, std::string_view key, std::string_view fallback);

} // namespace halftone
