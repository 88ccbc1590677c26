#include "core/exporting/export_files.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

namespace halftone {

DType exportDType(std::string_view name)
{
    if (name == "bf16")
        return DType::BF16;
    if (name == "f32")
        return DType::F32;
    if (name == "f16")
        return DType::F16;
    throw Error(ErrorKind::InvalidArgument, "export dtype \"" + std::string(name) + "\" is not known; use bf16, f16 or f32", "dtype");
}

at::ScalarType scalarType(DType dtype)
{
    return dtype == DType::BF16 ? at::kBFloat16 : dtype == DType::F16 ? at::kHalf : at::kFloat;
}

std::vector<std::byte> tensorBytes(const at::Tensor& x, DType dtype, const std::string& name)
{
    const at::Tensor stored = x.to(scalarType(dtype)).contiguous();
    if (dtype == DType::F16 && at::isinf(stored).logical_and(at::isfinite(x)).any().item<bool>())
        throw Error(ErrorKind::Unsupported, name + " holds values beyond 65504, the largest of f16; export with bf16 or f32", name);
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
        throw Error(ErrorKind::BadFile, block(info.block).file + ": has no result for " + printable(info.name), info.name);
    return *found;
}

Written writeBeside(const Model& model, std::vector<std::string> weights, DType dtype, const nlohmann::json& quantization, const std::filesystem::path& folder)
{
    Companions companions = writeCompanions(model, folder);
    Written written{std::move(weights), std::move(companions.left)};
    written.files.insert(written.files.end(), companions.written.begin(), companions.written.end());
    Json config = model.huggingFaceConfig();
    if (dropAutoMap(config))
        written.left.push_back({"config.json: auto_map", "it names code, which does not travel"});
    config.erase("torch_dtype");
    config["dtype"] = dtype == DType::BF16 ? "bfloat16" : dtype == DType::F16 ? "float16" : "float32";
    config.erase("quantization_config");
    if (model.config().head)   // what is stored, whatever the source's config says of it
        config["tie_word_embeddings"] = model.config().tiedEmbeddings;
    if (!quantization.is_null())
        config["quantization_config"] = quantization;
    writeFileAtomically(folder / "config.json", pythonJson(config, 2) + "\n");
    written.files.emplace_back("config.json");
    std::sort(written.files.begin(), written.files.end());
    return written;
}

} // namespace halftone
