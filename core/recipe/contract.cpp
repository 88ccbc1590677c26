#include "core/recipe/contract_ties.h"

#include "core/base/error.h"
#include "core/model/family_traits.h"
#include "core/recipe/contract_runtime.h"
#include "core/recipe/json_node.h"
#include "core/recipe/packed_format.h"

#include <map>
#include <utility>
#include <vector>

namespace halftone {
namespace {

using Report = PlanReport;

std::string activationWords(const ActivationGrid& grid)
{
    return grid.quantized() ? std::to_string(grid.bits) + "-bit " + std::string(name(grid.scheme)) + " activations" : "float activations";
}

std::string weightWords(const WeightGrid& grid)
{
    if (!grid.quantized())
        return "float weights";
    return std::to_string(grid.bits) + "-bit " + (grid.symmetric ? "symmetric" : "asymmetric") + " weights "
        + (grid.perTensor ? "per tensor" : grid.group == 0 ? "per channel" : "in groups of " + std::to_string(grid.group));
}

/// transformers 5.23 with compressed-tensors 0.20 (export-formats §1).
void checkTransformers(const Plan& plan, const Report& report)
{
    checkPacked(plan, report);
    if (plan.weights.quantized() && !plan.weights.symmetric)
        report(true,
            "asymmetric weights stop transformers 5.23 with a size mismatch of weight_zero_point "
            "(5.17 loaded them); use symmetric weights.");
}

/// vLLM 0.32, on any device.
void checkVllm(const Plan& plan, const Report& report)
{
    const WeightGrid& weights = plan.weights;
    const ActivationGrid& activations = plan.activations;
    if (weights.quantized() && weights.bits != 4 && weights.bits != 8) {
        report(true, "vLLM has kernels for 4- and 8-bit integer weights, not for " + std::to_string(weights.bits) + " bits.");
        return;
    }
    checkPacked(plan, report);
    if (!weights.quantized())
        return;
    if (!activations.quantized()) {
        if (weights.perTensor)
            report(true, "vLLM takes weight-only grids per channel or in groups, not per tensor.");
        if (weights.group != 0 && weights.group != 32 && weights.group != 64 && weights.group != 128)
            report(false, "groups of " + std::to_string(weights.group)
                + " are outside 32, 64 and 128, for which vLLM has its fast kernels; it may refuse them.");
        return;
    }
    if (weights.bits == 4) {
        report(false, "vLLM serves 4-bit weights with quantized activations but silently leaves the activations float.");
        return;
    }
    if (activations.bits != 8)
        report(true, "vLLM quantizes activations to 8 bits, not to " + std::to_string(activations.bits) + ".");
    if (!weights.symmetric)
        report(true, "vLLM needs symmetric weights where activations are quantized.");
    if (weights.group != 0)
        report(true, "vLLM needs 8-bit weights per channel or per tensor where activations are quantized, not in groups of "
            + std::to_string(weights.group) + ".");
    if (!activations.symmetric)
        report(false, "asymmetric activations have not been tried in vLLM; symmetric ones have.");
}

void checkVllmCpu(const Plan& plan, const Report& report)
{
    checkVllm(plan, report);
    if (plan.weights.quantized() && plan.weights.bits == 8 && !plan.activations.quantized())
        report(true,
            "vLLM has no CPU kernel for 8-bit weights with float activations; "
            "add 8-bit per_token activations, or leave the weights float.");
}

/// vLLM runs q, k and v (gate and up) as one matrix.
void checkFused(const std::vector<ResolvedPlan>& plans, const ModelDescription& model, std::vector<ContractIssue>& issues)
{
    std::map<std::pair<int, SiteKind>, std::size_t> first;
    for (std::size_t i = 0; i < model.linears.size(); ++i) {
        const LinearInfo& linear = model.linears[i];
        const std::size_t other = first.emplace(std::pair(linear.block, linear.site), i).first->second;
        const Plan& a = plans[i].plan;
        const Plan& b = plans[other].plan;
        const bool sameWeights = a.weights.quantized() == b.weights.quantized()
            && (!a.weights.quantized()
                || (a.weights.bits == b.weights.bits && a.weights.group == b.weights.group && a.weights.symmetric == b.weights.symmetric
                    && a.weights.perTensor == b.weights.perTensor));
        const bool sameActivations = a.activations.quantized() == b.activations.quantized()
            && (!a.activations.quantized()
                || (a.activations.scheme == b.activations.scheme && a.activations.bits == b.activations.bits
                    && a.activations.symmetric == b.activations.symmetric));
        if (sameWeights && sameActivations)
            continue;
        issues.push_back({linear.name, "vLLM runs it fused with \"" + plans[other].linear + "\", so both need one scheme; here they have "
            + weightWords(a.weights)
                    + " with " + activationWords(a.activations) + ", and " + weightWords(b.weights) + " with "
                        + activationWords(b.activations) + "."});
    }
}

void checkTransformersCache(const KvCacheGrid& grid, const ModelConfig& config, const Report& report)
{
    if (std::string why = whyNotServed(grid, config); !why.empty())
        report(true, std::move(why));
}

void checkVllmCache(const KvCacheGrid&, const ModelConfig&, const Report& report)
{
    report(true, "vLLM 0.32 refuses integer KV-cache schemes of compressed-tensors: its cache is 8-bit float with a static scale, or not quantized; "
                 "use the scheme \"none\" under this contract.");
}

std::string servedAsMeant(const Plan&, const LinearInfo&, const ModelConfig&) { return {}; }

std::vector<std::string> transformersWords(const std::string& folder)
{
    return {"python3", "-c",
            "import sys; from transformers import AutoModelForCausalLM as M, AutoTokenizer as T; p = sys.argv[1]; m = M.from_pretrained(p); t = T.from_pretrained(p); "
            "print(t.decode(m.generate(**t(\"Once upon a time\", return_tensors=\"pt\"), max_new_tokens=32)[0]))",
            folder};
}

std::vector<std::string> vllmWords(const std::string& folder) { return {"vllm", "serve", folder}; }

struct Contract {
    const char* id;
    const char* name;
    void (*check)(const Plan&, const Report&);
    void (*checkCache)(const KvCacheGrid&, const ModelConfig&, const Report&);
    std::string (*otherwise)(const Plan&, const LinearInfo&, const ModelConfig&);
    bool fused;
    const char* activationGrid;
    std::vector<std::string> (*serve)(const std::string& folder);
};
/// The first one's grids are those of recipes that name no contract.
constexpr Contract kContracts[] = {{"transformers", "transformers", checkTransformers, checkTransformersCache, servedOtherwise, false, "transformers'", transformersWords},
                                   {"vllm", "vLLM", checkVllm, checkVllmCache, servedAsMeant, true, "vLLM's", vllmWords},
                                   {"vllm-cpu", "vLLM on a CPU", checkVllmCpu, checkVllmCache, servedAsMeant, true, "vLLM's", vllmWords}};

const Contract& find(std::string_view id)
{
    for (const Contract& known : kContracts)
        if (id == known.id)
            return known;
    throw Error(ErrorKind::InvalidArgument, "There is no contract \"" + std::string(id) + "\"; known are " + listed(contracts()) + ".", std::string(id));
}

} // namespace

std::vector<std::string> contracts()
{
    std::vector<std::string> ids;
    for (const Contract& contract : kContracts)
        ids.emplace_back(contract.id);
    return ids;
}

std::string contractName(std::string_view contract)
{
    return contract.empty() ? std::string() : find(contract).name;
}

std::string_view activationGridOf(std::string_view contract)
{
    return (contract.empty() ? kContracts[0] : find(contract)).activationGrid;
}

std::vector<std::string> serveWords(std::string_view contract, const std::string& folder)
{
    return find(contract).serve(folder);
}

/// Tried with transformers 5.23 and compressed-tensors 0.20, whose cache sees keys [batch, heads, tokens, headDim] after the rotation: its strategy
/// "group" with groups of headDim is a range a token and head; its "token" takes one range for all tokens of a head, which is not causal.
std::string whyNotServed(const KvCacheGrid& grid, const ModelConfig& config)
{
    if (!grid.quantized())
        return {};
    if (config.fusedQkv)
        return "compressed-tensors finds caches by their k_proj and v_proj and passes over a model whose query, key and value are one linear, so the cache "
               "would stay float without a word; use the scheme \"none\".";
    if (!familyTraits(config.architecture).namesKvHeads)
        return "compressed-tensors asks the config of a model with a KV-cache scheme for num_key_value_heads, which OPT's has not, so the checkpoint could "
               "not be opened; use the scheme \"none\".";
    if (grid.scheme != KvCacheGrid::Scheme::PerTokenHead)
        return "compressed-tensors has no range over a token's heads together (its strategy \"token\" takes all tokens of a head at once, later ones "
               "included); use per_token_head.";
    if (grid.position == KvCacheGrid::Position::PreRope && config.position == PositionKind::Rope)
        return "transformers caches keys after the rotation; use the position post_rope.";
    if (grid.queries)
        return "queries are not part of a cache, and compressed-tensors leaves them float; set queries to false.";
    if (!grid.floatBlocks.empty())
        return "compressed-tensors has one KV-cache scheme for all blocks; leave float_blocks out.";
    return {};
}

std::vector<ContractIssue> checkContract(std::string_view contract, const std::vector<ResolvedPlan>& plans, const ModelDescription& model,
                                         const KvCacheGrid& kvCache)
{
    std::vector<ContractIssue> issues;
    if (contract.empty())
        return issues;
    if (plans.size() != model.linears.size())
        throw Error(ErrorKind::InvalidArgument, "There are " + std::to_string(plans.size()) + " plans for "
            + std::to_string(model.linears.size()) + " linears.");
    const Contract& known = find(contract);
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const ResolvedPlan& plan = plans[i];
        known.check(plan.plan, [&](bool fatal, std::string reason) { issues.push_back({plan.linear, std::move(reason), fatal}); });
        if (std::string otherwise = known.otherwise(plan.plan, model.linears[i], model.config); !otherwise.empty())
            issues.push_back({plan.linear, std::move(otherwise), false});
    }
    if (known.fused)
        checkFused(plans, model, issues);
    if (kvCache.quantized())
        known.checkCache(kvCache, model.config, [&](bool fatal, std::string reason) { issues.push_back({{}, std::move(reason), fatal}); });
    return issues;
}

