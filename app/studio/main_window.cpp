#include "app/studio/main_window.h"

#include "app/studio/done_notice.h"
#include "app/studio/error_text.h"
#include "app/studio/evaluation_table.h"
#include "app/studio/evidence_feed.h"
#include "app/studio/export_report.h"
#include "app/studio/help_window.h"
#include "app/studio/history_panel.h"
#include "app/studio/inspector.h"
#include "app/studio/job_actions.h"
#include "app/studio/job_indicator.h"
#include "app/studio/job_rows.h"
#include "app/studio/kv_cache_menu.h"
#include "app/studio/project_actions.h"
#include "app/studio/run_desk.h"
#include "app/studio/run_monitor.h"
#include "app/studio/runs_table.h"
#include "app/studio/screen_fit.h"
#include "app/studio/study_desk.h"
#include "app/studio/study_panel.h"
#include "app/studio/text.h"
#include "app/studio/view_feeds.h"
#include "app/studio/welcome_page.h"
#include "core/base/error_text.h"
#include "core/pipeline/jobs.h"
#include "core/recipe/preset_fit.h"
#include "widgets/channels_view.h"
#include "widgets/colour_map.h"
#include "widgets/curves_view.h"
#include "widgets/differences_view.h"
#include "widgets/focus_way.h"
#include "widgets/jobs_view.h"
#include "widgets/kernel_view.h"
#include "widgets/layers_model.h"
#include "widgets/layers_view.h"
#include "widgets/learned_view.h"
#include "widgets/message_banner.h"
#include "widgets/outliers_view.h"
#include "widgets/plain_labels.h"
#include "widgets/segmented_control.h"
#include "widgets/run_view.h"
#include "widgets/summary_bar.h"
#include "widgets/spectrum_view.h"
#include "widgets/texts_view.h"
#include "widgets/tokens_view.h"
#include "widgets/training_view.h"
#include "widgets/weights_view.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDesktopServices>
#include <QDockWidget>
#include <QFileInfo>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QPointer>
#include <QPushButton>
#include <QStackedWidget>
#include <QStandardPaths>
#include <QStatusBar>
#include <QTabWidget>
#include <QTimer>
#include <QTreeView>
#include <QUrl>
#include <QVBoxLayout>

#include <utility>

