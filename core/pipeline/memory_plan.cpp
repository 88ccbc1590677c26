#include "core/pipeline/memory_plan.h"

#include "core/pipeline/compute_scope.h"
#include "core/pipeline/quantize_memory.h"

#include <algorithm>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace halftone {
namespace {

constexpr std::uint64_t kFloat = 4;
constexpr std::uint64_t kProgram = 175'000'000;

} // namespace

std::uint64_t programBytes()
{
    std::uint64_t held = residentBytes();
#ifdef __GLIBC__
    held -= std::min(held, static_cast<std::uint64_t>(::mallinfo2().fordblks));
#endif
    return std::max(held, kProgram);
}

void returnFreedMemory()
{
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

std::uint64_t walkMemory(const ModelDescription& model, std::int64_t tokens, bool twice)
{
    std::vector<std::uint64_t> blocks(static_cast<std::size_t>(std::max(1, model.config.blocks)));
    for (const LinearInfo& linear : model.linears)
        if (linear.block >= 0 && static_cast<std::size_t>(linear.block) < blocks.size())
            blocks[static_cast<std::size_t>(linear.block)] += static_cast<std::uint64_t>(linear.weights());
    const auto hidden = static_cast<std::uint64_t>(model.config.hidden), middle = static_cast<std::uint64_t>(std::max(model.config.intermediate, model.config.hidden));
    const std::uint64_t block = *std::max_element(blocks.begin(), blocks.end()) * kFloat;
    const std::uint64_t ends = static_cast<std::uint64_t>(model.config.vocabulary) * hidden * kFloat * (model.config.tiedEmbeddings ? 1 : 2);
    const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(0, tokens));
    const std::uint64_t batch = std::min(count, memory::kTokensPerBatch) * (3 * middle + 4 * hidden) * kFloat;
    return programBytes() + (ends + block + count * hidden * kFloat) * (twice ? 2 : 1) + batch;
}

} // namespace halftone
