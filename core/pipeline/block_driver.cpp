#include "core/pipeline/block_driver.h"

#include "core/algebra/product.h"
#include "core/algebra/sums.h"
#include "core/base/error.h"
#include "core/methods/training.h"
#include "core/quant/asleep.h"
#include "core/methods/compensation.h"
#include "core/methods/rounding.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/not_finite.h"
#include "core/pipeline/sentinels.h"
#include "core/pipeline/site_changes.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {

namespace {

/// 10·log10(Σw² / Σ(w−ŵ)²) in dB; 999 when nothing was lost.
double sqnrDb(const at::Tensor& weight, const at::Tensor& error)
{
    const double noise = sumOfSquares(error), power = sumOfSquares(weight);
    return noise > 0 ? 10 * std::log10(power / noise) : 999;
}

/// mean over tokens and outputs of (x·errorᵀ)², from H = 2·mean(x xᵀ): tr(E H Eᵀ) / (2·out).
double outputMse(const at::Tensor& error, const at::Tensor& hessian)
{
    return sumOfProducts(product(error, hessian), error) / (2.0 * static_cast<double>(error.size(0)));
}

class StageObserver final : public SiteObserver {
public:
    explicit StageObserver(std::function<void(SiteKind, const at::Tensor&)> see) : m_see(std::move(see)) {}
    void site(SiteKind kind, const at::Tensor& x) override { m_see(kind, x); }

private:
    std::function<void(SiteKind, const at::Tensor&)> m_see;
};

} // namespace

BlockDriver::BlockDriver(DecoderBlock& block, const std::vector<Plan>& plans, CalibrationStreams& streams, const std::stop_token& stop, Step step)
    : m_block(block), m_plans(plans), m_streams(streams), m_stop(stop), m_step(std::move(step))
{
}

bool BlockDriver::trueSequential() const
{
    for (const Plan& plan : m_plans)
        if (plan.weights.quantized() && !needsOf(MethodKind::Rounding, plan.rounding).sequential)
            return false;
    return true;
}

bool BlockDriver::quantizesWeightsAt(SiteKind kind) const
{
    for (std::size_t i = 0; i < m_plans.size(); ++i)
        if (m_plans[i].weights.quantized() && m_block.linears()[i].info.site == kind)
            return true;
    return false;
}

void BlockDriver::observe(SiteKind kind, const at::Tensor& x)
{
    requireFinite(x, kind);
    if (quantizesWeightsAt(kind)) {
        HessianAccumulator& hessian = m_hessians.try_emplace(kind, x.size(-1)).first->second;
        hessian.add(x.reshape({-1, x.size(-1)}));
    }
    for (std::size_t i = 0; i < m_plans.size(); ++i)
        if (m_plans[i].activations.isStatic() && m_block.linears()[i].info.site == kind) {
            mergeRanges(m_ranges[{m_block.index(), kind}], x);
            break;
        }
}

void BlockDriver::requireFinite(const at::Tensor& x, std::optional<SiteKind> site) const
{
    if (isFinite(x))
        return;
    const NotFinite why = whyNotFinite(m_block, site);
    const std::string place = site ? std::string(label(*site)) : "output";
    throw Error(ErrorKind::BadFile, "block " + std::to_string(m_block.index()) + ": its " + place + " is no longer finite on the calibration text. " + why.sentence +
                ". Evaluate the float model on this text; where that is fine, give the blocks before this one more bits", why.subject);
}

void BlockDriver::stepBatch(std::string_view what, std::size_t batch) const
{
    const std::size_t done = std::min(m_streams.samples, (batch + 1) * ((m_streams.samples + m_streams.batches - 1) / std::max<std::size_t>(1, m_streams.batches)));
    m_step("block " + std::to_string(m_block.index()) + " · " + std::string(what) + " · sample " + std::to_string(done) + " of " + std::to_string(m_streams.samples));
}

void BlockDriver::compensate(StoredLinear& stored, const Plan& plan, const at::Tensor& weight, const SiteHessian& hessian) const
{
    if (plan.compensation.method == "none")
        return;
    const CompensationInputs in{stored.name, weight, stored.weight->dequantize(), hessian.h.defined() ? &hessian : nullptr};
    CompensationResult made = makeCompensation(plan.compensation.method)->compensate(in, plan.compensation, m_stop);
    stored.factors = std::move(made.factors);
    stored.result.compensation = plan.compensation.method;
    stored.result.compensated = made.kept;
    stored.result.rank = stored.factors->rank();
    stored.result.errorSpectrum = std::move(made.spectrum);
    for (std::string& note : made.notes)
        stored.result.notes.push_back(std::move(note));
}

