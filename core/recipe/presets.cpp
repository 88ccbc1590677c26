#include "core/base/error.h"
#include "core/recipe/recipe.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace halftone {
namespace {

PlanPatch weights(int bits, int group)
{
    PlanPatch patch;
    patch.bits = bits;
    patch.group = group;
    patch.symmetric = true;
    return patch;
}

PlanPatch rounding(PlanPatch patch, const char* method)
{
    patch.rounding = MethodChoice{method, {}};
    return patch;
}

using Parameters = std::vector<std::pair<std::string, ParameterValue>>;   // sorted by key

/// What fits into minutes on a CPU for a small model.
const std::pair<std::string, ParameterValue> kMinutes{"steps", std::int64_t{96}};

PlanPatch learned(int bits, const char* method, Parameters parameters = {})
{
    PlanPatch patch = weights(bits, 0);
    patch.symmetric = false;
    patch.rounding = MethodChoice{method, std::move(parameters)};
    return patch;
}

PlanPatch transformed(PlanPatch patch, const char* method, Parameters parameters = {})
{
    patch.transform = MethodChoice{method, std::move(parameters)};
    return patch;
}

PlanPatch compensated(PlanPatch patch, const char* method)
{
    patch.compensation = MethodChoice{method, {}};
    return patch;
}

PlanPatch clipped(PlanPatch patch)
{
    patch.clip = WeightGrid::Clip::Mse;
    return patch;
}

PlanPatch asymmetric(PlanPatch patch)
{
    patch.activationSymmetric = false;
    return patch;
}

PlanPatch asymmetricWeights(PlanPatch patch)
{
    patch.symmetric = false;
    return patch;
}

PlanPatch activations(PlanPatch patch, ActivationScheme scheme, int bits)
{
    patch.scheme = scheme;
    patch.activationBits = bits;
    if (scheme == ActivationScheme::Cross || scheme == ActivationScheme::CrossStatic)
        patch.alpha = ActivationGrid{}.alpha;
    return patch;
}

Recipe recipeOf(PlanPatch defaults)
{
    Recipe recipe;
    recipe.defaults = std::move(defaults);
    return recipe;
}

Recipe calibrated(Recipe recipe, int samples, int length)
{
    recipe.calibration.samples = samples;
    recipe.calibration.length = length;
    return recipe;
}

constexpr int kGroup = 64;
/// The rule that stands for "all linears that read the middle of the MLP"; presetForModel() puts the model's own name there.
constexpr const char* kMlpDown = "*.mlp.down_proj";

Recipe mixed()
{
    Recipe recipe = recipeOf(rounding(weights(4, kGroup), "gptq"));
    PlanPatch down;
    down.bits = 8;
    recipe.rules.push_back({kMlpDown, down});
    return recipe;
}

std::int64_t largestDivisorUpTo(std::int64_t columns, std::int64_t limit)
{
    for (std::int64_t d = std::min(columns, limit); d > 1; --d)
        if (columns % d == 0)
            return d;
    return 0;
}

/// Names of the linears with their block taken out ("*.mlp.down_proj"), each once, in model order.
std::string anyBlock(const LinearInfo& linear)
{
    // "model.layers.11.mlp.down_proj": the block's number is the first part that is all digits.
    std::size_t at = 0;
    while (at < linear.name.size()) {
        const std::size_t dot = std::min(linear.name.find('.', at), linear.name.size());
        const std::string_view part = std::string_view(linear.name).substr(at, dot - at);
        if (!part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos && dot < linear.name.size())
            return "*" + globEscaped(std::string_view(linear.name).substr(dot));
        at = dot + 1;
    }
    return globEscaped(linear.name);
}

} // namespace

