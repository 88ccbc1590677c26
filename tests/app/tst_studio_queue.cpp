#include "deep_model.h"
#include "window_fixture.h"

#include "app/studio/job_indicator.h"
#include "app/studio/run_monitor.h"
#include "app/studio/runs_table.h"
#include "app/studio/text.h"
#include "widgets/elided_label.h"
#include "widgets/empty_state.h"
#include "widgets/jobs_view.h"
#include "widgets/message_banner.h"
#include "widgets/run_view.h"

#include <QClipboard>
#include <QComboBox>
#include <QDesktopServices>
#include <QDockWidget>
#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QProcess>
#include <QPushButton>
#include <QScrollArea>
#include <QStatusBar>
#include <QTextBrowser>
#include <QToolButton>

using namespace halftone;
using namespace Qt::StringLiterals;

/// What is at work is always in sight, can be held from everywhere, and what is finished stays out of the way.
class TestStudioQueue : public WindowFixture {
    Q_OBJECT

public Q_SLOTS:
    void takeUrl(const QUrl& url) { m_shown = url.toLocalFile(); }

private:
    QString m_shown;   ///< what the file manager was asked to show

    JobsView* jobsView() { return m_window->findChild<JobsView*>(); }
    MessageBanner& banner() { return m_window->messages(); }

    void openDeepModel(int blocks)
    {
        const QString folder = m_folder->filePath(u"deep"_s);
        QVERIFY(makeDeepModel(modelFolder(), folder, blocks));
        STEP(openModel(folder));
    }

    void useGptq()
    {
        for (const Preset& preset : presets())
            if (preset.id == "w4a16-gptq-g64")
                QVERIFY(document().applyPreset(preset));
    }

    /// Quantizes with few samples, and holds the run after `blocks` blocks.
    void quantizeAndPause(int blocks)
    {
        QVERIFY(document().setCalibration({32, 64, 0}));
        auto* counter = new QObject(m_window.get());
        connect(&document(), &Document::runBlockAdded, counter, [this, counter, blocks, done = 0]() mutable {
            if (++done == blocks) {
                m_window->jobs().pause(job(u"quantize"_s).id);
                counter->deleteLater();
            }
        });
        m_window->tasks().quantize({textFile(), true, false});
        QTRY_COMPARE_WITH_TIMEOUT(job(u"quantize"_s).state, JobState::Paused, 60000);
    }

    /// A line that the window offers for a shell.
    void runInShell(const QString& line)
    {
        QProcess shell;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(u"PATH"_s, QFileInfo(QStringLiteral(HALFTONE_CLI)).path() + u':' + environment.value(u"PATH"_s));
        shell.setProcessEnvironment(environment);
        shell.start(u"sh"_s, {u"-c"_s, line});
        QVERIFY(shell.waitForFinished(120000));
        QVERIFY2(shell.exitCode() == 0, shell.readAllStandardError().constData());
    }

