// What the document says reaches the views; each function shows one part of it.

#include "app/studio/main_window.h"

#include "app/studio/done_notice.h"
#include "app/studio/error_text.h"
#include "app/studio/evaluation_table.h"
#include "app/studio/inspector.h"
#include "app/studio/job_indicator.h"
#include "app/studio/job_rows.h"
#include "app/studio/kv_cache_menu.h"
#include "app/studio/measured.h"
#include "app/studio/preset_rows.h"
#include "app/studio/resources.h"
#include "app/studio/run_monitor.h"
#include "app/studio/runs_table.h"
#include "app/studio/text.h"
#include "app/studio/welcome_page.h"
#include "core/base/atomic_file.h"
#include "core/base/disk.h"
#include "core/recipe/contract_runtime.h"
#include "widgets/channels_view.h"
#include "widgets/colour_map.h"
#include "widgets/curves_view.h"
#include "widgets/jobs_view.h"
#include "widgets/kernel_view.h"
#include "widgets/layers_model.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"
#include "widgets/outliers_view.h"
#include "widgets/plain_labels.h"
#include "widgets/summary_bar.h"
#include "widgets/texts_view.h"
#include "widgets/tokens_view.h"

#include <QActionGroup>
#include <QApplication>
#include <QDockWidget>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QMenu>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTreeView>

#include <algorithm>
#include <map>
#include <utility>

#include <unistd.h>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

/// Memory this process holds now; 0 where the system does not say.
std::uint64_t residentBytes()
{
    QFile file(u"/proc/self/statm"_s);
    if (!file.open(QIODevice::ReadOnly))
        return 0;
    const QList<QByteArray> fields = file.readAll().split(' ');
    return fields.size() > 1 ? fields[1].toULongLong() * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

} // namespace

void MainWindow::showDocument()
{
    m_welcome->setOpening({});
    m_messages->clear();
    m_done->dismiss();
    const bool another = m_settings.recent().value(0) != QDir::cleanPath(QFileInfo(m_document->path()).absoluteFilePath());
    m_settings.addRecent(m_document->path());
    m_settings.setOpened(m_document->path(), m_document->model().config.blocks);
    updateRecentMenu();
    const ModelDescription& model = m_document->model();
    m_layersModel->clear();
    m_layersModel->setModel(model);
    m_layers->setPresets(presetRows(model));
    m_outliers->clear();
    m_outliers->setBlocks(model.config.blocks, kindsOf(model.sites));
    m_kernel->clear();
    m_kernel->setBlocks(model.config.blocks);
    m_channels->clear();
    m_lastAnalyze = {};
    m_lastEvaluate = {};
    const int longest = static_cast<int>(std::clamp<std::int64_t>(model.config.maxPositions, 2, 512));
    m_lastAnalyze.length = m_lastEvaluate.length = longest;
    m_pages->setCurrentWidget(m_views);
    updateTitle();
    updateActions();
    if (another) {   // another model begins where models begin
        m_workspaces->show(Workspaces::Inspect);
        m_docks.value(u"outliers"_s)->raise();
    } else if (!m_workspaces->isShown()) {
        m_workspaces->show(m_workspaces->current());
    }
    m_layers->tree()->expand(m_layers->tree()->model()->index(0, 0));
    showEmptyStates();
    showEvaluations();
    m_inspector->setTargets({});
    m_layers->tree()->setFocus();
    lookForTokenizer();
    if (m_tourWaits)
        takeTour();
}

void MainWindow::showNoDocument()
{
    m_done->dismiss();
    m_workspaces->hideAll();
    m_pages->setCurrentWidget(m_welcome);
    m_welcome->setSampleAvailable(!sampleModel().isEmpty());
    m_welcome->setTourOffered(!m_settings.tourDone());
    m_layersModel->clear();
    m_outliers->clear();
    m_kernel->clear();
    m_channels->clear();
    m_summary->clear();
    m_inspector->setTargets({});
    showRuns();
    m_compare->setRecords({}, false);
    showTexts();
    updateTitle();
    updateActions();
    updateRecentMenu();
}

