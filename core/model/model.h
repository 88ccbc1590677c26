#pragma once

#include "core/checkpoint/checkpoint.h"
#include "core/model/decoder_block.h"
#include "core/model/describe.h"
#include "core/model/model_info.h"
#include "core/text/tokenizer.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace halftone {

/// What walks need of a model, float or quantized: blocks one at a time, and the two ends.
class BlockSource {
public:
    virtual ~BlockSource() = default;
    virtual const ModelConfig& config() const = 0;
    /// Token ids [batch][tokens] → hidden states [batch, tokens, hidden] (embedding, learned positions, embedding norm, project_in).
    virtual at::Tensor embed(std::span<const std::vector<std::int32_t>> ids) const = 0;
    virtual DecoderBlock block(int index) const = 0;
    /// hidden [rows, hidden] → logits [rows, vocabulary] (final norm, project_out, head). Callers keep rows small.
    virtual at::Tensor logits(const at::Tensor& hidden) const = 0;
    /// True when blocks round activations. Then the last bit of a sum can move a value over a boundary, and from there every later rounding: two
    /// correct programs agree to the noise of the grid only, unless they compute the same operators in the same order (Arithmetic::Plain).
    virtual bool roundsActivations() const { return false; }
};

/// A checkpoint understood: config, names, sites. Opening reads headers only; embedding and head are loaded at first use.
class Model final : public BlockSource {
public:
    /// @throws Error{Unsupported} for an unknown architecture (names the known ones), Error{BadFile} for missing or misshapen tensors.
    static std::shared_ptr<const Model> open(const std::filesystem::path& path);

    const ModelConfig& config() const override;
    std::shared_ptr<const ModelConfig> sharedConfig() const;
    const Checkpoint& checkpoint() const;
    std::shared_ptr<const Checkpoint> sharedCheckpoint() const;
    const std::vector<LinearInfo>& linears() const;     ///< block by block, attention first
    const std::vector<SiteInfo>& sites() const;         ///< block by block, in the order in which a block computes them
    std::int64_t parameters() const;
    /// What is odd about the checkpoint though it is read as stock loaders read it, for whoever opens it: whole sentences.
    const std::vector<std::string>& notes() const;

    /// A weight under its Hugging Face name, float32, in Hugging Face layout (GGUF's q/k row permutation undone).
    /// @throws Error{BadFile}.
    at::Tensor weight(std::string_view huggingFaceName) const;
    /// Hugging Face names and shapes of every tensor of the model, blocks' linears included (for exports that copy the rest).
    struct NamedShape { std::string name; std::vector<std::int64_t> shape; DType stored; };
    std::vector<NamedShape> tensors() const;
    /// Name prefix of a block ("model.layers.3").
    std::string blockName(int index) const;

    at::Tensor embed(std::span<const std::vector<std::int32_t>> ids) const override;
    DecoderBlock block(int index) const override;
    at::Tensor logits(const at::Tensor& hidden) const override;

    /// The model's own tokenizer. @throws as Tokenizer::openFolder / fromGguf.
    std::unique_ptr<Tokenizer> tokenizer() const;
    /// The vocabulary inside a GGUF; empty for Hugging Face folders.
    std::optional<GgufVocabulary> ggufVocabulary() const;
    /// A Hugging Face config.json: the folder's own, or one made from GGUF key-values. dtype is left for the exporter.
    nlohmann::json huggingFaceConfig() const;

    /// What a person sees of it. Reads a few rows for the coarse grid when `lookForGrid`.
    ModelDescription describe(bool lookForGrid = false) const;

    struct Parts;
    explicit Model(std::unique_ptr<Parts> parts);
    ~Model() override;

private:
    std::unique_ptr<Parts> m_parts;
};

} // namespace halftone
