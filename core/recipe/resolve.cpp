#include "core/base/error.h"
#include "core/recipe/plan_fields.h"
#include "core/recipe/text_needs.h"

#include <algorithm>
#include <map>
#include <utility>

namespace halftone {
namespace {

[[noreturn]] void fail(const std::string& pointer, const std::string& sentence)
{
    throw Error(ErrorKind::BadFile, "recipe: " + pointer + ": " + sentence, pointer);
}

/// Where in the recipe the value came from that counts for `linear`: the last matching rule whose patch sets it, else the defaults.
template <typename Sets>
std::string origin(const Recipe& recipe, std::string_view linear, const Sets& sets)
{
    for (std::size_t i = recipe.rules.size(); i-- > 0;)
        if (sets(recipe.rules[i].patch) && globMatches(recipe.rules[i].match, linear))
            return "/rules/" + std::to_string(i);
    return "/defaults";
}

/// Whether a patch sets the key that validate() blames ("weights.group").
bool setsKey(const PlanPatch& patch, const std::string& key)
{
    bool sets = false;
    eachPlanField([&](const auto& field) { sets = sets || (field.path == key && field.isIn(patch)); });
    return sets;
}

[[noreturn]] void failAtKey(const Recipe& recipe, const std::string& linear, const Error& error)
{
    const std::string& key = error.subject();
    std::string pointer = origin(recipe, linear, [&](const PlanPatch& patch) { return setsKey(patch, key); }) + "/" + key;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    fail(pointer, "\"" + linear + "\": " + error.what() + ".");
}

/// Divisors a person may want for groups: multiples of 8 up to 1024 where there are any, else all but 1.
std::string offeredGroups(std::int64_t columns)
{
    std::string list;
    for (const std::int64_t step : {8, 1}) {
        for (std::int64_t d = step == 1 ? 2 : step; d <= columns && d <= 1024; d += step)
            if (columns % d == 0)
                list += (list.empty() ? "" : ", ") + std::to_string(d);
        if (!list.empty())
            break;
    }
    return list.empty() ? "none" : list;
}

void checkWeights(const Recipe& recipe, const LinearInfo& linear, const Plan& plan)
{
    if (!plan.weights.quantized())
        return;
    const WeightGrid& grid = plan.weights;
    if (grid.perTensor && grid.group != 0)
        fail(origin(recipe, linear.name, [](const PlanPatch& p) { return p.perTensor.has_value(); }) + "/weights/per_tensor",
            "\"" + linear.name + "\" has one scale for the tensor and groups of " + std::to_string(grid.group)
                + "; per_tensor needs group 0.");
    if (grid.group != 0 && linear.in % grid.group != 0)
        fail(origin(recipe, linear.name, [](const PlanPatch& p) { return p.group.has_value(); }) + "/weights/group",
            "groups of " + std::to_string(grid.group) + " do not divide the " + std::to_string(linear.in) + " columns of \"" + linear.name
                + "\"; divisors are " + offeredGroups(linear.in) + ", or 0 (per channel).");
    try {
        validate(grid, linear.in);
    } catch (const Error& e) {
        failAtKey(recipe, linear.name, e);
    }
    const std::string rounding = origin(recipe, linear.name, [](const PlanPatch& p) { return p.rounding.has_value(); }) + "/rounding";
    if (plan.rounding.method == "none")
        fail(rounding + "/method", "\"" + linear.name + "\" has " + std::to_string(grid.bits)
            + "-bit weights and no rounding method; use \"rtn\", or bits 16.");
}

void checkCalibration(const Recipe& recipe, const LinearInfo& linear, const Plan& plan)
{
    if (recipe.calibration.samples > 0)
        return;
    if (const std::string what = learnsFromText(plan); !what.empty())
        fail("/calibration/samples", "is 0, but \"" + linear.name + "\" uses " + what + ", which learns from calibration text.");
}

void checkActivations(const Recipe& recipe, const LinearInfo& linear, const Plan& plan)
{
    if (!plan.activations.quantized())
        return;
    try {
        validate(plan.activations);
    } catch (const Error& e) {
        failAtKey(recipe, linear.name, e);
    }
}

/// A transform re-parametrises an activation, so all linears that read it must agree.
void checkSites(const Recipe& recipe, const ModelDescription& model, const std::vector<ResolvedPlan>& plans)
{
    std::map<std::pair<int, SiteKind>, std::size_t> first;
    for (std::size_t i = 0; i < model.linears.size(); ++i) {
        const LinearInfo& linear = model.linears[i];
        if (const std::string why = whyNotTransform(plans[i].plan.transform, model.config, linear.site); !why.empty())
            fail(origin(recipe, linear.name, [](const PlanPatch& p) { return p.transform.has_value(); }) + "/transform/method",
                "\"" + linear.name + "\" cannot have the transform \"" + plans[i].plan.transform.method + "\": " + why + ".");
        const std::size_t other = first.emplace(std::pair(linear.block, linear.site), i).first->second;
        if (plans[i].plan.transform == plans[other].plan.transform)
            continue;
        fail(origin(recipe, linear.name, [](const PlanPatch& p) { return p.transform.has_value(); }) + "/transform",
            "\"" + linear.name + "\" has the transform \"" + plans[i].plan.transform.method + "\" and \"" + plans[other].linear
                + "\" has \""
                + plans[other].plan.transform.method
                    + "\", perhaps with other parameters; linears that read one activation must share its transform.");
    }
}

/// What is asked for must have something to do: a transform that leaves every site that names it as it is, is none.
void checkIdle(const Recipe& recipe, const ModelDescription& model, const std::vector<ResolvedPlan>& plans)
{
    std::map<std::string, std::pair<std::size_t, std::string>> idle;   // by method: a linear, and why
    std::map<std::string, bool> acts;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const std::string& method = plans[i].plan.transform.method;
        std::string why = whyIdle(plans[i].plan.transform, model.config, model.linears[i].site);
        acts[method] = acts[method] || why.empty();
        if (!why.empty())
            idle.emplace(method, std::pair(i, std::move(why)));
    }
    for (const auto& [method, first] : idle)
        if (!acts[method])
            fail(origin(recipe, plans[first.first].linear, [](const PlanPatch& p) { return p.transform.has_value(); }) + "/transform/method",
                "\"" + method + "\" has nothing to do where it is named: it leaves \"" + plans[first.first].linear + "\" as it is, since " + first.second + ".");
}

/// A block is fitted as a whole, in one training: its linears cannot be learned by two methods, nor by one with two lengths of training.
void checkLearned(const Recipe& recipe, const ModelDescription& model, const std::vector<ResolvedPlan>& plans)
{
    std::map<int, std::size_t> first;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const MethodChoice& rounding = plans[i].plan.rounding;
        if (!plans[i].plan.weights.quantized() || !needsOf(MethodKind::Rounding, rounding).block)
            continue;
        const std::size_t other = first.emplace(model.linears[i].block, i).first->second;
        const MethodChoice& before = plans[other].plan.rounding;
        const std::string at = origin(recipe, plans[i].linear, [](const PlanPatch& p) { return p.rounding.has_value(); }) + "/rounding";
        if (rounding.method != before.method)
            fail(at + "/method", "\"" + plans[i].linear + "\" is learned by \"" + rounding.method + "\" and \"" + plans[other].linear + "\" by \"" + before.method
                + "\", but a block is fitted as a whole, by one learned rounding; give the block one of them, or a rounding that is not learned.");
        const std::string_view key = difference(trainingOf(MethodKind::Rounding, rounding), trainingOf(MethodKind::Rounding, before));
        if (!key.empty())
            fail(at + "/" + std::string(key), "\"" + plans[i].linear + "\" and \"" + plans[other].linear + "\" of one block differ in \"" + std::string(key)
                + "\", but a block is fitted as a whole, in one training; give both the same.");
    }
}

