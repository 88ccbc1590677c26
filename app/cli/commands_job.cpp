#include "app/cli/commands.h"
#include "app/cli/moved_model.h"
#include "app/cli/recipe_option.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/base/error_text.h"
#include "core/base/number_text.h"
#include "core/exporting/export_job.h"
#include "core/pipeline/jobs.h"
#include "core/pipeline/quantize_plan.h"
#include "core/project/evaluation_store.h"
#include "core/project/project_model.h"
#include "core/project/run_reference.h"
#include "core/project/unfinished_run.h"
#include "core/recipe/text_needs.h"

#include <chrono>
#include <ctime>
#include <memory>
#include <numeric>

namespace halftone::cli {

namespace {

/// Which texts: of every command that reads some.
struct TextsOptions {
    std::vector<std::string> texts;
    std::string field;

    CLI::Option* addTo(CLI::App& command, const std::string& what)
    {
        command.add_option("--text-field", field, "field of JSON lines that holds the text, or a chat (default: text, else messages)");
        return command.add_option("--text", texts, what + ": a text file, JSON lines (*.jsonl), or a folder of both; may be given several times")->allow_extra_args(false);
    }
    TextChoice choice() const
    {
        TextChoice choice;
        choice.paths.assign(texts.begin(), texts.end());
        choice.field = field;
        return choice;
    }
};

/// Text, number of windows and their length: the options of analyze and evaluate.
struct TextOptions {
    TextsOptions texts;
    int windows = 0, length = 2048;

