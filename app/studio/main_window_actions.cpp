// Menus, the tool row and the dialogs: each action is made once, here, and placed in menu and row.

#include "app/studio/main_window.h"

#include "app/studio/analyze_dialog.h"
#include "app/studio/done_notice.h"
#include "app/studio/error_text.h"
#include "app/studio/evaluate_dialog.h"
#include "app/studio/export_dialog.h"
#include "app/studio/job_actions.h"
#include "app/studio/kv_cache_menu.h"
#include "app/studio/open_dialog.h"
#include "app/studio/preset_menu.h"
#include "app/studio/project_actions.h"
#include "app/studio/quantize_dialog.h"
#include "app/studio/resources.h"
#include "app/studio/run_desk.h"
#include "app/studio/study_desk.h"
#include "app/studio/text.h"
#include "app/studio/welcome_page.h"
#include "widgets/action_reason.h"
#include "widgets/kernel_view.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"
#include "widgets/plain_labels.h"
#include "widgets/segmented_control.h"
#include "widgets/summary_bar.h"

#include <QActionGroup>
#include <QApplication>
#include <QDir>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QMenuBar>
#include <QMessageBox>
#include <QPushButton>
#include <QStatusBar>
#include <QToolBar>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

QAction* MainWindow::addAction(QMenu* menu, const QString& name, const QString& text, const QKeySequence& keys, const QString& tip, const QString& iconName)
{
    QAction* action = menu->addAction(text);
    action->setObjectName(name);
    action->setShortcut(keys);
    describeAction(*action, tip);
    if (!iconName.isEmpty())
        action->setIcon(icon(iconName));
    m_actions.insert(name, action);
    return action;
}

void MainWindow::buildActions()
{
    buildFileMenu();
    buildEditMenu();
    buildViewMenu();
    buildJobMenus();
    m_jobActions = new JobActions(*m_jobs, *menuBar(), this);
    buildHelpMenu();
    buildToolBar();
}

void MainWindow::buildFileMenu()
{
    QMenu* file = menuBar()->addMenu(tr("&File"));
    QAction* open = addAction(file, u"open"_s, tr("&Open model or project…"), QKeySequence::Open, tr("Open a Hugging Face folder, a GGUF file or a project"), u"folder"_s);
    setActionKeywords(*open, u"gguf safetensors folder file"_s);
    connect(open, &QAction::triggered, this, &MainWindow::chooseModel);
    QAction* sample = addAction(file, u"openSample"_s, tr("Open &sample"), {}, tr("Open the small model that the set-up installs"), u"welcome"_s);
    sample->setVisible(!sampleModel().isEmpty());
    connect(sample, &QAction::triggered, this, &MainWindow::openSample);
    m_recentMenu = file->addMenu(tr("Open &recent"));
    m_recentMenu->setObjectName(u"recentMenu"_s);
    m_recentMenu->setToolTipsVisible(true);
    QAction* reopen = addAction(file, u"reopenLast"_s, tr("&Reopen the last one at start"), {}, tr("Open at start what was open last; this stays as set"));
    reopen->setCheckable(true);
    reopen->setChecked(m_settings.reopensLast());
    connect(reopen, &QAction::toggled, this, [this](bool on) { m_settings.setReopensLast(on); });
    file->addSeparator();
    connect(addAction(file, u"importRecipe"_s, tr("&Import recipe…"), QKeySequence(Qt::CTRL | Qt::Key_I), tr("Take a recipe file as the one being edited; one undo step")), &QAction::triggered, this,
            &MainWindow::chooseRecipeToImport);
    connect(addAction(file, u"saveRecipe"_s, tr("Save recipe &as…"), QKeySequence::SaveAs, tr("Write the recipe as JSON, for the command line and for others"), u"save"_s),
            &QAction::triggered, this, &MainWindow::chooseRecipeToSave);
    file->addSeparator();
    m_projectActions = new ProjectActions(*m_document, *m_jobs, *m_messages, *file, this);
    file->addSeparator();
    connect(addAction(file, u"close"_s, tr("&Close"), QKeySequence::Close, tr("Close the model; everything is saved already"), u"close"_s), &QAction::triggered, m_document,
            &Document::close);
    connect(addAction(file, u"quit"_s, tr("&Quit"), QKeySequence::Quit, tr("Leave Halftone")), &QAction::triggered, this, &QWidget::close);
}

