#pragma once

#include "core/analysis/weight_map.h"
#include "core/project/project.h"

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

namespace halftone {

/// Reads linears of one model for the Weights view; the model stays open between them. Thread-safe.
class WeightMaps {
public:
    explicit WeightMaps(std::filesystem::path model);
    ~WeightMaps();

    /// Rounded to nearest by `grid` (bits 16: only the weight itself). A grid that does not fit, or a weight that is not finite, leaves the
    /// quantized matrix out and says why in `note`.
    /// @throws Error{BadFile} as Model::open and Model::weight; Cancelled.
    WeightMap rounded(const std::string& linear, const WeightGrid& grid, const std::stop_token& stop);
    /// With the codes that a run stored. @throws as above, and as loadBlock().
    WeightMap ofRun(const std::string& linear, int block, const Project& project, const std::string& run, const std::stop_token& stop);

private:
    struct Opened;
    std::unique_ptr<Opened> m_opened;
};

} // namespace halftone
