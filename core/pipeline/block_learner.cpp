#include "core/pipeline/block_learner.h"

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/methods/block_reconstruction.h"
#include "core/pipeline/recipe_model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>

namespace halftone {
namespace {

class RangesOfStaticSites final : public SiteObserver {
public:
    RangesOfStaticSites(SiteRanges& ranges, const DecoderBlock& block, const std::vector<Plan>& plans) : m_ranges(ranges), m_block(block), m_plans(plans) {}
    void site(SiteKind kind, const at::Tensor& x) override
    {
        for (std::size_t i = 0; i < m_plans.size(); ++i)
            if (m_plans[i].activations.isStatic() && m_block.linears()[i].info.site == kind) {
                mergeRanges(m_ranges[{m_block.index(), kind}], x);
                return;
            }
    }

private:
    SiteRanges& m_ranges;
    const DecoderBlock& m_block;
    const std::vector<Plan>& m_plans;
};

/// Sets the activation grids that the plans name, static ranges measured on the quantized stream.
void applyTrainingGrids(DecoderBlock& block, const std::vector<Plan>& plans, const CalibrationStreams& streams, const std::stop_token& stop)
{
    SiteRanges ranges;
    if (std::any_of(plans.begin(), plans.end(), [](const Plan& plan) { return plan.activations.isStatic(); })) {
        RangesOfStaticSites observer(ranges, block, plans);
        for (std::size_t i = 0; i < streams.batches; ++i) {
            throwIfStopped(stop);
            block.forward(streams.hidden.get(i), &observer);
        }
    }
    applyActivationGrids(block, plans, ranges);
}

} // namespace

StreamWindows::StreamWindows(const CalibrationStreams& streams) : m_streams(streams)
{
    if (!streams.floatHidden)
        throw Error(ErrorKind::Internal, "a block is to be fitted to the float model, whose stream was not kept");
    for (std::size_t batch = 0; batch < streams.batches; ++batch)
        for (std::int64_t row = 0, rows = streams.hidden.shape(batch).at(0); row < rows; ++row)
            m_windows.emplace_back(batch, row);
}

at::Tensor StreamWindows::gather(const ActivationStream& stream, std::span<const std::size_t> windows) const
{
    std::vector<at::Tensor> rows;
    for (const std::size_t window : windows)
        rows.push_back(stream.rows(m_windows[window].first, m_windows[window].second, 1));
    return rows.size() == 1 ? rows.front() : at::cat(rows);
}

at::Tensor UnseenWindows::gather(const at::Tensor& all, std::span<const std::size_t> windows)
{
    std::vector<at::Tensor> rows;
    for (const std::size_t window : windows)
        rows.push_back(all.narrow(0, static_cast<std::int64_t>(window), 1));
    return at::cat(rows);
}

LossCurve fitBlock(const DecoderBlock& block, BlockParameters& parameters, const CalibrationStreams& streams, const FitSettings& settings,
                   const std::stop_token& stop, const std::function<void(const std::string& detail)>& step)
{
    const StreamWindows windows(streams);
    const std::uint64_t seed = derivedSeed(streams.seed, static_cast<std::uint64_t>(block.index()));
    BlockReconstruction objective(block, parameters, windows, settings.batch, seed, stop);
    const UnseenWindows unseen(streams);
    const at::NoGradGuard noGrad;
    const auto heldOut = [&] { return streams.unseen.defined() ? BlockReconstruction(block, parameters, unseen, settings.batch, seed, stop).judge() : -1.0; };
    const double before = heldOut();
    LossCurve curve = train(objective, {.what = settings.what, .steps = settings.steps, .schedule = settings.schedule}, stop, [&](int at, double loss) {
        if (streams.trained)
            streams.trained({block.index(), settings.what, at, settings.steps, loss});
        step(settings.what + " · training step " + std::to_string(at + 1) + " of " + std::to_string(settings.steps) + " · loss " + numberText(loss, 3));
    });
    curve.heldOutStart = before;
    curve.heldOutEnd = heldOut();
    return curve;
}

std::unique_ptr<LearnedWeight> learnedWeight(const Plan& plan, const Linear& linear, std::uint64_t seed)
{
    const std::unique_ptr<Rounding> rounding = makeRounding(plan.rounding.method);
    const auto* learned = dynamic_cast<const LearnedRounding*>(rounding.get());
    if (learned == nullptr)
        throw Error(ErrorKind::Internal, plan.rounding.method + " says that it is fitted to the block, but cannot be learned", linear.info.name);
    return learned->learn({.linear = linear.info.name, .weight = linear.weight, .grid = plan.weights, .hessian = nullptr, .seed = seed}, plan.rounding);
}

bool fittedToBlock(const Plan& plan)
{
    return plan.weights.quantized() && needsOf(MethodKind::Rounding, plan.rounding).block;
}

int trainingSteps(const std::vector<Plan>& plans)
{
    std::int64_t steps = 0;
    for (const Plan& plan : plans)
        if (fittedToBlock(plan))
            steps = std::max(steps, trainingOf(MethodKind::Rounding, plan.rounding).steps);
    return static_cast<int>(steps);
}

LearnedRoundings learnRoundings(const DecoderBlock& block, const std::vector<Plan>& plans, const CalibrationStreams& streams,
                                const std::map<std::size_t, RoundingResult>& known, const std::stop_token& stop,
                                const std::function<void(const std::string& detail)>& step)
{
    LearnedRoundings result;
    const std::string here = "block " + std::to_string(block.index());
    const std::uint64_t seed = derivedSeed(streams.seed, static_cast<std::uint64_t>(block.index()));
    DecoderBlock held = block;
    std::vector<RoundingParameters::Item> items;
    TrainingNeeds shared;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        throwIfStopped(stop);
        const Plan& plan = plans[i];
        Linear& linear = held.linears()[i];
        if (const auto done = known.find(i); done != known.end()) {
            linear.weight = done->second.weight.dequantize();
            continue;
        }
        if (!fittedToBlock(plan)) {
            if (plan.weights.quantized())
                linear.weight = quantizeToNearest(linear.weight, plan.weights, linear.info.name).dequantize();
            continue;
        }
        items.push_back({i, learnedWeight(plan, linear, derivedSeed(seed, i))});
        shared = together(shared, trainingOf(MethodKind::Rounding, plan.rounding));
    }
    if (items.empty())
        return result;
    if (shared.activations) {
        applyTrainingGrids(held, plans, streams, stop);
        held.kvCache = kvCacheOfBlock(streams.kvCache, block.index());
    }

    RoundingParameters parameters(std::move(items));
    LossCurve curve = fitBlock(held, parameters, streams, {here, trainingSteps(plans), shared.batch, shared.schedule}, stop, step);
    for (RoundingParameters::Item& item : parameters.items()) {
        RoundingResult rounded;
        rounded.weight = item.learned->codes(block.linears()[item.linear].weight);
        rounded.notes = item.learned->notes();
        rounded.evidence = item.learned->evidence();
        result.linears.emplace(item.linear, std::move(rounded));
    }
    result.curves.push_back(std::move(curve));
    return result;
}

} // namespace halftone