std::vector<ContractTie> contractTies(std::string_view contract, const ModelDescription& model)
{
    std::vector<ContractTie> ties;
    if (contract.empty() || !find(contract).fused)
        return ties;
    std::map<std::pair<int, SiteKind>, std::size_t> place;
    for (const LinearInfo& linear : model.linears) {
        const std::size_t at = place.emplace(std::pair(linear.block, linear.site), ties.size()).first->second;
        if (at == ties.size())
            ties.emplace_back();
        ties[at].linears.push_back(linear.name);
    }
    std::erase_if(ties, [](const ContractTie& tie) { return tie.linears.size() < 2; });
    for (ContractTie& tie : ties) {
        std::string names;
        for (std::size_t i = 0; i < tie.linears.size(); ++i)
            names += (i == 0 ? "" : i + 1 == tie.linears.size() ? " and " : ", ") + tie.linears[i].substr(tie.linears[i].rfind('.') + 1);
        tie.reason = "vLLM runs " + names + " as one matrix, so they carry one scheme and change together.";
    }
    return ties;
}

PlanPatch tiedPart(const PlanPatch& patch)
{
    PlanPatch tied = patch;
    tied.transform.reset();
    tied.rounding.reset();
    tied.compensation.reset();
    tied.range.reset();
    tied.clip.reset();
    tied.alpha.reset();
    return tied;
}

std::string contractRefusal(std::string_view contract, const LinearInfo& linear, const Plan& plan)
{
    ModelDescription alone;
    alone.linears = {linear};
    for (const ContractIssue& issue : checkContract(contract, {{linear.name, plan}}, alone))
        if (issue.fatal)
            return issue.reason;
    return {};
}

} // namespace halftone