void MainWindow::buildEditMenu()
{
    QMenu* edit = menuBar()->addMenu(tr("&Edit"));
    QUndoStack& stack = m_document->undoStack();
    const auto place = [&](QAction* action, const QString& name, const QKeySequence& keys, const QString& iconName, const QString& tip, const QString& whenOff) {
        action->setObjectName(name);
        action->setShortcut(keys);
        describeAction(*action, tip, whenOff);
        action->setIcon(icon(iconName));
        edit->addAction(action);
        m_actions.insert(name, action);
    };
    place(stack.createUndoAction(this, tr("&Undo")), u"undo"_s, QKeySequence::Undo, u"undo"_s, tr("Take back the last change of the recipe"),
          tr("There is no change to take back."));
    place(stack.createRedoAction(this, tr("&Redo")), u"redo"_s, QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), u"redo"_s,
          tr("Make the change again that was taken back"), tr("No change was taken back."));
    m_actions[u"redo"_s]->setShortcuts({QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), QKeySequence(Qt::CTRL | Qt::Key_Y)});
    edit->addSeparator();
    for (QAction* action : m_layers->editActions()) {
        setConsequential(*action);
        edit->addAction(action);
    }
    edit->addSeparator();
    m_presetMenu = new PresetMenu(this);
    edit->addMenu(m_presetMenu);
    connect(m_presetMenu, &QMenu::aboutToShow, this, [this] { m_presetMenu->refresh(*m_document); });
    connect(m_presetMenu, &PresetMenu::presetRequested, this, [this](const Preset& preset) { m_document->applyPreset(preset); });
    connect(addAction(edit, u"clearRecipe"_s, tr("Clear r&ecipe"), {}, tr("Leave every linear as it is; one undo step")), &QAction::triggered, this, [this] {
        Recipe empty;
        empty.calibration = m_document->recipe().calibration;
        empty.contract = m_document->recipe().contract;
        m_document->replaceRecipe(empty, tr("Clear the recipe"));
    });
    setConsequential(*m_actions[u"clearRecipe"_s]);
}

