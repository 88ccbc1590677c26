#pragma once

#include "core/recipe/recipe.h"

#include <string>
#include <vector>

namespace halftone {

struct FormatInfo {
    std::string id, name, summary;
    std::vector<std::string> runtimes;
    bool packed = true;                  ///< holds codes; else float weights with the quantized values
};
std::vector<FormatInfo> exportFormats();

/// A file beside the weights that an export does not take along, or something in a file that it leaves out.
struct LeftBehind {
    std::string name;     ///< relative to the model's folder; a folder ends in "/"
    std::string reason;   ///< a phrase
};

/// What a format makes of a recipe, as its exporter says it: before a run as after one.
struct FormatFit {
    FormatInfo format;
    std::vector<ContractIssue> issues;   ///< fatal: it cannot hold that; else a runtime would refuse or ignore it
    bool holds() const;
};
std::vector<FormatFit> fitFormats(const std::vector<ResolvedPlan>& plans, const ModelDescription& model, const KvCacheGrid& kvCache);

/// What can be taken home of a run of a recipe.
enum class Packing { Packed, DenseOnly, Nothing };   ///< Nothing: every weight stays as it is, so an export would copy the model
struct PackingFit {
    Packing packing = Packing::Packed;
    std::string why;                     ///< of the packed format that would come closest, a sentence; empty where one holds it
};
PackingFit packingOf(const std::vector<ResolvedPlan>& plans, const ModelDescription& model, const KvCacheGrid& kvCache);

/// One line a distinct reason, with how many linears it concerns; those that refuse first.
std::vector<std::string> sentences(const std::vector<ContractIssue>& issues);

} // namespace halftone
