#include "app/studio/command_palette.h"
#include "app/studio/fuzzy.h"
#include "app/studio/tour.h"
#include "tests/app/window_fixture.h"
#include "widgets/action_reason.h"
#include "widgets/heatmap_view.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"
#include "widgets/view_frame.h"

#include <QAbstractItemModelTester>
#include <QClipboard>
#include <QDialog>
#include <QDockWidget>
#include <QFileDialog>
#include <QInputDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QMimeData>
#include <QPushButton>
#include <QTabBar>
#include <QTextBrowser>
#include <QToolButton>
#include <QTreeView>
#include <QXmlStreamReader>

using namespace halftone;
using namespace Qt::StringLiterals;

/// What surrounds the views: commands, panels, arrangements, drops, the tour, recent models.
class TestStudioFrame : public WindowFixture {
    Q_OBJECT

private:
    /// Every action that a person can meet.
    QList<QAction*> actions()
    {
        QList<QAction*> found;
        for (QAction* action : m_window->findChildren<QAction*>())
            if (!action->isSeparator() && !action->menu() && !action->text().isEmpty() && !action->objectName().startsWith(u"_q_"_s) && !qobject_cast<QLineEdit*>(action->parent()))
                found.append(action);
        return found;
    }

    void checkWords()
    {
        QSet<QString> names;
        for (const QAction* action : actions()) {
            const QString name = action->objectName();
            QVERIFY2(!name.isEmpty(), qPrintable(u"no object name: "_s + action->text()));
            QVERIFY2(!names.contains(name), qPrintable(u"named twice: "_s + name));
            names.insert(name);
            QVERIFY2(actionTip(*action).size() > 3 && actionTip(*action) != action->text(), qPrintable(u"no tip: "_s + name));
            if (action->isVisible() && !action->isEnabled()) {   // without a sample model its action is not there
                QVERIFY2(actionReason(*action).size() > 10, qPrintable(u"off without a reason: "_s + name));
                QVERIFY2(action->toolTip().contains(actionReason(*action)), qPrintable(u"the tip hides the reason: "_s + name));
                QCOMPARE(action->statusTip(), actionReason(*action));
            }
        }
        QVERIFY(names.size() > 40);
    }

    QWidget* palette() { return m_window->findChild<QWidget*>(u"palette"_s); }

    void openPalette(const QString& typed)
    {
        STEP(press(Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier));
        QVERIFY(palette() && palette()->isVisible());
        auto* line = palette()->findChild<QLineEdit*>(u"paletteLine"_s);
        QTRY_VERIFY(line->hasFocus());
        QTest::keyClicks(line, typed);
    }

