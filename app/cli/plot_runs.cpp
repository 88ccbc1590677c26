// The plots of runs and of what was measured of them.

#include "app/cli/plot_views.h"
#include "app/studio/measured.h"
#include "app/studio/text.h"
#include "core/base/error.h"
#include "core/pipeline/weight_maps.h"
#include "core/project/project_model.h"
#include "widgets/differences_view.h"
#include "widgets/texts_view.h"

#include <algorithm>
#include <map>

namespace halftone::cli {

namespace {

/// @throws Error{InvalidArgument} for a mode that the view does not have.
int modeOf(const std::string& wanted, std::initializer_list<const char*> modes, const char* view)
{
    if (wanted.empty())
        return 0;
    std::string all;
    int index = 0;
    for (const char* mode : modes) {
        if (wanted == mode)
            return index;
        all += (index++ ? ", " : "") + std::string(mode);
    }
    throw Error(ErrorKind::InvalidArgument, "--mode \"" + wanted + "\" is none of the " + view + " view's: " + all, "mode");
}

} // namespace

std::unique_ptr<ViewFrame> runPlot(const PlotSource& source)
{
    const RunInfo run = source.project->run(source.arguments.run);
    auto view = std::make_unique<RunView>();
    view->setHead(runHead(run));
    view->setResults(source.project->results(run.id));
    return view;
}

std::unique_ptr<ViewFrame> curvesPlot(const PlotSource& source)
{
    const int mode = modeOf(source.arguments.mode, {"drift", "mse", "sqnr"}, "curves");
    std::map<std::string, std::vector<BlockResult>> read;
    auto view = std::make_unique<CurvesView>();
    view->setCurves(runCurves(source.project->runs(), [&](const RunInfo& run) { return &(read[run.id] = source.project->results(run.id)); }));
    if (view->curves().empty())
        throw Error(ErrorKind::BadFile, source.arguments.project + ": no run is done yet; run halftone-cli quantize", source.arguments.project);
    if (!source.arguments.mode.empty())   // else what there is to show
        view->setFigure(static_cast<CurveFigure>(mode));
    view->setChosen(toQString(source.arguments.run));
    return view;
}

std::unique_ptr<ViewFrame> tradeoffPlot(const PlotSource& source)
{
    const int mode = modeOf(source.arguments.mode, {"perplexity", "kl"}, "tradeoff");
    const std::vector<EvaluationRecord> records = readRecords(source.project->folder());
    if (records.empty())
        throw Error(ErrorKind::BadFile, source.arguments.project + ": nothing is evaluated yet; run halftone-cli evaluate " + source.arguments.project + "#run", source.arguments.project);
    const std::string& run = source.arguments.run;
    const auto chosen = std::find_if(records.begin(), records.end(), [&](const EvaluationRecord& r) { return !run.empty() && r.run == toQString(run); });
    if (!run.empty() && chosen == records.end())
        throw Error(ErrorKind::InvalidArgument, run + " is not evaluated in " + source.arguments.project, "run");
    // Without a run, the text that was measured last.
    const EvaluationRecord& shown = chosen != records.end() ? *chosen : records.back();
    auto view = std::make_unique<TradeoffView>();
    view->setKl(mode == 1);
    view->setPoints(tradeoffPoints(records, shown, chosen != records.end() ? static_cast<int>(chosen - records.begin()) : -1), textOf(shown));
    return view;
}

std::unique_ptr<ViewFrame> textsPlot(const PlotSource& source)
{
    const int mode = modeOf(source.arguments.mode, {"added", "loss", "float", "kl"}, "texts");
    const std::vector<EvaluationRecord> records = readRecords(source.project->folder());
    const std::string& run = source.arguments.run;
    const auto found = std::find_if(records.rbegin(), records.rend(), [&](const EvaluationRecord& r) { return !r.result.trace.empty() && (run.empty() || r.run == toQString(run)); });
    if (found == records.rend())
        throw Error(ErrorKind::BadFile, source.arguments.project + ": no text is measured token by token" + (run.empty() ? std::string() : " for " + run) +
                    "; run halftone-cli evaluate " + source.arguments.project + "#run --against MODEL", source.arguments.project);
    if (mode != 1 && !found->result.trace.compared())
        throw Error(ErrorKind::InvalidArgument, found->label.toStdString() + " was measured without a float model beside it; give --mode loss", "mode");
    auto view = std::make_unique<TextsView>();
    view->setTrace(found->label + QStringLiteral(" · ") + textOf(*found), found->result.trace, found->run);
    view->setMode(static_cast<TextsView::Mode>(mode));
    return view;
}

std::unique_ptr<ViewFrame> differencesPlot(const PlotSource& source)
{
    const std::filesystem::path path = modelPathOf(*source.project);
    const ModelDescription model = describeModel(path, false);
    const std::string linear = plotLinear(source, model);
    const auto info = std::find_if(model.linears.begin(), model.linears.end(), [&](const LinearInfo& l) { return l.name == linear; });
    WeightMaps maps(path);
    const std::string second = source.project->run(source.arguments.run).id;
    const std::string first = source.arguments.against.empty() ? std::string() : source.project->run(source.arguments.against).id;
    const auto a = std::make_shared<const WeightMap>(first.empty() ? maps.rounded(linear, plotGrid(source, model, linear), {}) : maps.ofRun(linear, info->block, *source.project, first, {}));
    const auto b = std::make_shared<const WeightMap>(maps.ofRun(linear, info->block, *source.project, second, {}));
    auto view = std::make_unique<DifferencesView>();
    view->setRuns(first.empty() ? QStringList{toQString(second)} : QStringList{toQString(first), toQString(second)});
    view->setFirst(toQString(first));
    view->setSecond(toQString(second));
    view->setLinear(toQString(linear));
    const DifferencesPicture picture = DifferencesPicture::make(view->request(), a, b);
    if (!picture.fault.isEmpty())
        throw Error(ErrorKind::InvalidArgument, linear + ": " + picture.fault.toStdString(), linear);
    view->setPicture(picture);
    return view;
}

} // namespace halftone::cli
