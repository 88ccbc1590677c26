#include "app/cli/commands.h"
#include "app/cli/recipe_option.h"
#include "app/cli/terminal.h"
#include "core/exporting/formats.h"
#include "core/model/describe.h"
#include "core/recipe/packed_format.h"
#include "core/recipe/recipe.h"

#include <algorithm>
#include <iterator>
#include <memory>

namespace halftone::cli {

namespace {

struct Arguments {
    Common common;
    std::string recipe, model;
};

Json gridJson(const WeightGrid& grid)
{
    return {{"bits", grid.bits}, {"group", grid.group}, {"symmetric", grid.symmetric}, {"per_tensor", grid.perTensor},
            {"range", grid.range == WeightGrid::Range::Narrow ? "narrow" : "full"}, {"clip", grid.clip == WeightGrid::Clip::Mse ? "mse" : "none"}};
}

Json choiceJson(const MethodChoice& choice)
{
    Json json{{"method", choice.method}};
    for (const auto& [key, value] : choice.parameters)
        std::visit([&json, &key = key](const auto& v) { json[key] = v; }, value);
    return json;
}

/// Which formats can hold what a recipe makes of a model, and why not.
Json formatsJson(const std::vector<FormatFit>& fits)
{
    Json formats = Json::array();
    for (const FormatFit& fit : fits) {
        std::vector<ContractIssue> fatal;
        std::copy_if(fit.issues.begin(), fit.issues.end(), std::back_inserter(fatal), [](const ContractIssue& issue) { return issue.fatal; });
        formats.push_back({{"id", fit.format.id}, {"packed", fit.format.packed}, {"holds", fit.holds()}, {"reasons", sentences(fatal)}});
    }
    return formats;
}

void printPacking(const std::vector<ResolvedPlan>& plans, const ModelDescription& model, const KvCacheGrid& kvCache)
{
    const PackingFit fit = packingOf(plans, model, kvCache);
    if (fit.packing == Packing::DenseOnly)
        print("dense only: no packed format holds it: %s\n", fit.why.c_str());
    else if (fit.packing == Packing::Nothing)
        print("nothing to export: %s\n", fit.why.c_str());
}

void check(const Arguments& a)
{
    const ModelDescription model = describeModel(a.model, false);
    const Recipe recipe = loadRecipe(a.recipe, model);
    const std::vector<ResolvedPlan> plans = resolve(recipe, model);
    const std::vector<ContractIssue> issues = recipe.contract.empty() ? std::vector<ContractIssue>{} : checkContract(recipe.contract, plans, model, recipe.kvCache);
    if (a.common.json) {
        Json warnings = Json::array();
        for (const ContractIssue& issue : issues)
            warnings.push_back({{"linear", issue.linear}, {"reason", issue.reason}, {"fatal", issue.fatal}});
        printJson({{"ok", true}, {"warnings", warnings}, {"formats", formatsJson(fitFormats(plans, model, recipe.kvCache))}});
        return;
    }
    for (const ContractIssue& issue : issues)
        print("%s: %s\n", issue.linear.empty() ? "KV cache" : issue.linear.c_str(), issue.reason.c_str());
    printPacking(plans, model, recipe.kvCache);
    print("ok: %zu linears, %zu rules\n", plans.size(), recipe.rules.size());
}

void resolvePlans(const Arguments& a)
{
    const ModelDescription model = describeModel(a.model, false);
    const Recipe recipe = loadRecipe(a.recipe, model);
    const std::vector<ResolvedPlan> plans = resolve(recipe, model);
    const SizeEstimate size = estimateSize(plans, model);
    if (a.common.json) {
        Json json{{"bits_per_weight", size.bitsPerWeight}, {"bytes", size.bytes}, {"dense_bytes", size.denseBytes}, {"export_bytes", smallestExport(plans, model)},
                  {"original_bytes", size.originalBytes}, {"file_bytes", model.bytes}, {"formats", formatsJson(fitFormats(plans, model, recipe.kvCache))},
                  {"plans", Json::array()}};
        for (const ResolvedPlan& p : plans)
            json["plans"].push_back({{"linear", p.linear}, {"rule", p.rule}, {"transform", choiceJson(p.plan.transform)}, {"rounding", choiceJson(p.plan.rounding)},
                                     {"compensation", choiceJson(p.plan.compensation)}, {"weights", gridJson(p.plan.weights)},
                                     {"activations", {{"scheme", name(p.plan.activations.scheme)}, {"bits", p.plan.activations.bits},
                                                      {"symmetric", p.plan.activations.symmetric}, {"alpha", p.plan.activations.alpha}}}});
        printJson(json);
        return;
    }
    std::vector<std::vector<std::string>> rows;
    for (const ResolvedPlan& p : plans)
        rows.push_back({p.linear, p.plan.weights.quantized() ? p.plan.rounding.method : "-", std::to_string(p.plan.weights.bits),
                        p.plan.weights.group ? std::to_string(p.plan.weights.group) : "channel", std::string(name(p.plan.activations.scheme))});
    printTable({"linear", "method", "bits", "group", "activations"}, rows);
    print("\n%s, %.3f bits per weight (the file: %s; all at 16 bits: %s)\n", bytesText(smallestExport(plans, model)).c_str(), size.bitsPerWeight,
                bytesText(model.bytes).c_str(), bytesText(size.originalBytes).c_str());
    printPacking(plans, model, recipe.kvCache);
}

void listPresets(const Common& common)
{
    Json json{{"presets", Json::array()}};
    std::vector<std::vector<std::string>> rows;
    for (const Preset& p : presets()) {
        json["presets"].push_back({{"id", p.id}, {"name", p.name}, {"summary", p.summary}, {"recipe", parseJson(p.recipe.toJson(), p.id)}});
        rows.push_back({p.id, p.summary});
    }
    common.json ? printJson(json) : printTable({"id", "what"}, rows);
}

} // namespace

void addRecipeCommands(CLI::App& program)
{
    CLI::App* recipe = program.add_subcommand("recipe", "check and resolve recipes");
    recipe->require_subcommand(1);
    auto add = [recipe](const char* id, const char* help, void (*run)(const Arguments&)) {
        auto a = std::make_shared<Arguments>();
        CLI::App* command = recipe->add_subcommand(id, help);
        command->add_option("RECIPE", a->recipe, "recipe file, or preset:ID")->required();
        command->add_option("--model", a->model, "the model it is for")->required();
        a->common.addTo(*command, false);
        command->callback([a, run] { run(*a); });
    };
    add("check", "validates; exit 3 with the faulty key", check);
    add("resolve", "the plan of every linear", resolvePlans);
    auto common = std::make_shared<Common>();
    CLI::App* list = recipe->add_subcommand("presets", "the recipes that come with Halftone");
    common->addTo(*list, false);
    list->callback([common] { listPresets(*common); });
}

} // namespace halftone::cli