void MainWindow::buildViewMenu()
{
    QMenu* view = menuBar()->addMenu(tr("&View"));
    auto* group = new QActionGroup(this);
    for (int kind = 0; kind < Workspaces::kCount; ++kind) {
        const auto workspace = static_cast<Workspaces::Kind>(kind);
        static const std::array tips{tr("Maps of what is measured"), tr("The recipe beside what it acts on"), tr("Runs and jobs"), tr("What was measured, side by side")};
        QAction* action = addAction(view, u"workspace-"_s + Workspaces::id(workspace), Workspaces::label(workspace), QKeySequence(Qt::CTRL | (Qt::Key(Qt::Key_1 + kind))),
                                    tips[static_cast<std::size_t>(kind)], Workspaces::id(workspace));
        action->setCheckable(true);
        group->addAction(action);
        connect(action, &QAction::triggered, this, [this, workspace] { setWorkspace(workspace); });
    }
    view->addSeparator();
    for (const QString& name : m_dockOrder) {
        QAction* action = m_docks.value(name)->toggleViewAction();
        action->setObjectName(u"show-"_s + name);
        describeAction(*action, tr("Show or hide the panel %1").arg(m_docks.value(name)->windowTitle()));
        // Whoever asks for a panel that is behind another tab wants to see it. (An action is toggled before it hides the panel: this is still as it was.)
        QDockWidget* dock = m_docks.value(name);
        connect(action, &QAction::toggled, this, [this, name, dock] { m_seenDocks.insert(name, dock->isVisible() && !dock->visibleRegion().isEmpty()); });
        connect(action, &QAction::triggered, this, [this, name, dock](bool on) {
            if (!on && m_seenDocks.value(name))
                return;
            dock->show();
            dock->raise();
        });
        view->addAction(action);
    }
    QAction* arrange = addAction(view, u"arrange"_s, tr("&Arrange panels"), {}, tr("Show title bars to drag the panels by"));
    arrange->setCheckable(true);
    connect(arrange, &QAction::toggled, m_workspaces, &Workspaces::setArrangeable);
    connect(addAction(view, u"resetWorkspace"_s, tr("&Reset this workspace"), {}, tr("Back to the designed arrangement")), &QAction::triggered, m_workspaces, &Workspaces::reset);
    m_arrangementMenu = view->addMenu(tr("Arran&gements"));
    m_arrangementMenu->setObjectName(u"arrangementMenu"_s);
    connect(addAction(m_arrangementMenu, u"saveArrangement"_s, tr("&Save arrangement as…"), {}, tr("Keep the places and sizes of the panels under a name")), &QAction::triggered, this,
            &MainWindow::askArrangementName);
    view->addSeparator();
    connect(addAction(view, u"nextPanel"_s, tr("&Next panel"), QKeySequence(Qt::Key_F6), tr("Go to the next panel with the keyboard")), &QAction::triggered, this,
            [this] { goToPanel(1); });
    connect(addAction(view, u"previousPanel"_s, tr("&Previous panel"), QKeySequence(Qt::SHIFT | Qt::Key_F6), tr("Go to the panel before with the keyboard")), &QAction::triggered,
            this, [this] { goToPanel(-1); });
    view->addSeparator();
    QMenu* themes = view->addMenu(tr("&Theme"));
    auto* themeGroup = new QActionGroup(this);
    const std::array choices{std::pair{Settings::ThemeChoice::System, tr("As the &desktop")}, std::pair{Settings::ThemeChoice::Light, tr("&Light")},
                             std::pair{Settings::ThemeChoice::Dark, tr("Da&rk")}};
    const std::array names{u"theme-system"_s, u"theme-light"_s, u"theme-dark"_s};
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const auto [choice, text] = choices[i];
        QAction* action = addAction(themes, names[i], text, {}, tr("Colours of the window"));
        action->setCheckable(true);
        action->setChecked(m_settings.themeChoice() == choice);
        themeGroup->addAction(action);
        connect(action, &QAction::triggered, this, [this, wanted = choice] {
            m_settings.setThemeChoice(wanted);
            applyTheme();
        });
    }
    QAction* calm = addAction(view, u"reduceMotion"_s, tr("Reduce &motion"), {}, tr("No fades, no moving bars, no blinking caret"));
    calm->setCheckable(true);
    calm->setChecked(m_settings.reducesMotion());
    connect(calm, &QAction::toggled, this, [this](bool on) {
        m_settings.setReducesMotion(on);
        setReducedMotion(*qobject_cast<QApplication*>(QCoreApplication::instance()), on);
    });
    setReducedMotion(*qobject_cast<QApplication*>(QCoreApplication::instance()), m_settings.reducesMotion());
    QAction* full = addAction(view, u"fullScreen"_s, tr("&Full screen"), QKeySequence(Qt::Key_F11), tr("The window on the whole screen"), u"fullscreen"_s);
    full->setCheckable(true);
    connect(full, &QAction::toggled, this, [this](bool on) { on ? showFullScreen() : showNormal(); });
}

