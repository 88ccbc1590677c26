#pragma once

#include "core/exporting/exporter.h"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace halftone {

/// "bf16" or "f32" → DType. @throws Error{InvalidArgument} naming both.
DType exportDType(std::string_view name);

/// The bytes of a float32 tensor in `dtype` (F32 or BF16, round to nearest even), row-major.
std::vector<std::byte> tensorBytes(const at::Tensor& x, DType dtype);

/// Hands out a run's blocks to the writer, which asks tensor by tensor: the block asked for last stays in memory.
class BlockCache {
public:
    explicit BlockCache(const ExportSource& source) : m_source(source) {}
    const StoredLinear& linear(const LinearInfo& info);
    /// A tensor under its Hugging Face name as the run leaves it, where that is no codes: changed by the run, or the model's own.
    at::Tensor tensor(const std::string& name);

private:
    const StoredBlock& block(int index);

    const ExportSource& m_source;
    StoredBlock m_block;
    int m_index = -1;
};

/// Everything beside weights and config.json: tokenizer, generation config, chat template. Copied from a Hugging Face folder, made from a GGUF's
/// key-values. @return file names.
std::vector<std::string> writeCompanions(const Model& model, const std::filesystem::path& folder);

/// config.json of the export: the model's own, with dtype set and `quantization` (may be null) as quantization_config.
void writeConfig(const Model& model, DType dtype, const nlohmann::json& quantization, const std::filesystem::path& folder);

} // namespace halftone
