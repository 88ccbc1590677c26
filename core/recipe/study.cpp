#include "core/recipe/study.h"

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/number_text.h"
#include "core/recipe/plan_fields.h"

#include <algorithm>
#include <cstdio>

namespace halftone {
namespace {

bool anyRule(const Recipe& recipe, bool (*says)(const PlanPatch&))
{
    return std::any_of(recipe.rules.begin(), recipe.rules.end(), [says](const Rule& rule) { return says(rule.patch); });
}

bool roundsWeights(const PlanPatch& patch) { return patch.bits.value_or(16) < 16; }
bool roundsActivations(const PlanPatch& patch) { return patch.scheme.value_or(ActivationScheme::None) != ActivationScheme::None; }

bool weightsAreFloat(const Recipe& recipe) { return !roundsWeights(recipe.defaults) && !anyRule(recipe, roundsWeights); }
bool activationsAreFloat(const Recipe& recipe) { return !roundsActivations(recipe.defaults) && !anyRule(recipe, roundsActivations); }

/// What has nothing to do at 16 bits goes: it would be refused, and makes equal settings look different.
void stripIdle(Recipe& recipe)
{
    if (!weightsAreFloat(recipe))
        return;
    const bool allFloat = activationsAreFloat(recipe);
    eachPlanField([&](const auto& field) {
        if (field.part == PlanPart::Weights || (field.part == PlanPart::Both && allFloat))
            (recipe.defaults.*field.key).reset();
    });
}

StudyMember describe(const Recipe& recipe)
{
    StudyMember member;
    member.recipe = recipe;
    const Plan plan = planOf(recipe.defaults);
    const bool mixedWeights = anyRule(recipe, [](const PlanPatch& p) { return p.bits.has_value() || p.group.has_value(); });
    const bool mixedActivations = anyRule(recipe, [](const PlanPatch& p) { return p.scheme || p.activationBits || p.alpha; });
    member.weights = weightsLabel(plan.weights.bits, plan.weights.group) + (mixedWeights ? " and rules" : "");
    member.activations = activationsLabel(plan.activations) + (mixedActivations ? " and rules" : "");
    if (recipe.kvCache.quantized())
        member.activations += " KV" + std::to_string(recipe.kvCache.bits);
    return member;
}

} // namespace

int sensitivityClass(double degradation, const ClassLimits& limits)
{
    return degradation <= limits.first ? 1 : degradation <= limits.second ? 2 : 3;
}

std::string weightsLabel(int bits, int group)
{
    return "W" + std::to_string(bits) + (bits < 16 && group > 0 ? " g" + std::to_string(group) : "");
}

std::string activationsLabel(const ActivationGrid& grid)
{
    if (!grid.quantized())
        return "A16";
    std::string scheme(name(grid.scheme));
    std::replace(scheme.begin(), scheme.end(), '_', ' ');
    const bool cross = grid.scheme == ActivationScheme::Cross || grid.scheme == ActivationScheme::CrossStatic;
    return "A" + std::to_string(grid.bits) + " " + scheme + (cross ? " α " + numberText(grid.alpha) : "") + (grid.symmetric ? "" : " asymmetric");
}

bool StudyMember::isFloat() const { return weightsAreFloat(recipe) && activationsAreFloat(recipe) && !recipe.kvCache.quantized(); }

bool StudyMember::onTheFly() const
{
    const auto needsRun = [](const PlanPatch& patch) {
        return (patch.transform && patch.transform->method != "none") || (patch.compensation && patch.compensation->method != "none")
            || (patch.rounding && !roundsToNearest(*patch.rounding) && patch.rounding->method != "none")
            || ActivationGrid{patch.scheme.value_or(ActivationScheme::None)}.isStatic();
    };
    return !needsRun(recipe.defaults) && std::none_of(recipe.rules.begin(), recipe.rules.end(), [&](const Rule& rule) { return needsRun(rule.patch); });
}

std::vector<StudyMember> Study::members() const
{
    std::vector<StudyMember> made;
    const auto add = [&](StudyMember member) {
        if (std::any_of(made.begin(), made.end(), [&](const StudyMember& known) { return known.recipe == member.recipe; }))
            return;
        if (made.size() == kMaxMembers)
            throw Error(ErrorKind::BadFile, "the study has more than " + std::to_string(kMaxMembers) + " members.", "/axes");
        made.push_back(std::move(member));
    };
    const auto orOne = [](const auto& axis) { return axis.empty() ? std::vector<std::optional<typename std::decay_t<decltype(axis)>::value_type>>(1)
                                                                  : std::vector<std::optional<typename std::decay_t<decltype(axis)>::value_type>>(axis.begin(), axis.end()); };
    if (!methods.empty() || !weightBits.empty() || !groups.empty() || !activations.empty()) {
        for (const auto& method : orOne(methods))
            for (const auto& bits : orOne(weightBits))
                for (const auto& group : orOne(groups))
                    for (const auto& grid : orOne(activations)) {
                        Recipe recipe = base;
                        PlanPatch& defaults = recipe.defaults;
                        if (method)
                            defaults.merge(method->patch);
                        if (bits)
                            defaults.bits = *bits;
                        if (group)
                            defaults.group = *group;
                        if (grid) {
                            const bool cross = grid->scheme == ActivationScheme::Cross || grid->scheme == ActivationScheme::CrossStatic;
                            defaults.scheme = grid->scheme;
                            defaults.activationBits = grid->quantized() ? std::optional(grid->bits) : std::nullopt;
                            defaults.activationSymmetric = grid->quantized() ? std::optional(grid->symmetric) : std::nullopt;
                            defaults.alpha = cross ? std::optional(grid->alpha) : std::nullopt;
                        }
                        stripIdle(recipe);
                        StudyMember member = describe(recipe);
                        const bool idle = weightsAreFloat(recipe) && !recipe.defaults.transform;   // a method with nothing left to do
                        member.method = method && !idle ? method->name : std::string();
                        member.name = (member.method.empty() ? "" : member.method + " ") + member.weights + " " + member.activations;
                        add(std::move(member));
                    }
    }
    for (const StudyRecipe& named : recipes) {
        StudyMember member = describe(named.recipe);
        member.name = named.name;
        add(std::move(member));
    }
    if (made.empty())
        throw Error(ErrorKind::BadFile, "the study has no members: give axes, or recipes.", "/axes");
    // Names tell rows apart.
    for (std::size_t i = 0; i < made.size(); ++i) {
        int same = 1;
        for (std::size_t j = 0; j < i; ++j)
            same += made[j].name == made[i].name || made[j].name.starts_with(made[i].name + " (");
        if (same > 1)
            made[i].name += " (" + std::to_string(same) + ")";
    }
    return made;
}

Study Study::load(const std::filesystem::path& file)
{
    constexpr std::uint64_t kMaxStudyBytes = 16u << 20;
    return parse(readTextFile(file, kMaxStudyBytes), file.string(), std::filesystem::absolute(file).parent_path());
}

} // namespace halftone
