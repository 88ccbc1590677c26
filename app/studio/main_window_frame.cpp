// The frame: commands by name, panels by keys, arrangements by name, what is dropped, and the tour.

#include "app/studio/main_window.h"

#include "app/studio/command_palette.h"
#include "app/studio/desktop_theme.h"
#include "app/studio/dropped.h"
#include "app/studio/error_text.h"
#include "app/studio/preset_menu.h"
#include "app/studio/resources.h"
#include "app/studio/text.h"
#include "app/studio/tour.h"
#include "app/studio/welcome_page.h"
#include "core/project/run_edit.h"
#include "core/text/tokenizer.h"
#include "widgets/action_reason.h"
#include "widgets/focus_way.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"
#include "widgets/outliers_view.h"
#include "widgets/plain_labels.h"
#include "widgets/summary_bar.h"

#include <QAction>
#include <QApplication>
#include <QDir>
#include <QDockWidget>
#include <QDropEvent>
#include <QFileInfo>
#include <QInputDialog>
#include <QMenu>
#include <QMimeData>
#include <QStatusBar>
#include <QTimer>
#include <QToolBar>
#include <QTreeView>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

QStringList localFiles(const QMimeData* data)
{
    QStringList files;
    for (const QUrl& url : data->urls())
        if (url.isLocalFile())
            files.append(url.toLocalFile());
    return files;
}

/// The first widget of a panel that takes keys.
QWidget* entrance(QWidget* panel)
{
    for (QWidget* next = panel->nextInFocusChain(); next != panel; next = next->nextInFocusChain())
        if (panel->isAncestorOf(next) && isFocusStop(next))
            return next;
    return nullptr;
}

} // namespace

void MainWindow::showPalette()
{
    if (!m_palette)
        m_palette = new CommandPalette(this);
    m_presetMenu->refresh(*m_document);
    for (const QString& name : {u"cancelJob"_s, u"clearJobs"_s, u"runDelete"_s, u"runRecipe"_s, u"studyUseRecipe"_s, u"evaluationRemove"_s})   // of panels of their own
        if (auto* action = findChild<QAction*>(name))
            setConsequential(*action);
    m_palette->popUp();
}

void MainWindow::goToPanel(int step)
{
    QList<QDockWidget*> shown;
    for (const QString& name : m_dockOrder)
        if (QDockWidget* dock = m_docks.value(name); dock->isVisible() && dock->parentWidget()->rect().contains(dock->geometry().center()))   // not behind another tab
            shown.append(dock);
    if (shown.isEmpty())
        return;
    int at = -1;
    for (int i = 0; i < shown.size(); ++i)
        if (shown[i]->isAncestorOf(focusWidget()))
            at = i;
    for (qsizetype tried = 0; tried < shown.size(); ++tried) {
        at = at < 0 ? (step > 0 ? 0 : static_cast<int>(shown.size()) - 1) : static_cast<int>((at + step + shown.size()) % shown.size());
        if (QWidget* widget = entrance(shown[at])) {
            widget->setFocus(Qt::TabFocusReason);
            statusBar()->showMessage(shown[at]->windowTitle(), 2000);
            return;
        }
    }
}

void MainWindow::showJobsPanel()
{
    if (!m_document->isOpen())
        return;
    QDockWidget* dock = m_docks.value(u"jobs"_s);
    dock->show();
    dock->raise();
    if (QWidget* widget = entrance(dock))
        widget->setFocus(Qt::OtherFocusReason);
}

bool MainWindow::focusNextPrevChild(bool next)
{
    return stepFocus(this, next);
}

QString MainWindow::pageOfFocus() const
{
    for (const QWidget* widget = focusWidget(); widget; widget = widget->parentWidget()) {
        const QString name = widget->objectName();
        if (!qobject_cast<const QDockWidget*>(widget) || !name.endsWith(u"Dock"_s))
            continue;
        const QString page = name.chopped(4);
        if (!resourceFile(u"help/"_s + page + u".md"_s).isEmpty())
            return page;
    }
    return u"index"_s;
}

void MainWindow::openPath(const QString& path)
{
    openPaths({path});
}

void MainWindow::openPaths(const QStringList& paths)
{
    m_messages->dismiss(u"open"_s);
    if (!paths.isEmpty())
        m_welcome->setOpening(QFileInfo(paths.front()).fileName());
    JobSpec spec{u"look-at-path"_s, tr("Look at what was opened"), JobSpec::Lane::Files, false, {}, {}};
    m_jobs->submit(
        spec, [paths](Progress&, const std::stop_token&) { return lookAt(paths); }, [this](const Dropped& dropped) { openDropped(dropped); });
}

