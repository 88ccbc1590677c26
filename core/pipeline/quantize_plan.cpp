#include "core/pipeline/quantize_plan.h"

#include "core/base/atomic_file.h"
#include "core/base/disk.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/pipeline/block_learner.h"
#include "core/pipeline/block_transformer.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/memory_plan.h"
#include "core/pipeline/quantize_memory.h"
#include "core/recipe/packed_format.h"
#include "core/text/corpus.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

namespace halftone {
namespace {

using memory::kFloat;
using memory::positive;

/// HDF5's own: groups, attributes and chunk tables of one linear, measured at 9 to 14 kB.
constexpr std::uint64_t kLinearOverhead = 16 * 1024;
constexpr std::uint64_t kBlockOverhead = 32 * 1024;

/// What block files keep of one linear: nibbles or bytes, float32 scales, int32 zero points, the ranges of a static activation grid.
std::uint64_t storedBytes(const Plan& plan, const LinearInfo& linear)
{
    std::uint64_t bytes = kLinearOverhead;
    const WeightGrid& grid = plan.weights;
    if (grid.quantized()) {
        const std::uint64_t count = positive(linear.weights());
        const std::uint64_t groups = grid.group > 0 ? (positive(linear.in) + positive(grid.group) - 1) / positive(grid.group) : 1;
        bytes += grid.bits <= 4 ? (count + 1) / 2 : count;
        bytes += positive(linear.out) * groups * (grid.symmetric ? 4 : 8);
    }
    if (plan.activations.quantized())
        bytes += 3 * kFloat * positive(linear.in);
    return bytes;
}

/// Learned on the float model's hidden states.
bool learns(const Plan& plan)
{
    return fittedToBlock(plan) || transformIsLearned(plan);
}

/// The most that one block's work takes, over the blocks: its weights and what is left when it is done; a Hessian as it is collected; that Hessian factored
/// and the largest linear rounded; and the block learned.
struct BlockWork {
    std::uint64_t kept = 0, collecting = 0, rounding = 0, learning = 0;
    bool factorises = false;   ///< LAPACK is called, and keeps room of its own
};

BlockWork blockWork(const ModelDescription& model, const std::vector<ResolvedPlan>& plans, const CalibrationSettings& calibration)
{
    struct Block {
        std::uint64_t weights = 0, stored = kBlockOverhead, largest = 0, batch = 0;
        PerSite<std::uint64_t> hessian;
        bool together = false;   ///< all Hessians at once
        bool learned = false;
        bool transformed = false;
        bool factorised = false;
    };
    std::map<int, Block> blocks;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const LinearInfo& linear = model.linears[i];
        const Plan& plan = plans[i].plan;
        Block& block = blocks[linear.block];
        block.weights += kFloat * positive(linear.weights());
        block.stored += storedBytes(plan, linear);
        block.hessian[linear.site] = kFloat * positive(linear.in) * positive(linear.in);
        block.transformed = block.transformed || plan.transform.method != "none";
        if (!plan.weights.quantized())
            continue;
        block.largest = std::max(block.largest, positive(linear.weights()));
        block.learned = block.learned || learns(plan);
        const MethodNeeds needs = needsOf(MethodKind::Rounding, plan.rounding);
        block.batch = std::max(block.batch, positive(trainingOf(MethodKind::Rounding, plan.rounding).batch));
        block.factorised = block.factorised || needs.hessian;
        block.together = block.together || !needs.sequential;
    }
    BlockWork most;
    for (const auto& [index, block] : blocks) {
        std::uint64_t largest = 0, others = 0;
        for (const auto& [site, one] : block.hessian) {
            largest = std::max(largest, one);
            others += block.together ? one : 0;
        }
        const std::uint64_t kept = (block.transformed ? 2 : 1) * block.weights + block.weights / kFloat + block.stored;   // codes take a byte before they are packed
        const std::uint64_t rows = std::max<std::uint64_t>(block.batch, 1) * positive(calibration.length) * kFloat;
        const std::uint64_t trained = rows * (memory::kTrainedHiddenRows * positive(model.config.hidden) + memory::kTrainedMiddleRows * positive(model.config.intermediate));
        most.factorises = most.factorises || block.factorised;
        most.kept = std::max(most.kept, kept);
        most.collecting = std::max(most.collecting, kept + largest + others);
        most.rounding = std::max(most.rounding, kept + (block.factorised ? memory::kHessianCopies : memory::kMeasuredHessianCopies) * largest + others
                                                    + memory::kLinearBytesPerWeight * block.largest);
        if (block.learned)
            most.learning = std::max(most.learning, kept + memory::kLearnedCopies * block.weights + trained);
    }
    return most;
}

} // namespace

