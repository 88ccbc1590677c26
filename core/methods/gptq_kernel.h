#pragma once

#include <cstdint>

/// The column steps of GPTQ over a tile of rows (Highway, dynamic dispatch). Everything is held transposed, [columns, rows], so that one column
/// step is vector operations over rows; a tile is kTile rows wide. Within a block of columns the errors of earlier columns are subtracted when a
/// column's turn comes (left-looking), in the order of the columns, which gives the bits of the textbook order without storing in between.
namespace halftone::kernels {

inline constexpr std::int64_t kGptqTile = 64;

struct GptqTile {
    float* weight = nullptr;              ///< column 0 of the block, first row of the tile
    std::int64_t stride = 0;              ///< from column to column of weight and codes
    const float* factor = nullptr;        ///< transposed factor of the block: factor[j · factorStride + k] = U(k, j)
    std::int64_t factorStride = 0;
    float* error = nullptr;               ///< out: (w − ŵ) / U(j, j), [columns of the block, kGptqTile], contiguous so that it stays in the nearest cache
    std::int8_t* codes = nullptr;         ///< out: code − codeOffset
    const float* const* scale = nullptr;  ///< per column of the block: scales of the tile's rows
    const float* const* zero = nullptr;   ///< likewise, integers as float
    float qmin = 0, qmax = 0;
    float codeOffset = 0;                 ///< subtracted before a code is stored, so that 0…255 fits
};

/// weight(j) −= Σ_{first ≤ k < last} U(k, j) · error(k) for the columns begin ≤ j < end.
void gptqUpdate(const GptqTile& tile, std::int64_t begin, std::int64_t end, std::int64_t first, std::int64_t last);
/// Rounds the columns begin ≤ j < end one after the other; `first` is the first column whose error is not yet in them.
void gptqSolve(const GptqTile& tile, std::int64_t begin, std::int64_t end, std::int64_t first);

} // namespace halftone::kernels
