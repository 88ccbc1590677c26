#include "core/recipe/bulk_edit.h"

#include "core/base/error.h"
#include "core/recipe/plan_fields.h"

#include <algorithm>
#include <map>
#include <set>

namespace halftone {
namespace {

/// "model.layers.3.mlp.up_proj" of block 3 → {"model.layers.", "mlp.up_proj"}.
struct NameParts {
    std::string prefix, kind;
};
std::optional<NameParts> partsOf(const LinearInfo& linear)
{
    const std::string number = "." + std::to_string(linear.block) + ".";
    const std::size_t at = linear.name.find(number);
    if (at == std::string::npos || linear.name.find_first_of("*?[]{},!") != std::string::npos)
        return std::nullopt;
    return NameParts{linear.name.substr(0, at + 1), linear.name.substr(at + number.size())};
}

template <typename Range> std::string alternatives(const Range& words)
{
    std::string joined;
    for (const auto& word : words)
        joined += (joined.empty() ? "" : ",") + word;
    return words.size() == 1 ? joined : "{" + joined + "}";
}

std::vector<std::string> texts(const std::set<int>& numbers)
{
    std::vector<std::string> all;
    for (const int number : numbers)
        all.push_back(std::to_string(number));
    return all;
}

std::vector<Plan> plansOf(const Recipe& recipe, const ModelDescription& model)
{
    std::vector<Plan> plans;
    plans.reserve(model.linears.size());
    for (const LinearInfo& linear : model.linears)
        plans.push_back(planOf(recipe, linear.name));
    return plans;
}

/// Takes from `from` what `keys` sets.
void strip(PlanPatch& from, const PlanPatch& keys)
{
    eachPlanField([&](const auto& field) {
        if (field.isIn(keys))
            (from.*field.key).reset();
    });
}

void dropEmptyRules(Recipe& recipe)
{
    std::erase_if(recipe.rules, [](const Rule& rule) { return rule.patch.empty(); });
}

/// The defaults say it and no rule does.
Recipe saidByDefaults(Recipe recipe, const PlanPatch& patch)
{
    for (Rule& rule : recipe.rules)
        strip(rule.patch, patch);
    dropEmptyRules(recipe);
    recipe.defaults.merge(patch);
    return recipe;
}

/// The rules `globs` say it, where they stand already or at the end; rules for single names among the linears do not.
Recipe saidByRules(Recipe recipe, const std::set<std::string>& names, const std::vector<std::string>& globs, const PlanPatch& patch)
{
    for (Rule& rule : recipe.rules)
        if (names.contains(rule.match))
            strip(rule.patch, patch);
    dropEmptyRules(recipe);
    for (const std::string& glob : globs) {
        const auto found = std::find_if(recipe.rules.begin(), recipe.rules.end(), [&](const Rule& rule) { return rule.match == glob; });
        if (found != recipe.rules.end())
            found->patch.merge(patch);
        else
            recipe.rules.push_back({glob, patch});
    }
    return recipe;
}

/// The same without what `patch` says in the defaults or in a rule, where that changes no plan.
Recipe tidied(const Recipe& recipe, const ModelDescription& model, const std::vector<Plan>& wanted, const std::vector<std::string>& globs,
              const PlanPatch& patch)
{
    Recipe tidy = recipe;
    const auto tryWithout = [&](auto&& change) {
        Recipe less = tidy;
        change(less);
        dropEmptyRules(less);
        if (plansOf(less, model) == wanted)
            tidy = std::move(less);
    };
    tryWithout([&](Recipe& less) { strip(less.defaults, patch); });
    for (const std::string& glob : globs)
        tryWithout([&](Recipe& less) {
            for (Rule& rule : less.rules)
                if (rule.match == glob)
                    strip(rule.patch, patch);
        });
    return tidy;
}

} // namespace

PlanPatch wholePatch(const Plan& plan)
{
    PlanPatch patch;
    eachPlanField([&](const auto& field) { patch.*field.key = field.of(plan); });
    return patch;
}

std::vector<std::string> globsFor(const ModelDescription& model, std::span<const std::string> linears)
{
    const std::set<std::string, std::less<>> wanted(linears.begin(), linears.end());
    std::vector<std::string> globs;
    std::map<std::pair<std::string, std::string>, std::set<int>> kinds, chosen;    // prefix and kind → blocks: of the model, and wanted
    std::map<std::pair<std::string, int>, std::size_t> inBlock, chosenInBlock;     // prefix and block → linears
    std::size_t count = 0;
    for (const LinearInfo& linear : model.linears) {
        const auto parts = partsOf(linear);
        const bool isWanted = wanted.contains(linear.name);
        count += isWanted;
        if (!parts) {
            if (isWanted)
                globs.push_back(globEscaped(linear.name));
            continue;
        }
        kinds[{parts->prefix, parts->kind}].insert(linear.block);
        ++inBlock[{parts->prefix, linear.block}];
        if (isWanted) {
            chosen[{parts->prefix, parts->kind}].insert(linear.block);
            ++chosenInBlock[{parts->prefix, linear.block}];
        }
    }
    if (count > 0 && count == model.linears.size())
        return {"*"};

    const auto add = [&](const std::string& glob, const std::vector<std::string>& instead) {
        std::size_t matched = 0;
        bool exact = true;
        for (const LinearInfo& linear : model.linears)
            if (globMatches(glob, linear.name)) {
                ++matched;
                exact = exact && wanted.contains(linear.name);
            }
        if (exact && matched > 0 && glob.size() <= kMaxGlobLength)
            globs.push_back(glob);
        else
            globs.insert(globs.end(), instead.begin(), instead.end());
    };
    const auto named = [](const std::string& prefix, const std::set<int>& blocks, const std::set<std::string>& which) {
        std::vector<std::string> all;
        for (const int block : blocks)
            for (const std::string& kind : which)
                all.push_back(prefix + std::to_string(block) + "." + kind);
        return all;
    };

    // Whole kinds first, then whole blocks of what is left, then kinds that stand in the same blocks together.
    std::map<std::string, std::set<std::string>> whole;
    for (auto at = chosen.begin(); at != chosen.end();) {
        if (at->second == kinds[at->first]) {
            whole[at->first.first].insert(at->first.second);
            at = chosen.erase(at);
        } else {
            ++at;
        }
    }
    for (const auto& [prefix, which] : whole)
        add("*." + alternatives(which), named(prefix, kinds[{prefix, *which.begin()}], which));
    std::map<std::string, std::set<int>> wholeBlocks;
    for (const auto& [at, linearsIn] : chosenInBlock)
        if (linearsIn == inBlock[at])
            wholeBlocks[at.first].insert(at.second);
    for (const auto& [prefix, blocks] : wholeBlocks) {
        std::set<std::string> which;
        for (const auto& [at, ofKind] : chosen)
            if (at.first == prefix && std::any_of(blocks.begin(), blocks.end(), [&ofKind](int block) { return ofKind.contains(block); }))
                which.insert(at.second);
        if (which.size() < 2)
            continue;   // a kind alone is said as one
        add(prefix + alternatives(texts(blocks)) + ".*", named(prefix, blocks, which));
        for (auto& [at, ofKind] : chosen)
            if (at.first == prefix)
                for (const int block : blocks)
                    ofKind.erase(block);
    }
    std::map<std::pair<std::string, std::set<int>>, std::set<std::string>> together;
    for (const auto& [at, blocks] : chosen)
        if (!blocks.empty())
            together[{at.first, blocks}].insert(at.second);
    for (const auto& [at, which] : together)
        add(at.first + alternatives(texts(at.second)) + "." + alternatives(which), named(at.first, at.second, which));
    return globs;
}

void setPlans(Recipe& recipe, const ModelDescription& model, std::span<const std::string> linears, const PlanPatch& patch)
{
    const std::set<std::string> names(linears.begin(), linears.end());
    const auto oneByOne = [&] {
        for (const std::string& name : linears)
            setPlan(recipe, model, name, patch);
    };
    // A transform goes to whole sites, which setPlan() knows.
    if (names.size() < 2 || patch.transform)
        return oneByOne();
    std::size_t known = 0;
    std::vector<Plan> wanted;
    for (const LinearInfo& linear : model.linears) {
        PlanPatch said = patchOf(recipe, linear.name);
        if (names.contains(linear.name)) {
            said.merge(patch);
            ++known;
        }
        wanted.push_back(planOf(said));
    }
    if (known != names.size())
        return oneByOne();   // which names the one that is unknown
    if (known == model.linears.size()) {
        Recipe said = saidByDefaults(recipe, patch);
        if (plansOf(said, model) == wanted) {
            recipe = tidied(said, model, wanted, {}, patch);
            return;
        }
    }
    const std::vector<std::string> globs = globsFor(model, linears);
    if (globs.size() < names.size()) {
        Recipe said = saidByRules(recipe, names, globs, patch);
        if (plansOf(said, model) != wanted) {
            // A later rule had the last word: theirs goes to the end.
            for (Rule& rule : said.rules)
                if (std::find(globs.begin(), globs.end(), rule.match) != globs.end())
                    strip(rule.patch, patch);
            dropEmptyRules(said);
            for (const std::string& glob : globs)
                said.rules.push_back({glob, patch});
        }
        if (plansOf(said, model) == wanted) {
            recipe = tidied(said, model, wanted, globs, patch);
            return;
        }
    }
    oneByOne();
}

void setRule(Recipe& recipe, const ModelDescription& model, const std::string& glob, const Plan& plan)
{
    std::erase_if(recipe.rules, [&](const Rule& rule) {
        return rule.match == glob || std::any_of(model.linears.begin(), model.linears.end(), [&](const LinearInfo& linear) {
            return rule.match == globEscaped(linear.name) && globMatches(glob, linear.name);
        });
    });
    recipe.rules.push_back({glob, wholePatch(plan)});
    // Only what it changes: each key alone is left out where it changes no plan.
    const std::vector<Plan> wanted = plansOf(recipe, model);
    eachPlanField([&](const auto& field) {
        Recipe less = recipe;
        (less.rules.back().patch.*field.key).reset();
        if (plansOf(less, model) == wanted)
            recipe = std::move(less);
    });
    dropEmptyRules(recipe);
}

void resetPlans(Recipe& recipe, const ModelDescription& model, std::span<const std::string> linears)
{
    const std::set<std::string> names(linears.begin(), linears.end());
    std::erase_if(recipe.rules, [&](const Rule& rule) {
        bool some = false, others = false;
        for (const LinearInfo& linear : model.linears)
            if (globMatches(rule.match, linear.name))
                (names.contains(linear.name) ? some : others) = true;
        return some && !others;
    });
}

} // namespace halftone
