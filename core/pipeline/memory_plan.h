#pragma once

#include "core/model/describe.h"

#include <cstdint>

/// What jobs will hold resident, for window and command line alike.
namespace halftone {

/// What this program holds while it computes, beside what a job loads: itself, its libraries once they have run, and what the allocator keeps.
/// What it holds now counts where that is more, but for what the allocator has free: the next job takes that first.
std::uint64_t programBytes();
/// Gives the system back what the allocator keeps of freed memory, before a job takes memory of another shape.
void returnFreedMemory();

/// Peak of a walk of the model over `tokens` tokens (analyze, evaluate): the two ends of the model in float32, one block, the stream and one batch at
/// work. `twice`: with a second model beside.
std::uint64_t walkMemory(const ModelDescription& model, std::int64_t tokens, bool twice);

} // namespace halftone
