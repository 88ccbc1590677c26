// Cost of a reconstruction step of each rounding that is fitted to a block, as one JSON document on stdout: bench_reconstruction [THREADS] [ROUNDS]
// One LLaMA block of hidden 576 (MLP 1536, 9 heads, 3 key-value heads) on 8 × 512 tokens. A step is forward, backward and update; "float" is
// forward and backward of the same block with gradients for its weights. Rounds alternate, so that a busy machine hits all alike; the least counts.

#include "core/methods/block_reconstruction.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>

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

double seconds(const auto& work)
{
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

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

    std::map<std::string, double> least;
    const auto note = [&](const std::string& name, double value) {
        const auto found = least.emplace(name, value).first;
        found->second = std::min(found->second, value);
    };
    for (int round = 0; round < rounds; ++round) {
        note("float", seconds([&] {
            const at::AutoGradMode gradients(true);
            DecoderBlock plain = block;
            for (Linear& linear : plain.linears())
                linear.weight = linear.weight.detach().clone().set_requires_grad(true);
            for (std::size_t at = 0; at < all.size(); at += 2) {   // pieces of 1024 tokens, as the engine runs them
                const std::span<const std::size_t> some(all.data() + at, 2);
                (plain.forward(data.inputs(some)) - data.targets(some)).square().sum().backward();
            }
        }));
        for (const MethodInfo& info : methodInfos()) {
            if (info.kind != MethodKind::Rounding || !info.needs.block)
                continue;
            const auto method = makeRounding(info.id);
            std::vector<RoundingParameters::Item> items;
            for (std::size_t i = 0; i < block.linears().size(); ++i)
                items.push_back({i, dynamic_cast<const LearnedRounding&>(*method).learn(
                                        {.linear = block.linears()[i].info.name, .weight = block.linears()[i].weight, .grid = {.bits = 4, .symmetric = false}, .seed = i},
                                        defaultChoice(MethodKind::Rounding, info.id))});
            RoundingParameters parameters(std::move(items));
            class OnlySteps final : public Objective {   // without judging
            public:
                explicit OnlySteps(BlockReconstruction& steps) : m_steps(steps) {}
                std::vector<Leaf> leaves() override { return m_steps.leaves(); }
                double step(int step) override { return m_steps.step(step); }
                double judge() override { return 1; }

            private:
                BlockReconstruction& m_steps;
            };
            BlockReconstruction reconstruction(block, parameters, data, kWindows, 1, {});
            OnlySteps objective(reconstruction);
            note(info.id, seconds([&] { train(objective, {.what = info.id, .steps = 3}, {}); }) / 3);
        }
    }
    std::printf("{\"threads\": %d, \"tokens\": %d", at::get_num_threads(), static_cast<int>(kWindows * kTokens));
    for (const auto& [name, value] : least)
        std::printf(",\n  \"%s\": {\"seconds\": %.4f, \"times_float\": %.3f}", name.c_str(), value, value / least["float"]);
    std::printf("}\n");
    return 0;
}