void MainWindow::openDropped(const Dropped& dropped)
{
    if (dropped.kind != Dropped::Kind::Model)
        m_welcome->setOpening({});
    switch (dropped.kind) {
    case Dropped::Kind::Model:
        m_document->open(QFileInfo(dropped.path).absoluteFilePath());
        break;
    case Dropped::Kind::Recipe:
        importRecipe(dropped.path);
        break;
    case Dropped::Kind::Text:
        if (!m_document->isOpen()) {
            m_messages->showMessage({Message::Kind::Warning, u"open"_s, tr("%1 is a text, and a text needs a model to read it.").arg(QFileInfo(dropped.path).fileName()),
                                     tr("Open a model first, then drop the text again: it is offered for analysis."), {}, {}});
            break;
        }
        m_lastAnalyze.text = dropped.path;
        showEmptyStates();
        askAnalyze();
        break;
    case Dropped::Kind::Nothing:
        m_messages->showMessage({Message::Kind::Warning, u"open"_s, dropped.sentence, tr("Drop or open a model folder, a .gguf or .safetensors file, a NAME.halftone project, "
                                                                                           "a recipe (.json) or a text (.txt)."), {}, {}});
        break;
    }
}

/// A model whose tokenizer cannot be used opens all the same; that texts cannot be read is said now, not after a dialog and a wait. That there is none the
/// description of the model says itself.
void MainWindow::lookForTokenizer()
{
    const std::filesystem::path folder = m_document->model().path;
    JobSpec spec{u"look-for-tokenizer"_s, tr("Look for the tokenizer"), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this, folder](const JobError& error) {
        if (!m_document->isOpen() || m_document->model().path != folder || error.sentence.contains(u"has no tokenizer"_s))
            return;
        Message message = errorMessage(u"tokenizer"_s, error);
        message.kind = Message::Kind::Warning;
        m_messages->showMessage(message);
    };
    m_jobs->submit(
        spec, [folder](Progress&, const std::stop_token&) { return std::filesystem::is_directory(folder) ? Tokenizer::openFolder(folder)->size() : 0; },
        [](std::int32_t) {});
}

bool MainWindow::isFirstStart() const
{
    return m_settings.recent().isEmpty() && !m_settings.tourDone();
}

void MainWindow::openLast()
{
    if (const QStringList recent = m_settings.recent(); !recent.isEmpty())
        openPath(recent.front());
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event)
{
    if (!localFiles(event->mimeData()).isEmpty())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event)
{
    const QStringList files = localFiles(event->mimeData());
    if (files.isEmpty())
        return;
    event->acceptProposedAction();
    openPaths(files);
}

void MainWindow::lookForRecent()
{
    // Asking a disk that sleeps, or a network that is gone, takes long: not on this thread.
    QHash<QString, RecentFacts> known;
    for (const QString& path : m_settings.listed()) {
        const auto [blocks, opened] = m_settings.opened(path);
        known.insert(path, {false, blocks, -1, {}, opened});
    }
    JobSpec spec{u"look-for-recent"_s, tr("Look for recent models"), JobSpec::Lane::Files, false, {}, {}};
    m_jobs->submit(
        spec,
        [known, root = m_document->projectsRoot()](Progress&, const std::stop_token& stop) {
            QHash<QString, RecentFacts> facts = known;
            for (auto at = facts.begin(); at != facts.end() && !stop.stop_requested(); ++at) {
                const std::filesystem::path path = toPath(at.key());
                at->missing = !QFileInfo::exists(at.key());
                const std::optional<ProjectGlance> glance = glanceAt(Project::isProject(path) ? path : projectFolderFor(path, root));
                if (!glance)
                    continue;
                at->runs = glance->runs;
                at->blocks = std::max(at->blocks, glance->blocks);
                if (!glance->interrupted.empty())
                    at->interrupted = tr("%1 at block %2 of %3").arg(toQString(glance->interrupted)).arg(glance->interruptedAt).arg(glance->blocks);
            }
            return facts;
        },
        [this](const QHash<QString, RecentFacts>& facts) { m_welcome->setFacts(facts); });
}

void MainWindow::followDesktop()
{
    if (m_desktop)
        return;
    m_desktop = new DesktopTheme(this);
    connect(m_desktop, &DesktopTheme::changed, this, [this] {
        m_settings.setDesktopTheme(m_desktop->theme());
        if (m_settings.themeChoice() == Settings::ThemeChoice::System)
            applyTheme();
    });
}

void MainWindow::askArrangementName()
{
    auto* dialog = new QInputDialog(this);
    dialog->setObjectName(u"arrangementDialog"_s);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("Save the arrangement of the panels"));
    dialog->setLabelText(tr("Name of the arrangement:"));
    dialog->setTextValue(tr("My %1").arg(Workspaces::label(m_workspaces->current()).toLower()));
    connect(dialog, &QInputDialog::textValueSelected, this, [this](const QString& text) {
        const QString name = text.simplified();
        if (name.isEmpty())
            return;
        m_workspaces->saveAs(name);
        statusBar()->showMessage(plainText(tr("The arrangement is saved as %1.").arg(name)), 6000);
    });
    dialog->open();
}

