#pragma once

#include "core/model/model.h"

#include <filesystem>
#include <memory>

namespace halftone {

/// True when config.json of the folder has a compressed-tensors quantization_config.
bool isCompressedTensors(const std::filesystem::path& folder);

/// Opens a compressed-tensors folder as it would be served: weights unpacked block by block, activation grids applied. The reading side: it shares
/// no code with the exporter, so it can prove an export. @throws Error{BadFile}, Error{Unsupported} naming the scheme.
std::shared_ptr<const BlockSource> openCompressedTensors(const std::filesystem::path& folder);

} // namespace halftone
