#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_paths.h"
#include "core/base/number_text.h"
#include "core/model/describe.h"
#include "core/pipeline/study_job.h"
#include "core/pipeline/study_plan.h"
#include "core/project/replace_guard.h"

#include <cmath>
#include <memory>

namespace halftone::cli {

namespace {

struct Arguments {
    Common common;
    std::string file, model, text, project, csv;
    std::vector<std::string> evaluate;
    int windows = 0, length = 0, samples = 0, sampleLength = 0;
    bool resume = false, startAnew = false, plan = false, overwrite = false;
};

/// Null where a figure was not measured or is not finite: JSON has no other word for it.
Json figure(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json memberJson(const StudyResult& result, const StudyMemberResult& m, const ClassLimits& limits)
{
    const StudyFigures f = figuresOf(result, m, limits);
    Json texts = Json::array();
    for (std::size_t t = 0; t < m.texts.size(); ++t) {
        const Evaluation& e = m.texts[t];
        Json text{{"name", result.study.texts[t].name}, {"perplexity", figure(e.perplexity.perplexity)}, {"perplexity_stderr", figure(e.perplexity.standardError)},
                  {"degradation", figure(e.perplexity.perplexity - result.floatTexts[t].perplexity.perplexity)}, {"not_finite", e.notFinite}};
        if (e.hasDivergence)
            text.update({{"kl_mean", figure(e.divergence.klMean)}, {"kl_p99", figure(e.divergence.klP99)}, {"kl_max", figure(e.divergence.klMax)},
                         {"top1_agreement", figure(e.divergence.top1Agreement)}});
        texts.push_back(std::move(text));
    }
    Json json{{"name", m.name}, {"method", m.method}, {"weights", m.weights}, {"activations", m.activations}, {"perplexity", figure(f.perplexity)},
              {"degradation", figure(f.degradation)}, {"ratio", figure(f.ratio)}, {"class", f.sensitivity > 0 ? Json(f.sensitivity) : Json()},
              {"kl_mean", figure(f.klMean)}, {"kernel", figure(f.kernel)}, {"lost", figure(f.lost)}, {"clipped", figure(f.clipped)},
              {"bits_per_weight", m.bitsPerWeight}, {"bytes", m.bytes}, {"seconds", m.seconds}, {"state", name(m.state)}, {"texts", texts}};
    if (!m.reason.empty())
        json["reason"] = m.reason;
    if (!m.run.empty())
        json["run"] = m.run;
    return json;
}

Json resultJson(const StudyResult& result, const std::filesystem::path& project)
{
    const ClassLimits& limits = result.study.limits;
    Json members = Json::array(), texts = Json::array();
    for (const StudyMemberResult& m : result.members)
        members.push_back(memberJson(result, m, limits));
    for (std::size_t t = 0; t < result.floatTexts.size(); ++t)
        texts.push_back({{"name", result.study.texts[t].name}, {"perplexity", figure(result.floatTexts[t].perplexity.perplexity)}, {"tokens", result.floatTexts[t].perplexity.tokens}});
    return {{"study", result.id}, {"project", project.string()}, {"float", {{"perplexity", figure(floatPerplexity(result))}, {"texts", texts}}},
            {"members", members}, {"classes", {{"class_1", limits.first}, {"class_2", limits.second}}}, {"seconds", result.seconds},
            {"float_walks", result.floatWalks}, {"reused", result.reused}};
}

void printResult(const StudyResult& result)
{
    const auto share = [](double value) {
        return std::isnan(value) ? std::string("–") : fixedText(100 * value, 2) + " %";
    };
    const auto fixed = [](double value, int decimals, bool sign = false) {
        return std::isnan(value) ? std::string("–") : (sign && value >= 0 ? "+" : "") + fixedText(value, decimals);
    };
    std::vector<std::vector<std::string>> rows;
    for (const StudyMemberResult& m : result.members) {
        const StudyFigures f = figuresOf(result, m, result.study.limits);
        rows.push_back({m.name, fixed(f.perplexity, 4), fixed(f.degradation, 4, true), fixed(f.ratio, 4),
                        m.state == StudyMemberResult::State::Impossible ? "impossible" : f.sensitivity > 0 ? "Class-" + std::to_string(f.sensitivity) : "–",
                        fixed(f.klMean, 5), share(f.kernel), share(f.lost), share(f.clipped), number(m.bitsPerWeight), bytesText(m.bytes), number(m.seconds, 3)});
    }
    printTable({"setting", "perplexity", "against float", "ratio", "class", "KL", "kernel", "lost", "clipped", "bits", "size", "s"}, rows);
    for (const StudyMemberResult& m : result.members)
        if (!m.reason.empty())
            print("%s is impossible here: %s\n", m.name.c_str(), m.reason.c_str());
    print("\n%s: float model %.4f; Class-1 up to +%g, Class-2 up to +%g; %.1f s\n", result.id.c_str(), floatPerplexity(result), result.study.limits.first,
                result.study.limits.second, result.seconds);
}

void run(const Arguments& a)
{
    StudyJob job;
    job.options = a.common.cpuOptions("study");
    job.study = Study::load(a.file);
    Study& study = job.study;
    if (!a.model.empty())
        study.model = a.model;
    if (!a.text.empty())
        study.calibrationText = a.text;
    if (!a.project.empty())
        study.project = a.project;
    if (!a.evaluate.empty()) {
        study.texts.clear();
        for (const std::string& file : a.evaluate)
            study.texts.push_back({asUtf8(std::filesystem::path(file).filename().string()), file});
    }
    if (a.windows > 0)
        study.windows = a.windows;
    if (a.length > 0)
        study.length = a.length;
    for (Recipe* recipe : [&] {
             std::vector<Recipe*> all{&study.base};
             for (StudyRecipe& named : study.recipes)
                 all.push_back(&named.recipe);
             return all;
         }()) {
        if (a.samples > 0)
            recipe->calibration.samples = a.samples;
        if (a.sampleLength > 0)
            recipe->calibration.length = a.sampleLength;
    }
    if (study.model.empty())
        throw Error(ErrorKind::BadFile, a.file + ": /model: is missing; name the model there or on the command line", "/model");
    if (study.project.empty())
        study.project = std::filesystem::absolute(a.file).replace_extension(".halftone");
    study.model = std::filesystem::absolute(study.model);
    job.resume = a.resume;
    job.refuseOther = a.resume && !a.startAnew;
    if (a.plan) {
        const StudyPlan plan = planStudy(describeModel(study.model, false), study, std::int64_t{study.windows} * study.length * static_cast<std::int64_t>(study.texts.size()),
                                         job.options, study.project.parent_path());
        Json members = Json::array();
        std::vector<std::vector<std::string>> rows;
        const std::vector<StudyMember> all = study.members();
        for (std::size_t i = 0; i < all.size(); ++i) {
            const StudyPlan::Member& m = plan.members[i];
            const std::string how = !m.impossible.empty() ? "impossible" : all[i].isFloat() ? "float" : m.run ? "run" : "on the fly";
            members.push_back({{"name", all[i].name}, {"how", how}, {"reason", m.impossible}});
            rows.push_back({all[i].name, how});
        }
        a.common.json ? printJson({{"members", members}, {"runs", plan.runs()}, {"peak_bytes", plan.peakMemory}, {"disk_bytes", plan.diskBytes}})
                      : printTable({"setting", "how"}, rows);
        return;
    }
    std::vector<Precious> precious{{study.model, "the model"}, {study.project, "the project"}, {a.file, "the study"}};
    if (!study.calibrationText.empty())
        precious.push_back({study.calibrationText, "the calibration text"});
    for (const StudyText& text : study.texts)
        precious.push_back({text.file, "a text that the study evaluates on"});
    if (!a.csv.empty())   // before hours of work
        requireFileTarget(a.csv, a.overwrite, precious);
    job.project = Project::open(study.project, study.model);
    TerminalProgress progress(a.common.quiet);
    const StudyResult result = runStudy(job, progress, stopOnSignals());
    if (!a.csv.empty()) {
        requireFileTarget(a.csv, a.overwrite, precious);
        writeFileAtomically(a.csv, studyCsv(result, study.limits));
    }
    if (a.common.json)
        printJson(resultJson(result, study.project));
    else
        printResult(result);
}

} // namespace

void addStudyCommand(CLI::App& program)
{
    auto a = std::make_shared<Arguments>();
    CLI::App* command = program.add_subcommand("study", "many recipes as one job: perplexity, class and kernel share of each");
    command->add_option("FILE", a->file, "study file (JSON); relative paths in it are relative to it")->required();
    command->add_option("MODEL", a->model, "Hugging Face folder or GGUF file (default: the study's)");
    command->add_option("--text", a->text, "calibration text (default: the study's)");
    command->add_option("--eval", a->evaluate, "text to evaluate on; may be given several times (default: the study's)");
    command->add_option("--windows", a->windows, "windows of each text, from its start (default: the study's)")->check(CLI::PositiveNumber);
    command->add_option("--length", a->length, "tokens a window (default: the study's)")->check(CLI::Range(2, 1 << 20));
    command->add_option("--samples", a->samples, "calibration samples (default: the recipes')")->check(CLI::PositiveNumber);
    command->add_option("--sample-length", a->sampleLength, "tokens a calibration sample (default: the recipes')")->check(CLI::Range(2, 1 << 20));
    command->add_option("--project", a->project, "project folder (default: the study's, else FILE with the ending .halftone)");
    command->add_option("--csv", a->csv, "write the table to this file as well");
    command->add_flag("--overwrite", a->overwrite, "replace the file of --csv where there is one");
    command->add_flag("--resume", a->resume, "go on with an unfinished study, and take members and runs that the project has; where model or texts are not the study's, say which and end (exit 3)");
    command->add_flag("--start-anew", a->startAnew, "with --resume: where the unfinished study was made with another model or other texts, leave it and start a new one");
    command->add_flag("--plan", a->plan, "say the members and how each would be measured; compute nothing");
    a->common.addTo(*command, true);
    command->callback([a] { run(*a); });
}

} // namespace halftone::cli
