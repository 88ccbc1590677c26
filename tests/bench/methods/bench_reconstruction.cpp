// Cost of a reconstruction step of each rounding that is fitted to a block, and of learned transforms with learned clipping, as one JSON document on
// stdout: bench_reconstruction [THREADS] [ROUNDS]. One LLaMA block of hidden 576 (MLP 1536, 9 heads, 3 key-value heads) on 8 × 512 tokens. A step is
// forward, backward and update; "float" is forward and backward of the same block with gradients for its weights, by plain LibTorch operators. Rounds
// alternate, so that a busy machine hits all alike; the least counts. "cpu" is processor time, which other programs disturb less than the clock.

#include "core/methods/block_reconstruction.h"
#include "core/methods/learned_transform.h"
#include "core/quant/activation_quantizer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>

using namespace halftone;

namespace {

constexpr std::int64_t kWindows = 8, kTokens = 512;

DecoderBlock makeBlock()
{
    auto config = std::make_shared<ModelConfig>();
    config->architecture = "llama";
    config->blocks = 1;
    config->hidden = 576;
    config->intermediate = 1536;
    config->heads = 9;
    config->kvHeads = 3;
    config->headDim = 64;
    DecoderBlock block(config, 0);
    const auto add = [&](const char* name, SiteKind site, std::int64_t out, std::int64_t in) {
        Linear linear;
        linear.info = {name, 0, site, out, in, "F32", false};
        linear.weight = at::randn({out, in}) * 0.04;
        block.linears().push_back(std::move(linear));
    };
    add("q_proj", SiteKind::AttentionInput, 576, 576);
    add("k_proj", SiteKind::AttentionInput, 192, 576);
    add("v_proj", SiteKind::AttentionInput, 192, 576);
    add("o_proj", SiteKind::AttentionOutput, 576, 576);
    add("gate_proj", SiteKind::MlpInput, 1536, 576);
    add("up_proj", SiteKind::MlpInput, 1536, 576);
    add("down_proj", SiteKind::MlpMiddle, 576, 1536);
    block.attentionNorm.weight = at::ones({576});
    block.mlpNorm.weight = at::ones({576});
    return block;
}

class Windows final : public ReconstructionData {
public:
    explicit Windows(const DecoderBlock& block)
    {
        m_inputs = at::randn({kWindows, kTokens, 576});
        m_targets = block.forward(m_inputs);
    }
    std::size_t windows() const override { return kWindows; }
    at::Tensor inputs(std::span<const std::size_t> windows) const override { return pick(m_inputs, windows); }
    at::Tensor targets(std::span<const std::size_t> windows) const override { return pick(m_targets, windows); }

private:
    static at::Tensor pick(const at::Tensor& from, std::span<const std::size_t> windows)
    {
        std::vector<at::Tensor> rows;
        for (const std::size_t window : windows)
            rows.push_back(from[static_cast<std::int64_t>(window)]);
        return at::stack(rows);
    }
    at::Tensor m_inputs, m_targets;
};

struct Cost {
    double seconds = 0, cpu = 0;
};

Cost costOf(int times, const auto& work)
{
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    work();
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / times,
            static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC / times};
}

RoundingParameters learned(const DecoderBlock& block, const std::string& id)
{
    const auto method = makeRounding(id);
    std::vector<RoundingParameters::Item> items;
    for (std::size_t i = 0; i < block.linears().size(); ++i)
        items.push_back({i, dynamic_cast<const LearnedRounding&>(*method).learn(
                                {.linear = block.linears()[i].info.name, .weight = block.linears()[i].weight, .grid = {.bits = 4, .symmetric = false}, .seed = i},
                                defaultChoice(MethodKind::Rounding, id))});
    return RoundingParameters(std::move(items));
}