std::vector<Preset> presets()
{
    using enum ActivationScheme;
    return {
        {"w4a16-gptq-g64", "4-bit weights, GPTQ",
            "Weights in 4 bits, groups of 64, errors compensated with calibration text. Served by transformers and vLLM.",
            recipeOf(rounding(weights(4, kGroup), "gptq"))},
        {"w4a16-rtn-g64", "4-bit weights, nearest",
            "Weights in 4 bits, groups of 64, rounded to nearest: done in seconds, no text needed. Served by transformers and vLLM.",
            recipeOf(rounding(weights(4, kGroup), "rtn"))},
        {"w4-down8-gptq-g64", "4-bit weights, 8 bits where outliers live",
            "As 4-bit GPTQ, but the MLP's last matrix, which reads the strongest outliers, keeps 8 bits.", mixed()},
        {"w8a16-rtn", "8-bit weights",
            "Weights in 8 bits per channel: nearly lossless at half the size. Served by transformers and vLLM on a GPU.",
            recipeOf(rounding(weights(8, 0), "rtn"))},
        {"w8a8-token", "8-bit weights and activations, per token",
            "Weights per channel and activations per token in 8 bits, ranges found while serving. Served by transformers and vLLM.",
            recipeOf(activations(rounding(weights(8, 0), "rtn"), PerToken, 8))},
        {"w8a8-static", "8-bit weights and activations, static",
            "As above with one activation range a site from calibration text: fastest to serve, hurt most by outliers.",
            recipeOf(activations(rounding(weights(8, 0), "rtn"), PerTensor, 8))},
        {"w4a8-token-gptq-g64", "4-bit weights, 8-bit activations",
            "4-bit GPTQ with activations per token in 8 bits. transformers does both; vLLM leaves the activations float.",
            recipeOf(activations(rounding(weights(4, kGroup), "gptq"), PerToken, 8))},
        {"w8a8-cross", "8-bit weights and activations, CrossQuant",
            "Activation scales from token and channel maxima keep the small values that outliers would erase. "
            "For study: no runtime serves it.",
            recipeOf(activations(rounding(weights(8, 0), "rtn"), Cross, 8))},
        {"w8a8-smoothquant", "8-bit weights and activations, SmoothQuant",
            "Outliers behind the norms move into the weights before both are rounded to 8 bits. Served by transformers and vLLM.",
            recipeOf(transformed(activations(rounding(weights(8, 0), "rtn"), PerToken, 8), "smoothquant"))},
        {"w8a8-crossquant-folded", "8-bit weights and activations, CrossQuant folded",
            "Channels are divided by a power of their maximum, which folds into the model: what a runtime can serve of CrossQuant.",
            recipeOf(transformed(activations(rounding(weights(8, 0), "rtn"), PerToken, 8), "crossquant"))},
        {"w4a16-awq-g64", "4-bit weights, AWQ",
            "Weights that strong activations meet are enlarged before they are rounded; scales and clipping are searched. Served by transformers and vLLM.",
            recipeOf(transformed(rounding(weights(4, kGroup), "rtn"), "awq"))},
        {"w4a16-awq-paper", "4-bit weights, AWQ as published",
            "Asymmetric groups of 128, scales and clipping searched on 128 texts of 512 tokens. Minutes on a CPU for a small model.",
            calibrated(recipeOf(transformed(asymmetricWeights(rounding(weights(4, 128), "rtn")), "awq")), 128, 512)},
        {"w8a8-smoothquant-paper", "8-bit weights and activations, SmoothQuant as published",
            "Alpha 0.5, ranges from 512 texts of 512 tokens, one static activation range a site.",
            calibrated(recipeOf(transformed(activations(rounding(weights(8, 0), "rtn"), PerTensor, 8), "smoothquant")), 512, 512)},
        {"w3a16-lrq", "3-bit weights, LRQ, minutes",
            "Rounding learned block by block with low-rank divisors; 96 steps a block.", calibrated(recipeOf(learned(3, "lrq", {kMinutes})), 32, 512)},
        {"w3a16-lrq-paper", "3-bit weights, LRQ as published",
            "5000 steps a block on 512 texts of 1024 tokens: hours on a CPU for all but the smallest models.",
            calibrated(recipeOf(clipped(learned(3, "lrq", {{"activations", false}, {"rank_rule", std::string("paper")}, {"rate", 6e-4}, {"steps", std::int64_t{5000}}}))), 512, 1024)},
        {"w3a16-flexround", "3-bit weights, FlexRound, minutes",
            "Rounding learned block by block with a divisor for every weight; 96 steps a block.", calibrated(recipeOf(learned(3, "flexround", {kMinutes})), 32, 512)},
        {"w3a16-flexround-paper", "3-bit weights, FlexRound as published",
            "5000 steps a block on 512 texts of 1024 tokens: hours on a CPU for all but the smallest models.",
            calibrated(recipeOf(learned(3, "flexround", {{"activations", false}, {"rate", 2.5e-3}, {"steps", std::int64_t{5000}}})), 512, 1024)},
        {"w3a16-omniquant", "3-bit weights, OmniQuant's clipping, minutes",
            "How far to clip each row is learned block by block, 96 steps each: OmniQuant for weights alone.", calibrated(recipeOf(learned(3, "lwc", {kMinutes})), 32, 512)},
        {"w3a16-omniquant-paper", "3-bit weights, OmniQuant's clipping as published",
            "20 passes over 128 texts of 2048 tokens: hours on a CPU for all but the smallest models.",
            recipeOf(learned(3, "lwc", {{"batch", std::int64_t{1}}, {"schedule", std::string("constant")}, {"steps", std::int64_t{2560}}}))},
        {"w4a8-zeroquant-local", "4-bit weights, 8-bit activations, ZeroQuant-Local, minutes",
            "The weights of each linear are trained, rounded, towards its float output; 96 steps each.",
            calibrated(recipeOf(asymmetric(activations(learned(4, "zeroquant-local", {kMinutes}), PerToken, 8))), 32, 512)},
        {"w4a8-zeroquant-global", "4-bit weights, 8-bit activations, ZeroQuant-Global, minutes",
            "All weights of a block are trained, rounded, towards the float block's output; 96 steps each.",
            calibrated(recipeOf(asymmetric(activations(learned(4, "zeroquant-global", {kMinutes}), PerToken, 8))), 32, 512)},
        {"w4a8-zeroquant-global-long", "4-bit weights, 8-bit activations, ZeroQuant-Global, 5 passes",
            "5 passes over 128 texts of 2048 tokens (the paper does not print its own): hours on a CPU for all but the smallest models.",
            recipeOf(asymmetric(activations(learned(4, "zeroquant-global", {{"batch", std::int64_t{1}}, {"steps", std::int64_t{640}}}), PerToken, 8)))},
        {"w4a4-omniquant", "4-bit weights and activations, OmniQuant, minutes",
            "Scales, shifts and clipping learned block by block, 96 steps each; all of it folds into the model.",
            calibrated(recipeOf(transformed(asymmetric(activations(learned(4, "lwc", {kMinutes}), PerToken, 4)), "omniquant", {{"alpha", 0.75}, kMinutes})), 32, 512)},
        {"w4a4-omniquant-paper", "4-bit weights and activations, OmniQuant as published",
            "20 passes over 128 texts of 2048 tokens: hours on a CPU for all but the smallest models.",
            recipeOf(transformed(asymmetric(activations(learned(4, "lwc"), PerToken, 4)), "omniquant",
                {{"alpha", 0.75}, {"batch", std::int64_t{1}}, {"schedule", std::string("constant")}, {"steps", std::int64_t{2560}}}))},
        {"w4a4-affinequant", "4-bit weights and activations, AffineQuant, minutes",
            "As OmniQuant, with a learned matrix a head behind the values and between queries and keys; 96 steps a block, all of it folds into the model.",
            calibrated(recipeOf(transformed(asymmetric(activations(learned(4, "lwc", {kMinutes}), PerToken, 4)), "affinequant", {{"alpha", 0.75}, kMinutes})), 32, 512)},
        {"w4a4-affinequant-paper", "4-bit weights and activations, AffineQuant as published",
            "20 passes over 128 texts of 2048 tokens: hours on a CPU for all but the smallest models.",
            recipeOf(transformed(asymmetric(activations(learned(4, "lwc"), PerToken, 4)), "affinequant",
                {{"alpha", 0.75}, {"batch", std::int64_t{1}}, {"schedule", std::string("constant")}, {"steps", std::int64_t{2560}}}))},
        {"w2a16-gptq-lorc-g64", "2-bit weights, GPTQ and LoRC",
            "The largest directions of the rounding error stay beside the codes as two thin matrices. For study, or as dense weights.",
            recipeOf(compensated(rounding(weights(2, kGroup), "gptq"), "lorc"))},
        {"a8-token", "8-bit activations only, per token", "Weights stay float, to see what the activation grid alone costs. For study.",
            recipeOf(activations(weights(16, 0), PerToken, 8))},
        {"a8-cross", "8-bit activations only, CrossQuant", "Weights stay float, activations on the CrossQuant grid. For study.",
            recipeOf(activations(weights(16, 0), Cross, 8))},
    };
}

