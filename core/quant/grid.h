#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace halftone {

/// How weights are rounded (methods-core §1). bits 16 = left as they are.
struct WeightGrid {
    enum class Range { Narrow, Full };   ///< symmetric only: s = absmax/(2^(b−1)−1), or 2·absmax/(2^b−1); codes −2^(b−1)…2^(b−1)−1
    enum class Clip { None, Mse };       ///< Mse: p-norm shrink search, §1.3
    int bits = 16;                       ///< 2…8, or 16
    int group = 0;                       ///< along the input; 0 = whole row (per channel)
    bool symmetric = true;
    bool perTensor = false;              ///< one scale for the matrix; group must be 0
    Range range = Range::Narrow;
    Clip clip = Clip::None;

    bool quantized() const { return bits < 16; }
    friend bool operator==(const WeightGrid&, const WeightGrid&) = default;
};

enum class ActivationScheme { None, PerTensor, PerToken, PerChannel, Cross, CrossStatic };

std::string_view name(ActivationScheme scheme);   ///< the recipe's word: "none", "per_tensor", …
ActivationScheme activationSchemeFromName(std::string_view name);  ///< @throws Error{InvalidArgument}

/// How the input of a linear is rounded. per_tensor, per_channel and cross_static take their ranges from calibration (static).
struct ActivationGrid {
    ActivationScheme scheme = ActivationScheme::None;
    int bits = 8;             ///< 2…8
    bool symmetric = true;
    double alpha = 0.15;      ///< cross schemes: exponent of the token maximum (CrossQuant, arXiv 2410.07505)

    bool quantized() const { return scheme != ActivationScheme::None; }
    bool isStatic() const { return scheme == ActivationScheme::PerTensor || scheme == ActivationScheme::PerChannel || scheme == ActivationScheme::CrossStatic; }
    friend bool operator==(const ActivationGrid&, const ActivationGrid&) = default;
};

/// Largest code of a symmetric grid, 2^(bits−1) − 1.
constexpr int symmetricMax(int bits) { return (1 << (bits - 1)) - 1; }

/// Bytes that an export stores of a quantized matrix: codes packed along the row into 32-bit words (plain bytes where `integers`), float32
/// scales, zero points packed along the column. 0 for weights left as they are.
std::uint64_t storedBytes(const WeightGrid& grid, std::int64_t rows, std::int64_t columns, bool integers = false);
/// The same in bits a weight; 16 for weights left as they are.
double storedBitsPerWeight(const WeightGrid& grid, std::int64_t rows, std::int64_t columns);

/// @throws Error{InvalidArgument} naming the key, the value and the limit; `columns` 0 skips the divisibility check.
void validate(const WeightGrid& grid, std::int64_t columns = 0);
void validate(const ActivationGrid& grid);

} // namespace halftone