void MainWindow::buildJobMenus()
{
    QMenu* analyze = menuBar()->addMenu(tr("&Analyze"));
    connect(addAction(analyze, u"analyze"_s, tr("&Analyze…"), QKeySequence(Qt::CTRL | Qt::Key_R), tr("Measure every site on a text"), u"analyze"_s), &QAction::triggered, this,
            &MainWindow::askAnalyze);
    connect(addAction(analyze, u"analyzeAgain"_s, tr("Analyze with the &last settings"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_R), tr("The same text, windows and grid again")),
            &QAction::triggered, this, &MainWindow::analyzeWithDefaults);

    QAction* largest = addAction(analyze, u"largestOutlier"_s, tr("Go to the largest &outlier"), QKeySequence(Qt::CTRL | Qt::Key_L), tr("Select the site and channel that stand out the most"));
    setActionKeywords(*largest, u"worst ratio ranked"_s);
    connect(largest, &QAction::triggered, this, &MainWindow::goToLargestOutlier);

    QMenu* quantize = menuBar()->addMenu(tr("&Quantize"));
    connect(addAction(quantize, u"quantize"_s, tr("&Quantize…"), QKeySequence(Qt::CTRL | Qt::Key_Return), tr("Run the recipe in the background"), u"quantize"_s), &QAction::triggered,
            this, &MainWindow::askQuantize);
    m_runDesk = new RunDesk(*m_document, *m_jobs, *m_tasks, *m_runs, *m_messages, this);
    m_runDesk->addActions(*quantize);
    m_contractMenu = quantize->addMenu(tr("&Contract"));
    m_contractMenu->setObjectName(u"contractMenu"_s);
    m_contracts = new QActionGroup(this);
    m_contractMenu->addAction(tr("Any"))->setData(QString());
    for (const std::string& contract : contracts())
        m_contractMenu->addAction(toQString(contractName(contract)))->setData(toQString(contract));
    for (QAction* action : m_contractMenu->actions()) {
        action->setCheckable(true);
        action->setObjectName(u"contract-"_s + action->data().toString());
        describeAction(*action, action->data().toString().isEmpty() ? tr("No limits but those of the methods")
                                                                    : tr("What %1 can load becomes the limit while you edit").arg(action->text()));
        setConsequential(*action);
        m_contracts->addAction(action);
        connect(action, &QAction::triggered, this, [this, action] {
            m_document->setContract(action->data().toString());
            showRecipe();
        });
    }

    m_kvCacheMenu = new KvCacheMenu(this);
    quantize->addMenu(m_kvCacheMenu);
    connect(m_kvCacheMenu, &KvCacheMenu::gridRequested, this, [this](const KvCacheGrid& grid) {
        m_document->setKvCache(grid);
        showRecipe();   // also where it was refused: the menu shows what holds
    });

    QMenu* evaluate = menuBar()->addMenu(tr("Eval&uate"));
    connect(addAction(evaluate, u"evaluate"_s, tr("&Evaluate…"), QKeySequence(Qt::CTRL | Qt::Key_E), tr("Perplexity, and divergence from the float model"), u"evaluate"_s),
            &QAction::triggered, this, [this] { askEvaluate(); });
    connect(addAction(evaluate, u"study"_s, tr("&Study…"), QKeySequence(Qt::CTRL | Qt::Key_T), tr("Many settings as one job: methods, bits, groups, activation grids")),
            &QAction::triggered, this, [this] { m_studies->ask(this); });
    QAction* plotKernel = addAction(evaluate, u"plotKernel"_s, tr("Plot perplexity against &kernel"), {},
                                    tr("Sweep CrossQuant's alpha and the bits of the activations with float weights, as a small study"));
    connect(plotKernel, &QAction::triggered, this, &MainWindow::plotKernel);
    m_kernel->cornerMenu()->addSeparator();
    m_kernel->cornerMenu()->addAction(plotKernel);

    QMenu* exportMenu = menuBar()->addMenu(tr("E&xport"));
    connect(addAction(exportMenu, u"export"_s, tr("E&xport…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E), tr("Write a finished run as a checkpoint"), u"export"_s),
            &QAction::triggered, this, [this] { askExport(); });
}

void MainWindow::buildHelpMenu()
{
    QMenu* help = menuBar()->addMenu(tr("&Help"));
    connect(addAction(help, u"help"_s, tr("&Explain this panel"), QKeySequence(Qt::Key_F1), tr("The page of the guide about the panel that has the focus"), u"help"_s),
            &QAction::triggered, this, [this] { showHelp(pageOfFocus()); });
    connect(addAction(help, u"guide"_s, tr("&Guide"), QKeySequence(Qt::SHIFT | Qt::Key_F1), tr("How to use Halftone, and what its figures mean"), u"explain"_s), &QAction::triggered,
            this, [this] { showHelp(u"index"_s); });
    connect(addAction(help, u"commandPalette"_s, tr("Find a &command…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_P), tr("Every command of the window, by a part of its name")),
            &QAction::triggered, this, &MainWindow::showPalette);
    connect(addAction(help, u"tour"_s, tr("Take the &tour"), {}, tr("Three steps in the real window, on the sample model")), &QAction::triggered, this, &MainWindow::takeTour);
    help->addSeparator();
    connect(addAction(help, u"changes"_s, tr("&List of changes"), {}, tr("What is new")), &QAction::triggered, this, [this] { showHelp(u"changes"_s); });
    help->addSeparator();
    connect(addAction(help, u"about"_s, tr("&About Halftone"), {}, tr("Version and licence"), u"info"_s), &QAction::triggered, this, &MainWindow::showAbout);
}

void MainWindow::buildToolBar()
{
    auto* bar = new QToolBar(tr("Tools"), this);
    bar->setObjectName(u"toolBar"_s);
    bar->setMovable(false);
    bar->setFloatable(false);
    bar->toggleViewAction()->setObjectName(u"show-tools"_s);
    describeAction(*bar->toggleViewAction(), tr("Show or hide the row of tools"), tr("The row of tools always stays in sight."));
    bar->toggleViewAction()->setVisible(false);
    bar->setContextMenuPolicy(Qt::PreventContextMenu);
    bar->setMinimumHeight(44);   // the same before and after a model opens
    const auto addSpace = [bar](QSizePolicy::Policy policy, int width) {
        auto* space = new QWidget(bar);
        space->setSizePolicy(policy, QSizePolicy::Preferred);
        space->setMinimumWidth(width);
        bar->addWidget(space);
    };
    addSpace(QSizePolicy::Fixed, 10);
    m_workspaceButtons = new SegmentedControl(bar);
    m_workspaceButtons->setObjectName(u"workspaces"_s);
    m_workspaceButtons->setAccessibleName(tr("Workspace"));
    QStringList texts, tips;
    for (int kind = 0; kind < Workspaces::kCount; ++kind) {
        texts.append(Workspaces::label(static_cast<Workspaces::Kind>(kind)));
        tips.append(m_actions[u"workspace-"_s + Workspaces::id(static_cast<Workspaces::Kind>(kind))]->toolTip());
    }
    m_workspaceButtons->setSegments(texts, tips);
    connect(m_workspaceButtons, &SegmentedControl::chosen, this, [this](int kind) { setWorkspace(static_cast<Workspaces::Kind>(kind)); });
    bar->addWidget(m_workspaceButtons);
    bar->addSeparator();
    addSpace(QSizePolicy::Fixed, 4);
    for (const QString& name : {u"analyze"_s, u"quantize"_s, u"evaluate"_s, u"export"_s}) {
        QAction* action = m_actions[name];
        auto* button = new QPushButton(QString(action->text()).remove(u'&'), bar);
        button->setObjectName(name + u"Button"_s);
        button->setToolTip(action->toolTip());
        button->setAutoDefault(false);
        button->setFocusPolicy(Qt::TabFocus);
        connect(button, &QPushButton::clicked, action, &QAction::trigger);
        connect(action, &QAction::changed, button, [button, action] {
            button->setEnabled(action->isEnabled());
            button->setToolTip(action->toolTip());
        });
        bar->addWidget(button);
        addSpace(QSizePolicy::Fixed, 4);
    }
    addSpace(QSizePolicy::Expanding, 8);
    m_summary = new SummaryBar(bar);
    m_summary->setObjectName(u"summary"_s);
    m_summaryAction = bar->addWidget(m_summary);
    addSpace(QSizePolicy::Fixed, 8);
    addToolBar(Qt::TopToolBarArea, bar);
}

void MainWindow::updateActions()
{
    const bool open = m_document->isOpen();
    const QString first = tr("Open a model first.");
    for (const QString& name : {u"analyze"_s, u"analyzeAgain"_s, u"evaluate"_s, u"close"_s, u"importRecipe"_s, u"saveRecipe"_s, u"clearRecipe"_s, u"arrange"_s, u"resetWorkspace"_s,
                                u"saveArrangement"_s, u"nextPanel"_s, u"previousPanel"_s})
        setActionEnabled(*m_actions[name], open, first);
    setActionEnabled(*m_jobActions->panelAction(), open, first);
    setActionEnabled(*m_actions[u"quantize"_s], open && !m_document->readOnly(), open ? tr("The project is open read-only: nothing can be quantized into it.") : first);
    for (const QString& name : {u"study"_s, u"plotKernel"_s})
        setActionEnabled(*m_actions[name], open && !m_document->readOnly(), open ? tr("The project is open read-only: a study has no place to go.") : first);
    setActionEnabled(*m_actions[u"largestOutlier"_s], open && m_document->hasAnalysis(), open ? tr("Analyze first: nothing is measured yet.") : first);
    for (QAction* action : m_layers->editActions())
        if (!open || action->objectName() != u"layersMakeRule"_s)   // the table itself knows when that can be
            setActionEnabled(*action, open, first);
    setActionEnabled(*m_actions[u"export"_s], open && m_document->latestRun(), open ? tr("Quantize first: an export takes a finished run.") : first);
    for (int kind = 0; kind < Workspaces::kCount; ++kind) {
        QAction* action = m_actions[u"workspace-"_s + Workspaces::id(static_cast<Workspaces::Kind>(kind))];
        setActionEnabled(*action, open, first);
        if (auto* segment = m_workspaceButtons->findChild<QWidget*>(u"segment%1"_s.arg(kind)))
            segment->setToolTip(action->toolTip());
    }
    for (QDockWidget* dock : m_docks)
        setActionEnabled(*dock->toggleViewAction(), open, first);
    m_workspaceButtons->setEnabled(open);
    m_contractMenu->setEnabled(open);
    for (QAction* action : m_contractMenu->actions())
        setActionEnabled(*action, open, first);
    m_presetMenu->setEnabled(open);
    m_presetMenu->refresh(*m_document);
    m_kvCacheMenu->setEnabled(open);
    if (open)
        m_kvCacheMenu->setGrid(m_document->recipe().kvCache, m_document->recipe().contract, m_document->model().config);
    else
        m_kvCacheMenu->setClosed(first);
    updateArrangements();
    m_summaryAction->setVisible(open);
}

void MainWindow::updateRecentMenu()
{
    m_recentMenu->clear();
    const QStringList recent = m_settings.listed(), pinned = m_settings.pinned();
    for (const QString& path : recent) {
        if (!pinned.isEmpty() && path == recent.value(pinned.size()))
            m_recentMenu->addSeparator();   // below those that stay
        QAction* action = m_recentMenu->addAction(plainText(path).replace(u'&', u"&&"_s));
        if (pinned.contains(path))
            action->setIcon(icon(u"pin"_s));
        action->setObjectName(u"recentPath%1"_s.arg(recent.indexOf(path)));
        describeAction(*action, tr("Open it again"));
        connect(action, &QAction::triggered, this, [this, path] { openPath(path); });
    }
    m_recentMenu->setEnabled(!recent.isEmpty());
    m_welcome->setRecent(recent, pinned);
    lookForRecent();
}

void MainWindow::openSample()
{
    if (const QString sample = sampleModel(); !sample.isEmpty())
        openPath(sample);
}

void MainWindow::chooseModel()
{
    auto* dialog = new OpenDialog(m_settings.folder(u"model"_s, QDir::homePath()), this);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& path) {
        m_settings.setFolder(u"model"_s, QFileInfo(path).absolutePath());
        openPath(path);
    });
    dialog->open();
}

void MainWindow::findMovedModel()
{
    const bool file = m_gone.model.endsWith(u".gguf"_s);
    auto* dialog = new QFileDialog(this, file ? tr("Where does this GGUF file lie now?") : tr("Where does this model's folder lie now?"), m_settings.folder(u"model"_s, QDir::homePath()),
                                   file ? tr("GGUF checkpoints (*.gguf);;All files (*)") : QString());
    dialog->setObjectName(u"findModelDialog"_s);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(file ? QFileDialog::ExistingFile : QFileDialog::Directory);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& model) {
        m_messages->dismiss(u"find-model"_s);
        m_document->openMoved(m_gone.project, model);
    });
    dialog->open();
}

