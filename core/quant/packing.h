#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halftone {

/// compressed-tensors' pack-quantized layout (export-formats §1.3): unsigned codes, LSB first, bits 2, 4 or 8 per int32 word; the last
/// word of a row is padded with zeros. codes [rows, columns] → [rows, ceil(columns·bits/32)].
std::vector<std::int32_t> packRows(std::span<const std::uint8_t> codes, std::int64_t rows, std::int64_t columns, int bits);
std::vector<std::uint8_t> unpackRows(std::span<const std::int32_t> words, std::int64_t rows, std::int64_t columns, int bits);

} // namespace halftone
