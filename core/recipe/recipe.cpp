#include "core/recipe/recipe.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/file.h"

#include <algorithm>

namespace halftone {
namespace {

template <typename Value>
void take(std::optional<Value>& into, const std::optional<Value>& from)
{
    if (from)
        into = from;
}

/// The same method: its parameters join those already there. Another method: replaces.
void takeChoice(std::optional<MethodChoice>& into, const std::optional<MethodChoice>& from)
{
    if (!from)
        return;
    if (!into || into->method != from->method) {
        into = from;
        return;
    }
    for (const auto& [key, value] : from->parameters) {
        auto& parameters = into->parameters;
        const auto at = std::lower_bound(parameters.begin(), parameters.end(), key,
            [](const auto& have, const std::string& k) { return have.first < k; });
        if (at != parameters.end() && at->first == key)
            at->second = value;
        else
            parameters.insert(at, {key, value});
    }
}

/// Defaults of the method, overlaid with what was written.
MethodChoice filled(MethodKind kind, const MethodChoice& written)
{
    if (written.method == "none")
        return {"none", {}};
    MethodChoice choice = defaultChoice(kind, written.method);
    for (const auto& [key, value] : written.parameters) {
        const auto at = std::find_if(choice.parameters.begin(), choice.parameters.end(),
            [&k = key](const auto& have) { return have.first == k; });
        if (at == choice.parameters.end())
            throw Error(ErrorKind::InvalidArgument, "Method \"" + written.method + "\" has no parameter \"" + key + "\".", key);
        at->second = value;
    }
    return choice;
}

} // namespace

bool PlanPatch::empty() const { return *this == PlanPatch{}; }

void PlanPatch::merge(const PlanPatch& over)
{
    takeChoice(transform, over.transform);
    takeChoice(rounding, over.rounding);
    takeChoice(compensation, over.compensation);
    take(bits, over.bits);
    take(group, over.group);
    take(symmetric, over.symmetric);
    take(perTensor, over.perTensor);
    take(range, over.range);
    take(clip, over.clip);
    take(scheme, over.scheme);
    take(activationBits, over.activationBits);
    take(activationSymmetric, over.activationSymmetric);
    take(alpha, over.alpha);
}

PlanPatch patchOf(const Recipe& recipe, std::string_view linear, int* rule)
{
    PlanPatch patch = recipe.defaults;
    int last = -1;
    for (std::size_t i = 0; i < recipe.rules.size(); ++i) {
        if (!globMatches(recipe.rules[i].match, linear))
            continue;
        patch.merge(recipe.rules[i].patch);
        last = static_cast<int>(i);
    }
    if (rule)
        *rule = last;
    return patch;
}

Plan planOf(const PlanPatch& patch)
{
    Plan plan;
    if (patch.transform)
        plan.transform = *patch.transform;
    if (patch.rounding)
        plan.rounding = *patch.rounding;
    if (patch.compensation)
        plan.compensation = *patch.compensation;
    plan.transform = filled(MethodKind::Transform, plan.transform);
    plan.rounding = filled(MethodKind::Rounding, plan.rounding);
    plan.compensation = filled(MethodKind::Compensation, plan.compensation);
    plan.weights.bits = patch.bits.value_or(plan.weights.bits);
    plan.weights.group = patch.group.value_or(plan.weights.group);
    plan.weights.symmetric = patch.symmetric.value_or(plan.weights.symmetric);
    plan.weights.perTensor = patch.perTensor.value_or(plan.weights.perTensor);
    plan.weights.range = patch.range.value_or(plan.weights.range);
    plan.weights.clip = patch.clip.value_or(plan.weights.clip);
    plan.activations.scheme = patch.scheme.value_or(plan.activations.scheme);
    plan.activations.bits = patch.activationBits.value_or(plan.activations.bits);
    plan.activations.symmetric = patch.activationSymmetric.value_or(plan.activations.symmetric);
    plan.activations.alpha = patch.alpha.value_or(plan.activations.alpha);
    return plan;
}

Plan planOf(const Recipe& recipe, std::string_view linear, int* rule) { return planOf(patchOf(recipe, linear, rule)); }

Recipe Recipe::load(const std::filesystem::path& file)
{
    constexpr std::uint64_t kMaxRecipeBytes = 16u << 20;
    return parse(readTextFile(file, kMaxRecipeBytes), file.string());
}

void Recipe::save(const std::filesystem::path& file) const { writeFileAtomically(file, toJson()); }

} // namespace halftone
