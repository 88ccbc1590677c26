#include "core/methods/training.h"

#include "core/base/error.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace halftone {
namespace {

constexpr double kDiverged = 1000;
constexpr int kMostRollbacks = 3;

/// AdamW's state beside the leaves.
class Optimizer {
public:
    explicit Optimizer(std::vector<Leaf> leaves) : m_leaves(std::move(leaves))
    {
        for (const Leaf& leaf : m_leaves)
            if (!leaf.value.requires_grad() || !leaf.value.is_leaf())
                throw Error(ErrorKind::Internal, leaf.name + " is no leaf that could be trained", leaf.name);
        forget();
    }

    void forget()
    {
        m_first.clear();
        m_second.clear();
        m_steps.clear();
        for (const Leaf& leaf : m_leaves) {
            m_first.push_back(at::zeros_like(leaf.value));
            m_second.push_back(at::zeros_like(leaf.value));
            m_steps.push_back(at::zeros({}, at::kFloat));
        }
    }

    void clearGradients()
    {
        for (Leaf& leaf : m_leaves)
            leaf.value.mutable_grad() = at::Tensor();
    }

    void step(double factor)
    {
        for (std::size_t i = 0; i < m_leaves.size(); ++i) {
            const at::Tensor& gradient = m_leaves[i].value.grad();
            if (!gradient.defined())
                continue;
            m_steps[i].add_(1);
            at::_fused_adamw_({m_leaves[i].value}, {gradient.contiguous()}, {m_first[i]}, {m_second[i]}, {}, {m_steps[i]}, m_leaves[i].rate * factor,
                              0.9, 0.999, 0, 1e-8, false, false);
        }
    }

    std::vector<at::Tensor> snapshot() const
    {
        std::vector<at::Tensor> values;
        for (const Leaf& leaf : m_leaves)
            values.push_back(leaf.value.detach().clone());
        return values;
    }

    void restore(const std::vector<at::Tensor>& values)
    {
        for (std::size_t i = 0; i < m_leaves.size(); ++i)
            m_leaves[i].value.copy_(values[i]);
    }

private:
    std::vector<Leaf> m_leaves;
    std::vector<at::Tensor> m_first, m_second, m_steps;
};

} // namespace

std::uint64_t derivedSeed(std::uint64_t seed, std::uint64_t part)
{
    std::uint64_t x = seed + 0x9E3779B97F4A7C15ULL * (part + 1);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

std::vector<std::size_t> miniBatch(std::size_t count, int batch, std::uint64_t seed, int step)
{
    std::vector<std::size_t> chosen, order(count);
    std::uint64_t pass = ~std::uint64_t{0};
    for (int k = 0; k < batch && count > 0; ++k) {
        const std::uint64_t position = static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(batch) + static_cast<std::uint64_t>(k);
        if (position / count != pass) {
            pass = position / count;
            std::iota(order.begin(), order.end(), std::size_t{0});
            for (std::size_t i = count; i > 1; --i)
                std::swap(order[i - 1], order[derivedSeed(derivedSeed(seed, pass), i) % i]);
        }
        chosen.push_back(order[position % count]);
    }
    return chosen;
}

double rateAt(Schedule schedule, int step, int steps)
{
    constexpr double kHeld = 0.75;
    const double done = static_cast<double>(step) / std::max(1, steps);
    const double falling = schedule == Schedule::Constant ? 0 : schedule == Schedule::Cosine ? done : std::max(0.0, (done - kHeld) / (1 - kHeld));
    return 0.5 * (1 + std::cos(std::numbers::pi * falling));
}

LossCurve train(Objective& objective, const TrainingSettings& settings, const std::stop_token& stop,
                const std::function<void(int step, double loss)>& done)
{
    const at::NoGradGuard noGrad;
    throwIfStopped(stop);
    Optimizer optimizer(objective.leaves());
    LossCurve curve;
    curve.what = settings.what;
    curve.start = curve.end = objective.judge();
    if (!std::isfinite(curve.start))
        throw Error(ErrorKind::Internal, settings.what + ": the loss is not finite before training begins", settings.what);
    std::vector<at::Tensor> best = optimizer.snapshot();
    double factor = 1;
    const auto rollBack = [&](int step, double loss) {
        curve.notes.push_back(settings.what + ": training broke off at step " + std::to_string(step) +
                              (std::isfinite(loss) ? " (the loss grew)" : " (the loss is not a number)") + " and went back to step " +
                              std::to_string(curve.bestStep) + (curve.rollbacks < kMostRollbacks ? " with a quarter of the rate" : " for good"));
        optimizer.restore(best);
        optimizer.forget();
        factor /= 4;
        ++curve.rollbacks;
    };
    const int judgements = std::clamp(settings.judgements, 1, std::max(1, settings.steps));
    for (int step = 0; step < settings.steps && curve.rollbacks <= kMostRollbacks; ++step) {
        throwIfStopped(stop);
        optimizer.clearGradients();
        double loss = 0;
        {
            const at::AutoGradMode gradients(true);
            loss = objective.step(step);
        }
        curve.losses.push_back(static_cast<float>(loss));
        if (!std::isfinite(loss) || loss > kDiverged * std::max(curve.start, 1e-20)) {
            rollBack(step, loss);
            continue;
        }
        optimizer.step(factor * rateAt(settings.schedule, step, settings.steps));
        if ((step + 1) * judgements / settings.steps != step * judgements / settings.steps) {
            const double judged = objective.judge();
            if (judged < curve.end) {
                curve.end = judged;
                curve.bestStep = step + 1;
                best = optimizer.snapshot();
            } else if (!(judged <= kDiverged * std::max(curve.start, 1e-20))) {
                rollBack(step, judged);
            }
        }
        if (done)
            done(step, loss);
    }
    optimizer.clearGradients();
    optimizer.restore(best);
    return curve;
}

} // namespace halftone