void MainWindow::showRecipe()
{
    if (!m_document->isOpen())
        return;
    m_layersModel->setDense(m_document->packing().packing == Packing::DenseOnly);
    m_layersModel->setPlans(m_document->plans());
    std::vector<LayersModel::Lock> locks;
    for (const ContractIssue& issue : m_document->contractIssues())
        if (!issue.linear.empty())   // else of the KV cache, which no row is about
            locks.push_back({issue.linear, issue.reason, issue.fatal});
    for (const ContractTie& tie : m_document->ties())
        for (const std::string& linear : tie.linears)
            locks.push_back({linear, tie.reason, false});
    for (const SiteInfo& site : m_document->model().sites) {   // a transform is its site's
        const Plan* plan = site.linears.size() > 1 ? m_document->plan(site.linears.front()) : nullptr;
        if (!plan || plan->transform.method == "none")
            continue;
        QStringList names;
        for (const std::string& linear : site.linears)
            names << toQString(std::string_view(linear).substr(linear.rfind('.') + 1));
        const MethodInfo* info = findMethod(MethodKind::Transform, plan->transform.method);
        const QString reason = tr("%1 read one activation: its transform, %2, is theirs together.").arg(names.join(u", "_s), info ? toQString(info->name) : toQString(plan->transform.method));
        for (const std::string& linear : site.linears)
            locks.push_back({linear, reason.toStdString(), false});
    }
    m_layersModel->setContract(m_document->recipe().contract, locks);
    for (QAction* action : m_contracts->actions())
        action->setChecked(action->data().toString() == toQString(m_document->recipe().contract));
    m_kvCacheMenu->setGrid(m_document->recipe().kvCache, m_document->recipe().contract, m_document->model().config);
    const auto& plans = m_document->plans();
    m_workspaces->setWeightsAlone(std::any_of(plans.begin(), plans.end(), [](const ResolvedPlan& plan) { return plan.plan.weights.quantized(); })
                                  && std::none_of(plans.begin(), plans.end(), [](const ResolvedPlan& plan) { return plan.plan.activations.quantized(); }));
    m_inspector->refresh();
    showSummary();
}

void MainWindow::showSummary()
{
    if (!m_document->isOpen()) {
        m_summary->clear();
        return;
    }
    const SizeEstimate& size = m_document->size();
    Summary summary;
    summary.bytes = m_document->exportBytes();
    summary.fileBytes = m_document->model().bytes;
    summary.fileNote = storedSmallText(m_document->model());
    summary.denseOnly = m_document->packing().packing == Packing::DenseOnly;
    if (summary.denseOnly)
        summary.denseReason = toQString(m_document->packing().why);
    summary.bitsPerWeight = size.bitsPerWeight;
    // What the recipe cost as it was measured last; else what another one did.
    for (const EvaluationRecord& record : m_document->evaluations()) {
        const RunInfo* run = record.target == EvaluationRecord::Target::Run ? m_document->run(record.run) : nullptr;
        if (!run)
            continue;
        Summary::Figure figure;
        figure.measured = true;
        figure.name = record.result.hasDivergence ? tr("KL") : tr("Perplexity");
        figure.value = record.result.hasDivergence ? record.result.divergence.klMean : record.result.perplexity.perplexity;
        figure.error = record.result.hasDivergence ? record.result.divergence.klMeanError : record.result.perplexity.standardError;
        figure.stale = !m_document->isRecipeOf(*run);
        figure.source = record.label;
        figure.activationGrid = toQString(record.result.activationGrid);
        if (!summary.figure || summary.figure->stale || !figure.stale)
            summary.figure = figure;
    }
    if (const KvCacheGrid& cache = m_document->recipe().kvCache; cache.quantized()) {
        summary.cache = kvCacheText(cache);
        summary.cacheTip = tr("%1 Click to change it.").arg(kvCacheSentence(cache));
    }
    summary.contract = toQString(contractName(m_document->recipe().contract));
    const auto& plans = m_document->plans();
    if (std::any_of(plans.begin(), plans.end(), [](const ResolvedPlan& plan) { return plan.plan.activations.quantized(); }))
        summary.activationGrid = toQString(activationGridOf(m_document->recipe().contract));
    for (const ContractIssue& issue : m_document->contractIssues())
        if (summary.contractIssue.isEmpty() && issue.fatal)
            summary.contractIssue = issue.linear.empty() ? toQString(issue.reason) : u"%1: %2"_s.arg(toQString(issue.linear), toQString(issue.reason));
    m_summary->setSummary(summary);
}