    void addTo(CLI::App& command)
    {
        texts.addTo(command, "text")->required();
        command.add_option("--windows", windows, "how many windows from the start (default: all)")->check(CLI::PositiveNumber);
        command.add_option("--length", length, "tokens a window")->check(CLI::Range(2, 1 << 20))->capture_default_str();
    }
    TextSource source() const { return {texts.choice(), windows, length}; }
};

struct AnalyzeArguments {
    Common common;
    TextOptions text;
    std::string model, project;
    int bits = 8;
    double alpha = 0.15;
};

void runAnalyze(const AnalyzeArguments& a)
{
    AnalyzeJob job{a.model, a.text.source(), {a.bits, a.alpha}, nullptr, a.common.cpuOptions("analyze"), {}};
    if (!a.project.empty())
        job.project = Project::open(a.project, std::filesystem::absolute(a.model));
    TerminalProgress progress(a.common.quiet);
    const Analysis analysis = analyze(job, progress, stopOnSignals());
    Json sites = Json::array();
    std::vector<std::vector<std::string>> rows;
    auto percent = [](double share) {
        return fixedText(100 * share, 2) + " %";
    };
    for (const SiteStatistics& s : analysis.sites) {
        Json kernel, lost, clipped;
        for (int i = 0; i < kKernelSchemes; ++i) {
            const std::string scheme(name(kernelScheme(i)));
            kernel[scheme] = s.kernelShare(i);
            lost[scheme] = s.lostShare(i);
            clipped[scheme] = s.clippedShare(i);
        }
        sites.push_back({{"name", s.site.name}, {"block", s.site.block}, {"site", name(s.site.kind)}, {"linears", s.site.linears}, {"channels", s.site.channels},
                         {"absmax", s.absmax()}, {"median_channel_absmax", s.medianChannelAbsmax()}, {"outlier_ratio", s.outlierRatio()},
                         {"outlier_channel", s.outlierChannel()}, {"outlier_channels", s.outlierChannels()}, {"not_finite", s.notFinite},
                         {"kernel", kernel}, {"lost", lost}, {"clipped", clipped}});
        rows.push_back({s.site.name, number(s.absmax()), number(s.medianChannelAbsmax()), number(s.outlierRatio()), std::to_string(s.outlierChannel()),
                        percent(s.kernelShare(0)), percent(s.kernelShare(1)), percent(s.kernelShare(3)), percent(s.kernelShare(4)), percent(s.clippedShare(4)),
                        percent(s.lostShare(1))});
    }
    if (a.common.json) {
        printJson({{"windows", analysis.windows}, {"length", analysis.length}, {"bits", a.bits}, {"alpha", a.alpha}, {"sites", sites}});
        return;
    }
    printTable({"site", "absmax", "median", "ratio", "channel", "per tensor", "per token", "CrossQuant", "static cross", "clipped static", "lost per token"}, rows);
}

struct EvaluateArguments {
    Common common;
    TextOptions text;
    std::string target, recipe, against, model;
};

/// An evaluation of a project's run stays with the project, also while another program has it open: Compare and `plot --view tradeoff` show it.
void remember(const EvaluateArguments& a, const EvaluateJob& job, const Evaluation& result, double seconds, Progress& progress)
{
    const std::optional<RunReference> named = runReference(a.target);
    if (!named)
        return;
    const std::shared_ptr<Project> project = Project::openExisting(named->project, true);
    const RunInfo run = project->run(named->run);
    const std::time_t now = std::time(nullptr);
    char when[32] = {};
    std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", std::localtime(&now));
    try {
        storeEvaluation(project->folder(), {StoredEvaluation::Target::Run, run.id, run.id, job.text.texts.absolute().line(), job.text.windows, job.text.length,
                                            run.bitsPerWeight, seconds, when, result});
    } catch (const Error& e) {   // a folder that may not be written: the figures are shown all the same
        progress.note("the project does not keep this evaluation: " + withoutRules(e.what()));
    }
}

void runEvaluate(const EvaluateArguments& a)
{
    findModel(runReference(a.target).value_or(RunReference{a.target, {}}).project.string(), a.model);
    EvaluateJob job{a.target, a.text.source(), std::nullopt, a.against, a.common.options()};
    if (!a.recipe.empty()) {
        requireFloatModel(a.target);
        job.recipe = loadRecipe(a.recipe, describeModel(a.target, false));
    }
    if (runReference(a.target))
        job.tracedTokens = 512;   // a page to read in the window
    TerminalProgress progress(a.common.quiet);
    const auto begun = std::chrono::steady_clock::now();
    const Evaluation e = evaluate(job, progress, stopOnSignals());
    remember(a, job, e, std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(), progress);
    if (e.notFinite > 0)
        throw Error(ErrorKind::BadFile, a.target + ": " + std::to_string(e.notFinite) + " of " + std::to_string(e.perplexity.tokens) +
                    " positions have logits that are not finite; the weights hold NaN or infinity", a.target);
    if (a.common.json) {
        Json json{{"perplexity", e.perplexity.perplexity}, {"perplexity_stderr", e.perplexity.standardError}, {"mean_nll", e.perplexity.meanNll},
                  {"tokens", e.perplexity.tokens}, {"windows", e.perplexity.windows}, {"length", e.perplexity.length}};
        if (e.hasDivergence)
            json.update({{"kl_mean", e.divergence.klMean}, {"kl_mean_stderr", e.divergence.klMeanError}, {"kl_p99", e.divergence.klP99},
                         {"kl_max", e.divergence.klMax}, {"top1_agreement", e.divergence.top1Agreement}, {"reference_perplexity", e.divergence.referencePerplexity}});
        if (!e.activationGrid.empty())
            json["activation_grid"] = e.activationGrid;
        printJson(json);
        return;
    }
    if (!e.activationGrid.empty())
        print("activation grid  %s\n", e.activationGrid.c_str());
    print("perplexity       %.4f ± %.4f  (%lld tokens, %d windows of %d)\n", e.perplexity.perplexity, e.perplexity.standardError,
                static_cast<long long>(e.perplexity.tokens), e.perplexity.windows, e.perplexity.length);
    if (e.hasDivergence)
        print("reference        %.4f\nKL mean          %.5f ± %.5f nats a token\nKL 99 %%          %.5f\nKL max           %.5f\ntop-1 agreement  %.2f %%\n",
                    e.divergence.referencePerplexity, e.divergence.klMean, e.divergence.klMeanError, e.divergence.klP99, e.divergence.klMax,
                    100 * e.divergence.top1Agreement);
}

struct QuantizeArguments {
    Common common;
    TextsOptions texts;
    std::string model, recipe, project;
    int samples = 0, length = 0;
    bool resume = false, startAnew = false, stopAtFlags = false;
    std::string branchFrom;
};

void runQuantize(const QuantizeArguments& a, bool seedGiven)
{
    QuantizeJob job;
    job.options = a.common.cpuOptions("quantize");
    job.model = a.model;
    const ModelDescription model = describeModel(a.model, false);
    job.recipe = loadRecipe(a.recipe, model);
    if (a.samples > 0)
        job.recipe.calibration.samples = a.samples;
    if (a.length > 0)
        job.recipe.calibration.length = a.length;
    if (seedGiven)
        job.recipe.calibration.seed = a.common.seed;
    job.text = a.texts.choice();
    const std::vector<ResolvedPlan> plans = resolve(job.recipe, model);
    if (const std::string learner = learnsFromText(plans); job.text.empty() && !learner.empty())
        throw CLI::ValidationError("--text", "is needed: the recipe uses " + learner + ", which learns from calibration text");
    readCalibration(job);
    job.project = Project::open(a.project, std::filesystem::absolute(a.model));
    job.resume = a.resume;
    job.refuseOther = a.resume && !a.startAnew && a.branchFrom.empty();
    job.takeFinished = job.refuseOther;
    job.branchFrom = a.branchFrom;
    job.stopAtFlags = a.stopAtFlags;
    TerminalProgress progress(a.common.quiet);
    if (const std::optional<RunInfo> unfinished = findUnfinished(*job.project); unfinished && !a.resume && a.branchFrom.empty())
        progress.note(unfinished->id + " is unfinished (" + std::to_string(unfinished->blocksDone) + " of " + std::to_string(unfinished->blocks)
                      + " blocks) and stays so: this starts a new run; --resume would go on with it");
    if (const PackingFit fit = packingOf(plans, model, job.recipe.kvCache); fit.packing == Packing::DenseOnly)
        progress.note("dense only: no packed format can hold this recipe: " + fit.why);
    job.planned = [&progress](const QuantizePlan& plan) {
        progress.note("planned: " + std::to_string(plan.blocks) + " blocks, " + std::to_string(plan.tokens()) + " calibration tokens, up to "
                      + bytesText(plan.diskBytes()) + " on disk (" + bytesText(plan.freeBytes) + " free), about " + bytesText(plan.peakMemory)
                      + " of memory (" + bytesText(plan.availableMemory) + " available)");
    };
    const QuantizeResult result = quantize(job, progress, stopOnSignals());
    const CalibrationUse& calibration = result.calibration;
    Json linears = Json::array();
    std::vector<std::vector<std::string>> rows;
    for (const LinearResult& l : result.linears) {
        linears.push_back({{"name", l.linear}, {"method", l.method}, {"bits", l.weights.bits}, {"weight_sqnr_db", l.weightSqnrDb}, {"output_mse", l.outputMse},
                           {"damping", l.damping}, {"saturated", l.saturated}, {"peak_bytes", l.peakBytes}, {"seconds", l.seconds}, {"notes", l.notes}});
        rows.push_back({l.linear, l.method, std::to_string(l.weights.bits), number(l.weightSqnrDb), number(l.outputMse, 3), number(l.seconds, 3)});
    }
    Json flags = Json::array();
    for (const BlockFlag& flag : result.flags)
        flags.push_back({{"sentinel", flag.sentinel}, {"block", flag.block}, {"subject", flag.subject}, {"sentence", flag.sentence}});
    Json asleep = Json::array();
    for (const AsleepChannels& s : result.asleep)
        asleep.push_back({{"block", s.block}, {"site", std::string(name(s.site))}, {"method", s.method}, {"grid", s.grid}, {"channels", s.channels}, {"count", s.count}, {"asleep", s.asleep}});
    Json curves = Json::array();
    for (const LossCurve& curve : result.curves) {
        curves.push_back({{"what", curve.what}, {"start", curve.start}, {"end", curve.end}, {"best_step", curve.bestStep}, {"rollbacks", curve.rollbacks}});
        if (curve.heldOutStart >= 0) {
            curves.back()["held_out_start"] = curve.heldOutStart;
            curves.back()["held_out_end"] = curve.heldOutEnd;
        }
    }
    if (a.common.json) {
        printJson({{"run", result.run.id}, {"bits_per_weight", result.run.bitsPerWeight}, {"bytes", result.run.bytes}, {"seconds", result.run.seconds},
                   {"peak_bytes", result.run.peakBytes}, {"canary_perplexity", result.run.canaryPerplexity}, {"canary_reference", result.run.canaryReference},
                   {"calibration", {{"samples", calibration.samples}, {"wanted", calibration.wanted}, {"length", calibration.length},
                                    {"text_tokens", calibration.textTokens}, {"notes", calibration.notes}}},
                   {"flags", flags}, {"asleep_channels", asleep}, {"linears", linears}, {"curves", curves}});
        return;
    }
    printTable({"linear", "method", "bits", "SQNR dB", "output MSE", "s"}, rows);
    print("\n%s: %.3f bits per weight, %s, %.1f s, peak memory %s\n", result.run.id.c_str(), result.run.bitsPerWeight,
                bytesText(result.run.bytes).c_str(), result.run.seconds, bytesText(result.run.peakBytes).c_str());
    for (const std::string& note : calibration.notes)
        print("%s\n", note.c_str());
    if (result.run.canaryReference > 0)
        print("canary: perplexity of 128 unseen tokens %+.1f %% against the float model's; it shows faults, evaluate measures quality\n",
                    100 * (result.run.canaryPerplexity / result.run.canaryReference - 1));
    const std::int64_t sleeping = std::accumulate(result.asleep.begin(), result.asleep.end(), std::int64_t{0}, [](std::int64_t sum, const AsleepChannels& s) { return sum + s.count; });
    if (sleeping > 0)
        print("%lld channel%s of %zu site%s asleep in the calibration text: left alone by what divides by their range\n", static_cast<long long>(sleeping), sleeping == 1 ? "" : "s",
                    result.asleep.size(), result.asleep.size() == 1 ? "" : "s");
    if (!result.flags.empty())
        print("%zu flag%s:\n", result.flags.size(), result.flags.size() == 1 ? "" : "s");
    for (const BlockFlag& flag : result.flags)
        print("  %s\n", flag.sentence.c_str());
}

struct ExportArguments {
    Common common;
    std::string project, format, out, model, dtype = "auto";
    bool overwrite = false;
};

void runExport(const ExportArguments& a)
{
    const RunReference named = runReference(a.project).value_or(RunReference{a.project, {}});   // what is no project is said so
    ExportJob job;
    job.options = a.common.cpuOptions("export");
    findModel(named.project.string(), a.model);
    job.project = Project::openExisting(named.project, true);
    job.run = named.run;
    job.format = a.format;
    job.out = a.out;
    job.dtype = a.dtype;
    job.overwrite = a.overwrite;
    TerminalProgress progress(a.common.quiet);
    const ExportResult result = exportRun(job, progress, stopOnSignals());
    if (a.common.json) {
        Json left = Json::array();
        for (const LeftBehind& one : result.left)
            left.push_back({{"name", one.name}, {"reason", one.reason}});
        printJson({{"files", result.files}, {"bytes", result.bytes}, {"out", a.out}, {"warnings", result.warnings}, {"left_behind", left},
                   {"certificate", parseJson(result.certificate, "certificate")}});
        return;
    }
    for (const std::string& file : result.files)
        print("%s\n", (std::filesystem::path(a.out) / file).c_str());
    for (const LeftBehind& one : result.left)
        print("left behind: %s (%s)\n", one.name.c_str(), one.reason.c_str());
    print("%s in %zu files; read back and compared with the run\n", bytesText(result.bytes).c_str(), result.files.size());
}

} // namespace

void addJobCommands(CLI::App& program)
{
    {
        auto a = std::make_shared<AnalyzeArguments>();
        CLI::App* command = program.add_subcommand("analyze", "outliers and quantization kernel of every site");
        command->add_option("MODEL", a->model, "Hugging Face folder or GGUF file")->required();
        a->text.addTo(*command);
        command->add_option("--bits", a->bits, "bits of the activation grids")->check(CLI::Range(2, 8))->capture_default_str();
        command->add_option("--alpha", a->alpha, "CrossQuant's exponent of the token maximum")->check(CLI::Range(0.0, 1.0))->capture_default_str();
        command->add_option("--project", a->project, "keep the statistics in this project folder");
        a->common.addTo(*command, true);
        command->callback([a] { runAnalyze(*a); });
    }
    {
        auto a = std::make_shared<EvaluateArguments>();
        CLI::App* command = program.add_subcommand("evaluate", "perplexity, and divergence from a reference");
        command->add_option("TARGET", a->target, "model, PROJECT, PROJECT#run, or an export")->required();
        a->text.addTo(*command);
        command->add_option("--recipe", a->recipe, "recipe file or preset:ID, applied on the fly (rounding to nearest, activation grids)");
        command->add_option("--against", a->against, "reference to measure the divergence from");
        command->add_option("--model", a->model, "where a project's model lies now, if it has moved; remembered");
        a->common.addTo(*command, true);
        command->callback([a] { runEvaluate(*a); });
    }
    {
        auto a = std::make_shared<QuantizeArguments>();
        CLI::App* command = program.add_subcommand("quantize", "runs a recipe");
        command->add_option("MODEL", a->model, "Hugging Face folder or GGUF file")->required();
        command->add_option("--recipe", a->recipe, "recipe file, or preset:ID")->required();
        a->texts.addTo(*command, "calibration text (needed where the recipe learns from it)");
        command->add_option("--project", a->project, "project folder NAME.halftone")->required();
        command->add_option("--samples", a->samples, "calibration samples (default: the recipe's)")->check(CLI::PositiveNumber);
        command->add_option("--length", a->length, "tokens a sample (default: the recipe's)")->check(CLI::Range(2, 1 << 20));
        command->add_flag("--resume", a->resume, "go on with the unfinished run; where model, recipe, text or seed are not those of the run that the project has, finished or not, say in what and end (exit 3)");
        CLI::Option* anew = command->add_flag("--start-anew", a->startAnew, "with --resume: where the run that the project has differs, leave it and start a new one");
        command->add_option("--branch-from", a->branchFrom, "start a new run that takes over the finished blocks of this one, up to the first whose plan differs; with --resume: go on with it")->excludes(anew);
        command->add_flag("--stop-at-flags", a->stopAtFlags, "stop after the block where a sentinel raises a flag (exit 3); --resume goes on");
        a->common.addTo(*command, true);
        command->callback([a, command] { runQuantize(*a, command->count("--seed") > 0); });
    }
    {
        auto a = std::make_shared<ExportArguments>();
        CLI::App* command = program.add_subcommand("export", "writes a checkpoint that stock runtimes load");
        command->add_option("PROJECT", a->project, "project folder, or PROJECT#run")->required();
        command->add_option("--format", a->format, "compressed-tensors or dense")->required();
        command->add_option("--out", a->out, "folder to write")->required();
        command->add_option("--model", a->model, "where the project's model lies now, if it has moved; remembered");
        command->add_option("--dtype", a->dtype, "of what is not quantized: bf16, f16, f32, or auto (f16 where the model is stored so, else bf16)")->check(CLI::IsMember({"auto", "bf16", "f16", "f32"}))->capture_default_str();
        command->add_flag("--overwrite", a->overwrite, "replace an earlier export, of which nothing but its own files is removed; a folder that holds anything else is refused");
        a->common.addTo(*command, true);
        command->callback([a] { runExport(*a); });
    }
}

} // namespace halftone::cli
