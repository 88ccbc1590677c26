#include "core/model/model.h"

#include "core/base/error.h"
#include "core/model/architectures/architecture.h"
#include "core/model/architectures/unread.h"
#include "core/model/hugging_face_config.h"
#include "core/model/model_ends.h"
#include "core/model/model_tensors.h"

#include <ATen/ATen.h>

namespace halftone {

struct Model::Parts {
    std::shared_ptr<const ModelConfig> config;
    std::unique_ptr<const ModelTensors> tensors;
    std::unique_ptr<const ModelEnds> ends;
    std::vector<std::string> notes;
};

Model::Model(std::unique_ptr<Parts> parts) : m_parts(std::move(parts)) {}
Model::~Model() = default;

std::shared_ptr<const Model> Model::open(const std::filesystem::path& path)
{
    std::shared_ptr<const Checkpoint> checkpoint = Checkpoint::open(path);
    const Json& metadata = checkpoint->metadata();
    auto config = std::make_shared<ModelConfig>();
    const Architecture* family = nullptr;
    auto parts = std::make_unique<Parts>();
    if (checkpoint->kind() == Checkpoint::Kind::Gguf) {
        const std::string subject = checkpoint->path().string();
        if (const std::string type = ConfigReader(metadata, subject).text("general.type", "model"); type != "model")
            throw Error(ErrorKind::Unsupported, subject + ": is no language model: general.type is \"" + printable(type) + "\"", subject);
        family = &architectureOfGguf(metadata, subject);
        const ConfigReader reader(metadata, subject, family->ggufArchitecture + ".");
        *config = family->fromGguf(reader);
        refuseUnreadKeys(reader, *config);
        parts->notes = reader.notes();
    } else {
        const std::string subject = (checkpoint->path() / "config.json").string();
        if (const auto quantization = metadata.find("quantization_config"); quantization != metadata.end() && quantization->is_object()) {
            const std::string method = ConfigReader(*quantization, subject).text("quant_method", "an unnamed method");
            throw Error(ErrorKind::Unsupported, subject + ": the checkpoint is quantized already (" + method + "); a float checkpoint is needed here", subject);
        }
        family = &architectureOfHuggingFace(metadata, subject);
        const ConfigReader reader(metadata, subject);
        *config = family->fromHuggingFace(reader);
        refuseForeignFields(reader, *config);
        parts->notes = reader.notes();
    }
    const std::vector<std::string> odd = checkpoint->notes();
    parts->notes.insert(parts->notes.begin(), odd.begin(), odd.end());
    parts->tensors = std::make_unique<ModelTensors>(std::move(checkpoint), *family, *config);
    parts->notes.insert(parts->notes.end(), parts->tensors->notes().begin(), parts->tensors->notes().end());
    parts->config = std::move(config);
    parts->ends = std::make_unique<ModelEnds>(*parts->tensors, parts->config);
    return std::make_shared<const Model>(std::move(parts));
}

const ModelConfig& Model::config() const { return *m_parts->config; }
std::shared_ptr<const ModelConfig> Model::sharedConfig() const { return m_parts->config; }
const Checkpoint& Model::checkpoint() const { return m_parts->tensors->checkpoint(); }
std::shared_ptr<const Checkpoint> Model::sharedCheckpoint() const { return m_parts->tensors->sharedCheckpoint(); }
const std::vector<LinearInfo>& Model::linears() const { return m_parts->tensors->linears(); }
const std::vector<SiteInfo>& Model::sites() const { return m_parts->tensors->sites(); }
std::string Model::blockName(int index) const { return m_parts->tensors->blockName(index); }

const std::vector<std::string>& Model::notes() const { return m_parts->notes; }

std::int64_t Model::parameters() const
{
    std::int64_t sum = 0;
    for (const ModelTensor& tensor : m_parts->tensors->all())
        sum += tensor.stored ? tensor.stored->elements() : 0;
    return sum;
}

at::Tensor Model::weight(std::string_view huggingFaceName) const
{
    return m_parts->tensors->load(huggingFaceName);
}

std::vector<Model::NamedShape> Model::tensors() const
{
    std::vector<NamedShape> all;
    for (const ModelTensor& tensor : m_parts->tensors->all())
        all.push_back({tensor.name, tensor.shape, tensor.stored ? tensor.stored->dtype : DType::F32});
    return all;
}

at::Tensor Model::embed(std::span<const std::vector<std::int32_t>> ids) const { return m_parts->ends->embed(ids); }
DecoderBlock Model::block(int index) const { return loadBlock(*m_parts->tensors, m_parts->config, index); }
at::Tensor Model::logits(const at::Tensor& hidden) const { return m_parts->ends->logits(hidden); }

std::unique_ptr<Tokenizer> Model::tokenizer() const
{
    if (const std::optional<GgufVocabulary> vocabulary = ggufVocabulary())
        return Tokenizer::fromGguf(*vocabulary);
    return Tokenizer::openFolder(checkpoint().path());
}

std::optional<GgufVocabulary> Model::ggufVocabulary() const
{
    if (checkpoint().kind() != Checkpoint::Kind::Gguf)
        return std::nullopt;
    return readGgufVocabulary(checkpoint());
}

nlohmann::json Model::huggingFaceConfig() const
{
    if (checkpoint().kind() == Checkpoint::Kind::HuggingFace)
        return checkpoint().metadata();
    return huggingFaceConfigOf(config(), m_parts->tensors->family(), checkpoint().metadata(), checkpoint().path().string());
}

} // namespace halftone
