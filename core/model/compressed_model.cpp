#include "core/model/compressed_model.h"

#include "core/base/error.h"
#include "core/model/architectures/unread.h"
#include "core/model/compressed_scheme.h"
#include "core/model/model_ends.h"
#include "core/model/model_tensors.h"
#include "core/quant/served_quantizer.h"

#include <ATen/ATen.h>

#include <bit>
#include <cmath>
#include <cstring>

namespace halftone {

namespace {

const char* const kConfigFile = "config.json";

/// Codes [rows, columns] from words [rows, words] of one dense stream of bits, lowest first; offset binary becomes signed.
at::Tensor unpack(std::span<const std::byte> words, std::int64_t rows, std::int64_t wordsPerRow, std::int64_t columns, int bits)
{
    at::Tensor codes = at::empty({rows, columns}, at::kFloat);
    float* out = codes.mutable_data_ptr<float>();
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    const auto offset = static_cast<float>(1 << (bits - 1));
    const auto word = [&](std::int64_t row, std::int64_t i) -> std::uint64_t {
        std::uint32_t value = 0;
        std::memcpy(&value, words.data() + (row * wordsPerRow + i) * 4, 4);
        return value;
    };
    static_assert(std::endian::native == std::endian::little);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c) {
            const std::int64_t bit = c * bits;
            const std::int64_t at = bit / 32;
            const std::uint64_t pair = word(r, at) | (bit % 32 + bits > 32 ? word(r, at + 1) << 32 : 0);
            out[r * columns + c] = static_cast<float>((pair >> (bit % 32)) & mask) - offset;
        }
    return codes;
}

class CompressedModel final : public BlockSource {
public:
    explicit CompressedModel(const std::filesystem::path& folder)
    {
        std::shared_ptr<const Checkpoint> checkpoint = Checkpoint::open(folder);
        const Json& metadata = checkpoint->metadata();
        const std::string subject = (folder / kConfigFile).string();
        m_scheme.emplace(metadata, subject);
        const Architecture& family = architectureOfHuggingFace(metadata, subject);
        const ConfigReader reader(metadata, subject);
        auto config = std::make_shared<ModelConfig>(family.fromHuggingFace(reader));
        refuseForeignFields(reader, *config);
        m_tensors = std::make_unique<ModelTensors>(std::move(checkpoint), family, *config, [this](const std::string& name) { return m_scheme->of(name) != nullptr; });
        if (m_scheme->kvCache().quantized()) {
            if (m_scheme->cacheGroup() != config->headDim)
                throw Error(ErrorKind::Unsupported, subject + ": kv_cache_scheme has groups of " + std::to_string(m_scheme->cacheGroup()) + "; only groups of a head's " +
                            std::to_string(config->headDim) + " elements are read", subject);
            if (config->fusedQkv)
                throw Error(ErrorKind::Unsupported, subject + ": kv_cache_scheme is set, but compressed-tensors rounds no cache of models whose query, key and value are one linear",
                            subject);
        }
        m_config = std::move(config);
        m_ends = std::make_unique<ModelEnds>(*m_tensors, m_config);
        for (const std::string& end : {family.names.head, family.names.projectIn, family.names.projectOut})
            if (!end.empty() && m_scheme->of(end) && (m_tensors->find(end + ".weight") || this->checkpoint().find(end + ".weight_packed")))
                throw Error(ErrorKind::Unsupported, subject + ": \"" + end + "\" is quantized; only the linears of the blocks may be", end);
        for (const LinearInfo& linear : m_tensors->linears())
            if (const CompressedScheme* scheme = m_scheme->of(linear.name))
                checkShapes(linear, *scheme);
    }

    const ModelConfig& config() const override { return *m_config; }
    at::Tensor embed(std::span<const std::vector<std::int32_t>> ids) const override { return m_ends->embed(ids); }
    at::Tensor logits(const at::Tensor& hidden) const override { return m_ends->logits(hidden); }
    bool roundsActivations() const override { return m_scheme->roundsInputs() || m_scheme->kvCache().quantized(); }

