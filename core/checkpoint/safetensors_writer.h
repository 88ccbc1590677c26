#pragma once

#include "core/checkpoint/checkpoint.h"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace halftone {

/// A tensor to be written; `fill` yields its bytes (row-major, little-endian) when its turn comes, so that only one is in memory.
struct TensorToWrite {
    std::string name;
    DType dtype = DType::F32;
    std::vector<std::int64_t> shape;
    std::function<std::vector<std::byte>()> fill;

    std::uint64_t bytes() const;
};

/// Writes `model.safetensors`, or `model-0000i-of-0000n.safetensors` + index above `shardBytes`, into an existing folder.
/// The layout is computed before the first byte (W09); every file is atomic; same tensors give the same bytes.
/// @return the file names written. @throws Error{Io}.
std::vector<std::string> writeSafetensors(const std::filesystem::path& folder, const std::vector<TensorToWrite>& tensors,
                                          std::uint64_t shardBytes = 5'000'000'000,
                                          const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

} // namespace halftone
