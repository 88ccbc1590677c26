#include "core/model/model_tensors.h"

#include "core/base/error.h"
#include "core/model/architectures/common.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

namespace halftone {

namespace {

std::string shapeText(const std::vector<std::int64_t>& shape)
{
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i)
        text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

std::string fileOf(const Checkpoint& checkpoint, const TensorInfo& tensor)
{
    return checkpoint.files().at(static_cast<std::size_t>(tensor.file)).string();
}

/// Whether two matrices hold the same numbers, by up to 256 rows spread over them: a head that was trained apart differs in every row.
bool sameRows(const Checkpoint& checkpoint, const TensorInfo& a, const TensorInfo& b)
{
    if (a.shape != b.shape || a.shape.size() != 2 || !isWeightType(a.dtype) || !isWeightType(b.dtype))
        return false;
    constexpr std::int64_t kRows = 256;
    const std::int64_t rows = a.shape[0];
    const std::int64_t looked = std::min(rows, kRows);
    std::vector<float> left(static_cast<std::size_t>(a.shape[1]));
    std::vector<float> right(left.size());
    for (std::int64_t i = 0; i < looked; ++i) {
        const std::int64_t row = looked > 1 ? i * (rows - 1) / (looked - 1) : 0;
        checkpoint.readRows(a, row, 1, left);
        checkpoint.readRows(b, row, 1, right);
        if (left != right)
            return false;
    }
    return true;
}

constexpr const char* kRopeFactors = "rope_freqs.weight";

/// [out, in] of a linear.
std::pair<std::int64_t, std::int64_t> linearShape(const ModelConfig& config, LinearRole role)
{
    const std::int64_t queries = config.heads * config.headDim;
    const std::int64_t keys = config.kvHeads * config.headDim;
    switch (role) {
    case LinearRole::Query: return {queries, config.hidden};
    case LinearRole::Key:
    case LinearRole::Value: return {keys, config.hidden};
    case LinearRole::FusedQkv: return {queries + 2 * keys, config.hidden};
    case LinearRole::Output: return {config.hidden, queries};
    case LinearRole::Gate:
    case LinearRole::Up: return {config.intermediate, config.hidden};
    case LinearRole::Down: return {config.hidden, config.intermediate};
    }
    return {};
}

bool linearBias(const ModelConfig& config, LinearRole role)
{
    switch (role) {
    case LinearRole::Query:
    case LinearRole::Key:
    case LinearRole::Value:
    case LinearRole::FusedQkv: return config.attentionBias;
    case LinearRole::Output: return config.outputBias;
    case LinearRole::Gate:
    case LinearRole::Up:
    case LinearRole::Down: return config.mlpBias;
    }
    return false;
}

void checkConfig(const ModelConfig& config, const std::string& subject)
{
    const auto fail = [&](const std::string& why) { throw Error(ErrorKind::BadFile, subject + ": " + why, subject); };
    if (config.heads % config.kvHeads != 0)
        fail(std::to_string(config.kvHeads) + " key/value heads do not divide " + std::to_string(config.heads) + " attention heads");
    if (config.position == PositionKind::Rope && config.headDim % 2 != 0)
        fail("a head dimension of " + std::to_string(config.headDim) + " is odd, and rotary positions need pairs");
    if (config.heads * config.headDim > kMaxWidth)
        fail(std::to_string(config.heads) + " heads of dimension " + std::to_string(config.headDim) + " are wider than the limit of " +
             std::to_string(kMaxWidth));
}

} // namespace

ModelTensors::ModelTensors(std::shared_ptr<const Checkpoint> checkpoint, const Architecture& family, ModelConfig& config, const IsPacked& isPacked)
    : m_checkpoint(std::move(checkpoint)), m_family(family)
{
    const bool gguf = m_checkpoint->kind() == Checkpoint::Kind::Gguf;
    const ModuleNames& names = family.names;
    const ModuleNames& other = family.ggufNames;
    checkConfig(config, subject());
    if (gguf)
        readGgufFacts(config);
    findHead(config);
    const bool normBias = config.norm == NormKind::Layer;
    add(names.embedding + ".weight", other.embedding + ".weight", {config.vocabulary, config.embeddingWidth});
    if (config.position == PositionKind::Learned)
        add(names.positions + ".weight", other.positions + ".weight", {config.maxPositions + config.positionOffset, config.hidden});
    if (config.embeddingNorm)
        addNorm(names.embeddingNorm, other.embeddingNorm, config.hidden, normBias);
    if (config.embeddingWidth != config.hidden) {
        add(names.projectIn + ".weight", other.projectIn + ".weight", {config.hidden, config.embeddingWidth});
        add(names.projectOut + ".weight", other.projectOut + ".weight", {config.embeddingWidth, config.hidden});
    }
    for (int i = 0; i < config.blocks; ++i)
        addBlock(config, i, isPacked);
    if (config.finalNorm)
        addNorm(names.finalNorm, other.finalNorm, config.hidden, normBias);
    if (config.head && !config.tiedEmbeddings)
        add(names.head + ".weight", other.head + ".weight", {config.vocabulary, config.embeddingWidth});
    lookAtUnused(config, static_cast<bool>(isPacked));

    std::map<std::string_view, std::int64_t> elements;
    for (const ModelTensor& tensor : m_tensors)
        if (tensor.stored && tensor.shape.size() == 2)
            elements[halftone::name(tensor.stored->dtype)] += tensor.stored->elements();
    if (!elements.empty())
        config.storedDtype = std::max_element(elements.begin(), elements.end(), [](const auto& a, const auto& b) { return a.second < b.second; })->first;
}

void ModelTensors::readGgufFacts(ModelConfig& config)
{
    const TensorInfo* embedding = m_checkpoint->find(m_family.ggufNames.embedding + ".weight");
    if (embedding && embedding->shape.size() == 2)
        config.vocabulary = embedding->shape[0];
    config.tiedEmbeddings = !m_checkpoint->find(m_family.ggufNames.head + ".weight");
    findGgufBiases(config);
    const TensorInfo* factors = m_checkpoint->find(kRopeFactors);
    if (!factors || config.position != PositionKind::Rope)
        return;
    const std::string about = fileOf(*m_checkpoint, *factors) + ": tensor \"" + kRopeFactors + "\" ";
    if (factors->elements() != config.headDim / 2)
        throw Error(ErrorKind::BadFile, about + "has " + std::to_string(factors->elements()) + " elements, expected " + std::to_string(config.headDim / 2), factors->name);
    config.ropeFactors = m_checkpoint->readFloats(*factors);
    for (const float factor : config.ropeFactors)
        if (!(factor > 0 && factor < 1e9F))
            throw Error(ErrorKind::BadFile, about + "holds a factor that is not positive", factors->name);
}

void ModelTensors::findGgufBiases(ModelConfig& config) const
{
    const std::vector<LinearName>& linears = m_family.ggufNames.linears;
    bool attention = false;
    bool mlp = false;
    for (int block = 0; block < config.blocks; ++block)
        for (const LinearName& linear : linears) {
            const bool inMlp = linear.site.half() == BlockHalf::Mlp;
            if ((inMlp ? m_family.ggufMlpBias : m_family.ggufAttentionBias)
                && m_checkpoint->find(m_family.ggufNames.blocks + std::to_string(block) + "." + linear.name + ".bias"))
                (inMlp ? mlp : attention) = true;
        }
    if (m_family.ggufAttentionBias)
        config.attentionBias = config.outputBias = attention;
    if (m_family.ggufMlpBias)
        config.mlpBias = mlp;
}

void ModelTensors::findHead(ModelConfig& config)
{
    const ModuleNames& names = m_family.names;
    const ModuleNames& other = m_family.ggufNames;
    const TensorInfo* embedding = stored(names.embedding + ".weight", other.embedding + ".weight");
    const TensorInfo* head = stored(names.head + ".weight", other.head + ".weight");
    if (config.tiedEmbeddings && head && embedding) {
        config.tiedEmbeddings = false;
        if (!sameRows(*m_checkpoint, *embedding, *head))
            m_notes.push_back(subject() + " says that head and embedding are one matrix, but " + names.head + ".weight is stored and differs: the stored head counts, as in "
                              "transformers.");
    } else if (config.tiedEmbeddings && head) {
        m_embeddingIsHead = true;
    } else if (!config.tiedEmbeddings && !head) {
        config.head = false;
        m_notes.push_back(subject() + ": the checkpoint has no " + names.head + ".weight, and the config does not tie it to the embedding: a decoder without a head can be inspected, "
                          "analyzed and quantized, not evaluated.");
    }
}

void ModelTensors::lookAtUnused(const ModelConfig& config, bool packed)
{
    std::set<const TensorInfo*> used;
    for (const ModelTensor& tensor : m_tensors)
        used.insert(tensor.stored);
    const bool gguf = m_checkpoint->kind() == Checkpoint::Kind::Gguf;
    std::vector<std::string> unused;
    for (const TensorInfo& tensor : m_checkpoint->tensors()) {
        if (used.contains(&tensor) || (gguf && tensor.name == kRopeFactors && config.position == PositionKind::Rope))
            continue;
        if (gguf)
            throw Error(ErrorKind::Unsupported, fileOf(*m_checkpoint, tensor) + ": tensor \"" + printable(tensor.name) + "\" has no place in the " + m_family.info.name +
                        " architecture as it is known here, and leaving it out would change what the model computes", tensor.name);
        if (!tensor.name.ends_with("rotary_emb.inv_freq"))   // computed anew by every loader
            unused.push_back(printable(tensor.name, 160));
    }
    if (!unused.empty() && !packed)   // what a packed model needs beside these is its own affair
        m_notes.push_back("\"" + unused.front() + "\"" + (unused.size() > 1 ? " and " + std::to_string(unused.size() - 1) + " more tensors are" : " is") +
                          " stored but not read: " + m_family.huggingFaceClass + " has no such parameter with this config, and transformers leaves it out too.");
}

void ModelTensors::addBlock(const ModelConfig& config, int index, const IsPacked& isPacked)
{
    const ModuleNames& names = m_family.names;
    const ModuleNames& other = m_family.ggufNames;
    const std::string prefix = blockName(index) + ".";
    const std::string ggufPrefix = other.blocks + std::to_string(index) + ".";
    const bool normBias = config.norm == NormKind::Layer;
    const bool gguf = m_checkpoint->kind() == Checkpoint::Kind::Gguf;
    addNorm(prefix + names.attentionNorm, ggufPrefix + other.attentionNorm, config.hidden, normBias);
    if (config.queryKeyNorm) {
        addNorm(prefix + names.queryNorm, ggufPrefix + other.queryNorm, config.headDim, false);
        addNorm(prefix + names.keyNorm, ggufPrefix + other.keyNorm, config.headDim, false);
    }
    std::vector<SiteInfo> sites;   // as the linears name them, so in the order in which the block computes them
    for (std::size_t i = 0; i < names.linears.size(); ++i) {
        const LinearName& linear = names.linears[i];
        const std::string ggufName = gguf ? ggufPrefix + other.linears[i].name : std::string();
        LinearInfo info;
        info.name = prefix + linear.name;
        info.block = index;
        info.site = linear.site;
        info.role = linear.role;
        std::tie(info.out, info.in) = linearShape(config, linear.role);
        info.bias = linearBias(config, linear.role);
        auto layout = ModelTensor::Layout::Plain;
        std::int64_t heads = 1;
        if (gguf && m_family.ggufPairsRope && (linear.role == LinearRole::Query || linear.role == LinearRole::Key)) {
            layout = ModelTensor::Layout::RotaryPairs;
            heads = linear.role == LinearRole::Query ? config.heads : config.kvHeads;
        } else if (gguf && m_family.ggufSplitsQkv && linear.role == LinearRole::FusedQkv) {
            layout = ModelTensor::Layout::SplitQkv;
            heads = config.heads;
        }
        if (!isPacked || !isPacked(info.name)) {
            add(info.name + ".weight", ggufName + ".weight", {info.out, info.in}, layout, heads);
            info.dtype = halftone::name(m_tensors.back().stored->dtype);
        }
        if (info.bias && gguf && !m_checkpoint->find(ggufName + ".bias"))
            addZero(info.name + ".bias", {info.out});
        else if (info.bias)
            add(info.name + ".bias", ggufName + ".bias", {info.out}, layout, heads);
        auto site = std::find_if(sites.begin(), sites.end(), [&](const SiteInfo& s) { return s.kind == linear.site; });
        if (site == sites.end())
            site = sites.insert(site, {prefix + std::string(halftone::name(linear.site)), index, linear.site, info.in, {}});
        site->linears.push_back(info.name);
        m_linears.push_back(std::move(info));
    }
    addNorm(prefix + names.mlpNorm, ggufPrefix + other.mlpNorm, config.hidden, normBias);
    std::move(sites.begin(), sites.end(), std::back_inserter(m_sites));
}

const TensorInfo* ModelTensors::stored(const std::string& name, const std::string& ggufName) const
{
    if (m_checkpoint->kind() == Checkpoint::Kind::Gguf)
        return m_checkpoint->find(ggufName);
    if (m_embeddingIsHead && name == m_family.names.embedding + ".weight")
        return stored(m_family.names.head + ".weight", {});
    // With the base model's prefix taken off or put before, as transformers tries it: decoders saved alone, or inside another module.
    if (const TensorInfo* found = m_checkpoint->find(name))
        return found;
    const std::string& prefix = m_family.optionalPrefix;
    if (!prefix.empty() && name.starts_with(prefix))
        if (const TensorInfo* found = m_checkpoint->find(std::string_view(name).substr(prefix.size())))
            return found;
    return prefix.empty() ? nullptr : m_checkpoint->find(prefix + name);
}

void ModelTensors::addZero(const std::string& name, std::vector<std::int64_t> shape)
{
    m_byName.emplace(name, m_tensors.size());
    m_tensors.push_back({name, std::move(shape), nullptr, ModelTensor::Layout::Plain, 1});
}

void ModelTensors::add(const std::string& name, const std::string& ggufName, std::vector<std::int64_t> shape, ModelTensor::Layout layout, std::int64_t heads)
{
    const TensorInfo* info = stored(name, ggufName);
    const std::string& shown = m_checkpoint->kind() == Checkpoint::Kind::Gguf ? ggufName : name;
    if (!info) {
        const std::string why = m_checkpoint->whyAbsent(shown);
        throw Error(ErrorKind::BadFile, m_checkpoint->path().string() + ": tensor \"" + shown + "\" of shape " + shapeText(shape) + " is missing" +
                    (why.empty() ? why : ": " + why), shown);
    }
    if (info->shape != shape)
        throw Error(ErrorKind::BadFile, fileOf(*m_checkpoint, *info) + ": tensor \"" + shown + "\" has shape " + shapeText(info->shape) + ", the " +
                    m_family.info.name + " configuration asks for " + shapeText(shape), shown);
    if (!isWeightType(info->dtype))
        throw Error(ErrorKind::BadFile, fileOf(*m_checkpoint, *info) + ": tensor \"" + shown + "\" is stored as " + std::string(halftone::name(info->dtype)) +
                    ", which is no type for weights; expected a float type or a GGUF block type", shown);
    m_byName.emplace(name, m_tensors.size());
    m_tensors.push_back({name, std::move(shape), info, layout, heads});
}

void ModelTensors::addNorm(const std::string& name, const std::string& ggufName, std::int64_t width, bool bias)
{
    add(name + ".weight", ggufName + ".weight", {width});
    if (bias)
        add(name + ".bias", ggufName + ".bias", {width});
}

const ModelTensor* ModelTensors::find(std::string_view name) const
{
    const auto it = m_byName.find(name);
    return it == m_byName.end() ? nullptr : &m_tensors[it->second];
}

const ModelTensor& ModelTensors::at(std::string_view name) const
{
    const ModelTensor* tensor = find(name);
    if (!tensor)
        throw Error(ErrorKind::BadFile, m_checkpoint->path().string() + ": the model has no tensor \"" + std::string(name) + "\"", std::string(name));
    return *tensor;
}

at::Tensor ModelTensors::load(const ModelTensor& tensor) const
{
    if (!tensor.stored)
        return at::zeros(tensor.shape, at::kFloat);
    at::Tensor rows = at::empty(tensor.shape, at::kFloat);
    m_checkpoint->readRows(*tensor.stored, 0, tensor.shape.front(), {rows.mutable_data_ptr<float>(), static_cast<std::size_t>(rows.numel())});
    const std::int64_t count = tensor.shape.front();
    switch (tensor.layout) {
    case ModelTensor::Layout::Plain: return rows;
    case ModelTensor::Layout::RotaryPairs:   // (heads, pairs, 2) → (heads, 2, pairs)
        return rows.view({tensor.heads, count / tensor.heads / 2, 2, -1}).transpose(1, 2).reshape(tensor.shape);
    case ModelTensor::Layout::SplitQkv:      // (q k v, heads, headDim) → (heads, q k v, headDim)
        return rows.view({3, tensor.heads, count / tensor.heads / 3, -1}).transpose(0, 1).reshape(tensor.shape);
    }
    return rows;
}

at::Tensor ModelTensors::loadIfAny(std::string_view name) const
{
    const ModelTensor* tensor = find(name);
    return tensor ? load(*tensor) : at::Tensor();
}

std::string ModelTensors::blockName(int index) const
{
    return m_family.names.blocks + std::to_string(index);
}

std::string ModelTensors::subject() const
{
    return m_checkpoint->kind() == Checkpoint::Kind::Gguf ? m_checkpoint->path().string() : (m_checkpoint->path() / "config.json").string();
}

DecoderBlock loadBlock(const ModelTensors& tensors, std::shared_ptr<const ModelConfig> config, int index)
{
    if (index < 0 || index >= config->blocks)
        throw Error(ErrorKind::InvalidArgument, "there is no block " + std::to_string(index) + "; the model has " + std::to_string(config->blocks));
    DecoderBlock block(std::move(config), index);
    const ModuleNames& names = tensors.names();
    const std::string prefix = tensors.blockName(index) + ".";
    const auto norm = [&](const std::string& name) {
        return name.empty() ? Norm{} : Norm{tensors.loadIfAny(prefix + name + ".weight"), tensors.loadIfAny(prefix + name + ".bias"), prefix + name};
    };
    block.attentionNorm = norm(names.attentionNorm);
    block.mlpNorm = norm(names.mlpNorm);
    block.queryNorm = norm(names.queryNorm);
    block.keyNorm = norm(names.keyNorm);
    const std::size_t perBlock = names.linears.size();
    for (std::size_t i = 0; i < perBlock; ++i) {
        Linear linear;
        linear.info = tensors.linears()[static_cast<std::size_t>(index) * perBlock + i];
        linear.weight = tensors.loadIfAny(linear.info.name + ".weight");
        linear.bias = tensors.loadIfAny(linear.info.name + ".bias");
        block.linears().push_back(std::move(linear));
    }
    return block;
}

} // namespace halftone
