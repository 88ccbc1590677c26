#include "core/quant/packing.h"

#include "core/base/error.h"

#include <algorithm>
#include <string>

namespace halftone {
namespace {

std::int64_t wordsPerRow(std::int64_t columns, int bits)
{
    return (columns * bits + 31) / 32;
}

void requireBits(int bits, std::int64_t rows, std::int64_t columns)
{
    if (bits != 2 && bits != 4 && bits != 8)
        throw Error(ErrorKind::InvalidArgument, "codes of " + std::to_string(bits) + " bits cannot be packed into 32-bit words; 2, 4 and 8 can");
    if (rows < 0 || columns < 0)
        throw Error(ErrorKind::InvalidArgument, "a matrix of codes with a negative size cannot be packed");
}

} // namespace

std::vector<std::int32_t> packRows(std::span<const std::uint8_t> codes, std::int64_t rows, std::int64_t columns, int bits)
{
    requireBits(bits, rows, columns);
    if (codes.size() != static_cast<std::size_t>(rows * columns))
        throw Error(ErrorKind::InvalidArgument, "there are " + std::to_string(codes.size()) + " codes for " + std::to_string(rows) + " × " +
                                                    std::to_string(columns) + " places");
    const std::int64_t words = wordsPerRow(columns, bits);
    const int perWord = 32 / bits;
    const std::uint32_t largest = (1u << bits) - 1;
    std::vector<std::int32_t> packed(static_cast<std::size_t>(rows * words));
    std::size_t at = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t w = 0; w < words; ++w) {
            std::uint32_t word = 0;
            const std::int64_t first = w * perWord, last = std::min<std::int64_t>(first + perWord, columns);
            for (std::int64_t c = first; c < last; ++c) {
                const std::uint32_t code = codes[static_cast<std::size_t>(r * columns + c)];
                if (code > largest)
                    throw Error(ErrorKind::InvalidArgument, "code " + std::to_string(code) + " at row " + std::to_string(r) + ", column " +
                                                                std::to_string(c) + " does not fit " + std::to_string(bits) + " bits");
                word |= code << (bits * static_cast<int>(c - first));
            }
            packed[at++] = static_cast<std::int32_t>(word);
        }
    }
    return packed;
}

std::vector<std::uint8_t> unpackRows(std::span<const std::int32_t> words, std::int64_t rows, std::int64_t columns, int bits)
{
    requireBits(bits, rows, columns);
    const std::int64_t perRow = wordsPerRow(columns, bits);
    if (words.size() != static_cast<std::size_t>(rows * perRow))
        throw Error(ErrorKind::InvalidArgument, "there are " + std::to_string(words.size()) + " words for " + std::to_string(rows) + " rows of " +
                                                    std::to_string(perRow));
    const int perWord = 32 / bits;
    const std::uint32_t largest = (1u << bits) - 1;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(rows * columns));
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < columns; ++c) {
            const auto word = static_cast<std::uint32_t>(words[static_cast<std::size_t>(r * perRow + c / perWord)]);
            codes[static_cast<std::size_t>(r * columns + c)] = static_cast<std::uint8_t>((word >> (bits * (c % perWord))) & largest);
        }
    return codes;
}

} // namespace halftone
