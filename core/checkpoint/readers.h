#pragma once

#include "core/base/file.h"
#include "core/checkpoint/checkpoint.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

/// What the readers of this room share; no header for other rooms.
namespace halftone {

std::shared_ptr<const Checkpoint> openHuggingFace(const std::filesystem::path& folder);
std::shared_ptr<const Checkpoint> openGguf(const std::filesystem::path& file);

/// NAME-00002-of-00003.gguf: a part of a split model, as llama.cpp names them.
struct SplitGgufName {
    std::filesystem::path stem;   ///< with its folder
    std::uint64_t number = 0;     ///< from 1
    std::uint64_t count = 0;

    std::filesystem::path part(std::uint64_t which) const;
    static std::string fiveDigits(std::uint64_t which);
};
/// @return empty for any other name.
std::optional<SplitGgufName> splitGgufName(const std::filesystem::path& path);

/// A safetensors header, wholly validated (R06): tensors in file order with absolute offsets. `headerHash`: SHA-256 of the header's bytes.
std::vector<TensorInfo> readSafetensorsHeader(const InputFile& file, int index, std::string& headerHash);

/// The stored size of a tensor. @return empty on overflow or if the rows are no whole blocks.
std::optional<std::uint64_t> storedBytes(DType type, const std::vector<std::int64_t>& shape);

/// "[576, 49152]"
std::string shapeText(const std::vector<std::int64_t>& shape);

/// @throws Error{BadFile} "FILE: SENTENCE (RULE)."
[[noreturn]] void failFile(const std::filesystem::path& file, const std::string& sentence, std::string_view rule,
                           std::source_location where = std::source_location::current());

} // namespace halftone
