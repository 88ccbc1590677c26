#include "deep_model.h"
#include "window_fixture.h"

#include "app/studio/evaluation_table.h"
#include "app/studio/open_project.h"
#include "app/studio/project_actions.h"
#include "app/studio/recent_row.h"
#include "app/studio/runs_table.h"
#include "app/studio/text.h"
#include "widgets/elided_label.h"
#include "widgets/message_banner.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDesktopServices>
#include <QDialog>
#include <QDirIterator>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QScrollBar>
#include <QTableView>
#include <QToolButton>

using namespace halftone;
using namespace Qt::StringLiterals;

/// Runs that are there: one that was killed goes on, names, notes, deleting; and the project as a folder.
class TestStudioRuns : public WindowFixture {
    Q_OBJECT

public Q_SLOTS:
    void takeUrl(const QUrl& url) { m_shown = url.toLocalFile(); }

private:
    QString m_shown;

    MessageBanner& banner() { return m_window->messages(); }
    RunsTable* table() { return m_window->findChild<RunsTable*>(); }
    QString deepModel() { return m_folder->filePath(u"deep"_s); }
    QString projectFolder() { return pathText(projectFolderFor(toPath(deepModel()), toPath(m_folder->filePath(u"projects"_s)))); }

    static QByteArray recipeText(int bits = 4)
    {
        return R"({"halftone_recipe": 1, "calibration": {"samples": 96, "length": 64}, "defaults": {"rounding": {"method": "gptq"}, "weights": {"bits": )" + QByteArray::number(bits)
            + R"(, "group": 32}}})";
    }

    static int blocksIn(const QString& project)
    {
        int blocks = 0;
        for (QDirIterator at(project + u"/runs"_s, {u"block-*.h5"_s}, QDir::Files, QDirIterator::Subdirectories); at.hasNext(); at.next())
            ++blocks;
        return blocks;
    }

    /// A run of the command line on the deep model, killed after some blocks; the project lies where the window looks for it.
    void killARun(int blocks = 24)
    {
        QVERIFY(makeDeepModel(modelFolder(), deepModel(), blocks));
        write(m_folder->filePath(u"recipe.json"_s), recipeText());
        QProcess process;
        process.start(QStringLiteral(HALFTONE_CLI), {u"quantize"_s, deepModel(), u"--recipe"_s, m_folder->filePath(u"recipe.json"_s), u"--text"_s, textFile(), u"--project"_s,
                                                     projectFolder(), u"--threads"_s, u"1"_s, u"--quiet"_s});
        QVERIFY(process.waitForStarted());
        QElapsedTimer clock;
        clock.start();
        while (blocksIn(projectFolder()) < 3 && clock.elapsed() < 60000 && process.state() == QProcess::Running)
            process.waitForFinished(5);
        process.kill();
        process.waitForFinished();
        QVERIFY2(process.exitStatus() == QProcess::CrashExit, "it was killed in the middle");
        QVERIFY(blocksIn(projectFolder()) >= 3);
    }

    QMap<QString, QByteArray> filesBelow(const QString& folder)
    {
        QMap<QString, QByteArray> files;
        for (QDirIterator at(folder, QDir::Files | QDir::Hidden, QDirIterator::Subdirectories); at.hasNext();) {
            QFile file(at.next());
            if (file.open(QIODevice::ReadOnly))
                files.insert(QDir(folder).relativeFilePath(file.fileName()), file.readAll());
        }
        files.remove(u"lock"_s);
        return files;
    }

    QPushButton* bannerButton(const QString& id, const QString& name)
    {
        auto* card = banner().findChild<QWidget*>(u"message-"_s + id);
        return card ? card->findChild<QPushButton*>(name) : nullptr;
    }

