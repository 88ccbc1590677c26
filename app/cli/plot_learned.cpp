#include "app/cli/plot_learned.h"

#include "core/base/error.h"
#include "core/model/describe.h"
#include "core/project/project_model.h"
#include "core/project/run_evidence.h"
#include "widgets/learned_view.h"
#include "widgets/spectrum_view.h"
#include "widgets/training_view.h"

#include <algorithm>

namespace halftone::cli {
namespace {

struct Chosen {
    RunInfo run;
    std::vector<BlockResult> results;
    Selection selection;
};

/// The run, and the selection that the linear stands for.
Chosen chosen(const LearnedPlot& plot)
{
    Chosen made;
    made.run = plot.project->run(plot.run);
    made.results = plot.project->results(made.run.id);
    if (plot.linear.empty())
        return made;
    for (const BlockResult& block : made.results)
        for (const LinearResult& linear : block.linears)
            if (linear.linear == plot.linear) {
                made.selection.block = block.block;
                made.selection.linear = plot.linear;
            }
    if (made.selection.block < 0)
        throw Error(ErrorKind::InvalidArgument, made.run.id + " has no linear \"" + plot.linear + "\"", "site");
    return made;
}

[[noreturn]] void nothing(const Chosen& made, const char* what) { throw Error(ErrorKind::BadFile, made.run.id + " keeps no " + what, made.run.id); }

/// The site of a linear, told by the model.
void completeSite(const LearnedPlot& plot, Selection& selection)
{
    for (const LinearInfo& linear : describeModel(modelPathOf(*plot.project), false).linears)
        if (linear.name == selection.linear)
            selection.site = linear.site;
}

} // namespace

std::unique_ptr<ViewFrame> trainingPlot(const LearnedPlot& plot)
{
    const Chosen made = chosen(plot);
    auto view = std::make_unique<TrainingView>();
    if (plot.mode == "relative")
        view->setFigure(TrainingView::Figure::Relative);
    else if (!plot.mode.empty() && plot.mode != "loss")
        throw Error(ErrorKind::InvalidArgument, "--mode \"" + plot.mode + "\" is none of the training view's: loss, relative", "mode");
    view->setRun(QString::fromStdString(made.run.id));
    for (const BlockResult& block : made.results)
        view->setBlock(block.block, loadEvidence(*plot.project, made.run.id, block.block).curves);
    if (view->front() < 0)
        nothing(made, "losses: it trained nothing, or an earlier version made it");
    view->setSelection(made.selection);
    return view;
}

std::unique_ptr<ViewFrame> learnedPlot(const LearnedPlot& plot)
{
    Chosen made = chosen(plot);
    auto view = std::make_unique<LearnedView>();
    for (const BlockResult& block : made.results) {
        if (made.selection.block >= 0 && block.block != made.selection.block)
            continue;
        BlockEvidence kept = loadEvidence(*plot.project, made.run.id, block.block);
        if (!plot.mode.empty()) {
            std::erase_if(kept.weights, [&](const WeightEvidence& w) { return w.kind != plot.mode; });
            std::erase_if(kept.transforms, [&](const TransformEvidence& t) { return t.kind != plot.mode; });
        }
        for (const LinearResult& linear : block.linears) {
            if (made.selection.block >= 0 && linear.linear != made.selection.linear)
                continue;
            Selection selection{block.block, {}, linear.linear, -1, -1};
            completeSite(plot, selection);
            view->setSelection(selection);
            view->setEvidence(QString::fromStdString(made.run.id), block.block, kept.weights, kept.transforms);
            if (!view->items().isEmpty())
                return view;
        }
    }
    nothing(made, "picture of that kind: nothing was learned there, or an earlier version made it");
}

std::unique_ptr<ViewFrame> spectrumPlot(const LearnedPlot& plot)
{
    const Chosen made = chosen(plot);
    auto view = std::make_unique<SpectrumView>();
    view->setResults(QString::fromStdString(made.run.id), made.results);
    if (view->isEmpty())
        nothing(made, "error spectra: no linear was compensated");
    view->setSelection(made.selection);
    return view;
}

} // namespace halftone::cli