void MainWindow::importRecipe(const QString& file)
{
    if (!m_document->isOpen()) {
        m_messages->showMessage({Message::Kind::Warning, u"recipe"_s, tr("%1 looks like a recipe, and a recipe needs a model.").arg(QFileInfo(file).fileName()),
                                 tr("Open a model first, then drop the recipe again."), {}, {}});
        return;
    }
    JobSpec spec{u"read-recipe"_s, tr("Read %1").arg(file), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this](const JobError& error) { m_messages->showMessage(errorMessage(u"recipe"_s, error)); };
    m_jobs->submit(
        spec, [path = toPath(file)](Progress&, const std::stop_token&) { return Recipe::load(path); },
        [this, file](const Recipe& recipe) {
            m_messages->dismiss(u"recipe"_s);
            if (m_document->replaceRecipe(recipe, tr("Recipe %1").arg(QFileInfo(file).fileName())))
                statusBar()->showMessage(plainText(tr("The recipe is now that of %1; undo brings back the former one.").arg(QFileInfo(file).fileName())), 8000);
        });
}

void MainWindow::chooseRecipeToImport()
{
    auto* dialog = new QFileDialog(this, tr("Import a recipe"), m_settings.folder(u"recipe"_s, QDir::homePath()), tr("Recipes (*.json);;All files (*)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& file) {
        m_settings.setFolder(u"recipe"_s, file);
        importRecipe(file);
    });
    dialog->open();
}

