#include "core/pipeline/recipe_model.h"

#include "core/base/error.h"
#include "core/methods/compensation.h"
#include "core/project/quantized_model.h"
#include "core/quant/asleep.h"
#include "core/quant/kernels.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

namespace halftone {

namespace {

class RangeObserver final : public SiteObserver {
public:
    RangeObserver(SiteRanges& ranges, int block, const std::set<SiteKind>& wanted) : m_ranges(ranges), m_block(block), m_wanted(wanted) {}
    void site(SiteKind kind, const at::Tensor& x) override
    {
        if (m_wanted.contains(kind))
            mergeRanges(m_ranges[{m_block, kind}], x);
    }

private:
    SiteRanges& m_ranges;
    int m_block;
    const std::set<SiteKind>& m_wanted;
};

class RecipeModel final : public BlockSource {
public:
    RecipeModel(std::shared_ptr<const Model> model, std::vector<ResolvedPlan> plans, SiteRanges ranges, const Recipe& recipe,
                std::shared_ptr<SharedBlocks> shared)
        : m_model(std::move(model)), m_shared(std::move(shared)), m_ranges(std::move(ranges)), m_contract(recipe.contract), m_kvCache(recipe.kvCache),
          m_plans(static_cast<std::size_t>(m_model->config().blocks))
    {
        const auto& linears = m_model->linears();
        m_rounds = m_kvCache.quantized() || std::any_of(plans.begin(), plans.end(), [](const ResolvedPlan& plan) { return plan.plan.activations.quantized(); });
        for (std::size_t i = 0; i < linears.size(); ++i)
            m_plans[static_cast<std::size_t>(linears[i].block)].push_back(std::move(plans[i].plan));
        for (const std::vector<Plan>& block : m_plans)
            for (const Plan& plan : block)
                if (plan.transform.method != "none")
                    throw Error(ErrorKind::InvalidArgument, "the transform \"" + plan.transform.method +
                                "\" is made from calibration text, block by block: it cannot be applied on the fly; quantize first and evaluate the run", "/transform");
    }

    const ModelConfig& config() const override { return m_model->config(); }
    at::Tensor embed(std::span<const std::vector<std::int32_t>> ids) const override { return m_model->embed(ids); }
    at::Tensor logits(const at::Tensor& hidden) const override { return m_model->logits(hidden); }
    bool roundsActivations() const override { return m_rounds; }

