#include "core/pipeline/block_transformer.h"

#include "core/base/error.h"
#include "core/methods/asleep_mask.h"
#include "core/methods/equivalent.h"
#include "core/methods/learned_transform.h"
#include "core/methods/let_parameters.h"
#include "core/pipeline/recipe_model.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <optional>

namespace halftone {
namespace {

constexpr std::int64_t kSampledTokens = 512;
constexpr std::int64_t kHiddenTokens = 4096;

/// Ranges and sampled tokens of the wanted sites over the batches of a stream.
class Sampler final : public SiteObserver {
public:
    Sampler(std::set<SiteKind> wanted, std::int64_t tokens) : m_wanted(std::move(wanted)), m_stride(std::max<std::int64_t>(1, tokens / kSampledTokens)) {}

    void site(SiteKind kind, const at::Tensor& x) override
    {
        if (!m_wanted.contains(kind))
            return;
        const at::Tensor flat = x.reshape({-1, x.size(-1)});
        const auto [low, high] = at::aminmax(flat, 0);
        Sums& sums = m_sums[kind];
        if (sums.tokens == 0) {
            sums.low = low;
            sums.high = high;
            sums.magnitude = flat.abs().sum(0, false, at::kDouble);
        } else {
            sums.low = at::minimum(sums.low, low);
            sums.high = at::maximum(sums.high, high);
            sums.magnitude.add_(flat.abs().sum(0, false, at::kDouble));
        }
        const std::int64_t first = (m_stride - sums.tokens % m_stride) % m_stride;   // tokens 0, stride, 2·stride … of the whole text
        if (first < flat.size(0))
            sums.kept.push_back(flat.slice(0, first, flat.size(0), m_stride).clone());
        sums.tokens += flat.size(0);
    }

    SiteActivations sample(SiteKind kind) const
    {
        const Sums& sums = m_sums.at(kind);
        return {at::maximum(sums.low.abs(), sums.high.abs()), sums.low, sums.high, (sums.magnitude / static_cast<double>(sums.tokens)).to(at::kFloat),
                at::cat(sums.kept).slice(0, 0, kSampledTokens)};
    }

private:
    struct Sums {
        at::Tensor low, high, magnitude;
        std::vector<at::Tensor> kept;
        std::int64_t tokens = 0;
    };
    std::set<SiteKind> m_wanted;
    std::int64_t m_stride;
    PerSite<Sums> m_sums;
};

/// Some windows from the start of the stream.
at::Tensor someWindows(const CalibrationStreams& streams)
{
    std::vector<at::Tensor> rows;
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < streams.batches && tokens < kHiddenTokens; ++i) {
        const at::Tensor batch = streams.hidden.get(i);
        const std::int64_t count = std::clamp<std::int64_t>((kHiddenTokens - tokens) / batch.size(1), rows.empty() ? 1 : 0, batch.size(0));
        if (count == 0)
            break;
        rows.push_back(batch.narrow(0, 0, count));
        tokens += count * batch.size(1);
    }
    return at::cat(rows);
}

/// A transform and the roundings after it, trained as one.
class TransformAndRounding final : public BlockParameters {
public:
    TransformAndRounding(std::vector<std::unique_ptr<TransformParameters>> transforms, RoundingParameters roundings)
        : m_transforms(std::move(transforms)), m_roundings(std::move(roundings))
    {
    }
    std::vector<Leaf> leaves() override
    {
        std::vector<Leaf> all = m_roundings.leaves();
        for (const auto& transform : m_transforms)
            for (Leaf& leaf : transform->leaves())
                all.push_back(std::move(leaf));
        return all;
    }
    void apply(DecoderBlock& block) override
    {
        for (const auto& transform : m_transforms)
            transform->apply(block);
        m_roundings.apply(block);
    }
    void begin(const TrainingPoint& at) override
    {
        for (const auto& transform : m_transforms)
            transform->begin(at);
    }
    bool sound() const override
    {
        return std::all_of(m_transforms.begin(), m_transforms.end(), [](const auto& transform) { return transform->sound(); });
    }
    std::vector<std::unique_ptr<TransformParameters>>& transforms() { return m_transforms; }
    RoundingParameters& roundings() { return m_roundings; }

private:
    std::vector<std::unique_ptr<TransformParameters>> m_transforms;
    RoundingParameters m_roundings;
};

/// A rounding that is learned while the transform still moves the weight.
bool learnedTogether(const Plan& plan)
{
    return plan.weights.quantized() && needsOf(MethodKind::Rounding, plan.rounding).withTransform;
}

void keepAsleep(TransformedBlock& result, AsleepChannels asleep)
{
    if (asleep.count > 0)
        result.asleep.push_back(std::move(asleep));
}

/// Trains the learned transforms of the block and folds them into it.
void learnTransforms(DecoderBlock& block, const std::vector<Plan>& plans, const std::vector<std::pair<MethodChoice, std::vector<LearnedSite>>>& learned,
                     const CalibrationStreams& streams, const std::stop_token& stop, const std::function<void(const std::string& detail)>& step,
                     TransformedBlock& result)
{
    const std::string here = "block " + std::to_string(block.index());
    const std::uint64_t seed = derivedSeed(streams.seed, static_cast<std::uint64_t>(block.index()));
    std::vector<std::unique_ptr<TransformParameters>> parts;
    TrainingNeeds shared;
    for (const auto& [choice, sites] : learned) {
        const std::unique_ptr<Transform> transform = makeTransform(choice.method);
        const auto* trained = dynamic_cast<const LearnedTransform*>(transform.get());
        if (trained == nullptr)
            throw Error(ErrorKind::Internal, choice.method + " says that it is learned, but cannot be", here);
        parts.push_back(trained->learn(block, sites, choice));
        shared = together(shared, trainingOf(MethodKind::Transform, choice));
    }
    std::vector<RoundingParameters::Item> items;
    std::vector<Plan> grids = plans;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (plans[i].activations.isStatic())
            grids[i].activations.scheme = ActivationScheme::None;
        if (plans[i].weights.quantized())
            items.push_back({i, learnedTogether(plans[i]) ? learnedWeight(plans[i], block.linears()[i], derivedSeed(seed, i))
                                                                           : nearestWeight(plans[i].weights)});
    }
    TransformAndRounding parameters(std::move(parts), RoundingParameters(std::move(items)));
    DecoderBlock held = block;
    if (shared.activations) {
        applyActivationGrids(held, grids, {});
        held.kvCache = kvCacheOfBlock(streams.kvCache, block.index());
    }
    result.learned.curves.push_back(fitBlock(held, parameters, streams, {here + ", transform", transformSteps(plans), shared.batch, shared.schedule}, stop, step));