void MainWindow::chooseRecipeToSave()
{
    auto* dialog = new QFileDialog(this, tr("Save the recipe"), m_settings.folder(u"recipe"_s, QDir::homePath()), tr("Recipes (*.json)"));
    dialog->setObjectName(u"saveRecipeDialog"_s);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setDefaultSuffix(u"json"_s);
    dialog->selectFile(m_document->name() + u".json"_s);
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& file) {
        m_settings.setFolder(u"recipe"_s, file);
        JobSpec spec{u"write-recipe"_s, tr("Save %1").arg(file), JobSpec::Lane::Files, false, {}, {}};
        spec.failed = [this](const JobError& error) { m_messages->showMessage(errorMessage(u"save"_s, error)); };
        m_jobs->submit(
            spec, [recipe = m_document->recipe(), path = toPath(file)](Progress&, const std::stop_token&) { recipe.save(path); },
            [this, file] { statusBar()->showMessage(plainText(tr("Saved %1").arg(file)), 6000); });
    });
    dialog->open();
}

void MainWindow::askAnalyze()
{
    if (!m_document->isOpen())
        return;
    auto* dialog = new AnalyzeDialog(*m_document, *m_jobs, m_lastAnalyze, this);
    connect(dialog, &JobDialog::started, this, [this, dialog] {
        m_lastAnalyze = dialog->request();
        m_messages->dismiss(u"analyze"_s);
        m_tasks->analyze(m_lastAnalyze);
    });
    dialog->open();
}