    DecoderBlock block(int index) const override
    {
        DecoderBlock block = m_shared ? m_shared->block(index) : m_model->block(index);
        const std::vector<Plan>& plans = m_plans[static_cast<std::size_t>(index)];
        for (std::size_t i = 0; i < plans.size(); ++i)
            if (plans[i].weights.quantized()) {
                at::Tensor& weight = block.linears()[i].weight;
                const at::Tensor rounded = m_shared ? m_shared->rounded(i, plans[i].weights) : quantizeToNearest(weight, plans[i].weights).dequantize();
                weight = plans[i].compensation.method == "none"
                    ? rounded
                    : rounded + makeCompensation(plans[i].compensation.method)->compensate({block.linears()[i].info.name, weight, rounded, nullptr}, plans[i].compensation, {}).factors.product();
            }
        applyActivationGrids(block, plans, m_ranges);
        block.kvCache = kvCacheOfBlock(m_kvCache, index);
        useGridsOf(m_contract, block);
        return block;
    }

private:
    std::shared_ptr<const Model> m_model;
    std::shared_ptr<SharedBlocks> m_shared;   ///< null: on its own
    SiteRanges m_ranges;
    std::string m_contract;
    KvCacheGrid m_kvCache;
    std::vector<std::vector<Plan>> m_plans;
    bool m_rounds = false;
};

} // namespace

DecoderBlock SharedBlocks::block(int index)
{
    if (!m_block || m_block->index() != index) {
        m_rounded.clear();
        m_block.reset();
        m_block.emplace(m_model->block(index));
    }
    return *m_block;
}

at::Tensor SharedBlocks::rounded(std::size_t linear, const WeightGrid& grid)
{
    for (const Rounded& known : m_rounded)
        if (known.linear == linear && known.grid == grid)
            return known.weight;
    m_rounded.push_back({linear, grid, quantizeToNearest(m_block->linears()[linear].weight, grid).dequantize()});
    return m_rounded.back().weight;
}

void mergeRanges(ActivationRanges& ranges, const at::Tensor& x)
{
    const at::Tensor flat = x.reshape({-1, x.size(-1)});
    const auto [low, high] = at::aminmax(flat, 0);
    const auto channels = static_cast<std::size_t>(flat.size(1));
    if (ranges.channelMin.empty()) {
        ranges.channelMin.assign(channels, 0.0F);   // 0 is always in the range
        ranges.channelMax.assign(channels, 0.0F);
        ranges.channelAbsmax.assign(channels, 0.0F);
    }
    const at::Tensor lowC = low.contiguous();
    const at::Tensor highC = high.contiguous();
    const float* lows = lowC.const_data_ptr<float>();
    const float* highs = highC.const_data_ptr<float>();
    for (std::size_t c = 0; c < channels; ++c) {
        ranges.channelMin[c] = std::min(ranges.channelMin[c], lows[c]);
        ranges.channelMax[c] = std::max(ranges.channelMax[c], highs[c]);
        ranges.channelAbsmax[c] = std::max(-ranges.channelMin[c], ranges.channelMax[c]);
        ranges.minimum = std::min(ranges.minimum, lows[c]);
        ranges.maximum = std::max(ranges.maximum, highs[c]);
    }
}

SiteRanges measureRanges(const Model& model, const std::vector<ResolvedPlan>& plans, const TokenWindows& windows, Progress& progress,
                         const std::stop_token& stop)
{
    std::vector<std::set<SiteKind>> wanted(static_cast<std::size_t>(model.config().blocks));
    int last = -1;
    for (std::size_t i = 0; i < plans.size(); ++i)
        if (plans[i].plan.activations.isStatic()) {
            const LinearInfo& linear = model.linears()[i];
            wanted[static_cast<std::size_t>(linear.block)].insert(linear.site);
            last = std::max(last, linear.block);
        }
    SiteRanges ranges;
    if (last < 0)
        return ranges;
    progress.begin("activation ranges", last + 1, "blocks");
    std::vector<at::Tensor> stream;
    for (const auto& ids : windows.ids)
        stream.push_back(model.embed({&ids, 1}));
    for (int b = 0; b <= last; ++b) {
        const DecoderBlock block = model.block(b);
        RangeObserver observer(ranges, b, wanted[static_cast<std::size_t>(b)]);
        for (at::Tensor& hidden : stream) {
            throwIfStopped(stop);
            hidden = block.forward(hidden, &observer);
        }
        progress.update(b + 1);
    }
    for (auto& [site, range] : ranges)
        wakeRanges(range);
    return ranges;
}

void applyActivationGrids(DecoderBlock& block, const std::vector<Plan>& plans, const SiteRanges& ranges, std::optional<SiteKind> only)
{
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const ActivationGrid& grid = plans[i].activations;
        if (!grid.quantized() || (only && *only != block.linears()[i].info.site))
            continue;
        Linear& linear = block.linears()[i];
        std::shared_ptr<const ActivationQuantizer> shared;
        for (std::size_t j = 0; j < i; ++j)
            if (block.linears()[j].info.site == linear.info.site && plans[j].activations == grid)
                shared = block.linears()[j].input;
        if (!shared) {
            const auto known = ranges.find({block.index(), linear.info.site});
            shared = std::make_shared<ActivationQuantizer>(grid, grid.isStatic() && known != ranges.end() ? known->second : ActivationRanges{});
        }
        linear.input = shared;
    }
}

std::shared_ptr<const BlockSource> openWithRecipe(std::shared_ptr<const Model> model, std::vector<ResolvedPlan> plans, SiteRanges ranges,
                                                  const Recipe& recipe, std::shared_ptr<SharedBlocks> shared)
{
    return std::make_shared<RecipeModel>(std::move(model), std::move(plans), std::move(ranges), recipe, std::move(shared));
}

} // namespace halftone
