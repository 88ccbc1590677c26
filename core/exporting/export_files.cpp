#include "core/exporting/export_files.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace halftone {

namespace {

/// What travels along from a Hugging Face folder, when it is there.
constexpr std::array kCompanions{"generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                                 "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json"};
constexpr std::uint64_t kCompanionLimit = 256u << 20;

std::string generationConfig(const GgufVocabulary& vocabulary)
{
    Json json = Json::object();
    json["_from_model_config"] = true;
    if (vocabulary.bos >= 0)
        json["bos_token_id"] = vocabulary.bos;
    if (vocabulary.eos >= 0)
        json["eos_token_id"] = vocabulary.eos;
    if (vocabulary.pad >= 0)
        json["pad_token_id"] = vocabulary.pad;
    return json.dump(2) + "\n";
}

} // namespace

DType exportDType(std::string_view name)
{
    if (name == "bf16")
        return DType::BF16;
    if (name == "f32")
        return DType::F32;
    throw Error(ErrorKind::InvalidArgument, "export dtype \"" + std::string(name) + "\" is not known; use bf16 or f32", "dtype");
}

std::vector<std::byte> tensorBytes(const at::Tensor& x, DType dtype)
{
    const at::Tensor stored = x.to(dtype == DType::BF16 ? at::kBFloat16 : at::kFloat).contiguous();
    std::vector<std::byte> bytes(static_cast<std::size_t>(stored.numel()) * stored.element_size());
    std::memcpy(bytes.data(), stored.const_data_ptr(), bytes.size());
    return bytes;
}

const StoredBlock& BlockCache::block(int index)
{
    if (m_index != index) {
        m_block = m_source.block(index);
        m_index = index;
    }
    return m_block;
}

at::Tensor BlockCache::tensor(const std::string& name)
{
    for (int b = 0; b < m_source.model.config().blocks; ++b)
        if (name.starts_with(m_source.model.blockName(b) + "."))
            for (const StoredTensor& changed : block(b).tensors)
                if (changed.name == name)
                    return changed.value;
    return m_source.model.weight(name);
}

const StoredLinear& BlockCache::linear(const LinearInfo& info)
{
    const std::vector<StoredLinear>& linears = block(info.block).linears;
    const auto found = std::find_if(linears.begin(), linears.end(), [&](const StoredLinear& l) { return l.name == info.name; });
    if (found == linears.end())
        throw Error(ErrorKind::BadFile, "the run's block " + std::to_string(info.block) + " has no result for " + info.name, info.name);
    return *found;
}

std::vector<std::string> writeCompanions(const Model& model, const std::filesystem::path& folder)
{
    std::vector<std::string> written;
    if (const auto vocabulary = model.ggufVocabulary()) {
        written = writeHuggingFaceTokenizer(*vocabulary, folder);
        writeFileAtomically(folder / "generation_config.json", generationConfig(*vocabulary));
        written.emplace_back("generation_config.json");
        return written;
    }
    for (const char* name : kCompanions) {
        const std::filesystem::path from = model.checkpoint().path() / name;
        if (!std::filesystem::is_regular_file(from))
            continue;
        writeFileAtomically(folder / name, readTextFile(from, kCompanionLimit));
        written.emplace_back(name);
    }
    return written;
}

void writeConfig(const Model& model, DType dtype, const nlohmann::json& quantization, const std::filesystem::path& folder)
{
    Json config = model.huggingFaceConfig();
    config.erase("torch_dtype");
    config["dtype"] = dtype == DType::BF16 ? "bfloat16" : "float32";
    config.erase("quantization_config");
    if (!quantization.is_null())
        config["quantization_config"] = quantization;
    writeFileAtomically(folder / "config.json", config.dump(2) + "\n");
}

} // namespace halftone