RoundingResult BlockDriver::roundingOf(std::size_t index, SiteHessian& hessian)
{
    const auto learned = m_learned.linears.find(index);
    if (learned != m_learned.linears.end())
        return std::move(learned->second);
    const Linear& linear = m_block.linears()[index];
    const Plan& plan = m_plans[index];
    const auto source = m_transformed.sources.find(index);
    const at::Tensor& weight = source == m_transformed.sources.end() ? linear.weight : source->second;
    const std::uint64_t seed = derivedSeed(derivedSeed(m_streams.seed, static_cast<std::uint64_t>(m_block.index())), index);
    RoundingInputs inputs{linear.info.name, weight, plan.weights, &hessian, seed};
    if (m_streams.trained)
        inputs.trained = [&](int step, int steps, double loss) { m_streams.trained({m_block.index(), linear.info.name, step, steps, loss}); };
    RoundingResult rounded = makeRounding(plan.rounding.method)->round(inputs, plan.rounding, m_stop);
    m_transformed.sources.erase(index);
    return rounded;
}

void BlockDriver::roundLinear(std::size_t index, SiteHessian& hessian)
{
    throwIfStopped(m_stop);
    Linear& linear = m_block.linears()[index];
    const Plan& plan = m_plans[index];
    const WorkClock clock;
    StoredLinear& stored = m_stored.linears[index];
    LinearResult& result = stored.result;
    result.linear = stored.name = linear.info.name;
    result.weights = plan.weights;
    result.activations = stored.activations = plan.activations;
    result.method = "none";
    result.weightSqnrDb = 999;
    if (plan.weights.quantized()) {
        m_step("block " + std::to_string(m_block.index()) + " · " + linear.info.name + " · " + plan.rounding.method);
        m_peak = std::max(m_peak, takePeakResidentBytes());
        RoundingResult rounded = roundingOf(index, hessian);
        stored.weight = std::move(rounded.weight);
        compensate(stored, plan, linear.weight, hessian);
        const at::Tensor quantized = stored.effectiveWeight();
        const at::Tensor error = linear.weight - quantized;
        result.method = plan.rounding.method;
        result.weightSqnrDb = sqnrDb(linear.weight, error);
        result.outputMse = hessian.h.defined() ? outputMse(error, hessian.h) : std::numeric_limits<double>::quiet_NaN();   // no text went through
        result.damping = rounded.damping;
        result.notes.insert(result.notes.end(), rounded.notes.begin(), rounded.notes.end());
        if (rounded.evidence) {
            rounded.evidence->linear = linear.info.name;
            m_stored.result.weights.push_back(std::move(*rounded.evidence));
        }
        if (rounded.curve)
            m_stored.result.curves.push_back(std::move(*rounded.curve));
        for (BlockFlag& flag : inspectRounded(m_block.index(), linear.weight, *stored.weight, result))
            m_stored.result.flags.push_back(std::move(flag));
        result.peakBytes = takePeakResidentBytes();
        m_peak = std::max(m_peak, result.peakBytes);
        linear.weight = quantized;
    }
    result.seconds = clock.seconds();
}

void BlockDriver::finishSite(SiteKind kind)
{
    SiteHessian hessian;
    hessian.site = "model block " + std::to_string(m_block.index()) + ", " + std::string(label(kind));
    if (auto collected = m_hessians.extract(kind))
        hessian.h = collected.mapped().finish();
    for (std::size_t i = 0; i < m_plans.size(); ++i)
        if (m_block.linears()[i].info.site == kind)
            roundLinear(i, hessian);
    wakeSite(kind);
    applyActivationGrids(m_block, m_plans, m_ranges, kind);
    for (std::size_t i = 0; i < m_plans.size(); ++i)
        if (m_block.linears()[i].info.site == kind && m_block.linears()[i].input)
            m_stored.linears[i].ranges = m_block.linears()[i].input->ranges();
}

/// Static ranges of channels that the text hardly woke: those of the site's others, and kept in the result.
void BlockDriver::wakeSite(SiteKind kind)
{
    const auto ranges = m_ranges.find({m_block.index(), kind});
    if (ranges == m_ranges.end())
        return;
    const WokenRanges woken = wakeRanges(ranges->second);
    const auto ofChannels = [&](std::size_t i) {
        const ActivationGrid& grid = m_plans[i].activations;
        return m_block.linears()[i].info.site == kind && grid.isStatic() && grid.scheme != ActivationScheme::PerTensor;
    };
    std::size_t first = 0;
    while (first < m_plans.size() && !ofChannels(first))
        ++first;
    if (woken.channels.empty() || first == m_plans.size())
        return;
    AsleepChannels asleep{m_block.index(), kind, std::string(name(m_plans[first].activations.scheme)), true, static_cast<std::int64_t>(ranges->second.channelAbsmax.size()), {}, 0, {}};
    for (std::size_t i = 0; i < woken.channels.size(); ++i) {
        asleep.asleep.push_back(static_cast<std::int64_t>(woken.channels[i]));
        asleep.wakes.push_back(std::max(woken.limit, 2 * woken.absmax[i]));
    }
    asleep.count = static_cast<std::int64_t>(asleep.asleep.size());
    m_stored.result.asleep.push_back(std::move(asleep));
}