void MainWindow::showEmptyStates()
{
    if (m_document->isMeasuring()) {
        const QString at = m_blocksShown == 0 ? tr("The analysis is at work; no block is measured yet.")
                                              : tr("The analysis is at work: %1 of %2 blocks are measured.").arg(m_blocksShown).arg(m_document->model().config.blocks);
        const QString choose = at + u' ' + tr("Select a linear, or a cell of a map, in one that is.");
        m_outliers->setEmptyState(at, {}, {});
        m_kernel->setEmptyState(at, {}, {});
        m_tokens->setEmptyState(m_blocksShown == 0 ? at : choose, {}, {});
        m_channels->setEmptyState(m_blocksShown == 0 ? at : choose, {}, {});
        return;
    }
    const QString text = m_lastAnalyze.text.isEmpty() ? tr("the sample text") : QFileInfo(m_lastAnalyze.text).fileName();
    const QString cost = tr("%1 tokens of %2, one pass through the model; the map fills block by block")
                             .arg(countText(std::int64_t(m_lastAnalyze.windows) * m_lastAnalyze.length), text);
    m_outliers->setEmptyState(tr("Nothing is measured yet. Analyze to see which channels stand out, block by block."), tr("Analyze"), cost);
    m_kernel->setEmptyState(tr("Nothing is measured yet. Analyze to see the share of activations that each grid rounds to zero."), tr("Analyze"), cost);
    m_tokens->setEmptyState(m_document->hasAnalysis() ? tr("Select a linear or a cell of a map to see its activations token by token.")
                                                      : tr("Nothing is measured yet. Analyze to see activations token by token, with the text beside them."),
                            m_document->hasAnalysis() ? QString() : tr("Analyze"), m_document->hasAnalysis() ? QString() : cost);
    m_channels->setEmptyState(m_document->hasAnalysis() ? tr("Select a linear or a cell of a map to see its channels.") : tr("Nothing is measured yet. Analyze to see the channels of an activation, the largest first."),
                              m_document->hasAnalysis() ? QString() : tr("Analyze"), m_document->hasAnalysis() ? QString() : cost);
}

void MainWindow::showAnalysis()
{
    if (!m_document->isOpen())
        return;
    const Analysis& analysis = m_document->analysis();
    const int blocks = m_document->model().config.blocks;
    m_outliers->clear();
    m_outliers->setBlocks(blocks, kindsOf(m_document->model().sites));
    m_kernel->clear();
    m_kernel->setBlocks(blocks);
    m_kernel->setSettings(analysis.settings);
    m_layersModel->clearSites();
    const int tokens = analysis.sites.empty() ? analysis.windows * analysis.length : static_cast<int>(analysis.sites.front().tokens);
    const QString source = m_document->analysisText();
    m_outliers->setSource(tokens == 0 ? source : source.isEmpty() ? tr("%1 tokens").arg(formatValue(tokens, 6)) : tr("%1, %2 tokens").arg(source, formatValue(tokens, 6)));
    std::map<int, std::vector<SiteStatistics>> perBlock;
    for (const SiteStatistics& site : analysis.sites)
        perBlock[site.site.block].push_back(site);
    for (const auto& [block, sites] : perBlock) {
        m_outliers->setSites(block, sites);
        m_kernel->setSites(block, sites);
    }
    m_layersModel->setSites(analysis.sites);   // at once: each call makes the table look at all of its rows
    m_layersModel->setWeightStatistics(analysis.weights);
    showEmptyStates();
    showSelection();
}

void MainWindow::showFinishedAnalysis()
{
    // What came in block by block is on show already.
    const bool shown = m_document->isOpen() && m_blocksShown == m_document->model().config.blocks;
    m_blocksShown = 0;
    if (!shown) {
        showAnalysis();
        selectLargestOutlier();
    } else {
        showEmptyStates();
        if (!selectLargestOutlier())   // which shows what it selects
            showSelection();
    }
}

void MainWindow::showAnalysisBlock(int block)
{
    ++m_blocksShown;
    const Analysis& analysis = m_document->analysis();
    std::vector<SiteStatistics> sites;
    for (const SiteStatistics& site : analysis.sites)
        if (site.site.block == block)
            sites.push_back(site);
    m_outliers->setSites(block, sites);
    m_kernel->setSites(block, sites);
    m_layersModel->setSites(sites);
    m_layersModel->setWeightStatistics(analysis.weights);
    showEmptyStates();
    if (m_document->selection().block == block)
        showSelection();
}

void MainWindow::showResults()
{
    if (!m_document->isOpen())
        return;
    m_layersModel->setRunPlans(m_document->runPlans());
    m_layersModel->setResults(m_document->results());
    showRuns();
    showCurves();
    m_inspector->refresh();
    updateActions();
    showSummary();
}

void MainWindow::showRuns()
{
    QHash<QString, QString> methods;
    for (const RunInfo& run : m_document->runs())
        methods.insert(toQString(run.id), m_document->runFacts(toQString(run.id)).method);
    m_runs->setReadOnly(m_document->readOnly());
    m_runs->model()->setMethods(methods);
    m_runs->setAtWork(m_document->runAtWork());
    m_runs->setRuns(m_document->runs(), m_document->isOpen());
    m_runs->setProjectBytes(m_document->projectBytes());
    QStringList titles;
    for (const RunInfo& run : m_document->runs())
        titles << runTitle(run);
    if (titles != std::exchange(m_runTitles, titles) && m_document->isOpen())
        showEvaluations();   // its rows are named by them
}

void MainWindow::showEvaluations()
{
    std::vector<EvaluationRecord> records = m_document->evaluations();
    for (EvaluationRecord& record : records)
        if (const RunInfo* run = record.target == EvaluationRecord::Target::Run ? m_document->run(record.run) : nullptr)
            record.label = runTitle(*run);
    m_compare->setRecords(records, m_document->isOpen());
    showTexts();
    showSummary();
}