    DecoderBlock block(int index) const override
    {
        DecoderBlock block = loadBlock(*m_tensors, m_config, index);
        if (m_scheme->kvCache().quantized())
            block.kvCache = std::make_shared<const KvCacheQuantizer>(m_scheme->kvCache(), KvCacheQuantizer::Steps::Served);
        for (std::size_t i = 0; i < block.linears().size(); ++i) {
            Linear& linear = block.linears()[i];
            const CompressedScheme* scheme = m_scheme->of(linear.info.name);
            if (!scheme)
                continue;
            linear.weight = weightOf(linear.info, *scheme);
            linear.input = quantizerOf(linear.info, *scheme);
            for (std::size_t j = 0; j < i; ++j) {   // one rounding a site where the grids are the same and made from the activation alone
                const Linear& earlier = block.linears()[j];
                if (linear.input && earlier.input && earlier.info.site == linear.info.site && linear.input->grid() == earlier.input->grid() &&
                    scheme->inputs == CompressedScheme::Inputs::DynamicToken)
                    linear.input = earlier.input;
            }
        }
        return block;
    }

private:
    using Strategy = CompressedScheme::Strategy;

    const Checkpoint& checkpoint() const { return m_tensors->checkpoint(); }

    std::int64_t groupsOf(const LinearInfo& linear, const CompressedScheme& scheme) const
    {
        if (scheme.strategy != Strategy::Group)
            return 1;
        if (linear.in % scheme.groupSize != 0)
            throw Error(ErrorKind::BadFile, checkpoint().path().string() + ": groups of " + std::to_string(scheme.groupSize) + " do not divide the " + std::to_string(linear.in) +
                        " inputs of " + linear.name, linear.name);
        return linear.in / scheme.groupSize;
    }

    const TensorInfo& require(const std::string& name, DType type, std::initializer_list<std::vector<std::int64_t>> shapes) const
    {
        const TensorInfo& tensor = checkpoint().at(name);
        if (tensor.dtype != type)
            wrong(tensor, "is stored as " + std::string(halftone::name(tensor.dtype)) + ", expected " + std::string(halftone::name(type)));
        requireShape(tensor, shapes);
        return tensor;
    }
    void requireShape(const TensorInfo& tensor, std::initializer_list<std::vector<std::int64_t>> shapes) const
    {
        for (const auto& shape : shapes)
            if (tensor.shape == shape)
                return;
        std::string expected;
        for (const std::int64_t n : *shapes.begin())
            expected += (expected.empty() ? "" : ", ") + std::to_string(n);
        wrong(tensor, "does not have the shape [" + expected + "] that its scheme asks for");
    }
    [[noreturn]] void wrong(const TensorInfo& tensor, const std::string& why) const
    {
        throw Error(ErrorKind::BadFile, checkpoint().files().at(static_cast<std::size_t>(tensor.file)).string() + ": tensor \"" + tensor.name + "\" " + why, tensor.name);
    }
    const TensorInfo& requireFloat(const std::string& name, std::initializer_list<std::vector<std::int64_t>> shapes) const
    {
        const TensorInfo& tensor = checkpoint().at(name);
        if (!isWeightType(tensor.dtype))
            wrong(tensor, "is stored as " + std::string(halftone::name(tensor.dtype)) + ", expected a float type");
        requireShape(tensor, shapes);
        return tensor;
    }

    static std::int64_t words(std::int64_t count, int bits) { return (count * bits + 31) / 32; }

    /// Opening looks at every tensor's type and shape, so that reading a block cannot be surprised.
    void checkShapes(const LinearInfo& linear, const CompressedScheme& scheme) const
    {
        const std::int64_t groups = groupsOf(linear, scheme);
        const bool packed = scheme.format == CompressedScheme::Format::PackQuantized;
        if (packed)
            require(linear.name + ".weight_packed", DType::I32, {{linear.out, words(linear.in, scheme.bits)}});
        else
            require(linear.name + ".weight", DType::I8, {{linear.out, linear.in}});
        if (scheme.strategy == Strategy::Tensor)
            requireFloat(linear.name + ".weight_scale", {{1}, {}, {1, 1}});
        else
            requireFloat(linear.name + ".weight_scale", {{linear.out, groups}});
        if (!scheme.symmetric) {
            if (scheme.strategy == Strategy::Tensor)
                require(linear.name + ".weight_zero_point", DType::I8, {{1}, {}, {1, 1}});
            else if (packed)
                require(linear.name + ".weight_zero_point", DType::I32, {{words(linear.out, scheme.bits), groups}});
            else
                require(linear.name + ".weight_zero_point", DType::I8, {{linear.out, groups}});
        }
        if (scheme.inputs == CompressedScheme::Inputs::StaticTensor)
            requireFloat(linear.name + ".input_scale", {{1}, {}});
    }