void MainWindow::updateArrangements()
{
    for (QAction* action : m_arrangementMenu->actions()) {
        if (action == m_actions[u"saveArrangement"_s])
            continue;
        m_arrangementMenu->removeAction(action);
        action->menu() ? action->menu()->deleteLater() : action->deleteLater();   // one of them may be what called this
    }
    const QStringList names = m_workspaces->named();
    if (names.isEmpty())
        return;
    m_arrangementMenu->addSeparator();
    int index = 0;
    const auto add = [&](QMenu* menu, const QString& prefix, const QString& name, const QString& tip, auto slot) {
        QAction* action = menu->addAction(QString(name).replace(u'&', u"&&"_s));
        action->setObjectName(u"%1-%2"_s.arg(prefix).arg(index));
        describeAction(*action, tip);
        setActionEnabled(*action, m_document->isOpen(), tr("Open a model first."));
        connect(action, &QAction::triggered, this, slot);
    };
    for (const QString& name : names) {
        add(m_arrangementMenu, u"arrangement"_s, name, tr("Show the panels as saved under this name"), [this, name] {
            if (!m_workspaces->showNamed(name))
                m_messages->showMessage({Message::Kind::Warning, u"arrangement"_s, tr("The arrangement %1 was saved with other panels and does not fit any more.").arg(name),
                                         tr("Arrange the panels again and save them under the same name."), {}, {}});
        });
        ++index;
    }
    m_arrangementMenu->addSeparator();
    QMenu* forget = m_arrangementMenu->addMenu(tr("&Forget"));
    index = 0;
    for (const QString& name : names) {
        add(forget, u"forgetArrangement"_s, name, tr("Take this arrangement off the list"), [this, name] { m_workspaces->removeNamed(name); });
        ++index;
    }
}

void MainWindow::takeTour()
{
    if (!m_document->isOpen()) {
        if (sampleModel().isEmpty()) {
            m_messages->showMessage({Message::Kind::Notice, u"tour"_s, tr("The tour shows the window with a model in it, and the sample model is not installed."),
                                     tr("Open a model of your own, then take the tour from the Help menu."), {}, {}});
            return;
        }
        m_tourWaits = true;
        openSample();
        return;
    }
    m_tourWaits = false;
    setWorkspace(Workspaces::Inspect);
    if (!m_tour) {
        QList<TourStep> steps;
        steps.append({tr("See"),
                      tr("Analyze runs a text through the model once, and the maps fill block by block. Bright columns are outlier channels: they decide how coarse a grid "
                         "becomes for all the others.\n\nPress Ctrl+Shift+R or Analyze, then click a cell or a row of the list: every view follows."),
                      [this] {
                          m_docks.value(u"outliers"_s)->raise();
                          return QList<QWidget*>{m_outliers};
                      },
                      [this] { return QList<QWidget*>{m_docks.value(u"kernel"_s), m_docks.value(u"channels"_s), findChild<QWidget*>(u"layersFilter"_s), findChild<QWidget*>(u"analyzeButton"_s)}; },
                      {}});
        steps.append({tr("Decide"),
                      tr("One row for each linear. A digit sets the bits of the rows selected: press 4 now. Or take a preset from Edit, Apply preset. Size and bits per weight, "
                         "top right, follow at once; Ctrl+Z takes anything back."),
                      [this] { return QList<QWidget*>{m_layers}; },
                      [this] { return QList<QWidget*>{m_outliers, m_summary}; },
                      [this] {
                          m_layers->selectSomething();
                          return static_cast<QWidget*>(m_layers->tree());
                      }});
        steps.append({tr("Take home"),
                      tr("Quantize runs the recipe in the background, Evaluate says what it cost, Export writes a checkpoint that stock runtimes load.\n\nCtrl+Shift+P finds every "
                         "command, F1 explains the panel you are in."),
                      [this] {
                          QList<QWidget*> buttons;
                          for (const QString& name : {u"quantizeButton"_s, u"evaluateButton"_s, u"exportButton"_s})
                              if (auto* button = findChild<QWidget*>(name))
                                  buttons.append(button);
                          return buttons;
                      },
                      [this] { return QList<QWidget*>{m_summary}; },
                      {}});
        m_tour = new Tour(this, steps);
        connect(m_tour, &Tour::finished, this, [this] {
            m_settings.setTourDone();
            m_welcome->setTourOffered(false);
            m_layers->tree()->setFocus();
        });
        connect(m_tasks, &Tasks::analyzed, m_tour, [this] { m_tour->completed(0); });
        connect(m_document, &Document::recipeChanged, m_tour, [this] {
            if (m_document->size().bitsPerWeight < 16)
                m_tour->completed(1);
        });
    }
    QTimer::singleShot(0, m_tour, &Tour::start);   // once the panels have their places
}

} // namespace halftone
