#pragma once

#include "core/model/site.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// What a linear does in its block. FusedQkv: queries, keys and values in one, rows interleaved per head.
enum class LinearRole { Query, Key, Value, FusedQkv, Output, Gate, Up, Down };

/// One weight matrix of a block.
struct LinearInfo {
    std::string name;       ///< Hugging Face module, "model.layers.11.mlp.down_proj"
    int block = 0;
    SiteKind site;
    std::int64_t out = 0, in = 0;
    std::string dtype;      ///< as stored: "BF16", "Q4_1", …
    bool bias = false;
    LinearRole role = LinearRole::Query;

    std::int64_t weights() const { return out * in; }
    std::string_view shortName() const;   ///< after the last dot
};

/// One activation tensor of a block and the linears it feeds.
struct SiteInfo {
    std::string name;                  ///< "model.layers.11.mlp_mid": the block's name + the kind's
    int block = 0;
    SiteKind kind;
    std::int64_t channels = 0;
    std::vector<std::string> linears;
};

/// The kinds of these sites, each once, in the order in which they come.
std::vector<SiteKind> kindsOf(const std::vector<SiteInfo>& sites);

enum class NormKind { Rms, Layer };
enum class ActivationFunction { Silu, Relu, GeluTanh, Gelu };
enum class PositionKind { Rope, Learned, Alibi };

struct RopeScaling {
    enum class Kind { None, Linear, Llama3, Dynamic, Yarn, LongRope };
    Kind kind = Kind::None;
    double factor = 1, lowFrequencyFactor = 1, highFrequencyFactor = 4;
    std::int64_t originalPositions = 8192;
    double attentionFactor = 1;                        ///< multiplies cosines and sines (YaRN, LongRoPE)
    double betaFast = 32, betaSlow = 1;                ///< YaRN: rotations over the original positions between which frequencies are mixed
    bool truncate = true;                              ///< YaRN: the bounds of the mix are whole dimensions
    std::vector<double> shortFactors, longFactors;     ///< LongRoPE, [headDim/2]: up to the original positions, and beyond
};

/// A decoder-only language model, typed. One decoder block serves all families; these fields configure it.
struct ModelConfig {
    std::string architecture;      ///< registry id: "llama", "mistral", "qwen2", "qwen3", "opt", "bloom"
    int blocks = 0;
    std::int64_t hidden = 0, intermediate = 0, vocabulary = 0, maxPositions = 0;
    int heads = 0, kvHeads = 0;
    std::int64_t headDim = 0;
    NormKind norm = NormKind::Rms;
    double normEpsilon = 1e-5;
    ActivationFunction activation = ActivationFunction::Silu;
    bool gatedMlp = true;
    PositionKind position = PositionKind::Rope;
    double ropeTheta = 10000;
    RopeScaling ropeScaling;
    std::vector<float> ropeFactors;        ///< [headDim/2], divides the frequencies (GGUF's rope_freqs.weight); usually empty
    std::int64_t slidingWindow = 0;        ///< 0: none
    std::vector<std::uint8_t> slidingBlocks;  ///< [blocks], 1 where the window holds; empty: in every block
    bool queryKeyNorm = false;             ///< Qwen3
    bool attentionBias = false, outputBias = false, mlpBias = false;
    bool fusedQkv = false;                 ///< BLOOM: one linear, rows interleaved per head
    bool preNorm = true;                   ///< OPT-350m: false
    bool finalNorm = true;
    bool embeddingNorm = false;            ///< BLOOM
    std::int64_t embeddingWidth = 0;       ///< OPT-350m: 512 with project_in/out; else = hidden
    std::int64_t positionOffset = 0;       ///< OPT: 2
    bool residualAfterNorm = false;        ///< BLOOM's apply_residual_connection_post_layernorm
    bool tiedEmbeddings = false;
    bool head = true;                      ///< false: neither stored nor tied (a bare decoder), so there are no logits
    std::string storedDtype;               ///< most common dtype of the weights

    /// The attention window of a block, 0 for none.
    std::int64_t windowOf(int block) const;
};

} // namespace halftone