Recipe presetForModel(std::string_view id, const ModelDescription& model)
{
    const std::vector<Preset> all = presets();
    const auto at = std::find_if(all.begin(), all.end(), [&](const Preset& preset) { return preset.id == id; });
    if (at == all.end()) {
        std::string known;
        for (const Preset& preset : all)
            known += (known.empty() ? "" : ", ") + preset.id;
        throw Error(ErrorKind::InvalidArgument, "There is no preset \"" + std::string(id) + "\"; there are " + known + ".",
            std::string(id));
    }
    Recipe recipe = at->recipe;

    std::vector<Rule> rules;
    for (const Rule& rule : recipe.rules) {
        if (rule.match != kMlpDown) {
            rules.push_back(rule);
            continue;
        }
        std::vector<std::string> seen;
        for (const LinearInfo& linear : model.linears) {
            const std::string match = anyBlock(linear);
            if (linear.site.producer() != SiteProducer::Activation || std::find(seen.begin(), seen.end(), match) != seen.end())
                continue;
            seen.push_back(match);
            rules.push_back({match, rule.patch});
        }
    }
    recipe.rules = std::move(rules);

    const int group = recipe.defaults.group.value_or(0);
    if (group == 0)
        return recipe;
    std::int64_t common = 0;
    for (const LinearInfo& linear : model.linears)
        common = std::gcd(common, linear.in);
    const std::int64_t shared = largestDivisorUpTo(common, group);
    constexpr std::int64_t kSmallest = 16;
    if (common == 0 || shared >= kSmallest) {
        recipe.defaults.group = common == 0 ? group : static_cast<int>(shared);
        return recipe;
    }
    // No useful divisor for all: each kind of linear gets its own.
    std::vector<std::pair<std::string, std::int64_t>> kinds;
    for (const LinearInfo& linear : model.linears) {
        const std::string match = anyBlock(linear);
        const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& other) { return other.first == match; });
        if (kind == kinds.end())
            kinds.emplace_back(match, linear.in);
        else
            kind->second = std::gcd(kind->second, linear.in);
    }
    std::vector<Rule> groups;
    for (const auto& [match, columns] : kinds) {
        Rule rule{match, {}};
        rule.patch.group = static_cast<int>(largestDivisorUpTo(columns, group));
        groups.push_back(std::move(rule));
    }
    recipe.rules.insert(recipe.rules.begin(), groups.begin(), groups.end());
    return recipe;
}

} // namespace halftone