void MainWindow::analyzeWithDefaults()
{
    if (!m_document->isOpen())
        return;
    AnalyzeRequest request = m_lastAnalyze;
    if (request.text.isEmpty())
        request.text = resourceFile(u"text/sample.txt"_s);
    if (request.text.isEmpty()) {
        askAnalyze();
        return;
    }
    request.length = static_cast<int>(std::clamp<std::int64_t>(m_document->model().config.maxPositions, 2, request.length));
    m_messages->dismiss(u"analyze"_s);
    m_tasks->analyze(request);
}

void MainWindow::askQuantize()
{
    quantizeFrom({});
}

void MainWindow::quantizeFrom(const QString& branchFrom)
{
    if (!m_document->isOpen())
        return;
    auto* dialog = new QuantizeDialog(*m_document, *m_jobs, m_lastCalibration, branchFrom, this);
    connect(dialog, &JobDialog::started, this, [this, dialog] {
        const QuantizeRequest request = dialog->request();
        m_lastCalibration = request.text;
        m_runDesk->setText(request.text);
        m_messages->dismiss(u"interrupted"_s);
        if (!m_document->setCalibration(dialog->calibration()))
            return;
        m_messages->dismiss(u"quantize"_s);
        m_done->dismiss();
        m_tasks->quantize(request);
    });
    dialog->open();
}

