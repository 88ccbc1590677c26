#include "core/base/error.h"
#include "core/eval/evaluate.h"
#include "core/eval/trace_tokens.h"
#include "core/model/compressed_model.h"
#include "core/model/model.h"
#include "core/model/model_ends.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/jobs.h"
#include "core/pipeline/memory_plan.h"
#include "core/pipeline/recipe_model.h"
#include "core/project/project_model.h"
#include "core/project/quantized_model.h"
#include "core/project/run_reference.h"
#include "core/recipe/contract_runtime.h"
#include "core/text/corpus.h"

#include <algorithm>
#include <optional>

namespace halftone {

void requireFloatModel(const std::string& target)
{
    if (runReference(target) || isCompressedTensors(target))
        throw Error(ErrorKind::InvalidArgument, target + ": a recipe is applied on the fly to a float model, not to a run or an export", target);
}

namespace {

/// A target of `evaluate`, opened: blocks to walk and the tokenizer that cuts the text.
struct Target {
    std::shared_ptr<const BlockSource> source;
    std::shared_ptr<const Model> model;   ///< null for a quantized export
    std::unique_ptr<Tokenizer> tokenizer;
    std::string contract;                 ///< of what was quantized; an export is transformers'
};

Target openTarget(const std::string& target)
{
    if (const std::optional<RunReference> named = runReference(target)) {
        const std::shared_ptr<Project> project = Project::openExisting(named->project, true);
        const RunInfo run = project->run(named->run);
        const std::shared_ptr<const Model> model = openModelOf(*project);
        return {openRun(model, project, run.id), model, model->tokenizer(), Recipe::parse(run.recipeJson, "the recipe of " + run.id).contract};
    }
    if (isCompressedTensors(target))
        return {openCompressedTensors(target), nullptr, Tokenizer::openFolder(target), {}};
    const std::shared_ptr<const Model> model = Model::open(target);
    return {model, model, model->tokenizer(), {}};
}

void tell(const Target& target, Progress& progress)
{
    if (target.model)
        for (const std::string& note : target.model->notes())
            progress.note(note);
}

Evaluation run(const EvaluateJob& job, Progress& progress, const std::stop_token& stop)
{
    const ComputeScope scope(job.options);
    Target target = openTarget(job.target);
    requireHead(target.source->config(), job.target);
    tell(target, progress);
    const TextRead read = readTexts(job.text.texts);
    for (const std::string& note : read.notes)
        progress.note(note);
    const TokenWindows windows = cutWindows(*target.tokenizer, read.text, job.text.texts.name(), job.text.windows, job.text.length);
    if (job.recipe) {
        requireFloatModel(job.target);
        target.contract = job.recipe->contract;
        std::vector<ResolvedPlan> plans = resolve(*job.recipe, describeModel(job.target, false));
        if (!quantizesAnything(plans, job.recipe->kvCache))
            throw Error(ErrorKind::BadFile, "the recipe changes nothing: every linear keeps 16-bit weights and float activations, and the KV cache stays float, so this "
                        "would measure the float model; set weights.bits, activations.scheme or kv_cache.scheme, or evaluate without a recipe", "/defaults");
        SiteRanges ranges = measureRanges(*target.model, plans, windows, progress, stop);
        target.source = openWithRecipe(target.model, std::move(plans), std::move(ranges), *job.recipe);
    }
    Target reference;
    if (!job.against.empty()) {
        reference = openTarget(job.against.string());
        requireHead(reference.source->config(), job.against.string());
        if (job.against.string() != job.target)
            tell(reference, progress);
        if (reference.source->config().vocabulary != target.source->config().vocabulary)
            throw Error(ErrorKind::InvalidArgument, job.against.string() + " has a vocabulary of " + std::to_string(reference.source->config().vocabulary) +
                        ", " + job.target + " one of " + std::to_string(target.source->config().vocabulary) + ": they cannot be compared", job.against.string());
    }
    const auto tokens = static_cast<std::int64_t>(windows.ids.size()) * windows.length;
    const int models = reference.source ? 2 : 1;
    progress.note(memorySentence(tokens, evaluateMemory(target.source->config(), tokens, windows.length, {models, models, models})));
    std::optional<DefaultMatrixProducts> asServed;
    if (target.source->roundsActivations())
        asServed.emplace();
    Evaluation result = evaluateModel(*target.source, reference.source.get(), windows, job.options, progress, stop);
    if (target.source->roundsActivations())
        result.activationGrid = activationGridOf(target.contract);
    if (job.tracedTokens > 0)
        result.trace = traceTokens(*target.source, reference.source.get(), windows, *target.tokenizer, job.tracedTokens, job.options, progress, stop);
    return result;
}

} // namespace

Evaluation evaluate(const EvaluateJob& job, Progress& progress, const std::stop_token& stop)
{
    Evaluation result;
    translateErrors("evaluate", [&] { result = run(job, progress, stop); });
    return result;
}

std::string computeDescription(const ComputeOptions& options)
{
    const ComputeScope scope(options);
    return options.device.name() + " · " + std::to_string(scope.threads()) + (scope.threads() == 1 ? " thread · " : " threads · ") + matrixProductName();
}

} // namespace halftone