/// A learned transform of all sites that have one, with learned clipping after it.
class TransformAndClipping final : public BlockParameters {
public:
    TransformAndClipping(const DecoderBlock& block, const at::Tensor& inputs, const std::string& id) : m_clipping(learned(block, "lwc"))
    {
        class See final : public SiteObserver {
        public:
            void site(SiteKind kind, const at::Tensor& x) override
            {
                const at::Tensor flat = x.reshape({-1, x.size(-1)});
                const auto [low, high] = at::aminmax(flat, 0);
                sites.push_back({kind, {at::maximum(low.abs(), high.abs()), low, high, flat.abs().mean(0), flat.slice(0, 0, 512)}, true});
            }
            std::vector<LearnedSite> sites;
        } see;
        block.forward(inputs, &see);
        std::erase_if(see.sites, [](const LearnedSite& site) { return site.site == SiteKind::MlpMiddle; });
        const auto transform = makeTransform(id);
        m_transform = dynamic_cast<const LearnedTransform&>(*transform).learn(block, see.sites, defaultChoice(MethodKind::Transform, id));
    }
    std::vector<Leaf> leaves() override
    {
        std::vector<Leaf> all = m_clipping.leaves();
        for (Leaf& leaf : m_transform->leaves())
            all.push_back(std::move(leaf));
        return all;
    }
    void apply(DecoderBlock& block) override
    {
        m_transform->apply(block);
        m_clipping.apply(block);
    }

private:
    RoundingParameters m_clipping;
    std::unique_ptr<BlockParameters> m_transform;
};

/// Steps without judging.
class OnlySteps final : public Objective {
public:
    OnlySteps(const DecoderBlock& block, BlockParameters& parameters, const ReconstructionData& data) : m_steps(block, parameters, data, kWindows, 1, {}) {}
    std::vector<Leaf> leaves() override { return m_steps.leaves(); }
    double step(int step) override { return m_steps.step(step); }
    double judge() override { return 1; }

private:
    BlockReconstruction m_steps;
};

} // namespace

int main(int argc, char** argv)
{
    at::set_num_threads(argc > 1 ? std::max(1, std::atoi(argv[1])) : 1);
    at::globalContext().setFloat32MatmulPrecision("medium");   // as runs compute where the probe allows it
    const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
    at::manual_seed(1);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = makeBlock();
    const Windows data(block);
    std::vector<std::size_t> all(kWindows);
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = i;

    DecoderBlock gridded = block;   // inputs rounded per token, as W4A8 runs train
    const auto token = std::make_shared<const ActivationQuantizer>(ActivationGrid{.scheme = ActivationScheme::PerToken, .bits = 8, .symmetric = false}, ActivationRanges{});
    for (Linear& linear : gridded.linears())
        linear.input = token;

    constexpr int kSteps = 3;
    std::map<std::string, Cost> least;
    const auto note = [&](const std::string& name, const Cost& cost) {
        const auto found = least.emplace(name, cost).first;
        found->second = {std::min(found->second.seconds, cost.seconds), std::min(found->second.cpu, cost.cpu)};
    };
    const auto steps = [&](const std::string& name, const DecoderBlock& trained, BlockParameters& parameters) {
        OnlySteps objective(trained, parameters, data);
        note(name, costOf(kSteps, [&] { train(objective, {.what = name, .steps = kSteps}, {}); }));
    };
    for (int round = 0; round < rounds; ++round) {
        note("float", costOf(1, [&] {
            const at::AutoGradMode gradients(true);
            DecoderBlock plain = block;
            for (Linear& linear : plain.linears())
                linear.weight = linear.weight.detach().set_requires_grad(true);
            for (std::size_t at = 0; at < all.size(); at += 2) {   // pieces of 1024 tokens, as the engine runs them
                const std::span<const std::size_t> some(all.data() + at, 2);
                (plain.forward(data.inputs(some)) - data.targets(some)).square().sum().backward();
            }
        }));
        for (const MethodInfo& info : methodInfos()) {
            if (!info.needs.block)
                continue;
            if (info.kind == MethodKind::Rounding) {
                RoundingParameters parameters = learned(block, info.id), under = learned(block, info.id);
                steps(info.id, block, parameters);
                steps(info.id + ", A8 per token", gridded, under);
            } else if (info.kind == MethodKind::Transform) {
                const std::array<std::size_t, 1> first{0};
                TransformAndClipping parameters(block, data.inputs(first), info.id), under(block, data.inputs(first), info.id);
                steps(info.id + " + lwc", block, parameters);
                steps(info.id + " + lwc, A8 per token", gridded, under);
            }
        }
    }
    std::printf("{\"threads\": %d, \"tokens\": %d", at::get_num_threads(), static_cast<int>(kWindows * kTokens));
    for (const auto& [name, cost] : least)
        std::printf(",\n  \"%s\": {\"seconds\": %.4f, \"cpu\": %.4f, \"times_float\": %.3f, \"times_float_cpu\": %.3f}", name.c_str(), cost.seconds, cost.cpu,
                    cost.seconds / least["float"].seconds, cost.cpu / least["float"].cpu);
    std::printf("}\n");
    return 0;
}