namespace halftone {

using namespace Qt::StringLiterals;

MainWindow::MainWindow(const QString& projectsRoot, const QString& logs, QWidget* parent)
    : QMainWindow(parent)
    , m_jobs(std::make_unique<JobRunner>(logs))
{
    setObjectName(u"mainWindow"_s);
    setAcceptDrops(true);
    QCoreApplication::instance()->installEventFilter(new PlainLabels(this));
    setDockNestingEnabled(true);
    resize(1440, 900);
    auto* screen = new ScreenFit(this, {1180, 720});
    m_document = new Document(*m_jobs, toPath(projectsRoot), this);
    m_tasks = new Tasks(*m_document, *m_jobs, this);

    auto* centre = new QWidget(this);
    auto* column = new QVBoxLayout(centre);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    m_messages = new MessageBanner(centre);
    m_messages->setObjectName(u"messages"_s);
    column->addWidget(m_messages);
    m_pages = new QStackedWidget(centre);
    column->addWidget(m_pages, 1);
    m_welcome = new WelcomePage(m_pages);
    m_pages->addWidget(m_welcome);
    m_views = new QMainWindow(m_pages);
    m_views->setObjectName(u"views"_s);
    m_views->setWindowFlags(Qt::Widget);
    m_views->setDockNestingEnabled(true);
    for (QMainWindow* window : {static_cast<QMainWindow*>(this), m_views})
        window->setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
    m_pages->addWidget(m_views);
    setCentralWidget(centre);

    buildDocks();
    buildActions();
    m_compute = new QLabel(this);
    m_compute->setObjectName(u"compute"_s);
    statusBar()->addWidget(m_compute);
    auto* hints = new QLabel(tr("Ctrl+Z undo   2–8 set bits   Ctrl+D like the row above   Ctrl+Shift+P commands   F1 explain"), this);
    m_done = new DoneNotice(this);
    statusBar()->addPermanentWidget(m_done);
    m_jobIndicator = new JobIndicator(this);
    statusBar()->addPermanentWidget(m_jobIndicator);
    m_compute->setContentsMargins(10, 0, 0, 0);
    hints->setContentsMargins(0, 0, 10, 0);
    statusBar()->addPermanentWidget(hints);
    const auto giveWay = [this, hints] { hints->setHidden(!m_jobIndicator->isHidden() || !m_done->isHidden()); };   // a narrow window has no room for both
    connect(m_jobIndicator, &JobIndicator::shownChanged, hints, giveWay, Qt::QueuedConnection);   // said before it shows
    connect(m_done, &DoneNotice::shownChanged, hints, giveWay);
    statusBar()->setSizeGripEnabled(false);
    connectDocument();
    connectViews();
    connectJobs();

    m_workspaces->load();
    restoreGeometry(m_settings.value(u"window/geometry"_s).toByteArray());
    screen->fit();   // it may have been saved on a larger one
    m_layers->restoreState(m_settings.value(u"layers/table"_s).toByteArray());
    showNoDocument();
    m_welcome->takeFocus();

    // What the numerics run on is asked off the GUI thread: the first call starts LibTorch.
    JobSpec spec{u"compute-description"_s, tr("Look at the machine"), JobSpec::Lane::Compute, false, {}, {}};
    m_jobs->submit(
        spec, [options = m_tasks->options()](Progress&, const std::stop_token&) { return toQString(computeDescription(options)); },
        [this](const QString& text) { m_compute->setText(text); });
}

MainWindow::~MainWindow()
{
    m_document->disconnect(this);   // nothing is shown any more
    m_jobs->disconnect();
    m_document->save();
    m_jobs.reset();
}

QString MainWindow::defaultProjectsRoot()
{
    return QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + u"/projects"_s;
}

QString MainWindow::defaultLogFolder()
{
    return QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + u"/logs"_s;
}

QDockWidget* MainWindow::addDock(QMainWindow* window, Qt::DockWidgetArea area, const QString& name, const QString& title, QWidget* content)
{
    auto* dock = new QDockWidget(title, window);
    dock->setObjectName(name + u"Dock"_s);
    dock->setWidget(content);
    dock->setFeatures(QDockWidget::DockWidgetClosable | QDockWidget::DockWidgetMovable);   // no second top-level window
    window->addDockWidget(area, dock);
    m_docks.insert(name, dock);
    m_dockOrder.append(name);
    return dock;
}

void MainWindow::buildDocks()
{
    m_layersModel = new LayersModel(this);
    m_layers = new LayersView(m_layersModel, this);
    m_layers->setObjectName(u"layers"_s);
    m_layers->setMinimumWidth(300);
    m_layers->setPresets(presets());
    m_layers->setPresetFit([this](const Preset& preset) { return fitPreset(m_document->recipe(), preset, m_document->model(), m_document->analysis()); });
    m_inspector = new Inspector(*m_document, *m_jobs, this);
    m_inspector->setFocusPolicy(Qt::NoFocus);   // its editors take the keys, and it follows them
    m_history = new HistoryPanel(m_document->undoStack(), this);
    m_jobsView = new JobsView(this);
    m_jobsView->setObjectName(u"jobs"_s);
    m_outliers = new OutliersView(this);
    m_kernel = new KernelView(this);
    m_channels = new ChannelsView(this);
    m_tokens = new TokensView(this);
    m_weights = new WeightsView(this);
    m_run = new RunView(this);
    m_runs = new RunsTable(this);
    m_training = new TrainingView(this);
    m_learned = new LearnedView(this);
    m_spectrum = new SpectrumView(this);
    m_compare = new EvaluationTable(this);
    m_texts = new TextsView(this);
    m_differences = new DifferencesView(this);
    m_study = new StudyPanel(this);

    Workspaces::Docks docks{};
    docks.layers = addDock(this, Qt::LeftDockWidgetArea, u"layers"_s, tr("Layers"), m_layers);
    docks.inspector = addDock(this, Qt::RightDockWidgetArea, u"inspector"_s, tr("Inspector"), m_inspector);
    docks.history = addDock(this, Qt::RightDockWidgetArea, u"history"_s, tr("History"), m_history);
    docks.jobs = addDock(this, Qt::BottomDockWidgetArea, u"jobs"_s, tr("Jobs"), m_jobsView);
    docks.outliers = addDock(m_views, Qt::LeftDockWidgetArea, u"outliers"_s, tr("Outliers"), m_outliers);
    docks.kernel = addDock(m_views, Qt::LeftDockWidgetArea, u"kernel"_s, tr("Kernel"), m_kernel);
    docks.channels = addDock(m_views, Qt::LeftDockWidgetArea, u"channels"_s, tr("Channels"), m_channels);
    docks.tokens = addDock(m_views, Qt::LeftDockWidgetArea, u"tokens"_s, tr("Tokens"), m_tokens);
    docks.weights = addDock(m_views, Qt::LeftDockWidgetArea, u"weights"_s, tr("Weights"), m_weights);
    docks.run = addDock(m_views, Qt::LeftDockWidgetArea, u"run"_s, tr("Run"), m_run);
    docks.runs = addDock(m_views, Qt::LeftDockWidgetArea, u"runs"_s, tr("Runs"), m_runs);
    docks.training = addDock(m_views, Qt::LeftDockWidgetArea, u"training"_s, tr("Training"), m_training);
    docks.learned = addDock(m_views, Qt::LeftDockWidgetArea, u"learned"_s, tr("Learned"), m_learned);
    docks.spectrum = addDock(m_views, Qt::LeftDockWidgetArea, u"spectrum"_s, tr("Error spectrum"), m_spectrum);
    docks.compare = addDock(m_views, Qt::LeftDockWidgetArea, u"compare"_s, tr("Compare"), m_compare);
    docks.texts = addDock(m_views, Qt::LeftDockWidgetArea, u"texts"_s, tr("Texts"), m_texts);
    docks.differences = addDock(m_views, Qt::LeftDockWidgetArea, u"differences"_s, tr("Differences"), m_differences);
    docks.study = addDock(m_views, Qt::LeftDockWidgetArea, u"studies"_s, tr("Study"), m_study);
    m_workspaces = new Workspaces(this, m_views, docks, this);
    m_workspaces->setArrangeable(false);
}

void MainWindow::connectDocument()
{
    Document* document = m_document;
    connect(document, &Document::opened, this, &MainWindow::showDocument);
    connect(document, &Document::closed, this, &MainWindow::showNoDocument);
    connect(document, &Document::openFailed, this, [this](const QString& path, const JobError& error) {
        m_welcome->setOpening({});
        m_messages->showMessage(errorMessage(u"open"_s, error));
        m_tourWaits = false;
        if (m_settings.listed().contains(path))
            lookForRecent();   // it may be gone: the list says so
    });
    connect(document, &Document::modelGone, this, [this](const QString& project, const QString& model) {
        m_welcome->setOpening({});
        m_tourWaits = false;
        m_gone = {project, model};
        m_messages->showMessage({Message::Kind::Warning, u"find-model"_s, tr("%1 cannot be opened: its model %2 is not there any more.").arg(project, model),
                                 tr("Say where it lies now. It is compared with the one that the project was made with, and the place is remembered."), tr("Find the &model…"), {}});
    });
    connect(document, &Document::notice, this, [this](const QString& id, const QString& sentence) {
        m_messages->showMessage({Message::Kind::Warning, id, sentence, {}, {}, {}});
    });
    connect(document, &Document::recipeRejected, this, [this](const QString& sentence, const QString& subject) {
        m_messages->showMessage({Message::Kind::Warning, u"recipe-rejected"_s, sentence, tr("The recipe stays as it was."), {},
                                 subject.isEmpty() ? sentence : sentence + u'\n' + subject});
        showRecipe();   // editors show what stands
    });
    connect(document, &Document::transformShared, this, [this](const QString& sentence) { statusBar()->showMessage(sentence, 8000); });
    connect(document, &Document::saveFailed, this, [this](const JobError& error) { m_messages->showMessage(errorMessage(u"save"_s, error)); });
    connect(document, &Document::recipeChanged, this, [this] {
        m_messages->dismiss(u"recipe-rejected"_s);
        showRecipe();
    });
    connect(document, &Document::analysisStarted, this, &MainWindow::showAnalysis);
    connect(document, &Document::analysisStarted, this, [this] { m_blocksShown = 0; });
    connect(document, &Document::analysisChanged, this, &MainWindow::showFinishedAnalysis);
    connect(document, &Document::analysisBlockAdded, this, &MainWindow::showAnalysisBlock);
    connect(document, &Document::runsChanged, this, &MainWindow::showResults);
    connect(document, &Document::runListChanged, this, &MainWindow::showRuns);
    connect(document, &Document::resultsChanged, this, &MainWindow::showResults);
    connect(document, &Document::runBlockAdded, this, [this](int) {
        m_layersModel->setBlockResult(m_document->results().back());
        m_inspector->refresh();
    });
    connect(document, &Document::evaluationsChanged, this, &MainWindow::showEvaluations);
    connect(document, &Document::selectionChanged, this, &MainWindow::showSelection);
    m_studies = new StudyDesk(*document, *m_jobs, *m_tasks, *m_study, this);
    m_feeds = new ViewFeeds(*document, *m_jobs, {m_kernel, m_tokens, m_channels, m_weights, m_differences}, this);
}

void MainWindow::connectViews()
{
    const auto select = [this](const Selection& selection) { m_document->select(selection); };
    // The table says it before its own selection has followed the click: answered later, and only the last wish.
    connect(m_layers, &LayersView::selectionRequested, this, [this](const Selection& wish) {
        const bool waiting = m_wish.has_value();
        m_wish = wish;
        if (!waiting)
            QTimer::singleShot(0, this, [this] { m_document->select(*std::exchange(m_wish, std::nullopt)); });
    });
    connect(m_outliers, &OutliersView::selectionRequested, this, select);
    connect(m_kernel, &KernelView::selectionRequested, this, select);
    connect(m_channels, &ChannelsView::selectionRequested, this, select);
    connect(m_tokens, &TokensView::selectionRequested, this, select);
    connect(m_weights, &WeightsView::selectionRequested, this, select);
    connect(m_differences, &DifferencesView::selectionRequested, this, select);
    connect(m_texts, &TextsView::blockPicked, this, [this](int block) { m_document->select(worstOf(block)); });
    connect(m_texts, &TextsView::blockOpened, this, [this](int block) {
        m_document->select(worstOf(block));
        setWorkspace(Workspaces::Inspect);
    });
    connect(m_compare, &EvaluationTable::shownChanged, this, &MainWindow::showTexts);
    connect(m_outliers, &OutliersView::tokensRequested, this, [this](const Selection& wish) {
        m_document->select(wish);
        QDockWidget* tokens = m_docks.value(u"tokens"_s);
        tokens->show();
        tokens->raise();
        m_tokens->setFocus();
    });
    connect(m_kernel, &KernelView::schemeChanged, m_layersModel, &LayersModel::setKernelScheme);
    connect(m_layers->tree()->selectionModel(), &QItemSelectionModel::selectionChanged, this,
            [this] { m_inspector->setTargets(m_layers->selectedLinears()); });
    connect(m_layers, &LayersView::editRequested, this, [this](const QStringList& linears, const PlanPatch& patch) { m_document->editPlans(linears, patch); });
    connect(m_inspector, &Inspector::patchRequested, this, [this](const QStringList& linears, const PlanPatch& patch) { m_document->editPlans(linears, patch); });
    connect(m_layers, &LayersView::filterChanged, this, [this] { m_inspector->setFiltered(m_layers->isFiltered() ? m_layers->filteredLinears() : QStringList()); });
    connect(m_inspector, &Inspector::saveFailed, this, [this](const QString& sentence) {
        m_messages->showMessage({Message::Kind::Error, u"save-picture"_s, sentence, tr("Choose another folder or name."), {}, {}});
    });
    connect(m_layers, &LayersView::resetRequested, m_document, &Document::resetPlans);
    connect(m_layers, &LayersView::presetRequested, this, [this](const QString& id, const QStringList& linears) {
        for (const Preset& preset : presets())
            if (toQString(preset.id) == id)
                m_document->applyPreset(preset, linears);
    });
    connect(m_layers, &LayersView::ruleRequested, m_document, &Document::makeRule);
    for (ViewFrame* view : findChildren<ViewFrame*>()) {
        connect(view, &ViewFrame::measureRequested, this, &MainWindow::analyzeWithDefaults);
        connect(view, &ViewFrame::explainRequested, this, &MainWindow::showHelp);
        connect(view, &ViewFrame::fullScreenRequested, this, [this](const QString& id) {
            m_workspaces->toggleFullScreen(m_docks.value(id, m_docks.value(id == u"kernel-perplexity"_s ? u"studies"_s : u"compare"_s)));   // the plots below the table go with it
        });
        connect(view, &ViewFrame::saved, this, [this](const QString& file) { statusBar()->showMessage(plainText(tr("Saved %1").arg(file)), 6000); });
        connect(view, &ViewFrame::saveFailed, this, [this](const QString& sentence) {
            m_messages->showMessage({Message::Kind::Error, u"save-picture"_s, sentence, tr("Choose another folder or name."), {}, {}});
        });
    }
    // A stale Weights view shows a run's codes: another run updates it, not another analysis.
    disconnect(m_weights, &ViewFrame::measureRequested, this, &MainWindow::analyzeWithDefaults);
    connect(m_weights, &ViewFrame::measureRequested, this, &MainWindow::askQuantize);
    for (ViewFrame* view : std::initializer_list<ViewFrame*>{m_run, m_training, m_learned, m_spectrum}) {
        disconnect(view, &ViewFrame::measureRequested, this, &MainWindow::analyzeWithDefaults);
        connect(view, &ViewFrame::measureRequested, this, &MainWindow::askQuantize);
    }
    m_monitor = new RunMonitor(*m_document, *m_jobs, *m_run, *m_runs, this);
    m_evidence = new EvidenceFeed(*m_document, *m_jobs, *m_monitor, {m_training, m_learned, m_spectrum, m_channels}, this);
    connect(m_monitor, &RunMonitor::resultsRead, this, &MainWindow::showCurves);
    connect(m_compare, &EvaluationTable::runChosen, m_monitor, &RunMonitor::show);
    connect(m_runs, &RunsTable::runChosen, m_compare, &EvaluationTable::setChosenRun);
    connect(m_compare->curves(), &CurvesView::selectionRequested, this, select);
    connect(m_welcome, &WelcomePage::sampleRequested, this, &MainWindow::openSample);
    connect(m_welcome, &WelcomePage::openRequested, this, &MainWindow::chooseModel);
    connect(m_welcome, &WelcomePage::recentRequested, this, &MainWindow::openPath);
    connect(m_welcome, &WelcomePage::forgetRequested, this, [this](const QString& path) {
        m_settings.removeRecent(path);
        updateRecentMenu();
    });
    connect(m_welcome, &WelcomePage::pinRequested, this, [this](const QString& path, bool pinned) {
        m_settings.setPinned(path, pinned);
        updateRecentMenu();
    });
    connect(m_welcome, &WelcomePage::helpRequested, this, [this] { showHelp(u"index"_s); });
    connect(m_welcome, &WelcomePage::tourRequested, this, &MainWindow::takeTour);
    connect(m_welcome, &WelcomePage::tourDeclined, this, [this] {
        m_settings.setTourDone();
        m_welcome->setTourOffered(false);
    });
    connect(m_workspaces, &Workspaces::namedChanged, this, &MainWindow::updateArrangements);
    connect(m_runs, &RunsTable::quantizeRequested, this, &MainWindow::askQuantize);
    connect(m_runs, &RunsTable::branchRequested, this, &MainWindow::quantizeFrom);
    connect(m_runs, &RunsTable::exportRequested, this, &MainWindow::askExport);
    connect(m_runs, &RunsTable::evaluateRequested, this, &MainWindow::askEvaluate);
    connect(m_runs, &RunsTable::recipeRequested, this, [this](const QString& id) {
        if (const RunInfo* run = m_document->run(id)) {
            try {
                m_document->replaceRecipe(Recipe::parse(run->recipeJson, run->id), tr("Recipe of %1").arg(id));
            } catch (const Error& e) {
                m_messages->showMessage(errorMessage(u"recipe"_s, {e.kind(), toQString(withoutPlace(e)), toQString(e.subject()), {}}));
            }
        }
    });
    connect(m_study, &StudyPanel::studyRequested, this, [this] { m_studies->ask(this); });
    connect(m_study, &StudyPanel::recipeRequested, this, [this](const Recipe& recipe, const QString& name) {
        if (m_document->replaceRecipe(recipe, tr("Recipe of %1").arg(name)))
            setWorkspace(Workspaces::Tune);
    });
    connect(m_study, &StudyPanel::runRequested, this, [this](const QString& run) {
        setWorkspace(Workspaces::Run);
        m_monitor->show(run);
    });
    connect(m_studies, &StudyDesk::begun, this, &MainWindow::showStudies);
    connect(m_studies, &StudyDesk::finished, this, [this](const QString& name) { statusBar()->showMessage(plainText(tr("The study %1 is finished.").arg(name)), 10000); });
    connect(m_compare, &EvaluationTable::evaluateRequested, this, [this] { askEvaluate(); });
    connect(m_compare, &EvaluationTable::removeRequested, m_document, &Document::removeEvaluation);
    connect(m_summary, &SummaryBar::cacheClicked, this, [this] { m_kvCacheMenu->popup(QCursor::pos()); });
    connect(m_summary, &SummaryBar::contractClicked, this, [this] { m_contractMenu->popup(QCursor::pos()); });
    connect(m_summary, &SummaryBar::figureClicked, this, [this] { setWorkspace(Workspaces::Compare); });
    connect(m_workspaces, &Workspaces::changed, this, [this](int kind) {
        m_workspaceButtons->setCurrent(kind);
        m_actions[u"workspace-"_s + Workspaces::id(static_cast<Workspaces::Kind>(kind))]->setChecked(true);
    });
}

void MainWindow::connectJobs()
{
    connect(m_jobs.get(), &JobRunner::changed, this, &MainWindow::showJobs);
    connect(m_jobsView, &JobsView::cancelRequested, this, [this](const QString& id) { m_jobs->cancel(id.toInt()); });
    connect(m_jobsView, &JobsView::pauseRequested, this, [this](const QString& id) { m_jobs->pause(id.toInt()); });
    connect(m_jobsView, &JobsView::moveUpRequested, this, [this](const QString& id) { m_jobs->moveUp(id.toInt()); });
    connect(m_jobsView, &JobsView::openLogRequested, this, [this](const QString& id) { QDesktopServices::openUrl(QUrl::fromLocalFile(m_jobs->job(id.toInt()).logFile)); });
    connect(m_jobsView, &JobsView::logRequested, this, [this](const QString& id) {
        const QString file = m_jobs->job(id.toInt()).logFile;
        if (file.isEmpty())
            return;
        JobSpec spec{u"read-log"_s, tr("Read %1").arg(file), JobSpec::Lane::Files, false, {}, {}};
        m_jobs->submit(spec, [file](Progress&, const std::stop_token&) { return tailOf(file); }, [this, id](const QString& text) { m_jobsView->setLog(id, text); });
    });
    connect(m_jobs.get(), &JobRunner::ended, this, &MainWindow::announceEnd);
    connect(m_jobsView, &JobsView::resumeRequested, this, [this](const QString& id) { m_jobs->resume(id.toInt()); });
    connect(m_jobsView, &JobsView::dismissRequested, this, [this](const QString& id) { m_jobs->drop(id.toInt()); });
    connect(m_jobsView, &JobsView::clearFinishedRequested, m_jobs.get(), &JobRunner::dropFinished);
    connect(m_jobActions, &JobActions::panelRequested, this, &MainWindow::showJobsPanel);
    connect(m_jobIndicator, &JobIndicator::clicked, this, &MainWindow::showJobsPanel);
    m_exportBanner = new ExportBanner(*m_messages, this);
    connect(m_projectActions, &ProjectActions::openRequested, this, &MainWindow::openPath);
    connect(m_jobs.get(), &JobRunner::cancelled, this, [this](const QString& tag) {
        if (tag == u"analyze"_s)
            m_blocksShown = 0;   // what the project holds comes back
    });
    connect(m_jobs.get(), &JobRunner::failed, this, [this](const QString& tag, const JobError& error) {
        if (tag == u"analyze"_s)
            m_blocksShown = 0;
        if (tag == u"analyze"_s || tag == u"quantize"_s || tag == u"export"_s || tag.startsWith(u"evaluate"_s) || tag.startsWith(u"study:"_s))
            m_messages->showMessage(errorMessage(tag, error));
    });
    connect(m_tasks, &Tasks::quantizeStarted, m_monitor, &RunMonitor::setPlan);
    connect(m_tasks, &Tasks::quantizeStarted, m_done, &DoneNotice::dismiss);
    connect(m_tasks, &Tasks::analyzed, this, [this] { statusBar()->showMessage(tr("Analyzed."), 6000); });
    connect(m_tasks, &Tasks::quantized, this, [this](const QString& run) {
        m_messages->dismiss(u"quantize"_s);
        m_announcedRun = run;
        m_done->tell(tr("%1 is done.").arg(run), tr("Evaluate…"), tr("Evaluate it to see what it cost, then export it."));
    });
    connect(m_tasks, &Tasks::evaluated, this, [this](const EvaluationRecord& record) {
        if (record.target == EvaluationRecord::Target::Run && record.run == m_announcedRun)
            m_done->dismiss();   // what it asked for is done
        statusBar()->showMessage(plainText(tr("%1: perplexity %2").arg(record.label, formatValue(record.result.perplexity.perplexity))), 10000);
    });
    connect(m_tasks, &Tasks::exported, this, [this](const ExportRequest& request, const ExportResult& result, const QString& command) {
        m_messages->dismiss(u"export"_s);
        if (request.run == m_announcedRun)
            m_done->dismiss();
        m_exportBanner->tell({request, result, command, serveCommands(*m_document, request)});
    });
    connect(m_messages, &MessageBanner::actionRequested, this, [this](const QString& id) {
        if (id == u"find-model"_s)
            findMovedModel();
    });
    connect(m_done, &DoneNotice::actionRequested, this, [this] {
        m_done->dismiss();
        askEvaluate(m_announcedRun);
    });
}

void MainWindow::setWorkspace(Workspaces::Kind kind)
{
    if (!m_document->isOpen())
        return;
    const QPointer<QWidget> before = focusWidget();
    m_workspaces->show(kind);
    if (before && isFocusStop(before))   // what hides on the way of the panels would else hand it to whatever comes next
        before->setFocus();
    else if (!focusWidget() || !isFocusStop(focusWidget()))
        stepFocus(this, true);
}

void MainWindow::showHelp(const QString& page)
{
    if (!m_help)
        m_help = new HelpWindow(this);
    m_help->showPage(page);
    m_help->show();
    m_help->raise();
    m_help->activateWindow();
}

void MainWindow::updateTitle()
{
    QStringList parts;
    const std::vector<JobStatus> jobs = m_jobs->jobs();
    if (const JobStatus* job = jobAtWork(jobs))   // first: a task bar cuts titles at their end
        parts.append(shareText(*job));
    if (m_document->isOpen())
        parts.append(m_document->readOnly() ? tr("%1 (read-only)").arg(m_document->name()) : m_document->name());
    parts.append(tr("Halftone"));
    parts.removeAll(QString());
    setWindowTitle(plainText(parts.join(u" – "_s)));
}

void MainWindow::quitNow()
{
    m_quitting = true;
    close();
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (!m_quitting && m_jobs->isRunning(u"quantize"_s)) {
        event->ignore();
        auto* box = new QMessageBox(QMessageBox::Question, tr("A run is at work"),
                                    tr("Quantization is still running. Finished blocks are on disk: when you open the project again, it can go on."),
                                    QMessageBox::NoButton, this);
        box->setObjectName(u"quitBox"_s);
        box->setAttribute(Qt::WA_DeleteOnClose);
        QPushButton* stop = box->addButton(tr("Stop and quit"), QMessageBox::AcceptRole);
        box->addButton(tr("Keep running"), QMessageBox::RejectRole);
        connect(stop, &QPushButton::clicked, this, [this] { QMetaObject::invokeMethod(this, &MainWindow::quitNow, Qt::QueuedConnection); });
        box->open();
        return;
    }
    m_settings.setValue(u"window/geometry"_s, saveGeometry());
    m_settings.setValue(u"layers/table"_s, m_layers->saveState());
    m_workspaces->save();
    m_document->save();
    m_jobs->cancelAll();
    if (m_help)
        m_help->close();
    event->accept();
}

void MainWindow::changeEvent(QEvent* event)
{
    QMainWindow::changeEvent(event);
    // Afterwards: an application's new style sheet gives its widgets the palettes back that they had before it.
    if ((event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange) && m_inspector)
        QMetaObject::invokeMethod(m_inspector, [this] { m_inspector->refresh(); }, Qt::QueuedConnection);
}

} // namespace halftone
