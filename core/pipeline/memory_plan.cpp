#include "core/pipeline/memory_plan.h"

#include "core/analysis/activation_sample.h"
#include "core/analysis/analyze.h"
#include "core/analysis/site_accumulator.h"
#include "core/eval/evaluate.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/quantize_memory.h"
#include "core/pipeline/quantize_plan.h"

#include <algorithm>
#include <fstream>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace halftone {
namespace {

using memory::kFloat;
using memory::positive;

constexpr std::uint64_t kProgram = 175'000'000, kWalkingProgram = 167'000'000;
constexpr std::uint64_t kMostLibraries = 32'000'000;

/// Channels of the sites of a block.
std::vector<std::uint64_t> channelsOf(const ModelConfig& config)
{
    const std::uint64_t hidden = positive(config.hidden);
    return {hidden, positive(config.heads) * positive(config.headDim), hidden, positive(config.intermediate)};
}

/// At least `least`: what the libraries have not touched yet, they will.
std::uint64_t programOr(std::uint64_t least) { return std::max(residentBytes(), least); }

} // namespace

std::uint64_t programBytes() { return programOr(kProgram); }

std::uint64_t libraryBytes(const ModelConfig& config)
{
    return std::min(kMostLibraries, 8 * kFloat * positive(config.hidden) * positive(std::max(config.intermediate, config.hidden)));
}

std::uint64_t forwardBytes(const ModelConfig& config, std::uint64_t tokens)
{
    return kFloat * tokens * (2 * positive(config.intermediate) + 2 * positive(config.hidden));
}

std::uint64_t blockBytes(const ModelConfig& config)
{
    const std::uint64_t hidden = positive(config.hidden), heads = positive(config.headDim) * (positive(config.heads) + positive(config.kvHeads));
    return kFloat * hidden * (2 * heads + (config.gatedMlp ? 3 : 2) * positive(config.intermediate));
}

void returnFreedMemory()
{
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

std::uint64_t availableMemory()
{
    std::ifstream file("/proc/meminfo");
    std::string key, unit;
    for (std::uint64_t kilobytes = 0; file >> key >> kilobytes; std::getline(file, unit))
        if (key == "MemAvailable:")
            return kilobytes * 1024 + residentBytes();
    return 0;
}

std::uint64_t analyzeMemory(const ModelConfig& config, std::int64_t windows, std::int64_t length, std::uint64_t memoryBudget)
{
    const std::uint64_t tokens = positive(windows) * positive(length), blocks = positive(config.blocks);
    std::uint64_t channels = 0, maps = 0;
    const std::vector<std::uint64_t> sites = channelsOf(config);
    for (const std::uint64_t site : sites) {
        channels += site;
        maps += std::min(tokens, positive(kMapSide)) * std::min(site, positive(kMapSide));
    }
    const std::uint64_t streams = 2 * tokens * positive(config.hidden) * kFloat, kept = tokens * channels * kFloat;
    const bool keeps = kept + streams <= mostKept(memoryBudget);
    const std::uint64_t samples = std::min(static_cast<std::uint64_t>(kSampleBytes), tokens * channels * blocks * kFloat);
    const std::uint64_t found = blocks * kFloat * (maps + sites.size() * tokens + channels * std::min<std::uint64_t>(positive(windows), 32)) + samples;
    // What is kept lies between what is let go at once: a fifth more.
    const std::uint64_t working = keeps ? kept + kept / 5 + streams / 5 : forwardBytes(config, std::min(tokens, std::max(memory::kTokensPerBatch, positive(length))));
    return programOr(kWalkingProgram) + libraryBytes(config) / 4 + streams + working + found + blockBytes(config);
}

std::uint64_t evaluateMemory(const ModelConfig& config, std::int64_t tokens, std::int64_t length, const EvaluationShape& shape)
{
    const std::uint64_t vocabulary = positive(config.vocabulary), all = positive(tokens);
    const std::uint64_t streams = positive(shape.streams) * all * positive(config.hidden) * kFloat;
    const std::uint64_t rows = std::min(positive(logitRows(config.vocabulary)), std::max<std::uint64_t>(1, positive(length)));
    const std::uint64_t head = vocabulary * positive(config.embeddingWidth) * kFloat;
    const std::uint64_t logits = 2 * rows * vocabulary * kFloat;   // and their exponentials
    const std::uint64_t ends = positive(shape.heads) * head + positive(shape.logits) * logits;
    return programOr(kWalkingProgram) + libraryBytes(config) + streams + std::max(blockBytes(config), ends)
        + forwardBytes(config, std::min(all, std::max(memory::kTokensPerBatch, positive(length))));
}

std::string memorySentence(std::int64_t tokens, std::uint64_t peak)
{
    const std::uint64_t available = availableMemory();
    return "planned: " + std::to_string(tokens) + " tokens, about " + bytesInWords(peak) + " of memory"
        + (available > 0 ? " (" + bytesInWords(available) + " available)" + (peak > available ? ": more than there is; take fewer or shorter windows" : "") : "");
}

} // namespace halftone
