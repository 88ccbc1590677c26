#pragma once

#include "core/analysis/site_statistics.h"
#include "core/model/describe.h"
#include "core/methods/linear_result.h"
#include "core/recipe/recipe.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

/// Made-up values with the shape of a small Llama: what views are fed in these tests. Seeded, so every run is alike.
namespace halftone::sample {

inline ModelDescription model(int blocks = 30, std::int64_t hidden = 576, std::int64_t intermediate = 1536)
{
    ModelDescription description;
    description.config.blocks = blocks;
    description.config.hidden = hidden;
    description.config.intermediate = intermediate;
    struct Part { const char* name; SiteKind site; bool wideOut, wideIn; };
    const Part parts[] = {{"self_attn.q_proj", SiteKind::AttentionInput, false, false}, {"self_attn.k_proj", SiteKind::AttentionInput, false, false},
        {"self_attn.v_proj", SiteKind::AttentionInput, false, false}, {"self_attn.o_proj", SiteKind::AttentionOutput, false, false},
        {"mlp.gate_proj", SiteKind::MlpInput, true, false}, {"mlp.up_proj", SiteKind::MlpInput, true, false}, {"mlp.down_proj", SiteKind::MlpMiddle, false, true}};
    for (int b = 0; b < blocks; ++b)
        for (const Part& part : parts) {
            LinearInfo linear;
            linear.name = "model.layers." + std::to_string(b) + "." + part.name;
            linear.block = b;
            linear.site = part.site;
            linear.out = part.wideOut ? intermediate : hidden;
            linear.in = part.wideIn ? intermediate : hidden;
            linear.dtype = "BF16";
            description.linears.push_back(linear);
        }
    return description;
}

/// Magnitudes spread log-normally; the MLP middle has one channel far above the rest.
inline std::vector<SiteStatistics> sites(const ModelDescription& model, int block)
{
    std::vector<SiteStatistics> result;
    for (const SiteKind kind : SiteKind::dense()) {
        const int k = kind.number();
        std::mt19937 random(static_cast<unsigned>(block * 4 + k));
        std::normal_distribution<float> normal;
        SiteStatistics site;
        site.site.kind = kind;
        site.site.block = block;
        site.site.name = "model.layers." + std::to_string(block) + "." + std::string(name(site.site.kind));
        site.site.channels = site.site.kind == SiteKind::MlpMiddle ? model.config.intermediate : model.config.hidden;
        for (const LinearInfo& linear : model.linears)
            if (linear.block == block && linear.site == site.site.kind)
                site.site.linears.push_back(linear.name);
        for (std::int64_t c = 0; c < site.site.channels; ++c)
            site.channelAbsmax.push_back(std::exp(0.5F * normal(random) + 0.03F * static_cast<float>(block)));
        if (site.site.kind == SiteKind::MlpMiddle)
            site.channelAbsmax[static_cast<std::size_t>((block * 131) % site.site.channels)] = 400.F + 80.F * static_cast<float>(block);
        for (int s = 0; s < kKernelSchemes; ++s) {
            KernelCounts& counts = site.kernel[static_cast<std::size_t>(s)];
            counts.elements = 1'000'000;
            const double peak = site.site.kind == SiteKind::MlpMiddle && (block == 0 || block > 26) ? 0.4 : 0.04 + 0.01 * ((block + k) % 5);
            counts.zero = static_cast<std::int64_t>(1e6 * (s >= 3 ? peak / 3 : peak));
            counts.lost = counts.zero * 9 / 10;
        }
        result.push_back(std::move(site));
    }
    return result;
}

inline std::vector<ResolvedPlan> plans(const ModelDescription& model)
{
    std::vector<ResolvedPlan> result;
    for (const LinearInfo& linear : model.linears) {
        ResolvedPlan plan;
        plan.linear = linear.name;
        const bool down = linear.site == SiteKind::MlpMiddle;
        plan.plan.rounding.method = down ? "rtn" : "gptq";
        plan.plan.weights.bits = down ? 8 : 4;
        plan.plan.weights.group = 64;
        plan.plan.activations.scheme = ActivationScheme::PerToken;
        result.push_back(plan);
    }
    return result;
}

inline std::vector<BlockResult> results(const ModelDescription& model)
{
    std::vector<BlockResult> blocks;
    for (const LinearInfo& linear : model.linears) {
        if (blocks.empty() || blocks.back().block != linear.block) {
            blocks.emplace_back();
            blocks.back().block = linear.block;
        }
        LinearResult result;
        result.linear = linear.name;
        result.method = "gptq";
        result.weights.bits = linear.site == SiteKind::MlpMiddle ? 8 : 4;
        result.weightSqnrDb = linear.site == SiteKind::MlpMiddle ? 44.5 : 20.5;
        result.outputMse = 1.3e-3;
        blocks.back().linears.push_back(result);
    }
    return blocks;
}

} // namespace halftone::sample
