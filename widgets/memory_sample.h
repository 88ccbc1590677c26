#pragma once

#include <cstdint>

namespace halftone {

/// Resident memory at a moment of a run.
struct MemorySample {
    double seconds = 0;
    std::uint64_t bytes = 0;
};

} // namespace halftone
