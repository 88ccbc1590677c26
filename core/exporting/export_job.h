#pragma once

#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/exporting/formats.h"
#include "core/project/project.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace halftone {

struct ExportJob {
    std::shared_ptr<Project> project;
    std::string run;                     ///< empty: newest finished
    std::string format;                  ///< "compressed-tensors", "dense"
    std::filesystem::path out;
    std::string dtype = "auto";          ///< of what is not quantized, and of `dense`: "bf16", "f16", "f32", or "auto": exportDTypeName()
    bool overwrite = false;
    ComputeOptions options;
};
struct ExportResult {
    std::vector<std::string> files;
    std::uint64_t bytes = 0;
    std::vector<std::string> warnings;   ///< what a runtime would refuse or silently ignore
    std::vector<LeftBehind> left;        ///< of the model's folder; in the certificate too
    std::string certificate;             ///< JSON text: hashes, fate of every tensor, weights compared bit by bit after re-reading
};
/// Notes what a runtime would refuse or ignore before anything is written. @throws Error{Unsupported} for what the format cannot express.
ExportResult exportRun(const ExportJob& job, Progress& progress, const std::stop_token& stop);
/// What a runtime would refuse or ignore, before anything is written. Fatal ones make exportRun throw.
std::vector<ContractIssue> checkExport(const ExportJob& job);

} // namespace halftone
