#pragma once

#include "core/checkpoint/checkpoint.h"

#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// What a model is made of, part by part, so that a later look can say which part is another one: each tensor (type, shape, and bytes of it) and
/// each small file that figures or exports depend on. Neither where the model lies nor when it was written counts.
struct ModelIdentity {
    struct Part {
        std::string name;     ///< "config.json", "model.norm.weight", "llama.rope.freq_base"
        bool tensor = false;
        std::string sha256;
        bool operator==(const Part&) const = default;
    };
    static constexpr int kVersion = 2;
    int version = kVersion;   ///< how much of the model was looked at: only identities of one version can be compared
    std::vector<Part> parts;  ///< by name, files before tensors

    std::string digest() const;
    std::string toJson() const;
    /// @throws Error{BadFile}.
    static ModelIdentity parse(std::string_view text, std::string_view subject);
};

/// Reads whole small files, and all tensors where they have at most 512 MiB together; of a larger model whole tensors up to 256 KiB, and 64 pages spread
/// over each longer one. The first version looked at less, four pages of whatever has more than 64 KiB. @throws as reading does.
ModelIdentity identityOf(const Checkpoint& checkpoint, int version = ModelIdentity::kVersion);

/// "config.json and 3 tensors (model.norm.weight, …) differ; tokenizer.json is gone"; empty when they are the same.
std::string whatDiffers(const ModelIdentity& before, const ModelIdentity& now);

} // namespace halftone
