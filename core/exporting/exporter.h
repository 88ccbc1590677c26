#pragma once

#include "core/base/progress.h"
#include "core/exporting/companions.h"
#include "core/exporting/formats.h"
#include "core/model/model.h"
#include "core/project/run_store.h"

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace halftone {

/// What an exporter reads: the model, the plans, and each block's results on demand.
struct ExportSource {
    const Model& model;
    const ModelDescription& description;
    std::vector<ResolvedPlan> plans;                        ///< in the model's linear order
    std::function<StoredBlock(int block)> block;
    std::string dtype = "bf16";
    KvCacheGrid kvCache = {};                               ///< the recipe's
};

/// What a format is asked about: a recipe as it stands for a model.
struct ExportQuestion {
    const ModelDescription& model;
    const std::vector<ResolvedPlan>& plans;
    const KvCacheGrid& kvCache;
};

struct Written {
    std::vector<std::string> files;      ///< names, sorted; with "/" where they lie in a folder of the export
    std::vector<LeftBehind> left;
};

/// Writes one format. One file each in core/exporting, one line in registry.cpp.
class Exporter {
public:
    virtual ~Exporter() = default;
    virtual FormatInfo info() const = 0;
    /// What this format cannot express (fatal) or a runtime would refuse or ignore (not fatal): linear and reason, before work starts.
    virtual std::vector<ContractIssue> check(const ExportQuestion& asked) const = 0;
    /// Writes into an existing empty folder (the caller makes it appear atomically).
    virtual Written write(const ExportSource& source, const std::filesystem::path& folder, Progress& progress, const std::stop_token& stop) const = 0;
};

std::span<const std::unique_ptr<Exporter>> exporters();
/// @throws Error{InvalidArgument} naming the known ones.
const Exporter& exporter(std::string_view id);

} // namespace halftone
