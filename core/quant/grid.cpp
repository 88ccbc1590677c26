#include "core/quant/grid.h"

#include "core/base/error.h"
#include "core/base/number_text.h"

#include <array>
#include <cmath>

namespace halftone {
namespace {

constexpr std::array<std::pair<ActivationScheme, std::string_view>, 6> kSchemes{{
    {ActivationScheme::None, "none"},
    {ActivationScheme::PerTensor, "per_tensor"},
    {ActivationScheme::PerToken, "per_token"},
    {ActivationScheme::PerChannel, "per_channel"},
    {ActivationScheme::Cross, "cross"},
    {ActivationScheme::CrossStatic, "cross_static"},
}};

[[noreturn]] void refuse(const std::string& sentence, const char* key)
{
    throw Error(ErrorKind::InvalidArgument, sentence, key);
}

} // namespace

std::string_view name(ActivationScheme scheme)
{
    for (const auto& [value, word] : kSchemes)
        if (value == scheme)
            return word;
    return "none";
}

ActivationScheme activationSchemeFromName(std::string_view word)
{
    std::string known;
    for (const auto& [value, knownWord] : kSchemes) {
        if (knownWord == word)
            return value;
        known += (known.empty() ? "" : ", ") + std::string(knownWord);
    }
    refuse("activation scheme \"" + std::string(word) + "\" is not known; known are " + known, "scheme");
}

std::uint64_t storedBytes(const WeightGrid& grid, std::int64_t rows, std::int64_t columns, bool integers)
{
    if (!grid.quantized() || rows <= 0 || columns <= 0)
        return 0;
    const auto packed = [&](std::int64_t count) {
        return static_cast<std::uint64_t>(integers ? count : (count * grid.bits + 31) / 32 * 4);
    };
    const std::int64_t groups = grid.group > 0 ? (columns + grid.group - 1) / grid.group : 1;
    return static_cast<std::uint64_t>(rows) * packed(columns) + 4 * static_cast<std::uint64_t>(rows * groups)
        + (grid.symmetric ? 0 : static_cast<std::uint64_t>(groups) * packed(rows));
}

double storedBitsPerWeight(const WeightGrid& grid, std::int64_t rows, std::int64_t columns)
{
    if (!grid.quantized() || rows <= 0 || columns <= 0)
        return grid.bits;
    return 8 * static_cast<double>(storedBytes(grid, rows, columns)) / (static_cast<double>(rows) * static_cast<double>(columns));
}

void validate(const WeightGrid& grid, std::int64_t columns)
{
    if (grid.bits != 16 && (grid.bits < 2 || grid.bits > 8))
        refuse("weights.bits is " + std::to_string(grid.bits) + "; it must be 2 to 8, or 16 for weights left as they are", "weights.bits");
    if (grid.group < 0)
        refuse("weights.group is " + std::to_string(grid.group) + "; it must be 0 (the whole row) or a positive number of columns", "weights.group");
    if (grid.perTensor && grid.group != 0)
        refuse("weights.group is " + std::to_string(grid.group) + " with one scale for the whole matrix; use one or the other", "weights.group");
    if (!grid.symmetric && grid.range == WeightGrid::Range::Full)
        refuse("weights.range is \"full\" with an asymmetric grid; the choice of range belongs to symmetric grids", "weights.range");
    if (columns > 0 && grid.group > 0 && columns % grid.group != 0)
        refuse("weights.group is " + std::to_string(grid.group) + ", which does not divide the " + std::to_string(columns) + " input columns",
               "weights.group");
}

void validate(const ActivationGrid& grid)
{
    if (!grid.quantized())
        return;
    if (grid.bits < 2 || grid.bits > 8)
        refuse("activations.bits is " + std::to_string(grid.bits) + "; it must be 2 to 8", "activations.bits");
    const bool cross = grid.scheme == ActivationScheme::Cross || grid.scheme == ActivationScheme::CrossStatic;
    if (cross && !grid.symmetric)
        refuse("activations.symmetric is false with the scheme \"" + std::string(name(grid.scheme)) + "\"; cross grids are symmetric only",
               "activations.symmetric");
    if (cross && !(grid.alpha >= 0 && grid.alpha <= 1))
        refuse("activations.alpha is " + numberText(grid.alpha) + "; it must be 0 to 1", "activations.alpha");
}

} // namespace halftone
