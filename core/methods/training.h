#pragma once

#include "core/base/progress.h"
#include "core/methods/linear_result.h"
#include "core/methods/method.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace halftone {

/// A tensor that training changes in place; a leaf of the recorded graph.
struct Leaf {
    std::string name;     ///< for errors
    at::Tensor value;     ///< float32, requires_grad
    double rate = 0;      ///< learning rate at the start of the schedule
};

/// What is made least. Deterministic: a step's loss depends on the leaves and the step's number only.
class Objective {
public:
    virtual ~Objective() = default;
    virtual std::vector<Leaf> leaves() = 0;
    /// Loss of a step's mini-batch; adds its gradients to the leaves'. Called with gradients on. @throws Cancelled.
    virtual double step(int step) = 0;
    /// Loss over everything that a state is judged by. Called with gradients off. @throws Cancelled.
    virtual double judge() = 0;
};

/// Share of the rate at a step.
double rateAt(Schedule schedule, int step, int steps);

struct TrainingSettings {
    std::string what;     ///< names the curve: "block 3", or a linear
    int steps = 0;
    Schedule schedule = Schedule::Cosine;
    int judgements = 4;   ///< times a state is judged after the start, evenly spread
};

/// Fused AdamW (β 0.9, 0.999; no weight decay). The best judged state is kept, so that the end is never
/// worse than the start. A loss that is not finite, or a thousand times the start's, rolls back to that state with a quarter of the rate; after
/// three of them training ends. What happened is said in the curve's notes. `done` is called after every step.
LossCurve train(Objective& objective, const TrainingSettings& settings, const std::stop_token& stop,
                const std::function<void(int step, double loss)>& done = {});

/// `batch` of `count` windows for a step, a pure function of (seed, step): the windows are taken in an order that is drawn anew for each pass.
std::vector<std::size_t> miniBatch(std::size_t count, int batch, std::uint64_t seed, int step);

/// A seed for a part of something that has one (splitmix64).
std::uint64_t derivedSeed(std::uint64_t seed, std::uint64_t part);

} // namespace halftone
