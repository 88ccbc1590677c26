#pragma once

#include "core/analysis/site_statistics.h"
#include "core/model/describe.h"
#include "core/project/project.h"
#include "widgets/view_frame.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace halftone::cli {

/// What `plot` was asked for.
struct PlotArguments {
    std::string project, model, view, site, run, against, out, theme = "light", size, scheme = "per_token", mode;
    int bits = 0, scale = 2;
    double alpha = -1;
    bool list = false, overwrite = false;
};

/// What a view is made of.
struct PlotSource {
    std::shared_ptr<const Project> project;
    Analysis analysis;   ///< empty for a view that needs none
    PlotArguments arguments;

    /// The grid asked for, else the analysis' own bits and alpha. @throws Error{InvalidArgument}.
    ActivationGrid grid() const;
};

/// One view of the window that a project can fill.
struct PlotView {
    const char* id;
    const char* title;
    const char* size;   ///< where --size is not given
    std::function<std::unique_ptr<ViewFrame>(const PlotSource&)> make;
    bool measured = true;   ///< needs an analysis
};

const std::vector<PlotView>& plotViews();

/// A run with what was done to each linear; its blocks, several runs; quality against size. @throws Error{BadFile} where nothing is measured.
std::unique_ptr<ViewFrame> runPlot(const PlotSource& source);
std::unique_ptr<ViewFrame> curvesPlot(const PlotSource& source);
std::unique_ptr<ViewFrame> tradeoffPlot(const PlotSource& source);
/// A measured text token by token; two quantizations of a linear.
std::unique_ptr<ViewFrame> textsPlot(const PlotSource& source);
std::unique_ptr<ViewFrame> differencesPlot(const PlotSource& source);
/// The linear that --site names, or the first that the named site feeds. @throws Error{InvalidArgument}.
std::string plotLinear(const PlotSource& source, const ModelDescription& model);
/// Of the project's recipe; float where there is none.
WeightGrid plotGrid(const PlotSource& source, const ModelDescription& model, const std::string& linear);
/// Of the project's newest study, or the one that --mode names. @throws Error{BadFile} where there is none, or none that rounds activations.
std::unique_ptr<ViewFrame> studyPlot(const PlotSource& source);
std::unique_ptr<ViewFrame> kernelPerplexityPlot(const PlotSource& source);

} // namespace halftone::cli
