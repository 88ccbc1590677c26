#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/error.h"
#include "core/model/describe.h"
#include "core/project/run_edit.h"
#include "core/project/run_reference.h"
#include "core/recipe/headline.h"

#include <memory>

#include <unistd.h>

namespace halftone::cli {

namespace {

struct RunArguments {
    Common common;
    std::string target, words;
    bool yes = false;
};

struct Named {
    std::shared_ptr<Project> project;
    RunInfo run;
};

std::string projectOf(const std::string& target)
{
    const std::optional<RunReference> reference = runReference(target);
    if (!reference)
        throw Error(ErrorKind::BadFile, target + ": is no Halftone project", target);
    return reference->project.string();
}

/// PROJECT#run, opened to be changed.
Named openRun(const std::string& target)
{
    const std::optional<RunReference> reference = runReference(target);
    if (!reference)
        throw Error(ErrorKind::BadFile, target + ": is no Halftone project", target);
    if (reference->run.empty())
        throw CLI::ValidationError("PROJECT#run", "must name the run, as in \"" + reference->project.string() + "#run-001\"");
    Named named{Project::openExisting(reference->project, false), {}};
    named.run = named.project->run(reference->run);
    if (named.project->readOnly())
        throw Error(ErrorKind::Io, reference->project.string() + ": cannot be changed: " + named.project->readOnlyReason(), reference->project.string());
    return named;
}

std::string methodOf(const RunInfo& run, const std::optional<ModelDescription>& model)
{
    try {
        const Recipe recipe = Recipe::parse(run.recipeJson, run.id);
        return model ? headline(plansOfRun(recipe, *model), recipe.kvCache) : headline(recipe);
    } catch (const Error&) {   // of another version
        return "-";
    }
}

void list(const RunArguments& a)
{
    const std::shared_ptr<Project> project = Project::openExisting(projectOf(a.target), true);
    std::optional<ModelDescription> model;
    try {
        model = describeModel(project->modelPath(), false);
    } catch (const Error&) {   // it has moved: its runs can be listed all the same
    }
    Json runs = Json::array();
    std::vector<std::vector<std::string>> rows;
    for (const RunInfo& run : project->runs()) {
        const bool done = run.state == "done";
        const std::uint64_t bytes = runBytes(*project, run.id);
        const std::string method = methodOf(run, model);
        runs.push_back({{"run", run.id}, {"name", run.name}, {"note", run.note}, {"method", method}, {"state", done ? "done" : "interrupted"}, {"blocks_done", run.blocksDone},
                        {"blocks", run.blocks}, {"bits_per_weight", run.bitsPerWeight}, {"disk_bytes", bytes}, {"seconds", run.seconds}, {"created", run.created}});
        rows.push_back({run.id, run.name, method, done ? "done" : "interrupted", std::to_string(run.blocksDone) + "/" + std::to_string(run.blocks),
                        done ? number(run.bitsPerWeight, 3) : "-", bytesText(bytes), run.created});
    }
    const std::uint64_t bytes = projectBytes(*project);
    if (a.common.json) {
        printJson({{"project", project->folder().string()}, {"disk_bytes", bytes}, {"runs", runs}});
        return;
    }
    printTable({"run", "name", "method", "state", "blocks", "bits", "disk", "started"}, rows);
    print("%s, %zu run%s\n", bytesText(bytes).c_str(), rows.size(), rows.size() == 1 ? "" : "s");
}

void name(const RunArguments& a, bool note)
{
    const Named named = openRun(a.target);
    labelRun(*named.project, named.run.id, note ? named.run.name : a.words, note ? a.words : named.run.note);
    if (a.common.json)
        printJson({{"run", named.run.id}, {"name", note ? named.run.name : a.words}, {"note", note ? a.words : named.run.note}});
}

void remove(const RunArguments& a)
{
    const Named named = openRun(a.target);
    const std::uint64_t bytes = runBytes(*named.project, named.run.id);
    if (!a.yes) {
        if (!::isatty(STDIN_FILENO))
            throw CLI::ValidationError("--yes", "is needed where nobody can be asked: deleting a run cannot be taken back");
        if (!confirm("Delete " + named.run.id + ", " + std::to_string(named.run.blocksDone) + " of " + std::to_string(named.run.blocks) + " blocks, " + bytesText(bytes)
                     + "? It cannot be taken back.")) {
            complain(named.run.id + " is kept");
            return;
        }
    }
    removeRun(*named.project, named.run.id);
    if (a.common.json)
        printJson({{"deleted", named.run.id}, {"disk_bytes", bytes}});
    else
        print("%s is deleted, %s freed\n", named.run.id.c_str(), bytesText(bytes).c_str());
}

void copy(const RunArguments& a)
{
    const std::shared_ptr<Project> project = Project::openExisting(projectOf(a.target), true);
    TerminalProgress progress(a.common.quiet);
    copyProject(*project, a.words, progress, stopOnSignals());
    const std::uint64_t bytes = projectBytes(*Project::openExisting(a.words, true));
    if (a.common.json)
        printJson({{"project", a.words}, {"disk_bytes", bytes}});
    else
        print("%s: %s, every file compared\n", a.words.c_str(), bytesText(bytes).c_str());
}

} // namespace

void addRunCommand(CLI::App& program)
{
    CLI::App* run = program.add_subcommand("run", "the runs of a project: list, name, note, delete");
    run->require_subcommand(1);
    const auto add = [run](const char* command, const char* what, const char* target, const char* words, auto work) {
        auto a = std::make_shared<RunArguments>();
        CLI::App* made = run->add_subcommand(command, what);
        made->add_option(std::string(target) == "PROJECT" ? "PROJECT" : "PROJECT#run", a->target, target)->required();
        if (words)
            made->add_option(words, a->words, "one word for the shell: put it in quotes; empty takes it away")->required();
        if (std::string(command) == "delete")
            made->add_flag("--yes", a->yes, "without asking");
        a->common.addTo(*made, false);
        made->callback([a, work] { work(*a); });
    };
    add("list", "runs with their names, methods and what they take on disk", "PROJECT", nullptr, list);
    add("name", "gives a run a name, shown wherever it is listed", "PROJECT#run", "NAME", [](const RunArguments& a) { name(a, false); });
    add("note", "keeps a note with a run", "PROJECT#run", "NOTE", [](const RunArguments& a) { name(a, true); });
    add("delete", "takes a run out of its project, and its files off the disk", "PROJECT#run", nullptr, remove);

    CLI::App* project = program.add_subcommand("project", "a project as a whole: copy");
    project->require_subcommand(1);
    auto a = std::make_shared<RunArguments>();
    CLI::App* made = project->add_subcommand("copy", "copies a project with its runs under another name; every file is compared");
    made->add_option("PROJECT", a->target, "project folder")->required();
    made->add_option("TARGET", a->words, "folder that does not exist yet")->required();
    a->common.addTo(*made, false);
    made->callback([a] { copy(*a); });
}

} // namespace halftone::cli