void MainWindow::askEvaluate(const QString& run)
{
    if (!m_document->isOpen())
        return;
    auto* dialog = new EvaluateDialog(*m_document, *m_jobs, m_lastEvaluate, this);
    dialog->chooseRun(run);
    connect(dialog, &JobDialog::started, this, [this, dialog] {
        for (const EvaluateRequest& request : dialog->requests()) {
            m_lastEvaluate = request;
            m_tasks->evaluate(request);
        }
    });
    dialog->open();
}

void MainWindow::askExport(const QString& run)
{
    if (!m_document->latestRun())
        return;
    auto* dialog = new ExportDialog(*m_document, m_settings.folder(u"export"_s, QDir::homePath()), this);
    dialog->chooseRun(run);
    connect(dialog, &ExportDialog::checkRequested, m_tasks, &Tasks::checkExport);
    connect(m_tasks, &Tasks::exportChecked, dialog, &ExportDialog::setIssues);
    connect(dialog, &JobDialog::started, this, [this, dialog] {
        const ExportRequest request = dialog->request();
        m_settings.setFolder(u"export"_s, QFileInfo(request.out).absolutePath());
        m_messages->dismiss(u"export"_s);
        m_tasks->exportRun(request);
    });
    dialog->open();
}

void MainWindow::plotKernel()
{
    if (!m_studies->runPreset(u"kernel"_s))
        m_studies->ask(this, u"kernel"_s);
}

void MainWindow::showStudies()
{
    setWorkspace(Workspaces::Compare);
    QDockWidget* dock = m_docks.value(u"studies"_s);
    dock->show();
    dock->raise();
}

void MainWindow::showAbout()
{
    auto* box = new QMessageBox(this);
    box->setObjectName(u"aboutBox"_s);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setWindowTitle(tr("About Halftone"));
    box->setIconPixmap(applicationIcon().pixmap(64, 64));
    box->setTextFormat(Qt::RichText);
    box->setText(tr("<b>Halftone %1</b><br>A desktop studio for post-training quantization of large language models.").arg(QStringLiteral(HALFTONE_VERSION)));
    box->setInformativeText(tr("Free software under the GNU General Public License, version 3 or later; it comes without any warranty.\n\n"
                               "It stands on Qt 6, LibTorch, HDF5, QCustomPlot, SentencePiece, PCRE2, Highway and JSON for Modern C++. "
                               "The sample texts are excerpts of WikiText-2, CC BY-SA 3.0."));
    box->open();
}

void MainWindow::applyTheme()
{
    if (auto* application = qobject_cast<QApplication*>(QCoreApplication::instance()))
        halftone::applyTheme(*application, m_settings.theme());
}

} // namespace halftone