    void quantizeToTheEnd()
    {
        QVERIFY(document().setCalibration({8, 64, 0}));
        const std::size_t before = document().runs().size();
        m_window->tasks().quantize({textFile(), true, false});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().runs().size() > before && document().latestRun(), 60000);
    }

    JobStatus job(const QString& tag)
    {
        JobStatus newest;
        for (const JobStatus& status : m_window->jobs().jobs())
            if (status.tag == tag)
                newest = status;
        return newest;
    }

    /// By the palette, with keys only.
    void command(const QString& words)
    {
        STEP(press(Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier));
        auto* line = m_window->findChild<QLineEdit*>(u"paletteLine"_s);
        QTRY_VERIFY(line && line->hasFocus());
        QTest::keyClicks(line, words);
        QTest::keyClick(line, Qt::Key_Return);
        QTRY_VERIFY(!line->isVisible());
    }

    QPushButton* bannerButton(const QString& id, const QString& name)
    {
        auto* card = banner().findChild<QWidget*>(u"message-"_s + id);
        return card ? card->findChild<QPushButton*>(name) : nullptr;
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Dark); }
    void init()
    {
        m_shown.clear();
        begin();
    }
    void cleanup() { end(); }

    void theJobAtWorkStaysOnTopAndFinishedOnesFold()
    {
        STEP(openDeepModel(12));
        for (int i = 0; i < 6; ++i)
            STEP(analyze());
        STEP(useGptq());
        m_window->setWorkspace(Workspaces::Inspect);
        STEP(quantizeAndPause(2));
        auto* row = jobsView()->findChild<QWidget*>(u"job-"_s + QString::number(job(u"quantize"_s).id));
        QVERIFY(row);
        QTRY_VERIFY(row->isVisible());
        QTRY_COMPARE(row->visibleRegion().boundingRect(), row->rect());
        QVERIFY2(!jobsView()->findChild<QScrollArea*>(u"jobsScroll"_s)->isAncestorOf(row), "it never scrolls away");
        auto* fold = jobsView()->findChild<QToolButton*>(u"jobsFoldButton"_s);
        QVERIFY(fold->isVisible());
        QCOMPARE(fold->text(), u"6 finished"_s);
        QVERIFY(jobsView()->findChild<ElidedLabel*>(u"jobsLastEnd"_s)->text().contains(u"Analyze deep"_s));
        STEP(keepPicture(m_window.get(), u"jobs-folded"_s));
        const QString finished = u"job-"_s + QString::number(m_window->jobs().jobs().front().id);
        QVERIFY(!jobsView()->findChild<QWidget*>(finished)->isVisible());
        QTest::mouseClick(fold, Qt::LeftButton);
        QTRY_VERIFY(jobsView()->findChild<QWidget*>(finished)->isVisible());
        QVERIFY(row->visibleRegion().boundingRect() == row->rect());
        STEP(keepPicture(m_window.get(), u"jobs-unfolded"_s));
        QTest::mouseClick(jobsView()->findChild<QToolButton*>(u"jobsClear"_s), Qt::LeftButton);
        QTRY_COMPARE(m_window->jobs().jobs().size(), std::size_t(1));
        QTRY_VERIFY(!fold->isVisible());
        QCOMPARE(job(u"quantize"_s).state, JobState::Paused);
    }

    void titleAndStatusBarSayHowFarTheJobIs()
    {
        STEP(openDeepModel(12));
        QCOMPARE(m_window->windowTitle(), u"deep – Halftone"_s);
        auto* indicator = m_window->statusBar()->findChild<JobIndicator*>();
        QVERIFY(indicator && !indicator->isVisible());
        STEP(useGptq());
        STEP(quantizeAndPause(3));
        QTRY_VERIFY2(QRegularExpression(u"^paused at \\d+ % – deep – Halftone$"_s).match(m_window->windowTitle()).hasMatch(), qPrintable(m_window->windowTitle()));
        QTRY_VERIFY(indicator->isVisible());
        QVERIFY2(indicator->text().contains(u"Quantize deep · GPTQ 4 bits"_s), qPrintable(indicator->text()));
        m_window->jobs().resume(job(u"quantize"_s).id);
        QTRY_VERIFY2(QRegularExpression(u"^\\d+ % – deep – Halftone$"_s).match(m_window->windowTitle()).hasMatch(), qPrintable(m_window->windowTitle()));
        QDockWidget* dock = m_window->findChild<QDockWidget*>(u"jobsDock"_s);
        dock->hide();
        QTest::mouseClick(indicator, Qt::LeftButton);
        QTRY_VERIFY(dock->isVisible());
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy(), 60000);
        QTRY_COMPARE(m_window->windowTitle(), u"deep – Halftone"_s);
        QVERIFY(!indicator->isVisible());
    }

    void pauseResumeAndCancelAreCommandsWithReasons()
    {
        STEP(openDeepModel(12));
        for (const QString& name : {u"pauseJob"_s, u"resumeJob"_s, u"cancelJob"_s, u"clearJobs"_s}) {
            QVERIFY2(!action(name)->isEnabled(), qPrintable(name));
            QVERIFY2(!action(name)->statusTip().isEmpty() && action(name)->toolTip().contains(action(name)->statusTip()), qPrintable(name));
        }
        QCOMPARE(action(u"pauseJob"_s)->statusTip(), u"No job is at work."_s);
        STEP(useGptq());
        STEP(quantizeAndPause(1));
        QTRY_VERIFY(action(u"resumeJob"_s)->isEnabled());
        QVERIFY(!action(u"pauseJob"_s)->isEnabled());
        QCOMPARE(action(u"pauseJob"_s)->statusTip(), u"The job at work is paused already."_s);
        STEP(command(u"resume the paused"_s));
        QTRY_COMPARE(job(u"quantize"_s).state, JobState::Running);
        STEP(command(u"pause the job"_s));
        QTRY_COMPARE_WITH_TIMEOUT(job(u"quantize"_s).state, JobState::Paused, 5000);
        STEP(command(u"cancel the job"_s));
        QTRY_COMPARE_WITH_TIMEOUT(job(u"quantize"_s).state, JobState::Cancelled, 5000);
        QTRY_VERIFY(!m_window->jobs().busy());
        QTRY_VERIFY(action(u"resumeJob"_s)->isEnabled());
        STEP(command(u"resume the paused"_s));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        QCOMPARE(document().runs().size(), std::size_t(1));
        QTRY_VERIFY(action(u"clearJobs"_s)->isEnabled());
        STEP(command(u"clear finished"_s));
        QTRY_VERIFY(m_window->jobs().jobs().empty());
    }

    void aSecondRunWaitsForTheFirst()
    {
        STEP(openDeepModel(12));
        STEP(useGptq());
        STEP(quantizeAndPause(2));
        m_window->tasks().quantize({textFile(), false, false});
        std::vector<JobStatus> runs;
        for (const JobStatus& status : m_window->jobs().jobs())
            if (status.tag == u"quantize"_s)
                runs.push_back(status);
        QCOMPARE(runs.size(), std::size_t(2));
        QCOMPARE(runs[0].state, JobState::Paused);   // not cancelled for the second one's sake
        QCOMPARE(runs[1].state, JobState::Waiting);
        QVERIFY(document().results().size() >= 2);
        m_window->jobs().resume(runs[0].id);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy(), 120000);
        QTRY_COMPARE(document().runs().size(), std::size_t(2));
        for (const RunInfo& run : document().runs())
            QCOMPARE(toQString(run.state), u"done"_s);
        QTRY_COMPARE(document().results().size(), std::size_t(12));
    }

    void resumeGoesOnWithTheRecipeThatTheJobWasStartedWith()
    {
        STEP(openDeepModel(12));
        STEP(useGptq());
        STEP(quantizeAndPause(3));
        m_window->jobs().cancel(job(u"quantize"_s).id);
        QTRY_COMPARE_WITH_TIMEOUT(job(u"quantize"_s).state, JobState::Cancelled, 5000);
        QTRY_VERIFY(!m_window->jobs().busy());
        PlanPatch eight;
        eight.bits = 8;
        QVERIFY(document().editPlans({u"model.layers.9.mlp.down_proj"_s}, eight));
        m_window->jobs().resume(job(u"quantize"_s).id);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        QCOMPARE(document().runs().size(), std::size_t(1));
        QVERIFY(!(Recipe::parse(document().runs().front().recipeJson, "run") == document().recipe()));
    }

    void aJobOfAnotherModelOpensItBeforeItGoesOn()
    {
        STEP(openDeepModel(12));
        STEP(useGptq());
        STEP(quantizeAndPause(2));
        m_window->jobs().cancel(job(u"quantize"_s).id);
        QTRY_VERIFY(!m_window->jobs().busy());
        STEP(openModel());
        QCOMPARE(document().name(), u"tiny-llama"_s);
        m_window->jobs().resume(job(u"quantize"_s).id);
        QTRY_VERIFY_WITH_TIMEOUT(document().name() == u"deep"_s && !m_window->jobs().busy() && document().latestRun(), 60000);
        QCOMPARE(document().runs().size(), std::size_t(1));
    }

    void theRunsTableCountsWhileTheRunIsAtWork()
    {
        STEP(openDeepModel(12));
        STEP(useGptq());
        m_window->setWorkspace(Workspaces::Run);
        auto* view = m_window->findChild<RunView*>();
        QVERIFY(view->isEmptyStateShown());
        STEP(quantizeAndPause(5));
        auto* runs = m_window->findChild<RunsTable*>()->model();
        QTRY_COMPARE(runs->rowCount(), 1);
        // The pause reaches the run at the end of a step: after the fifth block, or the one that follows.
        const auto blocks = [&] { return runs->index(0, RunsModel::Blocks).data().toString(); };
        QTRY_VERIFY2(blocks() == u"5 / 12"_s || blocks() == u"6 / 12"_s, qPrintable(blocks()));
        QCOMPARE(runs->index(0, RunsModel::State).data().toString(), u"at work"_s);
        QCOMPARE(runs->index(0, RunsModel::Method).data().toString(), u"GPTQ 4 bits"_s);
        QTRY_COMPARE(view->head().id, u"run-001"_s);
        QVERIFY(view->head().atWork);
        QVERIFY(!action(u"runDelete"_s)->isEnabled());
        STEP(keepPicture(m_window.get(), u"run-at-work"_s));
        m_window->jobs().resume(job(u"quantize"_s).id);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        QTRY_COMPARE(runs->index(0, RunsModel::State).data().toString(), u"done"_s);
    }

    void aRunThatWaitsIsSaidInItsView()
    {
        STEP(openDeepModel(12));
        STEP(useGptq());
        QVERIFY(document().setCalibration({8, 64, 0}));
        m_window->setWorkspace(Workspaces::Run);
        bool held = false;
        const QObject listening;
        connect(&document(), &Document::analysisBlockAdded, &listening, [&] {
            if (!std::exchange(held, true))
                m_window->jobs().pause(job(u"analyze"_s).id);
        });
        m_window->tasks().analyze({textFile(), 4, 64, {}});
        QTRY_COMPARE_WITH_TIMEOUT(job(u"analyze"_s).state, JobState::Paused, 30000);
        m_window->tasks().quantize({textFile(), true, false});
        auto* view = m_window->findChild<RunView*>();
        const auto said = [view] {
            QString words;
            for (const QLabel* label : view->findChild<EmptyState*>()->findChildren<QLabel*>())
                words += label->text();
            return words;
        };
        QTRY_VERIFY2(said().contains(u"A run waits: 1 job"_s) || said().contains(u"The run begins"_s), qPrintable(said()));
        m_window->jobs().resume(job(u"analyze"_s).id);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
    }

    void resumingSaysWhichBlockIsReplayed()
    {
        STEP(openDeepModel(12));
        STEP(useGptq());
        STEP(quantizeAndPause(6));
        m_window->jobs().cancel(job(u"quantize"_s).id);
        QTRY_VERIFY(!m_window->jobs().busy());
        QStringList said;
        const QObject listening;   // no longer than `said`
        connect(&m_window->jobs(), &JobRunner::changed, &listening, [&] { said << job(u"quantize"_s).phase + u": "_s + job(u"quantize"_s).detail; });
        m_window->jobs().resume(job(u"quantize"_s).id);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        const QStringList replayed = said.filter(QRegularExpression(u"resuming: replaying block [1-6] of 6"_s));
        QVERIFY2(!replayed.isEmpty(), qPrintable(said.join(u'\n')));
    }

    void nothingMovesWhenARunBeginsOrIsDone()
    {
        STEP(openDeepModel(12));
        STEP(analyze());
        m_window->setWorkspace(Workspaces::Inspect);
        STEP(useGptq());
        const auto places = [this] {
            QList<QRect> all;
            for (const QString& name : {u"outliersView"_s, u"kernelView"_s, u"channelsView"_s, u"layers"_s, u"jobs"_s}) {
                const auto* view = m_window->findChild<QWidget*>(name);
                all.append(QRect(view->mapTo(m_window.get(), QPoint(0, 0)), view->size()));
            }
            return all;
        };
        const QList<QRect> before = places();
        STEP(quantizeAndPause(3));
        QTest::qWait(100);
        QCOMPARE(places(), before);
        m_window->jobs().resume(job(u"quantize"_s).id);
        auto* notice = m_window->findChild<QWidget*>(u"doneNotice"_s);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && notice->isVisible(), 60000);
        QTest::qWait(100);
        STEP(keepPicture(m_window.get(), u"done-notice"_s));
        QCOMPARE(places(), before);
        // Its button asks for the evaluation, by mouse and by keys.
        QTest::mouseClick(notice->findChild<QToolButton*>(u"doneNoticeAction"_s), Qt::LeftButton);
        auto* dialog = m_window->findChild<QDialog*>(u"evaluateDialog"_s);
        QTRY_VERIFY(dialog && dialog->isVisible());
        dialog->close();
        QVERIFY(!notice->isVisible());
        QTest::qWait(100);
        QCOMPARE(places(), before);
    }

    void theNoticeOfADoneRunGoesOnceItWasEvaluated()
    {
        STEP(openModel());
        STEP(useGptq());
        STEP(quantizeToTheEnd());
        auto* notice = m_window->findChild<QWidget*>(u"doneNotice"_s);
        QTRY_VERIFY(notice->isVisible());
        STEP(press(Qt::Key_E, Qt::ControlModifier));   // not by the banner's own button
        auto* dialog = m_window->findChild<QDialog*>(u"evaluateDialog"_s);
        QTRY_VERIFY(dialog && dialog->isVisible());
        auto* text = dialog->findChild<QLineEdit*>(u"text"_s);
        text->setFocus();
        text->selectAll();
        QTest::keyClicks(text, textFile());
        QTest::mouseClick(dialog->findChild<QPushButton*>(u"copyCommand"_s), Qt::LeftButton);
        const QString line = QApplication::clipboard()->text();
        QVERIFY2(line.contains(u"halftone-cli evaluate "_s) && line.contains(u"#run-001' --text "_s) && line.contains(u"--against "_s), qPrintable(line));
        QTest::keyClick(text, Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && !document().evaluations().empty(), 60000);
        QTRY_VERIFY(!notice->isVisible());
    }

    /// A preset goes by its name; a recipe of one's own is in the line.
    void theQuantizeDialogsLineDoesWhatTheWindowDoes_data()
    {
        QTest::addColumn<bool>("own");
        QTest::addRow("a preset") << false;
        QTest::addRow("a recipe of one's own") << true;
    }
    void theQuantizeDialogsLineDoesWhatTheWindowDoes()
    {
        QFETCH(bool, own);
        STEP(openModel());
        STEP(useGptq());
        PlanPatch eight;
        eight.bits = 8;
        if (own)
            QVERIFY(document().editPlans({u"model.layers.1.mlp.down_proj"_s}, eight));
        QVERIFY(document().setCalibration({8, 64, 0}));
        STEP(trigger(u"quantize"_s));
        auto* dialog = m_window->findChild<QDialog*>(u"quantizeDialog"_s);
        QTRY_VERIFY(dialog && dialog->isVisible());
        auto* text = dialog->findChild<QLineEdit*>(u"text"_s);
        text->selectAll();
        QTest::keyClicks(text, textFile());
        QTest::mouseClick(dialog->findChild<QPushButton*>(u"copyCommand"_s), Qt::LeftButton);
        QString line = QApplication::clipboard()->text();
        QCOMPARE(line.contains(u"preset:w4a16-gptq-g64"_s), !own);
        STEP(keepPicture(dialog, u"quantize-command"_s));
        QTest::keyClick(text, Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        const QString project = pathText(document().project()->folder()), other = m_folder->filePath(u"line.halftone"_s);
        const auto blocks = [](const QString& folder) { return QDir(folder + u"/runs/run-001"_s).entryList({u"block-*.h5"_s}, QDir::Files, QDir::Name); };
        const QStringList ours = blocks(project);
        QVERIFY(!ours.isEmpty());
        QVERIFY(line.contains(project));
        line.replace(project, other);
        STEP(runInShell(line + u" --quiet"_s));
        QCOMPARE(blocks(other), ours);   // their names are their contents' hashes
    }

    void anExportIsToldInABannerNotInTheWay()
    {
        QDesktopServices::setUrlHandler(u"file"_s, this, "takeUrl");
        STEP(openModel());
        STEP(useGptq());
        STEP(quantizeToTheEnd());
        const QString run = toQString(document().latestRun()->id), out = m_folder->filePath(u"it's out"_s);
        m_window->tasks().exportRun({run, u"compressed-tensors"_s, out, u"auto"_s, false});
        QTRY_VERIFY_WITH_TIMEOUT(banner().contains(u"exported"_s), 60000);
        QVERIFY(!QApplication::activeModalWidget());
        QVERIFY(!m_window->findChild<QDialog*>(u"exportReport"_s));
        STEP(keepPicture(m_window.get(), u"export-banner"_s));
        QTest::mouseClick(bannerButton(u"exported"_s, u"action1"_s), Qt::LeftButton);
        QCOMPARE(m_shown, out);
        QTest::mouseClick(bannerButton(u"exported"_s, u"action2"_s), Qt::LeftButton);
        const QString line = QApplication::clipboard()->text();
        QVERIFY2(line.startsWith(u"halftone-cli export "_s), qPrintable(line));
        QTest::mouseClick(bannerButton(u"exported"_s, u"action"_s), Qt::LeftButton);
        auto* report = m_window->findChild<QDialog*>(u"exportReport"_s);
        QTRY_VERIFY(report && report->isVisible());
        QVERIFY(!report->isModal());
        const QString certificate = report->findChild<QTextBrowser*>(u"certificate"_s)->toPlainText();
        QVERIFY2(certificate.contains(u"bit by bit"_s) && certificate.contains(u"model.safetensors"_s) && !certificate.contains(u'{'), qPrintable(certificate));
        QCOMPARE(report->findChild<QLineEdit*>(u"commandLine"_s)->text(), line);
        QVERIFY(report->findChild<QLineEdit*>(u"serveLine-vLLM"_s)->text().startsWith(u"vllm serve '"_s));
        QTest::mouseClick(report->findChild<QPushButton*>(u"copyServe-transformers"_s), Qt::LeftButton);
        QVERIFY2(QApplication::clipboard()->text().startsWith(u"python3 -c "_s) && QApplication::clipboard()->text().endsWith(u"out'"_s), qPrintable(QApplication::clipboard()->text()));
        QCOMPARE(report->findChild<QLineEdit*>(u"serveLine-transformers"_s)->text(), QApplication::clipboard()->text());
        STEP(keepPicture(report, u"export-report"_s));
        report->close();
        QTRY_VERIFY(!banner().contains(u"exported"_s));

        // The line does what the window did.
        end();
        QDir(out).removeRecursively();
        STEP(runInShell(line + u" --quiet"_s));
        QVERIFY(QFileInfo::exists(out + u"/config.json"_s));
        QDesktopServices::unsetUrlHandler(u"file"_s);
    }
};

QTEST_MAIN(TestStudioQueue)
#include "tst_studio_queue.moc"