void checkKvCache(const Recipe& recipe, const ModelDescription& model)
{
    for (const int block : recipe.kvCache.floatBlocks)
        if (block >= model.config.blocks)
            fail("/kv_cache/float_blocks", "block " + std::to_string(block) + " is not there; the model has "
                + std::to_string(model.config.blocks) + " blocks, numbered from 0.");
    if (!recipe.kvCache.quantized())
        return;
    bool any = false;
    for (int block = 0; block < model.config.blocks; ++block)
        any = any || recipe.kvCache.ofBlock(block).quantized();
    if (!any)
        fail("/kv_cache/float_blocks", "names every block, so that no cache is rounded; leave some out, or use the scheme \"none\".");
}

} // namespace

bool quantizesAnything(const std::vector<ResolvedPlan>& plans, const KvCacheGrid& kvCache)
{
    return kvCache.quantized() || std::any_of(plans.begin(), plans.end(), [](const ResolvedPlan& p) {
        return p.plan.weights.quantized() || p.plan.activations.quantized();
    });
}

std::vector<ResolvedPlan> resolve(const Recipe& recipe, const ModelDescription& model)
{
    for (std::size_t i = 0; i < recipe.rules.size(); ++i) {
        bool any = false;
        for (const LinearInfo& linear : model.linears)
            any = any || globMatches(recipe.rules[i].match, linear.name);
        if (!any)
            fail("/rules/" + std::to_string(i) + "/match", "\"" + recipe.rules[i].match + "\" matches none of the model's "
                + std::to_string(model.linears.size())
                    + " linears" + (model.linears.empty() ? "." : "; they are named like \"" + model.linears.front().name + "\"."));
    }
    std::vector<ResolvedPlan> plans;
    plans.reserve(model.linears.size());
    for (const LinearInfo& linear : model.linears) {
        ResolvedPlan resolved;
        resolved.linear = linear.name;
        try {
            resolved.plan = planOf(recipe, linear.name, &resolved.rule);
        } catch (const Error& e) {
            fail("/defaults", "\"" + linear.name + "\": " + e.what());
        }
        checkWeights(recipe, linear, resolved.plan);
        checkActivations(recipe, linear, resolved.plan);
        checkCalibration(recipe, linear, resolved.plan);
        plans.push_back(std::move(resolved));
    }
    checkSites(recipe, model, plans);
    checkIdle(recipe, model, plans);
    checkLearned(recipe, model, plans);
    checkKvCache(recipe, model);
    if (recipe.contract.empty())
        return plans;
    for (const ContractIssue& issue : checkContract(recipe.contract, plans, model, recipe.kvCache)) {
        if (!issue.fatal)
            continue;
        if (issue.linear.empty())
            fail("/kv_cache", contractName(recipe.contract) + " cannot take it: " + issue.reason);
        fail("/contract", contractName(recipe.contract) + " cannot take \"" + issue.linear + "\": " + issue.reason);
    }
    return plans;
}

std::vector<ResolvedPlan> plansOfRun(Recipe recipe, const ModelDescription& model)
{
    recipe.contract.clear();
    return resolve(recipe, model);
}

} // namespace halftone