    at::Tensor floats(const std::string& name, at::IntArrayRef shape) const
    {
        const std::vector<float> values = checkpoint().readFloats(checkpoint().at(name));
        return at::tensor(values, at::kFloat).view(shape);
    }
    at::Tensor bytes(const std::string& name, at::IntArrayRef shape) const
    {
        const std::vector<std::byte> raw = checkpoint().readRaw(checkpoint().at(name));
        at::Tensor codes = at::empty(shape, at::kChar);
        std::memcpy(codes.mutable_data_ptr<std::int8_t>(), raw.data(), std::min(raw.size(), static_cast<std::size_t>(codes.numel())));
        return codes.to(at::kFloat);
    }

    /// (code − zero) · scale, float32 [out, in]; the order of operations is the loader's.
    at::Tensor weightOf(const LinearInfo& linear, const CompressedScheme& scheme) const
    {
        const std::int64_t groups = groupsOf(linear, scheme);
        const bool perTensor = scheme.strategy == Strategy::Tensor;
        const std::int64_t rows = perTensor ? 1 : linear.out;
        at::Tensor codes;
        if (scheme.format == CompressedScheme::Format::PackQuantized)
            codes = unpack(checkpoint().readRaw(checkpoint().at(linear.name + ".weight_packed")), linear.out, words(linear.in, scheme.bits), linear.in, scheme.bits);
        else
            codes = bytes(linear.name + ".weight", {linear.out, linear.in});
        codes = codes.view({linear.out, groups, linear.in / groups});
        const at::Tensor scale = floats(linear.name + ".weight_scale", {rows, groups, 1});
        if (!scheme.symmetric) {
            const std::string name = linear.name + ".weight_zero_point";
            at::Tensor zero;
            if (scheme.format == CompressedScheme::Format::PackQuantized && !perTensor) {   // packed along the rows: turn, unpack, turn back
                const TensorInfo& stored = checkpoint().at(name);
                const std::vector<std::byte> raw = checkpoint().readRaw(stored);
                at::Tensor packed = at::empty(stored.shape, at::kInt);
                std::memcpy(packed.mutable_data_ptr<std::int32_t>(), raw.data(), raw.size());
                packed = packed.t().contiguous();
                const std::span<const std::byte> turned(reinterpret_cast<const std::byte*>(packed.const_data_ptr<std::int32_t>()), raw.size());
                zero = unpack(turned, groups, stored.shape[0], linear.out, scheme.bits).t().contiguous();
            } else {
                zero = bytes(name, {rows, groups});
            }
            codes = codes.sub_(zero.view({rows, groups, 1}));
        }
        return codes.mul_(scale).view({linear.out, linear.in});
    }

    std::shared_ptr<const ActivationQuantizer> quantizerOf(const LinearInfo& linear, const CompressedScheme& scheme) const
    {
        switch (scheme.inputs) {
        case CompressedScheme::Inputs::Float: return nullptr;
        case CompressedScheme::Inputs::DynamicToken: return std::make_shared<ServedQuantizer>(scheme.inputBits, scheme.inputSymmetric);
        case CompressedScheme::Inputs::StaticTensor: break;
        }
        const TensorInfo& stored = checkpoint().at(linear.name + ".input_scale");
        const float scale = checkpoint().readFloats(stored).front();
        if (!(scale > 0) || !std::isfinite(scale))
            wrong(stored, "holds " + std::to_string(scale) + ", expected a positive scale");
        float zero = 0;
        if (const std::string name = linear.name + ".input_zero_point"; !scheme.inputSymmetric)
            zero = bytes(require(name, DType::I8, {{1}, {}}).name, {1}).item<float>();
        return std::make_shared<ServedQuantizer>(scheme.inputBits, scheme.inputSymmetric, scale, zero);
    }

    std::optional<CompressedConfig> m_scheme;
    std::unique_ptr<const ModelTensors> m_tensors;
    std::shared_ptr<const ModelConfig> m_config;
    std::unique_ptr<const ModelEnds> m_ends;
};

} // namespace

bool isCompressedTensors(const std::filesystem::path& folder)
{
    std::error_code error;
    const std::filesystem::path file = folder / kConfigFile;
    if (!std::filesystem::is_directory(folder, error) || !std::filesystem::is_regular_file(file, error))
        return false;
    const Json config = readJsonFile(file, {.python = true});
    const ConfigReader reader(config, file.string());
    const Json* quantization = reader.find(reader.firstOf({"quantization_config", "compression_config"}));
    return quantization && quantization->is_object() && quantization->value("quant_method", Json()) == "compressed-tensors";
}

std::shared_ptr<const BlockSource> openCompressedTensors(const std::filesystem::path& folder)
{
    return std::make_shared<CompressedModel>(folder);
}

} // namespace halftone
