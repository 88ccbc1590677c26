#pragma once

#include "core/project/project.h"

#include <optional>

namespace halftone {

/// The newest run of state "running", whatever its fingerprint.
std::optional<RunInfo> findUnfinished(const Project& project);
/// The newest run, finished or not.
std::optional<RunInfo> findNewest(const Project& project);

} // namespace halftone
