#pragma once

#include "core/model/model_info.h"

#include <cstdint>
#include <string>

/// What jobs will hold resident, for window and command line alike. Bytes.
namespace halftone {

/// What this program holds while it computes, beside what a job loads: itself, its libraries once they have run, and what the allocator keeps.
/// What it holds now counts where that is more. Jobs give back what they freed (returnFreedMemory), so that little of it is free.
std::uint64_t programBytes();
/// What the libraries of linear algebra keep for their products, which grows with the model's widest linear up to a limit.
std::uint64_t libraryBytes(const ModelConfig& config);
/// What one forward pass of `tokens` holds at its widest, in the MLP.
std::uint64_t forwardBytes(const ModelConfig& config, std::uint64_t tokens);
/// The weights of one block in float32.
std::uint64_t blockBytes(const ModelConfig& config);
/// Gives the system back what the allocator keeps of freed memory: after a job, and before one takes memory of another shape.
void returnFreedMemory();

/// Peak of an analysis: one block, its activations where they may be kept, and what is found of all blocks. `memoryBudget` 0: the default.
std::uint64_t analyzeMemory(const ModelConfig& config, std::int64_t windows, std::int64_t length, std::uint64_t memoryBudget);

/// What an evaluation holds of each at once.
struct EvaluationShape {
    int heads = 1;     ///< models opened
    int streams = 1;   ///< models that are walked: the hidden states of every window
    int logits = 1;    ///< whose logits are there together
};
/// Peak of an evaluation: a block goes through the stream, then the head through pieces of every window.
std::uint64_t evaluateMemory(const ModelConfig& config, std::int64_t tokens, std::int64_t length, const EvaluationShape& shape);

/// "planned: 8192 tokens, about 512.3 MB of memory (…, available)".
std::string memorySentence(std::int64_t tokens, std::uint64_t peak);
/// What the process holds and what it could get now; 0: not known.
std::uint64_t availableMemory();

} // namespace halftone
