#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <map>
#include <vector>

namespace halftone {

namespace {

constexpr std::size_t kTensorsToSample = 24;
constexpr std::int64_t kRowsToSample = 16;
constexpr int kMostLevels = 256;

/// A weight of a block: its name counts something (`model.layers.11.…`, `blk.3.…`).
bool countsBlocks(std::string_view name)
{
    for (std::size_t i = 0; i + 2 < name.size(); ++i) {
        std::size_t end = i + 1;
        while (name[i] == '.' && end < name.size() && std::isdigit(static_cast<unsigned char>(name[end])) != 0)
            ++end;
        if (end > i + 1 && end < name.size() && name[end] == '.')
            return true;
    }
    return false;
}

std::vector<const TensorInfo*> blockWeights(const Checkpoint& checkpoint)
{
    std::vector<const TensorInfo*> found;
    for (const TensorInfo& tensor : checkpoint.tensors())
        if (tensor.shape.size() == 2 && tensor.shape[0] >= 1 && tensor.shape[1] >= 32 && isWeightType(tensor.dtype) && countsBlocks(tensor.name))
            found.push_back(&tensor);
    return found;
}

/// The grid that a stored block type is made of: weights a scale, levels a scale.
std::optional<CoarseGrid> gridOf(DType type)
{
    CoarseGrid grid;
    grid.source = std::string(name(type));
    switch (type) {
    case DType::Q8_0:
        grid.blockSize = 32, grid.levels = 256;
        return grid;
    case DType::Q4_0:
    case DType::Q4_1:
    case DType::Q4_K:
        grid.blockSize = 32, grid.levels = 16;
        return grid;
    case DType::Q5_0:
    case DType::Q5_1:
    case DType::Q5_K:
        grid.blockSize = 32, grid.levels = 32;
        return grid;
    case DType::Q2_K:
        grid.blockSize = 16, grid.levels = 4;
        return grid;
    case DType::Q3_K:
        grid.blockSize = 16, grid.levels = 8;
        return grid;
    case DType::Q6_K:
        grid.blockSize = 16, grid.levels = 64;
        return grid;
    default:
        return std::nullopt;
    }
}

std::optional<CoarseGrid> gridOfTypes(const std::vector<const TensorInfo*>& weights)
{
    std::map<DType, int> counts;
    for (const TensorInfo* tensor : weights)
        ++counts[tensor->dtype];
    const auto most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == counts.end())
        return std::nullopt;
    std::optional<CoarseGrid> grid = gridOf(most->first);
    if (grid) {
        grid->tensors = most->second;
        grid->looked = static_cast<int>(weights.size());
    }
    return grid;
}

/// What runs of one length hold.
struct Runs {
    int levels = 0;             ///< most distinct values in a run
    std::int64_t values = 0;    ///< weights that are not zero, …
    std::int64_t repeats = 0;   ///< … and how many of them are equal to another of their run: zeros say nothing, sparse weights are float
};

Runs countRuns(const std::vector<float>& rows, std::int64_t rowLength, std::int64_t runLength)
{
    Runs result;
    std::vector<float> run;
    for (std::size_t row = 0; row < rows.size(); row += static_cast<std::size_t>(rowLength)) {
        for (std::int64_t at = 0; at < rowLength; at += runLength) {
            const auto first = rows.begin() + static_cast<std::ptrdiff_t>(row) + at;
            run.assign(first, first + std::min(runLength, rowLength - at));
            std::sort(run.begin(), run.end(), [](float a, float b) { // by bits: a total order with NaN, too
                return std::bit_cast<std::int32_t>(a) < std::bit_cast<std::int32_t>(b);
            });
            const auto zeros = std::count(run.begin(), run.end(), 0.0f);
            std::erase(run, 0.0f);
            const auto values = static_cast<std::int64_t>(run.size());
            const auto distinct = std::unique(run.begin(), run.end()) - run.begin();
            result.levels = std::max(result.levels, static_cast<int>(distinct + (zeros > 0 ? 1 : 0)));
            result.values += values;
            result.repeats += values - distinct;
        }
    }
    return result;
}

/// Are so few levels in runs of this length beyond what real float weights, bf16 included, ever show?
bool isCoarse(const Runs& runs, std::int64_t runLength)
{
    const double share = runLength <= 16 ? 0.5 : runLength <= 64 ? 0.85 : 0.5;
    return runs.levels >= 2 && runs.levels <= kMostLevels && static_cast<double>(runs.levels) <= share * static_cast<double>(runLength)
        && static_cast<double>(runs.repeats) >= 0.15 * static_cast<double>(runs.values) && runs.values > 0;
}

/// The longest run that still has about the levels of a shorter one: there the scale changes.
std::optional<std::pair<int, int>> gridOfTensor(const Checkpoint& checkpoint, const TensorInfo& tensor)
{
    const std::int64_t rows = std::min(kRowsToSample, tensor.shape[0]);
    const std::int64_t length = tensor.shape[1];
    std::vector<float> sample(static_cast<std::size_t>(rows * length));
    for (std::int64_t i = 0; i < rows; ++i)
        checkpoint.readRows(tensor, i * tensor.shape[0] / rows, 1,
                            std::span(sample).subspan(static_cast<std::size_t>(i * length), static_cast<std::size_t>(length)));

    std::optional<std::pair<int, int>> found;
    for (std::int64_t run = 16;; run = std::min(2 * run, length)) {
        const Runs runs = countRuns(sample, length, run);
        const bool coarse = isCoarse(runs, run);
        if (found && (!coarse || runs.levels * 2 > found->second * 3))
            break;
        if (coarse)
            found = {static_cast<int>(run), runs.levels};
        if (run == length)
            break;
    }
    return found;
}

} // namespace

std::optional<CoarseGrid> detectCoarseGrid(const Checkpoint& checkpoint)
{
    const std::vector<const TensorInfo*> weights = blockWeights(checkpoint);
    if (auto grid = gridOfTypes(weights))
        return grid;

    const std::size_t count = std::min(kTensorsToSample, weights.size());
    std::map<int, CoarseGrid> bySize;
    for (std::size_t i = 0; i < count; ++i)
        if (const auto seen = gridOfTensor(checkpoint, *weights[i * weights.size() / count])) {
            CoarseGrid& grid = bySize[seen->first];
            grid.blockSize = seen->first;
            grid.levels = std::max(grid.levels, seen->second);
            ++grid.tensors;
        }
    const auto most = std::max_element(bySize.begin(), bySize.end(),
                                       [](const auto& a, const auto& b) { return a.second.tensors < b.second.tensors; });
    if (most == bySize.end() || static_cast<std::size_t>(most->second.tensors) * 4 < count)
        return std::nullopt;
    CoarseGrid grid = most->second;
    grid.looked = static_cast<int>(count);
    return grid;
}

} // namespace halftone