    const at::NoGradGuard noGrad;
    std::vector<BlockParameters*> folded;
    for (std::size_t i = 0; i < learned.size(); ++i) {
        const auto& transform = parameters.transforms()[i];
        const auto& [choice, sites] = learned[i];
        folded.push_back(transform.get());
        for (const SleepingSite& sleeping : transform->sleeping())
            for (const LearnedSite& site : sites)
                if (site.site == sleeping.site)
                    keepAsleep(result, asleepOf(block.index(), site.site, choice.method, spreadToSite(block.config(), site.site, sleeping.channels), site.sample.absmax));
        for (TransformEvidence& evidence : transform->evidence())
            result.evidence.push_back(std::move(evidence));
        for (std::string& note : transform->notes())
            result.notes.push_back(std::move(note));
    }
    foldInDouble(block, folded);
    for (RoundingParameters::Item& item : parameters.roundings().items())
        if (learnedTogether(plans[item.linear])) {
            RoundingResult rounded;
            rounded.weight = item.learned->codes(block.linears()[item.linear].weight);
            rounded.notes = item.learned->notes();
            rounded.evidence = item.learned->evidence();
            result.learned.linears.emplace(item.linear, std::move(rounded));
        }
}

} // namespace

bool transformIsLearned(const Plan& plan) { return needsOf(MethodKind::Transform, plan.transform).block; }

int transformSteps(const std::vector<Plan>& plans)
{
    std::int64_t steps = 0;
    for (const Plan& plan : plans)
        if (transformIsLearned(plan))
            steps = std::max(steps, trainingOf(MethodKind::Transform, plan.transform).steps);
    return static_cast<int>(steps);
}

bool transforms(const Plan& plan) { return plan.transform.method != "none"; }

