#include "core/base/error.h"
#include "core/recipe/plan_fields.h"

#include <algorithm>

namespace halftone {
namespace {

/// What of `wanted` must be written so that, on top of `base`, it counts. Compared as whole plans: a value that equals what is inherited,
/// or the method's own default, is left out.
template <typename Value, typename Notation>
void keepDifference(std::optional<Value>& written, const Value& wanted, const Value& base, const Notation&)
{
    if (!(wanted == base))
        written = wanted;
}

void keepDifference(std::optional<MethodChoice>& written, const MethodChoice& wanted, const MethodChoice& base, const AsMethod& as)
{
    if (wanted == base)
        return;
    // Same method: rules merge parameters, so only those that differ. Other method: those that differ from its defaults.
    MethodChoice against = base;
    if (wanted.method != base.method)
        against = wanted.method == "none" ? MethodChoice{} : defaultChoice(as.kind, wanted.method);
    MethodChoice choice{wanted.method, {}};
    for (const auto& parameter : wanted.parameters)
        if (std::find(against.parameters.begin(), against.parameters.end(), parameter) == against.parameters.end())
            choice.parameters.push_back(parameter);
    written = std::move(choice);
}

PlanPatch difference(const Plan& wanted, const Plan& base)
{
    PlanPatch patch;
    eachPlanField([&](const auto& field) { keepDifference(patch.*field.key, field.of(wanted), field.of(base), field.notation); });
    return patch;
}

void setOne(Recipe& recipe, std::string_view linear, const PlanPatch& patch)
{
    PlanPatch wantedPatch = patchOf(recipe, linear);
    wantedPatch.merge(patch);
    const Plan wanted = planOf(wantedPatch);

    const std::string exact = globEscaped(linear);
    auto& rules = recipe.rules;
    const auto isOurs = [&](const Rule& rule) { return rule.match == exact; };
    const auto found = std::find_if(rules.begin(), rules.end(), isOurs);
    auto place = static_cast<std::size_t>(found - rules.begin());
    rules.erase(std::remove_if(rules.begin(), rules.end(), isOurs), rules.end());
    const PlanPatch rest = difference(wanted, planOf(recipe, linear));
    if (rest.empty())
        return;
    // It keeps its place in the list unless a later rule would have the last word.
    for (std::size_t i = place; i < rules.size(); ++i)
        if (globMatches(rules[i].match, linear))
            place = rules.size();
    rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(std::min(place, rules.size())), {exact, rest});
}

} // namespace

void setPlan(Recipe& recipe, const ModelDescription& model, std::string_view linear, const PlanPatch& patch)
{
    const auto at = std::find_if(model.linears.begin(), model.linears.end(), [&](const LinearInfo& info) { return info.name == linear; });
    if (at == model.linears.end())
        throw Error(ErrorKind::InvalidArgument, "The model has no linear \"" + std::string(linear) + "\".", std::string(linear));
    setOne(recipe, linear, patch);
    if (!patch.transform)
        return;
    PlanPatch shared;
    shared.transform = planOf(recipe, linear).transform;
    for (const LinearInfo& other : model.linears)
        if (other.block == at->block && other.site == at->site && other.name != linear)
            setOne(recipe, other.name, shared);
}

} // namespace halftone