void MainWindow::showTexts()
{
    const EvaluationRecord* record = m_compare->shown();
    m_texts->setTrace(record ? u"%1 · %2"_s.arg(record->label, textOf(*record)) : QString(), record ? record->result.trace : TokenTrace{},
                      record ? record->run : QString());
}

/// The linear of a block whose output the run whose texts are shown moved most, else the block's last site.
Selection MainWindow::worstOf(int block)
{
    Selection worst;
    worst.block = block;
    worst.site = SiteKind::MlpMiddle;
    const EvaluationRecord* record = m_compare->shown();
    const std::vector<BlockResult>* results = record && !record->run.isEmpty() ? m_monitor->results(record->run) : nullptr;
    double most = 0;
    for (const BlockResult& result : results ? *results : std::vector<BlockResult>{})
        if (result.block == block)
            for (const LinearResult& linear : result.linears)
                if (linear.weights.quantized() && (worst.linear.empty() || linear.outputMse > most)) {
                    worst.linear = linear.linear;
                    most = linear.outputMse;
                }
    return worst;
}

/// Where nobody chose anything yet, the views open on what stands out.
bool MainWindow::selectLargestOutlier()
{
    updateActions();
    const Selection& now = m_document->selection();
    if (now.site || !now.linear.empty() || now.block > 0)   // the table's first row is current as it opens
        return false;
    const std::optional<Selection> largest = m_outliers->largest();
    if (largest)
        m_document->select(*largest);
    return largest.has_value();
}

void MainWindow::goToLargestOutlier()
{
    const std::optional<Selection> largest = m_outliers->largest();
    if (!largest)
        return;
    QDockWidget* dock = m_docks.value(u"outliers"_s);
    if (dock->isHidden())
        setWorkspace(Workspaces::Inspect);
    dock->show();
    dock->raise();
    m_document->select(*largest);
    m_outliers->setFocus();
}

void MainWindow::showSelection()
{
    const Selection& selection = m_document->selection();
    m_layers->setSelection(selection);
    m_outliers->setSelection(selection);
    m_kernel->setSelection(selection);
    m_compare->curves()->setSelection(selection);
    const SiteStatistics* site = selection.block >= 0 && selection.site ? m_document->statistics(selection.block, *selection.site) : nullptr;
    if (site)
        m_channels->setSite(*site);
    else
        m_channels->clear();
    m_channels->setSelection(selection);
    m_inspector->setTargets(m_layers->selectedLinears());
}

void MainWindow::showJobs()
{
    const std::vector<JobStatus> jobs = m_jobs->jobs();
    std::vector<JobRow> rows;
    rows.reserve(jobs.size());
    for (const JobStatus& job : jobs) {
        JobRow row = toJobRow(job);
        if (job.state == JobState::Failed)
            row.nextStep = row.canResume ? tr("Resume goes on from what is finished.") : QString();
        rows.push_back(std::move(row));
    }
    m_jobsView->setJobs(rows);
    m_jobIndicator->setJobs(jobs);
    updateTitle();
    m_workspaces->setAnyJobs(m_jobsView->count() > 0);
    for (const JobStatus& job : jobs) {
        int& shown = m_notesShown[job.id];
        for (; shown < job.notes.size(); ++shown)
            m_jobsView->appendLog(QString::number(job.id), job.notes[shown]);
    }
    QStringList footnote;
    if (m_document->isOpen() && m_jobs->isRunning(u"quantize"_s) && m_monitor->plan() > 0)
        footnote += tr("planned peak %1").arg(formatBytes(m_monitor->plan()));
    if (const std::uint64_t now = residentBytes())
        footnote += tr("now %1 in memory").arg(formatBytes(now));
    if (m_document->isOpen()) {
        try {
            footnote += tr("%1 of disk free").arg(formatBytes(freeDiskBytes(m_document->project()->folder())));
        } catch (const Error&) {   // the folder went away: the next save says so
        }
    }
    m_jobsView->setFootnote(jobs.empty() ? QString() : footnote.join(u" · "_s));
}

void MainWindow::showCurves()
{
    m_compare->curves()->setCurves(runCurves(m_document->runs(), [this](const RunInfo& run) { return m_monitor->results(toQString(run.id)); }));
}

void MainWindow::announceEnd(const JobStatus& job)
{
    constexpr double kLong = 20;   // seconds: the person is likely to look elsewhere
    if (job.state == JobState::Cancelled || job.seconds < kLong)
        return;
    statusBar()->showMessage(plainText(endText(job)), 20000);
    if (!isActiveWindow())
        QApplication::alert(this);   // the task bar calls
}

} // namespace halftone
