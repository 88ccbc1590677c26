#pragma once

#include "core/base/device.h"
#include "core/recipe/recipe.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace halftone {

/// What a quantize job will take, said before it starts. Bytes.
struct QuantizePlan {
    int blocks = 0;
    CalibrationSettings calibration;     ///< that it was planned with
    std::uint64_t projectBytes = 0;      ///< the run's block files, at most
    std::uint64_t cacheBytes = 0;        ///< activations that the memory budget sends to the project's folder while the job runs
    std::uint64_t exportBytes = 0;       ///< a compressed-tensors export of the run, wherever it will go
    std::uint64_t freeBytes = 0;         ///< on the project's file system now
    std::uint64_t peakMemory = 0;        ///< most that the process will hold, about
    std::uint64_t availableMemory = 0;   ///< what the process holds and what it could get now; 0: not known

    std::int64_t tokens() const { return std::int64_t{calibration.samples} * calibration.length; }
    std::uint64_t diskBytes() const { return projectBytes + cacheBytes; }
    /// What could go wrong, in sentences: little room left on the disk, or for an export beside the project, or in memory.
    std::vector<std::string> warnings() const;
    /// @throws Error{Io} naming `project` and both figures when the disk will not do.
    void requireDisk(const std::filesystem::path& project) const;
};

/// Reads no weights. `project` need not exist yet. A resumed run needs less than this says.
QuantizePlan planQuantize(const ModelDescription& model, const std::vector<ResolvedPlan>& plans, const CalibrationSettings& calibration,
                          const ComputeOptions& options, const std::filesystem::path& project);

/// "512.3 MB", decimal.
std::string bytesInWords(std::uint64_t bytes);

} // namespace halftone
