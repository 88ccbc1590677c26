#pragma once

#include <bit>
#include <cstdint>

namespace halftone {

inline float floatFromBf16(std::uint16_t h) { return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16); }

/// IEEE binary16 → float, exact (subnormals and NaN payloads included). Free of branches, so that loops over it vectorise.
inline float floatFromF16(std::uint16_t h)
{
    const auto u = static_cast<std::uint32_t>(h);
    const std::uint32_t magnitude = (u & 0x7fffu) << 13;
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f; // moves the exponent's bias from 15 to 127
    const std::uint32_t special = (u & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
    return std::bit_cast<float>((special != 0 ? magnitude : std::bit_cast<std::uint32_t>(scaled)) | special | (u & 0x8000u) << 16);
}

/// Round to nearest even; overflow gives infinity, NaN stays NaN.
std::uint16_t f16FromFloat(float f);
std::uint16_t bf16FromFloat(float f);

} // namespace halftone