TransformedBlock transformBlock(DecoderBlock& block, const std::vector<Plan>& plans, const CalibrationStreams& streams, const std::stop_token& stop,
                                const std::function<void(const std::string& detail)>& step)
{
    TransformedBlock result;
    PerSite<std::size_t> first;   // the linear whose plan speaks for the site
    std::set<SiteKind> wanted;
    std::vector<WeightGrid> grids;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const SiteKind site = block.linears()[i].info.site;
        first.try_emplace(site, i);
        if (transforms(plans[i]))
            wanted.insert(site);
        grids.push_back(plans[i].weights);
    }
    if (wanted.empty())
        return result;

    const std::string here = "block " + std::to_string(block.index());
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < streams.batches; ++i)
        tokens += streams.hidden.shape(i).at(0) * streams.hidden.shape(i).at(1);
    Sampler sampler(wanted, tokens);
    for (std::size_t i = 0; i < streams.batches; ++i) {
        throwIfStopped(stop);
        block.forward(streams.hidden.get(i), &sampler);
        step(here + " · ranges for the transform");
    }
    const at::Tensor hidden = someWindows(streams);
    std::vector<std::pair<MethodChoice, std::vector<LearnedSite>>> learned;
    struct Transformed {
        SiteKind site;
        std::size_t linear;
        SiteActivations after;
    };
    std::vector<Transformed> transformed;
    for (const Stage& stage : block.stages()) {
        const SiteKind site = stage.site;
        if (!wanted.contains(site))
            continue;
        const std::size_t speaker = first.at(site);
        const Plan& plan = plans[speaker];
        step(here + " · " + plan.transform.method + " of " + std::string(label(site)));
        const SiteActivations sample = sampler.sample(site);
        if (transformIsLearned(plan)) {
            auto same = std::find_if(learned.begin(), learned.end(), [&](const auto& have) { return have.first == plan.transform; });
            if (same == learned.end())
                same = learned.insert(learned.end(), {plan.transform, {}});
            same->second.push_back({site, sample, plan.activations.quantized()});
            continue;
        }
        TransformResult made = makeTransform(plan.transform.method)->apply(block, {site, sample, grids, plan.activations, hidden}, plan.transform, stop);
        SiteActivations after = sample;
        if (made.scale.defined()) {
            for (at::Tensor* x : {&after.absmax, &after.minimum, &after.maximum, &after.meanAbs})
                *x = *x / made.scale;
            after.tokens = sample.tokens / made.scale;
        }
        keepAsleep(result, asleepOf(block.index(), site, plan.transform.method, made.asleep, sample.absmax));
        if (made.scale.defined())
            result.evidence.push_back(rowEvidence(plan.transform.method, std::string(label(site)), "scale", made.scale));
        transformed.push_back({site, speaker, std::move(after)});
        result.notes.insert(result.notes.end(), made.notes.begin(), made.notes.end());
    }
    if (!learned.empty())
        learnTransforms(block, plans, learned, streams, stop, step, result);
    for (const auto& [site, linear, after] : transformed) {
        const Plan& plan = plans[linear];
        result.sources.merge(makeTransform(plan.transform.method)->sources(block, {site, after, grids, plan.activations, hidden}, plan.transform, stop));
    }
    return result;
}

std::vector<StoredTensor> changedTensors(const DecoderBlock& original, const DecoderBlock& block, const std::vector<Plan>& plans)
{
    std::vector<StoredTensor> changed;
    const auto compare = [&](const std::string& name, const at::Tensor& before, const at::Tensor& after) {
        if (after.defined() && !after.is_same(before))
            changed.push_back({name, after.contiguous()});
    };
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const Linear &before = original.linears()[i], &after = block.linears()[i];
        if (!plans[i].weights.quantized())
            compare(before.info.name + ".weight", before.weight, after.weight);
        compare(before.info.name + ".bias", before.bias, after.bias);
    }
    for (const auto norm : {&DecoderBlock::attentionNorm, &DecoderBlock::mlpNorm, &DecoderBlock::queryNorm, &DecoderBlock::keyNorm}) {
        compare((original.*norm).name + ".weight", (original.*norm).weight, (block.*norm).weight);
        compare((original.*norm).name + ".bias", (original.*norm).bias, (block.*norm).bias);
    }
    return changed;
}

} // namespace halftone
