#pragma once

#include "core/checkpoint/checkpoint.h"
#include "core/model/model_info.h"
#include "core/text/tokenizer.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halftone {

/// A model as a person sees it before any weight is loaded. Plain values, for the window and `inspect`.
struct ModelDescription {
    std::filesystem::path path;
    std::string format;               ///< "Hugging Face folder", "GGUF v3"
    ModelConfig config;
    std::vector<LinearInfo> linears;
    std::vector<SiteInfo> sites;
    std::int64_t parameters = 0;
    std::uint64_t bytes = 0;          ///< on disk
    std::optional<CoarseGrid> coarseGrid;

    /// A tensor beside the blocks' linears: embedding, positions, head, norms, biases.
    struct Other { std::string name; std::vector<std::int64_t> shape; std::string dtype; };
    std::vector<Other> others;
    std::vector<std::string> notes;   ///< Model::notes()
};

/// @throws as Model::open. Reads headers, plus a few rows for the coarse grid when `lookForGrid`.
ModelDescription describeModel(const std::filesystem::path& path, bool lookForGrid = true);

/// Reads the vocabulary of a GGUF checkpoint. @throws Error{BadFile} when its arrays disagree.
GgufVocabulary readGgufVocabulary(const Checkpoint& checkpoint);

/// Registry of families (core/model/architectures/registry.cpp).
struct ArchitectureInfo {
    std::string id, name, huggingFace, gguf, notes;
};
std::vector<ArchitectureInfo> architectures();

} // namespace halftone