std::string bytesInWords(std::uint64_t bytes)
{
    constexpr std::array kUnits{"bytes", "kB", "MB", "GB", "TB"};
    double value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < kUnits.size(); ++unit)
        value /= 1000;
    return fixedText(value, unit == 0 || value >= 99.95 ? 0 : 1) + " " + kUnits[unit];
}

QuantizePlan planQuantize(const ModelDescription& model, const std::vector<ResolvedPlan>& plans, const CalibrationSettings& calibration,
                          const ComputeOptions& options, const std::filesystem::path& project)
{
    if (plans.size() != model.linears.size())
        throw Error(ErrorKind::InvalidArgument, "There are " + std::to_string(plans.size()) + " plans for "
            + std::to_string(model.linears.size()) + " linears.");
    const ModelConfig& config = model.config;
    QuantizePlan plan;
    plan.blocks = config.blocks;
    plan.calibration = calibration;
    for (std::size_t i = 0; i < plans.size(); ++i)
        plan.projectBytes += storedBytes(plans[i].plan, model.linears[i]);
    plan.projectBytes += positive(config.blocks) * kBlockOverhead;
    plan.exportBytes = smallestExport(plans, model);

    const bool fitted = std::any_of(plans.begin(), plans.end(), [](const ResolvedPlan& p) { return learns(p.plan); });
    const memory::Streams streams = memory::streamsOf(config, positive(plan.tokens()), options.memoryBudget, fitted);
    plan.cacheBytes = streams.spilled;
    plan.freeBytes = freeDiskBytes(project);

    const std::uint64_t length = positive(calibration.length);
    const std::uint64_t samples = length == 0 ? 0 : std::min(positive(calibration.samples), std::max<std::uint64_t>(1, memory::kTokensPerBatch / length));
    const std::uint64_t head = kFloat * positive(config.vocabulary)
        * (positive(config.embeddingWidth) + memory::kCanaryLogitRows);
    const std::uint64_t unseen = fitted ? 2 * kFloat * positive(config.hidden) * std::max<std::uint64_t>(TokenWindows::kUnseenTokens, length) : 0;
    const BlockWork block = blockWork(model, plans, calibration);
    const std::uint64_t walking = streams.kept + std::max(block.rounding, block.collecting + forwardBytes(config, samples * length));
    const std::uint64_t between = streams.keptHidden + std::max(block.learning, block.kept + head);
    plan.peakMemory = programBytes() + libraryBytes(config) * (block.factorises ? 5 : 3) / 3 + (fitted ? memory::kTrainingProgram : 0) + unseen + std::max(walking, between);
    plan.availableMemory = availableMemory();
    return plan;
}

std::vector<std::string> QuantizePlan::warnings() const
{
    std::vector<std::string> said;
    const std::uint64_t usable = freeBytes - freeBytes / 20;
    if (diskBytes() + diskBytes() / 5 > usable)
        said.push_back("the disk of the project is nearly too small: the run writes up to " + bytesInWords(diskBytes()) + ", "
            + bytesInWords(freeBytes) + " are free");
    else if (diskBytes() + exportBytes > usable)
        said.push_back("an export of " + bytesInWords(exportBytes) + " will not fit beside the run on the disk of the project, where "
            + bytesInWords(freeBytes) + " are free");
    if (availableMemory > 0 && peakMemory > availableMemory)
        said.push_back("the run will hold about " + bytesInWords(peakMemory) + " of memory, but " + bytesInWords(availableMemory)
            + " are there: take fewer or shorter samples, or set a memory budget, which sends activations to the disk");
    return said;
}

void QuantizePlan::requireDisk(const std::filesystem::path& project) const
{
    if (diskBytes() <= freeBytes - freeBytes / 20)
        return;
    throw Error(ErrorKind::Io, project.string() + ": the run writes up to " + std::to_string(diskBytes()) + " bytes there, but only "
        + std::to_string(freeBytes) + " are free. Free some space, or put the project on another disk.", project.string());
}

} // namespace halftone
