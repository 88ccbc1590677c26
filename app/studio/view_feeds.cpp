#include "app/studio/view_feeds.h"

#include "app/studio/measured.h"
#include "app/studio/text.h"
#include "core/analysis/activation_sample.h"
#include "core/pipeline/weight_maps.h"
#include "widgets/channels_view.h"
#include "widgets/differences_view.h"
#include "widgets/kernel_view.h"
#include "widgets/tokens_view.h"
#include "widgets/weights_view.h"

#include <QDockWidget>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

/// A view behind another tab counts as visible for Qt; it only lies outside its window.
bool onScreen(const QWidget* view)
{
    return view->isVisible() && !view->visibleRegion().isEmpty();
}

/// Unlisted, and the newest of a tag wins.
JobSpec preview(const QString& tag, const QString& title)
{
    return {tag, title, JobSpec::Lane::Files, false, {}, {}};
}

} // namespace

ViewFeeds::ViewFeeds(Document& document, JobRunner& jobs, const Views& views, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_jobs(jobs)
    , m_views(views)
{
    connect(&document, &Document::opened, this, &ViewFeeds::showModel);
    connect(&document, &Document::closed, this, &ViewFeeds::forget);
    connect(&document, &Document::analysisStarted, this, &ViewFeeds::showAnalysis);
    connect(&document, &Document::analysisBlockAdded, this, &ViewFeeds::showAnalysis);
    connect(&document, &Document::analysisChanged, this, &ViewFeeds::showAnalysis);
    connect(&document, &Document::selectionChanged, this, &ViewFeeds::showSelection);
    connect(&document, &Document::recipeChanged, this, &ViewFeeds::showRecipe);
    connect(&document, &Document::resultsChanged, this, &ViewFeeds::showRecipe);
    connect(&document, &Document::runsChanged, this, &ViewFeeds::showRuns);
    connect(views.differences, &DifferencesView::pictureRequested, this, &ViewFeeds::answerDifferences);
    connect(views.kernel, &KernelView::gridChosen, this, &ViewFeeds::followGrid);
    connect(views.tokens, &TokensView::gridChosen, this, &ViewFeeds::followGrid);
    connect(views.channels, &ChannelsView::gridChosen, this, &ViewFeeds::followGrid);
    connect(views.kernel, &KernelView::previewRequested, this, &ViewFeeds::answerKernel);
    connect(views.tokens, &TokensView::roundingRequested, this, &ViewFeeds::answerTokens);
    connect(views.channels, &ChannelsView::summaryRequested, this, &ViewFeeds::answerChannels);
    connect(views.weights, &WeightsView::pictureRequested, this, &ViewFeeds::answerWeights);
    for (QWidget* view : {static_cast<QWidget*>(views.kernel), static_cast<QWidget*>(views.tokens), static_cast<QWidget*>(views.channels), static_cast<QWidget*>(views.weights), static_cast<QWidget*>(views.differences)})
        if (auto* dock = qobject_cast<QDockWidget*>(view->parentWidget()))
            connect(
                dock, &QDockWidget::visibilityChanged, this, [this, view](bool visible) {
                    if (visible)
                        catchUp(view);
                },
                Qt::QueuedConnection);   // once it lies where it is seen
}

ViewFeeds::~ViewFeeds() = default;

void ViewFeeds::catchUp(const QWidget* view)
{
    if (view == m_views.kernel)
        m_views.kernel->request();
    else if (view == m_views.tokens)
        m_views.tokens->request();
    else if (view == m_views.channels)
        m_views.channels->request();
    else if (view == m_views.differences)
        m_views.differences->refresh();
    else if (!m_views.weights->isCurrent())
        m_views.weights->refresh();
}

void ViewFeeds::showModel()
{
    m_samples.clear();
    m_weightMaps = std::make_shared<WeightMaps>(m_document.model().path);
    m_weightGrid.reset();
    m_views.kernel->setFamily(m_document.model().config.architecture);
    m_views.tokens->clear();
    m_views.weights->clear();
    m_views.differences->clear();
}

void ViewFeeds::forget()
{
    for (const QString& tag : {u"kernel-preview"_s, u"tokens-preview"_s, u"channels-preview"_s, u"weights-preview"_s, u"differences-preview"_s})
        m_jobs.cancelTag(tag);
    m_samples.clear();
    m_weightMaps.reset();
    m_weightGrid.reset();
    m_views.tokens->clear();
    m_views.weights->clear();
    m_views.differences->clear();
}

void ViewFeeds::showAnalysis()
{
    m_samples.clear();
    for (const SiteStatistics& site : m_document.analysis().sites)
        if (site.sample)
            m_samples.push_back({site.site.kind, site.site.block, site.sample});
    const bool sampled = !m_samples.empty();
    m_views.kernel->setSample(sampled ? m_samples.front().sample->rows() : 0, sampled ? m_samples.front().sample->tokens->total : 0);
    followGrid(m_views.kernel->grid());
    showSelection();
}

void ViewFeeds::showSelection()
{
    const Selection& selection = m_document.selection();
    const SiteStatistics* site = selection.block >= 0 && selection.site ? m_document.statistics(selection.block, *selection.site) : nullptr;
    if (site)
        m_views.tokens->setSite(site->site, site->sample);
    else
        m_views.tokens->clear();
    m_views.tokens->setSelection(selection);
    m_views.weights->setSelection(selection);
    if (selection.linear.empty())
        m_views.weights->clear();
    if (selection.linear.empty())
        m_views.differences->clear();
    else
        m_views.differences->setLinear(toQString(selection.linear));
    m_views.differences->setSelection(selection);
    if (!selection.linear.empty() && toQString(selection.linear) != m_views.weights->linear()) {
        m_views.weights->setLinear(toQString(selection.linear));
        showRecipe();
    }
}

void ViewFeeds::showRecipe()
{
    const std::string linear = m_views.weights->linear().toStdString();
    const Plan* plan = m_document.plan(linear);
    if (!plan)
        return;
    const auto planned = std::find_if(m_document.runPlans().begin(), m_document.runPlans().end(), [&](const ResolvedPlan& p) { return p.linear == linear; });
    const RunInfo* run = m_document.latestRun();
    m_views.weights->setRun(run ? toQString(run->id) : QString(), run && planned != m_document.runPlans().end() && !(planned->plan == *plan));
    if (m_weightGrid && !(*m_weightGrid == plan->weights) && m_views.weights->request().source == WeightsRequest::Source::Recipe)
        m_views.weights->refresh();
    const DifferencesRequest& compared = m_views.differences->request();
    if (m_differencesGrid && !(*m_differencesGrid == plan->weights) && (compared.first.isEmpty() || compared.second.isEmpty()))
        m_views.differences->refresh();
}

void ViewFeeds::showRuns()
{
    QStringList runs, titles;
    for (const RunInfo& run : m_document.runs())
        if (run.state == "done") {
            runs << toQString(run.id);
            titles << runTitle(run);
        }
    m_views.differences->setRuns(runs, titles);
}

void ViewFeeds::answerDifferences(const DifferencesRequest& request)
{
    const Plan* plan = m_document.plan(request.linear.toStdString());
    const LinearInfo* info = m_document.linear(request.linear.toStdString());
    if (!plan || !info || !m_weightMaps || !onScreen(m_views.differences))
        return;
    m_differencesGrid = plan->weights;
    JobSpec spec = preview(u"differences-preview"_s, tr("Compare %1").arg(request.linear));
    spec.failed = [this](const JobError& error) { m_views.differences->setFailed(error.sentence); };
    m_jobs.submit(
        spec,
        [maps = m_weightMaps, project = m_document.project(), request, grid = plan->weights, block = info->block](Progress&, const std::stop_token& stop) {
            const auto map = [&](const QString& run) {
                const std::string linear = request.linear.toStdString();
                return std::make_shared<const WeightMap>(run.isEmpty() ? maps->rounded(linear, grid, stop) : maps->ofRun(linear, block, *project, run.toStdString(), stop));
            };
            const auto first = map(request.first);
            return DifferencesPicture::make(request, first, request.second == request.first ? first : map(request.second));
        },
        [this](const DifferencesPicture& picture) {
            m_views.differences->setPicture(picture);
            m_views.differences->setSelection(m_document.selection());
        });
}

void ViewFeeds::followGrid(const ActivationGrid& grid)
{
    m_views.kernel->setGrid(grid);
    m_views.tokens->setGrid(grid);
    m_views.channels->setGrid(grid);
}

void ViewFeeds::answerKernel(const ActivationGrid& grid, const ActivationGrid& other)
{
    if (m_samples.empty() || !onScreen(m_views.kernel))
        return;
    m_jobs.submit(
        preview(u"kernel-preview"_s, tr("Estimate the kernel")),
        [samples = m_samples, grid, other, blocks = m_document.model().config.blocks](Progress&, const std::stop_token& stop) {
            std::vector<std::shared_ptr<const SiteSample>> list;
            for (const Sampled& sampled : samples)
                list.push_back(sampled.sample);
            KernelPreview answer{grid, other, {}, {}, list.front()->rows(), list.front()->tokens->total};
            for (const bool second : {false, true}) {
                const std::vector<KernelEstimate> estimates = estimateKernels(list, second ? other : grid);
                throwIfStopped(stop);
                auto& cells = second ? answer.otherCells : answer.cells;
                for (std::size_t i = 0; i < samples.size(); ++i)
                    if (samples[i].block >= 0 && samples[i].block < blocks) {
                        auto& row = cells[samples[i].kind];
                        row.resize(static_cast<std::size_t>(blocks));
                        row[static_cast<std::size_t>(samples[i].block)] = estimates[i];
                    }
            }
            return answer;
        },
        [this](const KernelPreview& answer) { m_views.kernel->setPreview(answer); });
}

void ViewFeeds::answerTokens(const std::shared_ptr<const SiteSample>& sample, const ActivationGrid& grid)
{
    if (!onScreen(m_views.tokens))
        return;
    m_jobs.submit(
        preview(u"tokens-preview"_s, tr("Round the sample")),
        [sample, grid](Progress&, const std::stop_token&) { return std::make_shared<const std::vector<float>>(roundSample(*sample, grid)); },
        [this, sample, grid](const std::shared_ptr<const std::vector<float>>& rounded) { m_views.tokens->setRounded(*sample, grid, rounded); });
}

void ViewFeeds::answerChannels(const std::shared_ptr<const SiteSample>& sample, const ActivationGrid& grid)
{
    if (!onScreen(m_views.channels))
        return;
    m_jobs.submit(
        preview(u"channels-preview"_s, tr("Summarize the channels")),
        [sample, grid](Progress&, const std::stop_token&) { return std::make_shared<const ChannelSummary>(summarizeChannels(*sample, grid)); },
        [this, sample, grid](const std::shared_ptr<const ChannelSummary>& summary) { m_views.channels->setSummary(*sample, grid, summary); });
}

void ViewFeeds::answerWeights(const WeightsRequest& request)
{
    const Plan* plan = m_document.plan(request.linear.toStdString());
    const LinearInfo* info = m_document.linear(request.linear.toStdString());
    if (!plan || !info || !m_weightMaps || !onScreen(m_views.weights))
        return;
    const RunInfo* run = m_document.latestRun();
    const bool ofRun = request.source == WeightsRequest::Source::Run && run;
    m_weightGrid = plan->weights;
    JobSpec spec = preview(u"weights-preview"_s, tr("Read %1").arg(request.linear));
    spec.failed = [this](const JobError& error) { m_views.weights->setFailed(error.sentence); };
    m_jobs.submit(
        spec,
        [maps = m_weightMaps, project = m_document.project(), request, grid = plan->weights, block = info->block, run = ofRun ? run->id : std::string()](
            Progress&, const std::stop_token& stop) {
            const std::string linear = request.linear.toStdString();
            auto map = std::make_shared<const WeightMap>(run.empty() ? maps->rounded(linear, grid, stop) : maps->ofRun(linear, block, *project, run, stop));
            return WeightsPicture::make(request, std::move(map));
        },
        [this](const WeightsPicture& picture) {
            m_views.weights->setPicture(picture);
            m_views.weights->setSelection(m_document.selection());
        });
}

bool ViewFeeds::isSettled() const
{
    return (!onScreen(m_views.kernel) || m_samples.empty() || m_views.kernel->isCurrent())
        && (!onScreen(m_views.tokens) || m_views.tokens->isCurrent())
        && (!onScreen(m_views.weights) || m_views.weights->linear().isEmpty() || m_views.weights->isCurrent())
        && (!onScreen(m_views.differences) || m_views.differences->request().linear.isEmpty() || m_views.differences->isCurrent());
}

} // namespace halftone