    void waitForRun(std::size_t runs)
    {
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().runs().size() == runs && document().runs().back().state == "done", 120000);
    }

    void quantizeTiny()
    {
        for (const Preset& preset : presets())
            if (preset.id == "w4a16-rtn-g64")
                QVERIFY(document().applyPreset(preset));
        QVERIFY(document().setCalibration({4, 64, 0}));
        const std::size_t before = document().runs().size();
        m_window->tasks().quantize({textFile(), false, false});
        STEP(waitForRun(before + 1));
        QTRY_COMPARE(document().runFacts(toQString(document().runs().back().id)).method, u"RTN 4 bits"_s);
    }

    void selectRun(int row)
    {
        m_window->setWorkspace(Workspaces::Run);
        m_window->activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
        auto* view = table()->table();
        QTest::mouseClick(view->viewport(), Qt::LeftButton, {}, view->visualRect(table()->model()->index(row, 0)).center());
        QTRY_VERIFY(table()->current());
        view->setFocus();
        QTRY_VERIFY(view->hasFocus());
    }

    template <typename Box> Box* box(const QString& name)
    {
        Box* found = nullptr;
        [&] { QTRY_VERIFY((found = m_window->findChild<Box*>(name)) && found->isVisible()); }();
        return found;
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Dark); }
    void init()
    {
        m_shown.clear();
        begin();
    }
    void cleanup() { end(); }

    void aKilledRunIsOfferedAndGoesOn()
    {
        STEP(killARun());
        STEP(openModel(deepModel()));
        QTRY_VERIFY(banner().contains(u"interrupted"_s));
        QTRY_VERIFY(!m_window->jobs().busy());
        const auto before = filesBelow(projectFolder());
        const RunInfo* run = document().unfinishedRun();
        QVERIFY(run);
        const QString sentence = banner().findChild<QWidget*>(u"message-interrupted"_s)->accessibleName();
        QCOMPARE(sentence, u"run-001 was interrupted at block %1 of 24."_s.arg(run->blocksDone));
        STEP(keepPicture(m_window.get(), u"run-interrupted"_s));

        // Closing it changes nothing.
        QTest::mouseClick(banner().findChild<QWidget*>(u"message-interrupted"_s)->findChild<QToolButton*>(u"dismiss"_s), Qt::LeftButton);
        QTRY_VERIFY(!banner().contains(u"interrupted"_s));
        const auto after = filesBelow(projectFolder());
        QCOMPARE(after.keys(), before.keys());
        for (auto file = before.cbegin(); file != before.cend(); ++file)
            QVERIFY2(after.value(file.key()) == file.value(), qPrintable(file.key()));
        end();
        start();
        STEP(openModel(deepModel()));
        QTRY_VERIFY(bannerButton(u"interrupted"_s, u"action"_s));
        QTest::mouseClick(bannerButton(u"interrupted"_s, u"action"_s), Qt::LeftButton);
        QTRY_VERIFY(!banner().contains(u"interrupted"_s));
        STEP(waitForRun(1));
        QCOMPARE(document().runs().front().blocksDone, 24);
        end();
        start();
        STEP(openModel(deepModel()));
        QVERIFY2(!banner().contains(u"interrupted"_s), "nothing is left to go on with");
    }

    void theOfferGoesByKeysInBothThemes_data()
    {
        QTest::addColumn<int>("theme");
        QTest::addRow("dark") << int(Theme::Dark);
        QTest::addRow("light") << int(Theme::Light);
    }
    void theOfferGoesByKeysInBothThemes()
    {
        QFETCH(int, theme);
        applyTheme(*qApp, static_cast<Theme>(theme));
        STEP(killARun());
        STEP(openModel(deepModel()));
        QTRY_VERIFY(bannerButton(u"interrupted"_s, u"action"_s) && !m_window->jobs().busy());
        const auto tabTo = [this](const QWidget* wanted) {
            for (int i = 0; i < 80 && m_window->focusWidget() != wanted; ++i)
                STEP(press(Qt::Key_Tab));
            QCOMPARE(m_window->focusWidget(), wanted);
        };
        const auto* drop = bannerButton(u"interrupted"_s, u"action1"_s);
        STEP(tabTo(drop));
        STEP(keepPicture(m_window.get(), u"offer-%1"_s.arg(theme)));
        STEP(press(Qt::Key_Space));   // asks first
        QTRY_VERIFY(QApplication::activeModalWidget());
        STEP(press(Qt::Key_Escape));
        QTRY_VERIFY(!QApplication::activeModalWidget());
        QVERIFY(document().unfinishedRun());
        STEP(tabTo(drop));
        STEP(press(Qt::Key_Backtab, Qt::ShiftModifier));   // Resume stands before it
        QCOMPARE(m_window->focusWidget(), bannerButton(u"interrupted"_s, u"action"_s));
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY(!banner().contains(u"interrupted"_s));
        STEP(waitForRun(1));
        QCOMPARE(document().runs().front().blocksDone, 24);
        applyTheme(*qApp, Theme::Dark);
    }

    void theRecentListSaysThatARunWaits()
    {
        STEP(killARun());
        STEP(openModel(deepModel()));
        STEP(openModel());
        end();
        start();
        auto* row = m_window->findChild<RecentRow*>(u"recent1"_s);
        QVERIFY(row);
        QTRY_VERIFY2(m_window->findChild<RecentRow*>(u"recent1"_s)->text().contains(u"interrupted"_s), qPrintable(m_window->findChild<RecentRow*>(u"recent1"_s)->text()));
        const QString text = m_window->findChild<RecentRow*>(u"recent1"_s)->text();
        QVERIFY2(text.contains(u"24 blocks"_s) && text.contains(u"1 run"_s) && text.contains(u"today"_s), qPrintable(text));
        QVERIFY(!m_window->findChild<RecentRow*>(u"recent0"_s)->text().contains(u"interrupted"_s));
        QVERIFY(m_window->findChild<RecentRow*>(u"recent0"_s)->text().contains(u"no run yet"_s));
        STEP(keepPicture(m_window.get(), u"recent-interrupted"_s));
        QTest::mouseClick(m_window->findChild<RecentRow*>(u"recent1"_s), Qt::LeftButton);
        QTRY_VERIFY(document().isOpen() && banner().contains(u"interrupted"_s));
    }

    void theContextMenuAndThePaletteResume()
    {
        STEP(killARun());
        STEP(openModel(deepModel()));
        STEP(selectRun(0));
        QVERIFY(action(u"runResume"_s)->isEnabled());
        QVERIFY(!action(u"runExport"_s)->isEnabled());
        QCOMPARE(action(u"runExport"_s)->statusTip(), u"This run is not finished: resume it first."_s);
        STEP(press(Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier));
        auto* line = m_window->findChild<QLineEdit*>(u"paletteLine"_s);
        QTRY_VERIFY(line && line->hasFocus());
        QTest::keyClicks(line, u"resume the interrupted"_s);
        QTest::keyClick(line, Qt::Key_Return);
        STEP(waitForRun(1));
        QTRY_VERIFY(!action(u"resumeRun"_s)->isEnabled());
        QCOMPARE(action(u"resumeRun"_s)->statusTip(), u"No run of this project was interrupted."_s);
        STEP(selectRun(0));
        QCOMPARE(action(u"runResume"_s)->statusTip(), u"This run is done."_s);
    }

    void dropDeletesTheInterruptedRunOnceItIsConfirmed()
    {
        STEP(killARun());
        STEP(openModel(deepModel()));
        QTRY_VERIFY(bannerButton(u"interrupted"_s, u"action1"_s));
        QTest::mouseClick(bannerButton(u"interrupted"_s, u"action1"_s), Qt::LeftButton);
        auto* sure = box<QMessageBox>(u"deleteRunBox"_s);
        QVERIFY(sure);
        QTest::keyClick(sure, Qt::Key_Return);   // what Enter does keeps it
        QTRY_VERIFY(!m_window->findChild<QMessageBox*>(u"deleteRunBox"_s));
        QCOMPARE(document().runs().size(), std::size_t(1));
        QTest::mouseClick(bannerButton(u"interrupted"_s, u"action1"_s), Qt::LeftButton);
        sure = box<QMessageBox>(u"deleteRunBox"_s);
        QTest::mouseClick(sure->findChild<QPushButton*>(u"deleteRun"_s), Qt::LeftButton);
        QTRY_COMPARE(document().runs().size(), std::size_t(0));
        QTRY_VERIFY(!banner().contains(u"interrupted"_s));
        QCOMPARE(blocksIn(projectFolder()), 0);
        QVERIFY(!QFileInfo::exists(projectFolder() + u"/runs/run-001"_s));
    }

    void aChangedRecipeSaysWhatDiffersAndBranches()
    {
        STEP(killARun());
        STEP(openModel(deepModel()));
        const int done = document().unfinishedRun()->blocksDone;
        QVERIFY(document().replaceRecipe(Recipe::parse(document().runs().front().recipeJson, "run"), u"the run's"_s));
        STEP(press(Qt::Key_Return, Qt::ControlModifier));
        auto* dialog = box<QDialog>(u"quantizeDialog"_s);
        auto* begins = dialog->findChild<QComboBox*>(u"begin"_s);
        QCOMPARE(begins->currentText(), u"go on with run-001 at block %1"_s.arg(done));
        QTest::keyClick(dialog, Qt::Key_Escape);
        QTRY_VERIFY(!m_window->findChild<QDialog*>(u"quantizeDialog"_s));

        PlanPatch eight;
        eight.bits = 8;
        QVERIFY(document().editPlans({u"model.layers.2.mlp.down_proj"_s}, eight));
        STEP(press(Qt::Key_Return, Qt::ControlModifier));
        dialog = box<QDialog>(u"quantizeDialog"_s);
        begins = dialog->findChild<QComboBox*>(u"begin"_s);
        QCOMPARE(begins->currentText(), u"take over the first 2 blocks of run-001"_s);
        const QString difference = dialog->findChild<QLabel*>(u"difference"_s)->text();
        QVERIFY2(difference.contains(u"differ from block 2 on"_s), qPrintable(difference));
        STEP(keepPicture(dialog, u"quantize-branch"_s));
        QTest::keyClick(dialog, Qt::Key_Return);
        STEP(waitForRun(2));
        QCOMPARE(toQString(document().runs().back().id), u"run-002"_s);
        QCOMPARE(toQString(document().runs().front().state), u"running"_s);   // the other one is as it was

        QVERIFY(document().setCalibration({97, 64, 0}));
        STEP(press(Qt::Key_Return, Qt::ControlModifier));
        dialog = box<QDialog>(u"quantizeDialog"_s);
        QCOMPARE(dialog->findChild<QComboBox*>(u"begin"_s)->count(), 1);
        QCOMPARE(dialog->findChild<QComboBox*>(u"begin"_s)->currentText(), u"anew"_s);
        QVERIFY(dialog->findChild<QLabel*>(u"difference"_s)->text().contains(u"samples 96, now 97"_s));
    }

    void aDoneRunIsBranchedFrom()
    {
        STEP(openModel());
        STEP(quantizeTiny());
        STEP(selectRun(0));
        STEP(trigger(u"runBranch"_s));
        auto* dialog = box<QDialog>(u"quantizeDialog"_s);
        QCOMPARE(dialog->findChild<QComboBox*>(u"begin"_s)->count(), 1);
        QVERIFY(dialog->findChild<QLabel*>(u"difference"_s)->text().contains(u"the same: change the plans of some later blocks first"_s));
        QTest::keyClick(dialog, Qt::Key_Escape);
        QTRY_VERIFY(!m_window->findChild<QDialog*>(u"quantizeDialog"_s));
        PlanPatch eight;
        eight.bits = 8;
        QVERIFY(document().editPlans({u"model.layers.1.mlp.down_proj"_s}, eight));
        STEP(trigger(u"runBranch"_s));
        dialog = box<QDialog>(u"quantizeDialog"_s);
        QCOMPARE(dialog->findChild<QComboBox*>(u"begin"_s)->currentText(), u"take over the first block of run-001"_s);
        STEP(keepPicture(dialog, u"branch-from-done"_s));
        QTest::keyClick(dialog, Qt::Key_Return);
        STEP(waitForRun(2));
        QCOMPARE(toQString(document().runs().back().id), u"run-002"_s);
        QCOMPARE(toQString(document().runs().front().state), u"done"_s);
        const auto first = [this](const std::string& run) { return document().project()->results(run).front().seconds; };
        QCOMPARE(first("run-002"), first("run-001"));   // taken over, not computed again
    }

    void theRunsTableDoesNotScrollSidewaysOnALaptop()
    {
        m_window->resize(1366, 768);
        STEP(openModel());
        for (const Preset& preset : presets())
            if (preset.id == "w8a8-smoothquant")
                QVERIFY(document().applyPreset(preset));
        QVERIFY(document().setCalibration({4, 64, 0}));
        m_window->tasks().quantize({textFile(), false, false});
        STEP(waitForRun(1));
        document().labelRun(u"run-001"_s, u"a name that is as long as names of runs may be, and is"_s, u"and a note"_s);
        STEP(quantizeTiny());
        m_window->setWorkspace(Workspaces::Run);
        m_window->resize(1366, 768);
        const QTableView* view = table()->table();
        QTRY_VERIFY(view->isVisible());
        QTest::qWait(300);   // the columns follow the room
        QTRY_COMPARE(view->horizontalScrollBar()->maximum(), 0);
        QVERIFY(!view->isColumnHidden(RunsModel::Id) && !view->isColumnHidden(RunsModel::Method) && !view->isColumnHidden(RunsModel::State) && !view->isColumnHidden(RunsModel::Bits));
        const QString tip = table()->model()->index(1, RunsModel::Id).data(Qt::ToolTipRole).toString();
        QVERIFY2(tip.contains(u"and is"_s) && tip.contains(u"bits a weight"_s) && tip.contains(u"and a note"_s), qPrintable(tip));
        STEP(keepPicture(m_window.get(), u"runs-1366"_s));
        applyTheme(*qApp, Theme::Light);
        STEP(keepPicture(m_window.get(), u"runs-1366-light"_s));
        applyTheme(*qApp, Theme::Dark);
    }

    void aNameAndANoteStayWithTheRun()
    {
        STEP(openModel());
        STEP(quantizeTiny());
        STEP(selectRun(0));
        QTest::keyClick(table()->table(), Qt::Key_F2);
        auto* dialog = box<QDialog>(u"runLabelDialog"_s);
        QVERIFY(dialog);
        QTest::keyClicks(dialog->findChild<QLineEdit*>(u"runName"_s), u"for the talk"_s);
        QTest::keyClick(dialog->findChild<QLineEdit*>(u"runName"_s), Qt::Key_Tab);
        QTest::keyClicks(dialog->findChild<QPlainTextEdit*>(u"runNote"_s), u"nearest, as a start"_s);
        STEP(keepPicture(dialog, u"run-label"_s));
        QTest::keyClick(dialog->findChild<QLineEdit*>(u"runName"_s), Qt::Key_Return);
        const auto shown = [this] { return table()->model()->index(0, RunsModel::Id).data().toString(); };
        QTRY_COMPARE(shown(), u"run-001 · for the talk *"_s);
        QVERIFY(table()->model()->index(0, RunsModel::Id).data(Qt::ToolTipRole).toString().contains(u"nearest, as a start"_s));
        QTRY_VERIFY(!m_window->jobs().busy());

        EvaluateRequest request;
        request.text = textFile();
        request.windows = 1;
        request.length = 32;
        request.target = EvaluationRecord::Target::Run;
        request.run = u"run-001"_s;
        m_window->tasks().evaluate(request);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && !document().evaluations().empty(), 60000);
        QStringList compared;
        const auto* figures = m_window->findChild<EvaluationModel*>();
        for (int row = 0; row < figures->rowCount(); ++row)
            compared << figures->index(row, EvaluationModel::Target).data().toString();
        QVERIFY2(compared.contains(u"run-001 · for the talk"_s), qPrintable(compared.join(u", "_s)));
        for (const QString& name : {u"evaluate"_s, u"export"_s}) {
            STEP(trigger(name));
            auto* asked = box<QDialog>(name + u"Dialog"_s);
            QVERIFY2(asked->findChild<QComboBox*>(u"runs"_s)->currentText().startsWith(u"run-001 · for the talk"_s), qPrintable(name));
            QTest::keyClick(asked, Qt::Key_Escape);
            QTRY_VERIFY(!m_window->findChild<QDialog*>(name + u"Dialog"_s));
        }
        const std::vector<EvaluationRecord> named = figures->records();
        for (const EvaluationRecord& record : named)
            document().removeEvaluation(record);
        QTRY_VERIFY(!m_window->jobs().busy());
        end();
        start();
        STEP(openModel());
        QVERIFY2(document().evaluations().empty(), "taken away under its name, it does not come back");
        QTRY_COMPARE(shown(), u"run-001 · for the talk *"_s);
        QCOMPARE(toQString(document().runs().front().note), u"nearest, as a start"_s);
    }

    void deletingARunTakesItsFilesAndFiguresButNotOneAtWork()
    {
        STEP(openModel());
        STEP(quantizeTiny());
        STEP(quantizeTiny());
        const QString project = pathText(document().project()->folder());
        const int blocks = blocksIn(project);
        EvaluateRequest request;
        request.text = textFile();
        request.windows = 2;
        request.length = 64;
        request.target = EvaluationRecord::Target::Run;
        request.run = u"run-001"_s;
        m_window->tasks().evaluate(request);
        document().removeRun(u"run-001"_s);   // a job waits for it or is at work with it
        QTRY_VERIFY_WITH_TIMEOUT(banner().contains(u"run"_s) || !m_window->jobs().busy(), 60000);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && !document().evaluations().empty(), 60000);
        QVERIFY(banner().contains(u"run"_s));
        QCOMPARE(document().runs().size(), std::size_t(2));
        QCOMPARE(blocksIn(project), blocks);

        STEP(selectRun(1));
        QCOMPARE(toQString(table()->current()->id), u"run-001"_s);
        QTest::keyClick(table()->table(), Qt::Key_Delete);
        auto* sure = box<QMessageBox>(u"deleteRunBox"_s);
        QVERIFY(sure);
        QVERIFY(sure->informativeText().contains(u"The evaluation of it goes too."_s));
        STEP(keepPicture(sure, u"run-delete"_s));
        QTest::mouseClick(sure->findChild<QPushButton*>(u"deleteRun"_s), Qt::LeftButton);
        QTRY_COMPARE(document().runs().size(), std::size_t(1));
        QTRY_VERIFY(!m_window->jobs().busy());
        QVERIFY(document().evaluations().empty());
        QCOMPARE(blocksIn(project), blocks / 2);
        STEP(quantizeTiny());
        QCOMPARE(toQString(document().runs().back().id), u"run-003"_s);
        end();
        start();
        STEP(openModel());
        QCOMPARE(document().runs().size(), std::size_t(2));
        QVERIFY(document().evaluations().empty());
    }

    void theProjectsSizeIsSeenAndItsFolderShown()
    {
        QDesktopServices::setUrlHandler(u"file"_s, this, "takeUrl");
        STEP(openModel());
        STEP(quantizeTiny());
        m_window->setWorkspace(Workspaces::Run);
        const QString size = table()->findChild<ElidedLabel*>(u"projectSize"_s)->text();
        QVERIFY2(QRegularExpression(u"^[0-9.]+ [kM]B on disk, 1 run$"_s).match(size).hasMatch(), qPrintable(size));
        STEP(trigger(u"showProject"_s));
        QCOMPARE(m_shown, pathText(document().project()->folder()));
        QDesktopServices::unsetUrlHandler(u"file"_s);
    }

    void aCopyOfTheProjectHoldsAllAndIsComplete()
    {
        STEP(openModel());
        STEP(quantizeTiny());
        const QString original = pathText(document().project()->folder()), copy = m_folder->filePath(u"second try"_s);
        m_window->findChild<ProjectActions*>()->copyTo(copy);
        QTRY_VERIFY_WITH_TIMEOUT(banner().contains(u"copied"_s), 30000);
        const auto ours = filesBelow(original), theirs = filesBelow(copy + u".halftone"_s);
        int blocks = 0;
        for (auto file = ours.cbegin(); file != ours.cend(); ++file)
            if (file.key().startsWith(u"runs/"_s)) {
                QVERIFY2(theirs.value(file.key()) == file.value(), qPrintable(file.key()));
                ++blocks;
            }
        QCOMPARE(blocks, 4);
        QTest::mouseClick(bannerButton(u"copied"_s, u"action"_s), Qt::LeftButton);
        QTRY_COMPARE(document().path(), copy + u".halftone"_s);
        QTRY_VERIFY(!m_window->jobs().busy());
        QCOMPARE(document().runs().size(), std::size_t(1));

        const auto before = filesBelow(copy + u".halftone"_s);
        m_window->findChild<ProjectActions*>()->copyTo(copy);   // into itself: refused, nothing is replaced
        QTRY_VERIFY_WITH_TIMEOUT(banner().contains(u"copy-project"_s), 30000);
        QCOMPARE(filesBelow(copy + u".halftone"_s).keys(), before.keys());
    }
};

QTEST_MAIN(TestStudioRuns)
#include "tst_studio_runs.moc"
