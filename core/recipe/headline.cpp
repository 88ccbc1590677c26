#include "core/recipe/headline.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace halftone {
namespace {

constexpr std::size_t kMostNames = 3;

/// "OmniQuant (learned scales)" → "OmniQuant".
std::string shortName(MethodKind kind, const std::string& id)
{
    const std::string name = methodLabel(kind, id);
    return name.substr(0, std::min(name.find(" ("), name.find(", ")));
}

void add(std::vector<std::string>& names, const std::string& name)
{
    if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
}

/// "4", "4–8"
std::string range(const std::set<int>& bits)
{
    const std::string low = std::to_string(*bits.begin());
    return bits.size() == 1 ? low : low + "–" + std::to_string(*bits.rbegin());
}

std::string headlineOf(const std::vector<Plan>& plans, const KvCacheGrid& kvCache)
{
    std::vector<std::string> transforms, roundings, compensations;
    std::set<int> weights, activations;
    for (const Plan& plan : plans) {
        if (plan.weights.quantized() || plan.activations.quantized())
            if (plan.transform.method != "none")
                add(transforms, shortName(MethodKind::Transform, plan.transform.method));
        if (plan.weights.quantized()) {
            weights.insert(plan.weights.bits);
            add(roundings, shortName(MethodKind::Rounding, plan.rounding.method));
            if (plan.compensation.method != "none")
                add(compensations, shortName(MethodKind::Compensation, plan.compensation.method));
        }
        if (plan.activations.quantized()) {
            activations.insert(plan.activations.bits);
            if (plan.activations.scheme == ActivationScheme::Cross || plan.activations.scheme == ActivationScheme::CrossStatic)
                add(transforms, "CrossQuant");
        }
    }
    const std::string cache = kvCache.quantized() ? "KV" + std::to_string(kvCache.bits) : std::string();
    if (weights.empty() && activations.empty())
        return cache.empty() ? "not quantized" : cache;
    std::vector<std::string> names = transforms;
    for (const std::string& name : roundings)   // beside a transform, plain rounding goes without saying
        if (name != "RTN" || (transforms.empty() && compensations.empty()))
            add(names, name);
    for (const std::string& name : compensations)
        add(names, name);
    std::string text;
    if (names.size() > kMostNames)
        text = std::to_string(names.size()) + " methods";
    else
        for (const std::string& name : names)
            text += (text.empty() ? "" : " + ") + name;
    if (!text.empty())
        text += ' ';
    if (activations.empty())
        text += range(weights) + " bits";
    else
        text += (weights.empty() ? std::string() : "W" + range(weights) + " ") + "A" + range(activations);
    return cache.empty() ? text : text + " " + cache;
}

} // namespace

std::string headline(const std::vector<ResolvedPlan>& plans, const KvCacheGrid& kvCache)
{
    std::vector<Plan> all;
    for (const ResolvedPlan& resolved : plans)
        if (all.empty() || !(all.back() == resolved.plan))
            all.push_back(resolved.plan);
    return headlineOf(all, kvCache);
}

std::string headline(const Recipe& recipe)
{
    std::vector<Plan> all{planOf(recipe.defaults)};
    for (const Rule& rule : recipe.rules) {
        PlanPatch patch = recipe.defaults;
        patch.merge(rule.patch);
        all.push_back(planOf(patch));
    }
    return headlineOf(all, recipe.kvCache);
}

} // namespace halftone
