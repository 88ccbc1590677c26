#pragma once

#include <cstdint>
#include <string_view>

namespace halftone {

/// Rank of LRQ's divisor matrix (methods-core §11), at least 1 and at most the smaller side; 0: a full matrix. `rule` is "ratio"
/// (ratio · out · in / (out + in)), "paper" (1024, or 2048 from 33B on) or "released" (what the published code does).
std::int64_t lrqRank(std::string_view rule, double ratio, std::int64_t rows, std::int64_t columns);

} // namespace halftone
