#pragma once

#include "core/checkpoint/checkpoint.h"
#include "core/model/architectures/architecture.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace halftone {

/// A tensor that the model needs, found in the checkpoint.
struct ModelTensor {
    enum class Layout { Plain, RotaryPairs, SplitQkv };   ///< how the file orders the rows
    std::string name;                  ///< Hugging Face
    std::vector<std::int64_t> shape;   ///< Hugging Face
    const TensorInfo* stored = nullptr;   ///< null: not in the file and zero (a bias that only some of a model's linears have)
    Layout layout = Layout::Plain;
    std::int64_t heads = 1;            ///< that the rows divide into
};

/// Everything a model needs of its checkpoint: which tensors, under which names, with which shapes; and their weights as float32. Made from headers only.
class ModelTensors {
public:
    /// Linears for which it says true are stored in another form (packed); their ".weight" is not looked for.
    using IsPacked = std::function<bool(const std::string& linear)>;

    /// Completes `config` where only the tensors tell (GGUF: vocabulary, tied embeddings; stored dtype).
    /// @throws Error{BadFile} naming file, tensor and shapes; Error{Unsupported}.
    ModelTensors(std::shared_ptr<const Checkpoint> checkpoint, const Architecture& family, ModelConfig& config, const IsPacked& isPacked = {});

    const Checkpoint& checkpoint() const { return *m_checkpoint; }
    const std::shared_ptr<const Checkpoint>& sharedCheckpoint() const { return m_checkpoint; }
    /// In the model's order: embedding, blocks, final norm, head.
    const std::vector<ModelTensor>& all() const { return m_tensors; }
    /// Null when the model has no such tensor.
    const ModelTensor* find(std::string_view name) const;
    /// @throws Error{BadFile} when the model has no such tensor.
    const ModelTensor& at(std::string_view name) const;

    /// float32, Hugging Face layout.
    at::Tensor load(const ModelTensor& tensor) const;
    at::Tensor load(std::string_view name) const { return load(at(name)); }
    /// Undefined when the model has no such tensor.
    at::Tensor loadIfAny(std::string_view name) const;

    const std::vector<LinearInfo>& linears() const { return m_linears; }
    const std::vector<SiteInfo>& sites() const { return m_sites; }
    const ModuleNames& names() const { return m_family.names; }
    const Architecture& family() const { return m_family; }
    std::string blockName(int index) const;
    /// "config.json of FOLDER" or the GGUF's file name, for errors.
    std::string subject() const;
    /// What is odd about the checkpoint, though it is read as the stock loaders read it: whole sentences.
    const std::vector<std::string>& notes() const { return m_notes; }

private:
    void add(const std::string& name, const std::string& ggufName, std::vector<std::int64_t> shape,
             ModelTensor::Layout layout = ModelTensor::Layout::Plain, std::int64_t heads = 1);
    void addZero(const std::string& name, std::vector<std::int64_t> shape);
    void addNorm(const std::string& name, const std::string& ggufName, std::int64_t width, bool bias);
    void addBlock(const ModelConfig& config, int index, const IsPacked& isPacked);
    const TensorInfo* stored(const std::string& name, const std::string& ggufName) const;
    void readGgufFacts(ModelConfig& config);
    /// A GGUF's config does not say which linears have biases.
    void findGgufBiases(ModelConfig& config) const;
    /// Which of embedding and head the file holds decides whether they are one matrix, as in transformers.
    void findHead(ModelConfig& config);
    /// Tensors that the model has no use for: refused in a GGUF, where each one changes what stock programs compute, else told.
    void lookAtUnused(const ModelConfig& config, bool packed);

    std::shared_ptr<const Checkpoint> m_checkpoint;
    const Architecture& m_family;
    std::vector<ModelTensor> m_tensors;
    std::map<std::string, std::size_t, std::less<>> m_byName;
    std::vector<LinearInfo> m_linears;
    std::vector<SiteInfo> m_sites;
    std::vector<std::string> m_notes;
    bool m_embeddingIsHead = false;   ///< the one matrix is stored under the head's name
};

/// The float linears and norms of a block. Linears without a stored weight are left undefined.
DecoderBlock loadBlock(const ModelTensors& tensors, std::shared_ptr<const ModelConfig> config, int index);

} // namespace halftone
