#include "app/cli/plot_views.h"

#include "core/base/error.h"
#include "core/project/study_store.h"
#include "widgets/kernel_perplexity_view.h"
#include "widgets/study_view.h"

#include <algorithm>

namespace halftone::cli {

std::unique_ptr<ViewFrame> studyPlot(const PlotSource& source)
{
    auto view = std::make_unique<StudyView>();
    const StudyResult result = loadStudy(*source.project, source.arguments.mode);
    view->setResult(result, result.study.limits);
    return view;
}

std::unique_ptr<ViewFrame> kernelPerplexityPlot(const PlotSource& source)
{
    const StudyResult result = loadStudy(*source.project, source.arguments.mode);
    if (std::none_of(result.members.begin(), result.members.end(), [](const StudyMemberResult& member) { return member.grids.elements > 0; }))
        throw Error(ErrorKind::BadFile, result.id + ": no setting that is measured rounds activations, so there is no kernel to plot against", "mode");
    auto view = std::make_unique<KernelPerplexityView>();
    view->setResult(result);
    return view;
}

} // namespace halftone::cli