/// OmniQuant's calibration rounds keys and values with the activations; weight-only methods never see the cache's grid (LRQ's KV8).
void BlockDriver::roundCache()
{
    if (std::any_of(m_plans.begin(), m_plans.end(), [](const Plan& plan) { return plan.activations.quantized(); }))
        m_block.kvCache = kvCacheOfBlock(m_streams.kvCache, m_block.index());
}

void BlockDriver::walkStages(bool collect)
{
    roundCache();
    const auto eachBatch = [&](std::string_view what, auto&& work) {
        for (std::size_t i = 0; i < m_streams.batches; ++i) {
            throwIfStopped(m_stop);
            work(i);
            stepBatch(what, i);
        }
    };
    const std::span<const Stage> stages = m_block.stages();
    const auto reached = [&](std::size_t i) { return BlockState{m_streams.hidden.get(i), m_streams.carry.get(i)}; };
    if (collect)
        eachBatch(label(stages.front().site), [&](std::size_t i) { observe(stages.front().site, stages.front().activation(m_block, reached(i))); });
    for (const Stage& stage : stages) {
        if (collect)
            finishSite(stage.site);
        const bool last = &stage == &stages.back();
        eachBatch(stage.work, [&](std::size_t i) {
            BlockState state = reached(i);
            const at::Tensor hidden = state.hidden;
            state = stage.advance(m_block, state, stage.activation(m_block, state));
            m_streams.carry.put(i, state.carry);
            if (last)
                requireFinite(state.hidden, std::nullopt);
            else if (collect)
                observe((&stage)[1].site, (&stage)[1].activation(m_block, state));
            if (!state.hidden.is_same(hidden))
                m_streams.hidden.put(i, state.hidden);
        });
    }
    if (m_streams.unseen.defined())
        m_streams.unseen = m_block.forward(m_streams.unseen);
}

void BlockDriver::collectWholeBlock()
{
    roundCache();
    StageObserver observer([this](SiteKind kind, const at::Tensor& x) { observe(kind, x); });
    for (std::size_t i = 0; i < m_streams.batches; ++i) {
        throwIfStopped(m_stop);
        m_block.forward(m_streams.hidden.get(i), &observer);
        stepBatch("site statistics", i);
    }
    for (const Stage& stage : m_block.stages())
        finishSite(stage.site);
}

std::int64_t BlockDriver::expectedSteps() const
{
    return static_cast<std::int64_t>(((std::any_of(m_plans.begin(), m_plans.end(), transforms) ? 2 : 1) + m_block.stages().size()) * m_streams.batches + m_plans.size()) +
           trainingSteps(m_plans) + transformSteps(m_plans);
}

void BlockDriver::advanceFloat()
{
    if (!m_streams.floatHidden)
        return;
    for (std::size_t i = 0; i < m_streams.batches; ++i) {
        throwIfStopped(m_stop);
        m_streams.floatHidden->put(i, m_block.forward(m_streams.floatHidden->get(i)));
    }
    if (m_streams.floatUnseen.defined())
        m_streams.floatUnseen = m_block.forward(m_streams.floatUnseen);
}

StoredBlock BlockDriver::quantize()
{
    const WorkClock clock;
    m_stored = {};
    m_peak = 0;
    m_stored.block = m_block.index();
    m_stored.linears.resize(m_plans.size());
    {   // the float weights as they were are let go before anything is rounded
        const DecoderBlock original = m_block;
        m_transformed = transformBlock(m_block, m_plans, m_streams, m_stop, m_step);
        m_stored.result.sites = siteChanges(original, m_block, m_plans, m_streams, m_stop);
        m_stored.tensors = changedTensors(original, m_block, m_plans);
    }
    {
        DecoderBlock sources = m_block;
        for (const auto& [index, weight] : m_transformed.sources)
            sources.linears()[index].weight = weight;
        m_learned = learnRoundings(sources, m_plans, m_streams, m_transformed.learned.linears, m_stop, m_step);
    }
    m_learned.linears.merge(m_transformed.learned.linears);
    m_stored.result.curves = std::move(m_transformed.learned.curves);
    m_stored.result.transforms = std::move(m_transformed.evidence);
    m_stored.result.asleep = std::move(m_transformed.asleep);
    for (SiteChange& change : m_stored.result.sites)
        for (const AsleepChannels& asleep : m_stored.result.asleep)
            if (asleep.site == change.site)
                change.asleep = asleep.count;
    for (LossCurve& curve : m_learned.curves)
        m_stored.result.curves.push_back(std::move(curve));
    if (trueSequential()) {
        walkStages(true);
    } else {
        collectWholeBlock();
        walkStages(false);
    }
    m_stored.result.block = m_block.index();
    m_stored.result.seconds = clock.seconds();
    m_stored.result.peakBytes = std::max(m_peak, takePeakResidentBytes());
    for (const StoredLinear& linear : m_stored.linears)
        m_stored.result.linears.push_back(linear.result);
    return std::move(m_stored);
}

void BlockDriver::advance()
{
    walkStages(false);
}

} // namespace halftone
