// The plots of runs and of what was measured of them.

#include "app/cli/plot_views.h"
#include "app/studio/measured.h"
#include "app/studio/text.h"
#include "core/base/error.h"

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
    const int mode = modeOf(source.arguments.mode, {"sqnr", "mse", "drift"}, "curves");
    std::map<std::string, std::vector<BlockResult>> read;
    auto view = std::make_unique<CurvesView>();
    view->setCurves(runCurves(source.project->runs(), [&](const RunInfo& run) { return &(read[run.id] = source.project->results(run.id)); }));
    if (view->curves().empty())
        throw Error(ErrorKind::BadFile, source.arguments.project + ": no run is done yet; run halftone-cli quantize", source.arguments.project);
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

} // namespace halftone::cli
