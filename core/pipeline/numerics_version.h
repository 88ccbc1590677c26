#pragma once

#include <string_view>

namespace halftone {

/// Raised when the arithmetic of a run changes, so that an older run is not resumed, and an older study not gone on with, in other numbers.
inline constexpr std::string_view kNumericsVersion = "halftone-numerics-5";

} // namespace halftone
