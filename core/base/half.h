#pragma once

#include <bit>
#include <cstdint>

namespace halftone {

inline float floatFromBf16(std::uint16_t h) { return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16); }

/// IEEE binary16 → float, exact.
float floatFromF16(std::uint16_t h);
/// Round to nearest even; overflow gives infinity, NaN stays NaN.
std::uint16_t f16FromFloat(float f);
std::uint16_t bf16FromFloat(float f);

} // namespace halftone
