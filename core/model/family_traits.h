#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace halftone {

/// What else is known of a family, for those above who would otherwise have to know it by name. Declared by its file in core/model/architectures.
struct FamilyTraits {
    bool flattensMlp = false;      ///< transformers runs its MLP on windows as one matrix, where "a token" of compressed-tensors is a whole window
    bool namesKvHeads = true;      ///< its config has num_key_value_heads
    double kernelMark = 0;         ///< CrossQuant (arXiv 2410.07505): the kernel below which the authors found its models to keep their accuracy; 0: none
    std::string kernelMarkName;    ///< as the paper calls it: "LLaMA"
};
/// By registry id; of an unknown family what is usual.
const FamilyTraits& familyTraits(std::string_view architecture);
/// Those of all families.
std::vector<FamilyTraits> allFamilyTraits();

} // namespace halftone
