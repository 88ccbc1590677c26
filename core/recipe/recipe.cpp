#include "core/recipe/recipe.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/recipe/plan_fields.h"

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
void take(std::optional<MethodChoice>& into, const std::optional<MethodChoice>& from)
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
    eachPlanField([&](const auto& field) { take(this->*field.key, over.*field.key); });
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
    eachPlanField([&](const auto& field) {
        auto& value = field.of(plan);
        if (patch.*field.key)
            value = *(patch.*field.key);
        if constexpr (requires { field.notation.kind; })
            value = filled(field.notation.kind, value);
    });
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
