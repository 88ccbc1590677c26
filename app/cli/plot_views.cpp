#include "app/cli/plot_views.h"

#include "app/cli/plot_learned.h"

#include "core/analysis/activation_sample.h"
#include "core/base/error.h"
#include "core/model/describe.h"
#include "core/pipeline/weight_maps.h"
#include "core/project/project_model.h"
#include "widgets/channels_view.h"
#include "widgets/kernel_view.h"
#include "widgets/outliers_view.h"
#include "widgets/tokens_view.h"
#include "widgets/weights_view.h"

#include <algorithm>

namespace halftone::cli {

namespace {

/// The site that `--site` names: its own name, its kind ("mlp_mid"), or a linear it feeds. @throws Error{InvalidArgument}.
const SiteStatistics& siteOf(const Analysis& analysis, const std::string& wanted)
{
    for (const SiteStatistics& s : analysis.sites)
        if (wanted.empty() || s.site.name == wanted || name(s.site.kind) == wanted ||
            std::find(s.site.linears.begin(), s.site.linears.end(), wanted) != s.site.linears.end())
            return s;
    throw Error(ErrorKind::InvalidArgument, "site \"" + wanted + "\" is not in the analysis; give a site (" + analysis.sites.front().site.name +
                "), a kind (" + std::string(name(analysis.sites.front().site.kind)) + ") or a linear", "site");
}

template <typename View> void feed(View& view, const Analysis& analysis)
{
    const int blocks = 1 + std::max_element(analysis.sites.begin(), analysis.sites.end(), [](const auto& a, const auto& b) { return a.site.block < b.site.block; })->site.block;
    view.setBlocks(blocks);
    for (int b = 0; b < blocks; ++b) {
        std::vector<SiteStatistics> sites;
        std::copy_if(analysis.sites.begin(), analysis.sites.end(), std::back_inserter(sites), [b](const SiteStatistics& s) { return s.site.block == b; });
        view.setSites(b, sites);
    }
}

/// @throws Error{BadFile} for an analysis of an old version.
const std::shared_ptr<const SiteSample>& sampleOf(const SiteStatistics& site)
{
    if (!site.sample)
        throw Error(ErrorKind::BadFile, site.site.name + ": this analysis kept no sample of activations; analyze again", site.site.name);
    return site.sample;
}

std::unique_ptr<ViewFrame> kernelView(const PlotSource& source)
{
    auto view = std::make_unique<KernelView>();
    feed(*view, source.analysis);
    view->setSettings(source.analysis.settings);
    const std::filesystem::path model = source.project->modelPath();
    if (std::filesystem::exists(model))   // for the paper's marks; a project alone will do
        view->setFamily(describeModel(model, false).config.architecture);
    // The window's own question, answered at once: only what the analysis did not count comes from its samples.
    QObject::connect(view.get(), &KernelView::previewRequested, [&source, kernel = view.get()](const ActivationGrid& grid, const ActivationGrid& other) {
        const std::vector<SiteStatistics>& sites = source.analysis.sites;
        std::vector<std::shared_ptr<const SiteSample>> samples;
        for (const SiteStatistics& site : sites)
            samples.push_back(sampleOf(site));
        KernelPreview answer{grid, other, {}, {}, samples.front()->rows(), samples.front()->tokens->total};
        for (const bool second : {false, true}) {
            const std::vector<KernelEstimate> estimates = estimateKernels(samples, second ? other : grid);
            for (std::size_t i = 0; i < sites.size(); ++i) {
                auto& row = (second ? answer.otherCells : answer.cells)[sites[i].site.kind];
                row.resize(std::max(row.size(), static_cast<std::size_t>(sites[i].site.block) + 1));
                row[static_cast<std::size_t>(sites[i].site.block)] = estimates[i];
            }
        }
        kernel->setPreview(answer);
    });
    const SiteStatistics& first = source.analysis.sites.front();
    view->setGrid(source.grid());
    if (first.sample)
        view->setSample(first.sample->rows(), first.sample->tokens->total);
    else if (!view->isExact())
        sampleOf(first);
    return view;
}

std::unique_ptr<ViewFrame> tokensView(const PlotSource& source)
{
    const SiteStatistics& site = siteOf(source.analysis, source.arguments.site);
    const std::shared_ptr<const SiteSample>& sample = sampleOf(site);
    const ActivationGrid grid = source.grid();
    auto view = std::make_unique<TokensView>();
    view->setGrid(grid);
    view->setSite(site.site, sample);
    view->setRounded(*sample, grid, std::make_shared<const std::vector<float>>(roundSample(*sample, grid)));
    const std::string& mode = source.arguments.mode;
    if (!mode.empty() && mode != "magnitude" && mode != "kernel" && mode != "error")
        throw Error(ErrorKind::InvalidArgument, "--mode \"" + mode + "\" is none of the tokens view's: magnitude, kernel, error", "mode");
    view->setMode(mode == "kernel" ? TokensView::Mode::Kernel : mode == "error" ? TokensView::Mode::Error : TokensView::Mode::Magnitude);
    return view;
}

std::unique_ptr<ViewFrame> channelsView(const PlotSource& source)
{
    const SiteStatistics& site = siteOf(source.analysis, source.arguments.site);
    auto view = std::make_unique<ChannelsView>();
    const ActivationGrid grid = source.grid();
    view->setGrid(grid);
    view->setSite(site);
    if (source.arguments.mode == "after")
        view->setGridShown(true);
    else if (!source.arguments.mode.empty())
        throw Error(ErrorKind::InvalidArgument, "--mode \"" + source.arguments.mode + "\" is none of the channels view's: after", "mode");
    if (site.sample)
        view->setSummary(*site.sample, grid, std::make_shared<const ChannelSummary>(summarizeChannels(*site.sample, grid)));
    return view;
}

std::unique_ptr<ViewFrame> weightsView(const PlotSource& source)
{
    const std::filesystem::path path = modelPathOf(*source.project);
    const ModelDescription model = describeModel(path, false);
    const std::string chosen = plotLinear(source, model);
    const WeightGrid grid = plotGrid(source, model, chosen);
    using Mode = WeightsRequest::Mode;
    const std::string& mode = source.arguments.mode;
    if (!mode.empty() && mode != "weight" && mode != "quantized" && mode != "error" && mode != "scale")
        throw Error(ErrorKind::InvalidArgument, "--mode \"" + mode + "\" is none of the weights view's: weight, quantized, error, scale", "mode");
    const Mode shown = mode == "quantized" ? Mode::Quantized : mode == "error" ? Mode::Error : mode == "scale" ? Mode::Scale : Mode::Weight;
    if (shown != Mode::Weight && !grid.quantized())
        throw Error(ErrorKind::InvalidArgument, chosen + ": the project's recipe leaves it float, so there is only the weight to show", chosen);
    const auto map = std::make_shared<const WeightMap>(WeightMaps(path).rounded(chosen, grid, {}));
    auto view = std::make_unique<WeightsView>();
    view->setLinear(QString::fromStdString(chosen));
    view->setMode(shown);
    view->setPicture(WeightsPicture::make(view->request(), map));
    return view;
}

LearnedPlot learnedOf(const PlotSource& source)
{
    return {source.project, source.arguments.run, source.arguments.site, source.arguments.mode};
}

} // namespace

const std::vector<PlotView>& plotViews()
{
    static const std::vector<PlotView> views{
        {"outliers", "block × channel of one site kind, log channel absmax", "1200x640",
         [](const PlotSource& source) {
             auto view = std::make_unique<OutliersView>();
             const Analysis& analysis = source.analysis;
             feed(*view, analysis);
             view->setSiteKind(source.arguments.site.empty() ? SiteKind::MlpMiddle : siteOf(analysis, source.arguments.site).site.kind);
             view->setSource(QString::number(static_cast<qlonglong>(analysis.windows) * analysis.length) + QStringLiteral(" tokens"));
             return view;
         }},
        {"kernel", "share of each site that rounds to zero", "1200x400", kernelView},
        {"channels", "channel absmax of one site, sorted; --mode after: what a grid leaves", "1000x560", channelsView},
        {"tokens", "token × channel of one site; --mode magnitude, kernel, error", "1200x760", tokensView},
        {"weights", "matrix of one linear under the project's recipe; --mode weight, quantized, error, scale", "1200x760", weightsView, false},
        {"run", "blocks, flags, memory and what was done to each linear of a run (--run)", "1200x760", runPlot, false},
        {"curves", "the newest runs block by block; --mode drift, mse, sqnr", "1000x480", curvesPlot, false},
        {"tradeoff", "measured quality against bits a weight; --mode perplexity, kl", "900x560", tradeoffPlot, false},
        {"texts", "the start of an evaluated text, token by token (--run); --mode added, loss, float, kl", "1000x640", textsPlot, false},
        {"differences", "the errors of a linear in --run and --against (a run, or the recipe to nearest) and their difference", "1500x560", differencesPlot, false},
        {"study", "a study's settings at their perplexity; --mode study-001, else the newest", "1000x700", studyPlot, false},
        {"kernel-perplexity", "perplexity against kernel share of a study's settings; --mode study-001, else the newest", "1000x640", kernelPerplexityPlot, false},
        {"training", "loss of every trained block of a run (--run), of the linear's block in front; --mode loss, relative", "1000x480",
         [](const PlotSource& source) { return trainingPlot(learnedOf(source)); }, false},
        {"learned", "what a run learned of a linear and its site; --mode divisor, clip, scale, shift, matrix, rotation", "1000x720",
         [](const PlotSource& source) { return learnedPlot(learnedOf(source)); }, false},
        {"spectrum", "singular values of a compensated linear's rounding error, and what the factors hold by block", "1200x480",
         [](const PlotSource& source) { return spectrumPlot(learnedOf(source)); }, false},
    };
    return views;
}

std::string plotLinear(const PlotSource& source, const ModelDescription& model)
{
    const std::string& wanted = source.arguments.site;
    const auto linear = std::find_if(model.linears.begin(), model.linears.end(), [&](const LinearInfo& l) { return wanted.empty() || l.name == wanted; });
    const auto site = std::find_if(model.sites.begin(), model.sites.end(), [&](const SiteInfo& s) { return s.name == wanted || name(s.kind) == wanted; });
    if (linear == model.linears.end() && site == model.sites.end())
        throw Error(ErrorKind::InvalidArgument, "\"" + wanted + "\" is no linear and no site of the model; inspect names them", "site");
    return linear != model.linears.end() ? linear->name : site->linears.front();
}

WeightGrid plotGrid(const PlotSource& source, const ModelDescription& model, const std::string& linear)
{
    if (const std::optional<Recipe> recipe = source.project->recipe())
        for (const ResolvedPlan& plan : resolve(*recipe, model))
            if (plan.linear == linear)
                return plan.plan.weights;
    return {};
}

ActivationGrid PlotSource::grid() const
{
    ActivationGrid grid;
    grid.scheme = activationSchemeFromName(arguments.scheme);
    grid.bits = arguments.bits > 0 ? arguments.bits : analysis.settings.bits;
    grid.alpha = arguments.alpha >= 0 ? arguments.alpha : analysis.settings.alpha;
    validate(grid);
    return grid;
}

} // namespace halftone::cli