    void drop(const QStringList& paths)
    {
        QMimeData data;
        QList<QUrl> urls;
        for (const QString& path : paths)
            urls.append(QUrl::fromLocalFile(path));
        data.setUrls(urls);
        QDragEnterEvent enter(QPoint(200, 200), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(m_window.get(), &enter);
        if (enter.isAccepted()) {
            QDropEvent event(QPointF(200, 200), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
            QCoreApplication::sendEvent(m_window.get(), &event);
        }
    }

    QDockWidget* dock(const QString& name) { return m_window->findChild<QDockWidget*>(name + u"Dock"_s); }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    // --- actions and the palette ---

    void everyActionHasItsWordsAndAReasonWhileItIsOff()
    {
        STEP(checkWords());   // nothing is open: most are off
        STEP(openModel());
        STEP(checkWords());
        STEP(analyze());
        STEP(checkWords());
    }

    void noTwoActionsShareAKey()
    {
        STEP(openModel());
        QMap<QString, QString> window;
        for (const QAction* action : actions()) {
            for (const QKeySequence& keys : action->shortcuts()) {
                if (action->shortcutContext() == Qt::WidgetShortcut || action->shortcutContext() == Qt::WidgetWithChildrenShortcut)
                    continue;
                const QString text = keys.toString();
                QVERIFY2(!window.contains(text), qPrintable(u"%1: %2 and %3"_s.arg(text, window.value(text), action->objectName())));
                window.insert(text, action->objectName());
            }
        }
        QVERIFY(window.size() > 15);
        // A key of one panel may not be a key of the whole window: Qt would call it ambiguous and do neither. Copy and the like are the panel's.
        for (const QAction* action : actions())
            for (const QKeySequence& keys : action->shortcuts())
                if (action->shortcutContext() == Qt::WidgetShortcut || action->shortcutContext() == Qt::WidgetWithChildrenShortcut)
                    QVERIFY2(!window.contains(keys.toString()), qPrintable(u"%1: %2 and %3"_s.arg(keys.toString(), window.value(keys.toString()), action->objectName())));
    }

    void lettersInOrderMatchAndWordStartsCountMore()
    {
        QVERIFY(!fuzzyMatch(u"xyz"_s, u"Export"_s));
        QVERIFY(!fuzzyMatch(u"tE"_s, u"Et"_s));
        QCOMPARE(fuzzyMatch(u""_s, u"Export"_s)->score, 0);
        const auto match = fuzzyMatch(u"thd"_s, u"View: Theme: Dark"_s);
        QVERIFY(match);
        QCOMPARE(match->places, QList<int>({6, 7, 13}));
        QVERIFY(fuzzyMatch(u"exp"_s, u"Export: Export"_s)->score > fuzzyMatch(u"exp"_s, u"View: next panel"_s).value_or(FuzzyMatch{}).score);
        QVERIFY(!fuzzyMatch(u"quant"_s, u"square antics"_s));
        // The word at the end, not the letters scattered before it.
        const QString text = u"abcabc abd"_s;
        const auto best = fuzzyMatch(u"abd"_s, text);
        QCOMPARE(best->places, QList<int>({7, 8, 9}));
    }

    void thePaletteFindsEveryActionByName()
    {
        STEP(openModel());
        CommandModel model;
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        model.setCommands(commandsOf(*m_window));
        QSet<QAction*> listed;
        for (int row = 0; row < model.rowCount(); ++row)
            listed.insert(model.action(model.index(row)));
        for (QAction* action : actions())
            if (action->isVisible() && action->objectName() != u"commandPalette"_s)
                QVERIFY2(listed.contains(action), qPrintable(action->objectName()));
        model.setQuery(u"theme dark"_s);
        QCOMPARE(model.action(model.index(0)), action(u"theme-dark"_s));
        QCOMPARE(model.index(0).data().toString(), u"View: Theme: Dark"_s);
        model.setQuery(u"undo"_s);
        QCOMPARE(model.action(model.index(0)), action(u"undo"_s));
        QVERIFY(model.index(0).data(CommandModel::ReasonRole).toString().size() > 10);
        QVERIFY(!model.index(0).data(CommandModel::ShortcutRole).toString().isEmpty());
        model.setQuery(u"qqqqqqqq"_s);
        QCOMPARE(model.rowCount(), 0);
    }

    void thePaletteRunsWhatIsChosenByKeys()
    {
        STEP(openModel());
        auto* tree = m_window->findChild<LayersView*>()->tree();
        tree->setFocus();
        STEP(openPalette(u"theme light"_s));
        keepPicture(m_window.get(), u"palette"_s);
        STEP(press(Qt::Key_Return));
        QTRY_COMPARE(currentTheme(), Theme::Light);
        QVERIFY(!palette()->isVisible());
        QTRY_VERIFY(tree->hasFocus());
        STEP(openPalette(u"theme dark"_s));
        STEP(press(Qt::Key_Return));
        QTRY_COMPARE(currentTheme(), Theme::Dark);

        // One that is off says why, and does nothing.
        STEP(openPalette(u"export"_s));
        auto* list = palette()->findChild<QListView*>(u"paletteList"_s);
        auto* model = qobject_cast<CommandModel*>(list->model());
        while (model->action(list->currentIndex()) != action(u"export"_s)) {
            const int before = list->currentIndex().row();
            STEP(press(Qt::Key_Down));
            QCOMPARE(list->currentIndex().row(), before + 1);
        }
        STEP(press(Qt::Key_Return));
        QVERIFY(palette()->isVisible());
        QVERIFY(!m_window->findChild<QDialog*>(u"exportDialog"_s));
        QVERIFY(list->currentIndex().data(CommandModel::ReasonRole).toString().contains(u"Quantize first"_s));
        STEP(press(Qt::Key_Escape));
        QVERIFY(!palette()->isVisible());
        QTRY_VERIFY(tree->hasFocus());
    }

    // --- panels ---

    void aNamedArrangementComesBackAlsoAfterARestart()
    {
        STEP(openModel());
        STEP(trigger(u"show-channels"_s));   // hides it
        QVERIFY(!dock(u"channels"_s)->isVisible());
        STEP(trigger(u"saveArrangement"_s));
        auto* dialog = m_window->findChild<QInputDialog*>(u"arrangementDialog"_s);
        QVERIFY(dialog);
        dialog->setTextValue(u"without & channels"_s);
        dialog->accept();
        QTRY_COMPARE(m_window->workspaces().named(), QStringList{u"without & channels"_s});
        STEP(trigger(u"resetWorkspace"_s));
        QVERIFY(dock(u"channels"_s)->isVisible());
        m_window->setWorkspace(Workspaces::Run);
        STEP(trigger(u"arrangement-0"_s));
        QCOMPARE(m_window->workspaces().current(), Workspaces::Inspect);
        QVERIFY(!dock(u"channels"_s)->isVisible());
        QVERIFY(dock(u"outliers"_s)->isVisible());

        const int width = dock(u"layers"_s)->width();
        end();
        STEP(start());
        STEP(openModel());
        QVERIFY(!dock(u"channels"_s)->isVisible());   // each workspace is as it was left
        STEP(trigger(u"resetWorkspace"_s));
        STEP(trigger(u"arrangement-0"_s));
        QVERIFY(!dock(u"channels"_s)->isVisible());
        QVERIFY(std::abs(dock(u"layers"_s)->width() - width) <= 2);
        STEP(trigger(u"forgetArrangement-0"_s));
        QVERIFY(m_window->workspaces().named().isEmpty());
        QTRY_VERIFY(!action(u"arrangement-0"_s));
    }

    void f6WalksThePanelsAndF1ExplainsTheOneThatHasTheFocus()
    {
        STEP(openModel());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", -1, -1});
        QTRY_VERIFY(!m_window->jobs().busy());
        QSet<QString> visited;
        for (int i = 0; i < 12; ++i) {
            STEP(press(Qt::Key_F6));
            for (const QString& name : {u"layers"_s, u"outliers"_s, u"kernel"_s, u"channels"_s, u"inspector"_s, u"jobs"_s})
                if (dock(name)->isAncestorOf(m_window->focusWidget()))
                    visited.insert(name);
        }
        for (const QString& name : {u"layers"_s, u"outliers"_s, u"kernel"_s, u"inspector"_s})
            QVERIFY2(visited.contains(name), qPrintable(name));

        for (const QString& name : {u"layers"_s, u"outliers"_s, u"kernel"_s}) {
            for (int i = 0; i < 12 && !dock(name)->isAncestorOf(m_window->focusWidget()); ++i)
                STEP(press(Qt::Key_F6));
            STEP(press(Qt::Key_F1));
            auto* help = m_window->findChild<QWidget*>(u"help"_s);
            QTRY_VERIFY(help && help->isVisible());
            const QString text = help->findChild<QTextBrowser*>()->toPlainText();
            QVERIFY2(text.startsWith(name == u"kernel"_s ? u"The quantization kernel"_s : dock(name)->windowTitle()), qPrintable(text.left(60)));
            help->close();
        }
    }

    void everyPanelHasItsPageInTheGuide()
    {
        for (const QDockWidget* panel : m_window->findChildren<QDockWidget*>()) {
            const QString name = panel->objectName().chopped(4);
            if (name == u"history"_s)
                continue;   // a list of names; the page on layers speaks of it
            QFile page(QStringLiteral(HALFTONE_SOURCE_DIR "/resources/help/") + name + u".md"_s);
            QVERIFY2(page.open(QIODevice::ReadOnly), qPrintable(name));
            QVERIFY2(page.readAll().size() > 400, qPrintable(name));
        }
    }

    void everyPictureOfTheGuideIsThereLightAndDark()
    {
        const QDir guide(QStringLiteral(HALFTONE_SOURCE_DIR "/resources/help"));
        static const QRegularExpression picture(u"!\\[[^\\]]+\\]\\(([^)]+)\\)"_s);
        int pictures = 0;
        for (const QString& name : guide.entryList({u"*.md"_s}, QDir::Files)) {
            QFile page(guide.filePath(name));
            QVERIFY(page.open(QIODevice::ReadOnly));
            for (auto found = picture.globalMatch(QString::fromUtf8(page.readAll())); found.hasNext(); ++pictures) {
                const QString file = found.next().captured(1);
                QVERIFY2(file.endsWith(u"-light.png"_s), qPrintable(name + u": "_s + file));
                for (const QString& theme : {u"-light.png"_s, u"-dark.png"_s}) {
                    const QImage image(guide.filePath(QString(file).replace(u"-light.png"_s, theme)));
                    QVERIFY2(!image.isNull() && image.width() <= 620, qPrintable(file));   // no wider than the page
                }
            }
        }
        QVERIFY(pictures >= 6);

        // The page shows the picture of the theme in force, and the other one once that changes.
        m_window->showHelp(u"outliers"_s);
        auto* text = m_window->findChild<QTextBrowser*>(u"helpText"_s);
        QVERIFY(text && text->toHtml().contains(u"outliers-dark.png"_s));
        STEP(trigger(u"theme-light"_s));
        QTRY_VERIFY(text->toHtml().contains(u"outliers-light.png"_s));
        STEP(trigger(u"theme-dark"_s));
    }

    void theSmallestWindowStillShowsItsPanels()
    {
        STEP(openModel());
        STEP(analyze());
        m_window->resize(400, 300);
        QCOMPARE(m_window->size(), QSize(1180, 720));
        m_window->workspaces().reset();
        for (int kind = 0; kind < Workspaces::kCount; ++kind) {
            m_window->setWorkspace(static_cast<Workspaces::Kind>(kind));
            QTest::qWait(20);
            QVERIFY2(m_window->width() <= 1180 && m_window->height() <= 720, qPrintable(Workspaces::id(static_cast<Workspaces::Kind>(kind))));
            for (const QDockWidget* panel : m_window->findChildren<QDockWidget*>())
                if (panel->isVisible() && !panel->visibleRegion().isEmpty())
                    QVERIFY2(panel->width() >= 60 && panel->height() >= 40 && m_window->rect().contains(QRect(panel->mapTo(m_window.get(), QPoint(0, 0)), panel->size())),
                             qPrintable(panel->objectName()));
            keepPicture(m_window.get(), u"small-"_s + Workspaces::id(static_cast<Workspaces::Kind>(kind)));
        }
    }

    void panelsNeverLieOverEachOtherWhenTheWindowNarrows()
    {
        STEP(openModel());
        STEP(analyze());
        m_window->resize(1440, 900);
        m_window->setWorkspace(Workspaces::Inspect);
        m_window->workspaces().reset();
        const auto* kernel = m_window->findChild<QDockWidget*>(u"kernelDock"_s);
        const auto* channels = m_window->findChild<QDockWidget*>(u"channelsDock"_s);
        QVERIFY(kernel && channels);
        QTRY_VERIFY(kernel->isVisible() && channels->isVisible() && kernel->x() != channels->x());   // side by side
        m_window->resize(1180, 720);
        const auto apart = [&] {
            return kernel->visibleRegion().isEmpty() || channels->visibleRegion().isEmpty() || !kernel->geometry().intersects(channels->geometry());
        };
        QTRY_VERIFY(apart() && m_window->width() == 1180);
        QTest::qWait(50);
        QVERIFY(apart());

        // Where there is no room for both they are two tabs, each with its name; a wider window has them side by side again.
        auto* views = qobject_cast<QMainWindow*>(kernel->parentWidget());
        QVERIFY(views);
        QTRY_VERIFY(views->tabifiedDockWidgets(m_window->findChild<QDockWidget*>(u"kernelDock"_s)).contains(channels));
        const auto tabs = [&] {
            QStringList names;
            for (const QTabBar* row : views->findChildren<QTabBar*>(Qt::FindDirectChildrenOnly))
                for (int i = 0; row->isVisible() && i < row->count(); ++i)
                    names << row->tabText(i);
            return names;
        };
        const auto noEmptyRow = [&] {
            for (const QTabBar* row : views->findChildren<QTabBar*>(Qt::FindDirectChildrenOnly))
                if (row->count() == 0 && row->isVisible() && !row->visibleRegion().isEmpty())
                    return false;
            return true;
        };
        QTRY_VERIFY2(tabs().contains(u"Kernel"_s) && tabs().contains(u"Channels"_s), qPrintable(tabs().join(u' ')));
        QTRY_VERIFY(noEmptyRow());
        m_window->resize(1440, 900);
        QTRY_VERIFY(!tabs().contains(u"Channels"_s) && kernel->x() != channels->x() && kernel->y() == channels->y());
        QTRY_VERIFY(noEmptyRow());
        for (const auto workspace : {Workspaces::Tune, Workspaces::Run, Workspaces::Compare, Workspaces::Inspect}) {
            m_window->setWorkspace(workspace);
            QTRY_VERIFY(noEmptyRow());
        }
        QTRY_VERIFY(kernel->isVisible() && channels->isVisible() && kernel->x() != channels->x());
        m_window->workspaces().reset();
        QTRY_VERIFY(noEmptyRow() && kernel->x() != channels->x());
    }

    void anEmptyViewIsNoWiderThanAFullOne()
    {
        STEP(openModel());   // nothing is measured: the views say what a click would show
        m_window->resize(1440, 900);
        m_window->setWorkspace(Workspaces::Inspect);
        m_window->workspaces().reset();
        const auto* kernel = m_window->findChild<QDockWidget*>(u"kernelDock"_s);
        const auto* channels = m_window->findChild<QDockWidget*>(u"channelsDock"_s);
        QTRY_VERIFY(kernel->isVisible() && channels->isVisible() && kernel->x() != channels->x());
        const int before = kernel->minimumSizeHint().width() + channels->minimumSizeHint().width();
        STEP(analyze());
        QCOMPARE(kernel->minimumSizeHint().width() + channels->minimumSizeHint().width(), before);
    }

    void theJobsPanelIsALineUntilThereIsAJob()
    {
        STEP(openModel());
        const auto* panel = m_window->findChild<QDockWidget*>(u"jobsDock"_s);
        QVERIFY(panel && panel->isVisible());
        QTRY_VERIFY2(panel->height() < 40, qPrintable(QString::number(panel->height())));
        STEP(analyze());
        QTRY_VERIFY2(panel->height() >= 60, qPrintable(QString::number(panel->height())));
    }

    // --- every plot ---

    void everyViewCopiesAndSavesFromTheSameMenu()
    {
        STEP(openModel());
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", 3, -1});
        QTRY_VERIFY(!m_window->jobs().busy());
        int views = 0;
        for (ViewFrame* view : m_window->findChildren<ViewFrame*>()) {
            const auto has = [view](const QString& key) { return view->cornerMenu()->findChild<QAction*>(view->id() + key) || view->findChild<QAction*>(view->id() + key); };
            for (const QString& key : {u"Copy"_s, u"CopyNumbers"_s, u"SavePng2"_s, u"SavePng4"_s, u"SaveSvg"_s, u"SavePdf"_s, u"SaveCsv"_s, u"FullScreen"_s, u"Explain"_s})
                QVERIFY2(has(key), qPrintable(view->id() + key));
            QVERIFY2(QFileInfo::exists(QStringLiteral(HALFTONE_SOURCE_DIR "/resources/help/") + view->id() + u".md"_s), qPrintable(view->id()));
            views += view->isEmptyStateShown() ? 0 : 1;
        }
        QVERIFY(views >= 3);

        // Each that shows something, in every form.
        for (ViewFrame* view : m_window->findChildren<ViewFrame*>()) {
            if (view->isEmptyStateShown())
                continue;
            const auto path = [&](const QString& ending) { return m_folder->filePath(view->id() + ending); };
            const QSize size(480, 320);
            view->saveTo(path(u"-2.png"_s), size, 2);
            view->saveTo(path(u"-4.png"_s), size, 4);
            const QImage twice(path(u"-2.png"_s)), fourTimes(path(u"-4.png"_s));
            QVERIFY2(twice.width() >= 960 && twice.height() >= 640, qPrintable(view->id()));
            QCOMPARE(fourTimes.size(), twice.size() * 2);
            QSet<QRgb> tones;
            for (int y = 0; y < twice.height(); y += 3)
                for (int x = 0; x < twice.width(); x += 3)
                    tones.insert(twice.pixel(x, y));
            QVERIFY2(tones.size() > 8, qPrintable(view->id()));
            for (const QString& ending : {u".svg"_s, u".pdf"_s, u".csv"_s})
                view->saveTo(path(ending), size);
            QFile svg(path(u".svg"_s)), pdf(path(u".pdf"_s)), csv(path(u".csv"_s));
            QVERIFY(svg.open(QIODevice::ReadOnly) && pdf.open(QIODevice::ReadOnly) && csv.open(QIODevice::ReadOnly));
            QXmlStreamReader xml(&svg);
            int elements = 0;
            while (!xml.atEnd())
                elements += xml.readNext() == QXmlStreamReader::StartElement ? 1 : 0;
            QVERIFY2(!xml.hasError() && elements > 5, qPrintable(view->id() + u": "_s + xml.errorString()));
            QVERIFY2(pdf.readAll().startsWith("%PDF"), qPrintable(view->id()));
            const QList<QByteArray> lines = csv.readAll().trimmed().split('\n');
            QVERIFY2(lines.size() > 1, qPrintable(view->id()));
            view->copyNumbersToClipboard();
            QCOMPARE(QApplication::clipboard()->text().trimmed().count(u'\n'), lines.size() - 1);
            for (const QByteArray& line : lines)
                if (!line.contains('"'))
                    QVERIFY2(line.count(',') == lines.front().count(','), qPrintable(view->id() + u": "_s + QString::fromUtf8(line.left(80))));
        }
        const auto rowsOf = [this](const QString& id) {
            QFile csv(m_folder->filePath(id + u".csv"_s));
            return csv.open(QIODevice::ReadOnly) ? csv.readAll().trimmed().count('\n') : -1;
        };
        QCOMPARE(rowsOf(u"outliers"_s), 4);                    // blocks
        QCOMPARE(rowsOf(u"channels"_s), 128);                  // of MLP middle

        // One of them by its menu: the dialog, the file, the word in the status line.
        auto* view = m_window->findChild<ViewFrame*>(u"outliersView"_s);
        QSignalSpy saved(view, &ViewFrame::saved);
        STEP(trigger(u"outliersSavePng4"_s));
        auto* dialog = view->findChild<QFileDialog*>(u"savePictureDialog"_s);
        QVERIFY(dialog);
        const QString file = m_folder->filePath(u"four.png"_s);
        Q_EMIT dialog->fileSelected(file);
        dialog->close();
        QTRY_COMPARE_WITH_TIMEOUT(saved.count(), 1, 20000);
        const QImage four(file);
        view->saveTo(m_folder->filePath(u"two.png"_s), {}, 2);
        const QImage two(m_folder->filePath(u"two.png"_s));
        QVERIFY(two.width() > 600);
        QCOMPARE(four.size(), two.size() * 2);
    }

    // --- one selection ---

    void everyMapSetsTheOneSelectionAndEveryViewShowsIt()
    {
        STEP(openModel());
        STEP(analyze());
        document().select({2, SiteKind::MlpMiddle, "model.layers.2.mlp.down_proj", -1, -1});
        QTRY_VERIFY(!m_window->jobs().busy());
        int maps = 0;
        for (auto* map : m_window->findChildren<HeatmapView*>()) {
            auto* view = qobject_cast<ViewFrame*>(map->parentWidget());
            for (QWidget* up = map; up && !view; up = up->parentWidget())
                view = qobject_cast<ViewFrame*>(up);
            if (!view || view->isEmptyStateShown())
                continue;
            m_window->workspaces().toggleFullScreen(dock(view->id()));     // alone: room for it, whichever tab it is in
            QTest::qWait(50);
            QTRY_VERIFY(!m_window->jobs().busy());
            const QRect area = map->mapRect();
            QVERIFY2(area.width() > 100 && area.height() > 60, qPrintable(view->id()));
            const QPoint at(area.left() + area.width() * (2 * maps + 3) / 12, area.top() + area.height() / 2);
            const auto cell = map->cellAt(at);
            QVERIFY2(cell, qPrintable(view->id()));
            const Selection before = document().selection();
            QSignalSpy clicked(map, &HeatmapView::cellClicked);
            QTest::mouseClick(map, Qt::LeftButton, {}, at);
            QVERIFY2(clicked.count() == 1, qPrintable(u"%1 at %2, %3"_s.arg(view->id()).arg(at.x()).arg(at.y())));
            QTRY_VERIFY2(!(document().selection() == before), qPrintable(u"%1: block %2, channel %3, cell %4, %5"_s.arg(view->id()).arg(before.block).arg(before.channel).arg(cell->x()).arg(cell->y())));
            QCOMPARE(document().selection().channel, std::int64_t(cell->x()));
            QTRY_VERIFY(!m_window->jobs().busy());
            for (auto* other : m_window->findChildren<HeatmapView*>())     // all columns are channels of the site, or of the weight's input
                if (other->selectedCell().x() >= 0)
                    QVERIFY2(other->selectedCell().x() == cell->x(), qPrintable(view->id() + u" → "_s + other->objectName()));
            QCOMPARE(map->selectedCell().x(), cell->x());
            m_window->workspaces().toggleFullScreen(dock(view->id()));
            ++maps;
        }
        QVERIFY(maps >= 1);
        // And the table, the other way round.
        document().select({3, SiteKind::AttentionInput, "model.layers.3.self_attn.k_proj", 9, -1});
        QTRY_COMPARE(m_window->findChild<LayersView*>()->selectedLinears(), QStringList{u"model.layers.3.self_attn.k_proj"_s});
        QCOMPARE(m_window->findChild<HeatmapView*>(u"outliersMap"_s)->selectedCell(), QPoint(9, 3));
    }

    // --- what is dropped ---

    void whatIsDroppedHasTheObviousEffect_data()
    {
        QTest::addColumn<QString>("what");
        for (const char* what : {"model folder", "safetensors", "config", "all files", "project", "manifest", "recipe", "text"})
            QTest::addRow("%s", what) << QString::fromUtf8(what);
    }
    void whatIsDroppedHasTheObviousEffect()
    {
        QFETCH(QString, what);
        if (what == u"recipe"_s || what == u"text"_s) {
            STEP(openModel());
            const QString file = m_folder->filePath(what == u"recipe"_s ? u"r.json"_s : u"words.txt"_s);
            write(file, what == u"recipe"_s ? R"({"halftone_recipe": 1, "defaults": {"weights": {"bits": 3}}})" : QByteArray("Some words. ").repeated(400));
            drop({file});
            if (what == u"recipe"_s) {
                QTRY_COMPARE(document().plan("model.layers.0.mlp.up_proj")->weights.bits, 3);
            } else {
                QTRY_VERIFY(m_window->findChild<QDialog*>(u"analyzeDialog"_s));
                QCOMPARE(m_window->findChild<QDialog*>(u"analyzeDialog"_s)->findChild<QLineEdit*>(u"text"_s)->text(), file);
            }
            return;
        }
        QStringList paths{modelFolder()};
        if (what == u"safetensors"_s)
            paths = {modelFolder() + u"/model.safetensors"_s};
        else if (what == u"config"_s)
            paths = {modelFolder() + u"/config.json"_s};
        else if (what == u"all files"_s)
            paths = {modelFolder() + u"/config.json"_s, modelFolder() + u"/tokenizer.json"_s, modelFolder() + u"/model.safetensors"_s};
        else if (what == u"project"_s || what == u"manifest"_s) {
            STEP(openModel());
            const QString project = QString::fromStdString(document().project()->folder().string());
            document().close();
            QTRY_VERIFY(!document().isOpen());
            paths = {what == u"project"_s ? project : project + u"/manifest.json"_s};
        }
        drop(paths);
        QTRY_VERIFY(document().isOpen());
        QCOMPARE(document().name(), u"tiny-llama"_s);
        QCOMPARE(m_window->messages().count(), 0);
    }

    void whatMakesNoSenseGetsASentence_data()
    {
        QTest::addColumn<QString>("what");
        QTest::addColumn<QString>("says");
        QTest::addRow("picture") << u"picture"_s << u"photo.png"_s;
        QTest::addRow("lone safetensors") << u"lone"_s << u"config.json"_s;
        QTest::addRow("pickle") << u"pickle"_s << u"safetensors"_s;
        QTest::addRow("two models") << u"two"_s << u"at a time"_s;
        QTest::addRow("damaged gguf") << u"gguf"_s << u"broken.gguf"_s;
        QTest::addRow("empty folder") << u"folder"_s << u"config.json"_s;
        QTest::addRow("text without a model") << u"text"_s << u"needs a model"_s;
        QTest::addRow("recipe without a model") << u"recipe"_s << u"needs a model"_s;
    }
    void whatMakesNoSenseGetsASentence()
    {
        QFETCH(QString, what);
        QFETCH(QString, says);
        const QString folder = m_folder->filePath(u"odd"_s);
        QDir().mkpath(folder);
        QStringList paths;
        const auto file = [&](const QString& name, const QByteArray& bytes) {
            write(folder + u'/' + name, bytes);
            paths.append(folder + u'/' + name);
        };
        if (what == u"picture"_s)
            file(u"photo.png"_s, QByteArray("\x89PNG\r\n\x1a\n\0\0\0", 11));
        else if (what == u"lone"_s)
            file(u"model.safetensors"_s, QByteArray(64, '\0'));
        else if (what == u"pickle"_s)
            file(u"pytorch_model.bin"_s, QByteArray(64, '\0'));
        else if (what == u"two"_s)
            paths = {modelFolder(), folder};
        else if (what == u"gguf"_s)
            file(u"broken.gguf"_s, "GGUF and no more");
        else if (what == u"folder"_s)
            paths = {folder};
        else if (what == u"text"_s)
            file(u"words.txt"_s, "Some words.");
        else
            file(u"r.json"_s, R"({"halftone_recipe": 1})");
        drop(paths);
        QTRY_VERIFY(m_window->messages().count() == 1);
        QTRY_VERIFY(!m_window->jobs().busy());
        QString words;
        for (const QLabel* label : m_window->messages().findChildren<QLabel*>())
            words += label->text() + u' ';
        QVERIFY2(words.contains(says), qPrintable(words));
        QVERIFY2(words.size() > 60, qPrintable(words));
        QVERIFY(!document().isOpen());
        QVERIFY(!m_window->findChild<QLabel*>(u"welcomeOpening"_s)->isVisible());
    }

    // --- first start and the next ones ---

    void theTourLeadsThroughTheRealWindowByKeysAndNeverComesAgain()
    {
        if (qEnvironmentVariableIsSet("HALFTONE_SAMPLE"))
            qunsetenv("HALFTONE_SAMPLE");
        qputenv("HALFTONE_SAMPLE", modelFolder().toUtf8());   // any model is sample enough for this
        end();
        STEP(start());
        auto* take = m_window->findChild<QPushButton*>(u"welcomeTakeTour"_s);
        QVERIFY(take && take->isVisible());
        keepPicture(m_window.get(), u"tour-offered"_s);
        take->setFocus();
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY(document().isOpen());
        QTRY_VERIFY(m_window->findChild<Tour*>() && m_window->findChild<Tour*>()->isVisible());
        auto* tour = m_window->findChild<Tour*>();
        QCOMPARE(tour->step(), 0);
        QVERIFY(m_window->findChild<QWidget*>(u"tourRing"_s)->isVisible());
        QVERIFY(m_window->rect().contains(tour->geometry()));
        keepPicture(m_window.get(), u"tour-1"_s);
        STEP(press(Qt::Key_Right));
        QCOMPARE(tour->step(), 1);
        QVERIFY(m_window->rect().contains(tour->geometry()));
        keepPicture(m_window.get(), u"tour-2"_s);
        STEP(press(Qt::Key_B, Qt::AltModifier));   // the table has the keys here
        QTRY_COMPARE(tour->step(), 0);
        STEP(analyze());                       // doing what the step asks for is said, and nothing goes on by itself
        QCOMPARE(tour->step(), 0);
        STEP(press(Qt::Key_Return));
        QCOMPARE(tour->step(), 1);
        STEP(press(Qt::Key_N, Qt::AltModifier));
        QTRY_COMPARE(tour->step(), 2);
        keepPicture(m_window.get(), u"tour-3"_s);
        STEP(press(Qt::Key_Return));
        QVERIFY(!tour->isVisible());
        QVERIFY(!m_window->findChild<QWidget*>(u"tourRing"_s)->isVisible());
        document().close();
        QTRY_VERIFY(!document().isOpen());
        QVERIFY(!m_window->findChild<QPushButton*>(u"welcomeTakeTour"_s)->isVisible());
        end();
        STEP(start());
        QVERIFY(!m_window->findChild<QPushButton*>(u"welcomeTakeTour"_s)->isVisible());
        QVERIFY(m_window->findChild<QPushButton*>(u"welcomeTourAgain"_s)->isVisible());
        STEP(trigger(u"tour"_s));              // but it is there when it is asked for
        QTRY_VERIFY(m_window->findChild<Tour*>() && m_window->findChild<Tour*>()->isVisible());
        STEP(press(Qt::Key_Escape));
        QVERIFY(!m_window->findChild<Tour*>()->isVisible());
        qunsetenv("HALFTONE_SAMPLE");
    }
};

QTEST_MAIN(TestStudioFrame)
#include "tst_studio_frame.moc"
