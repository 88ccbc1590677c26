#pragma once

#include "core/exporting/exporter.h"

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace halftone {

/// "bf16", "f16" or "f32" → DType. @throws Error{InvalidArgument} naming them.
DType exportDType(std::string_view name);
/// As LibTorch calls it, and as config.json does.
at::ScalarType scalarType(DType dtype);

/// The bytes of a float32 tensor in `dtype` (round to nearest even), row-major.
/// @throws Error{Unsupported} naming the tensor where f16 cannot hold a value that is finite
std::vector<std::byte> tensorBytes(const at::Tensor& x, DType dtype, const std::string& name);

/// Hands out a run's blocks to the writer, which asks tensor by tensor: the block asked for last stays in memory.
class BlockCache {
public:
    explicit BlockCache(const ExportSource& source) : m_source(source) {}
    const StoredLinear& linear(const LinearInfo& info);
    /// A tensor under its Hugging Face name as the run leaves it, where that is no codes: changed by the run, or the model's own.
    at::Tensor tensor(const std::string& name);
    /// The run's results of a block; valid until another is asked for.
    const StoredBlock& block(int index);

private:
    const ExportSource& m_source;
    StoredBlock m_block;
    int m_index = -1;
};

/// All that stands beside the weights: companions, and config.json, the model's own with dtype set and `quantization` (may be null) as
/// quantization_config. `weights`: the files that are there already.
Written writeBeside(const Model& model, std::vector<std::string> weights, DType dtype, const nlohmann::json& quantization, const std::filesystem::path& folder);

} // namespace halftone
