#include "deep_model.h"
#include "window_fixture.h"

#include "app/studio/evaluation_table.h"
#include "app/studio/job_rows.h"
#include "app/studio/machine_rates.h"
#include "app/studio/run_monitor.h"
#include "app/studio/runs_table.h"
#include "app/studio/text.h"
#include "core/pipeline/quantize_plan.h"
#include "widgets/block_strip.h"
#include "widgets/colour_map.h"
#include "widgets/curves_view.h"
#include "widgets/elided_label.h"
#include "widgets/jobs_view.h"
#include "widgets/memory_plot.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/run_model.h"
#include "widgets/run_view.h"
#include "widgets/tradeoff_view.h"

#include <QAbstractItemModelTester>
#include <QCheckBox>
#include <QCryptographicHash>
#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QPlainTextEdit>
#include <QRegularExpression>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTableView>
#include <QToolButton>

#include <cmath>
#include <cstring>

using namespace halftone;
using namespace Qt::StringLiterals;

/// Jobs, the Run view and Compare, through the real window on tiny models.
class TestStudioJobs : public WindowFixture {
    Q_OBJECT

private:
    RunView* run() { return m_window->findChild<RunView*>(); }
    JobsView* jobsView() { return m_window->findChild<JobsView*>(); }
    EvaluationTable* compare() { return m_window->findChild<EvaluationTable*>(); }

    void openDeepModel(int blocks)
    {
        const QString folder = m_folder->filePath(u"deep"_s);
        QVERIFY(makeDeepModel(modelFolder(), folder, blocks));
        STEP(openModel(folder));
    }

    void usePreset(const char* part)
    {
        for (const Preset& preset : presets())
            if (preset.id.find(part) != std::string::npos && document().applyPreset(preset))
                return;
        QFAIL("no such preset");
    }

    void quantize(int samples = 8, int length = 64)
    {
        QVERIFY(document().setCalibration({samples, length, 0}));
        m_window->tasks().quantize({textFile(), true, false});
    }

    void quantizeToTheEnd(int samples = 8, int length = 64)
    {
        const std::size_t before = document().runs().size();
        STEP(quantize(samples, length));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().runs().size() > before, 120000);
        QTRY_VERIFY(!m_window->jobs().busy());
    }

    /// The newest.
    JobStatus quantizeJob()
    {
        JobStatus newest;
        for (const JobStatus& job : m_window->jobs().jobs())
            if (job.tag == u"quantize"_s)
                newest = job;
        return newest;
    }

    QToolButton* jobButton(const QString& name)
    {
        auto* row = jobsView()->findChild<QWidget*>(u"job-"_s + QString::number(quantizeJob().id));
        return row ? row->findChild<QToolButton*>(name) : nullptr;
    }

    void pressJobButton(const QString& name)
    {
        QToolButton* button = jobButton(name);
        QVERIFY2(button, qPrintable(name));
        QTRY_VERIFY2(button->isVisible(), qPrintable(name));
        QTest::mouseClick(button, Qt::LeftButton);
    }

    QMap<QString, QByteArray> blockFiles(const QString& id)
    {
        QMap<QString, QByteArray> hashes;
        const QDir folder(toQString(document().project()->folder().string()) + u"/runs/"_s + id);
        int block = 0;
        for (const QString& name : folder.entryList({u"*.h5"_s}, QDir::Files, QDir::Name)) {
            QFile file(folder.filePath(name));
            if (file.open(QIODevice::ReadOnly))
                hashes.insert(QString::number(block++), QCryptographicHash::hash(file.readAll(), QCryptographicHash::Sha256));
        }
        return hashes;
    }

    /// The tiny model with a row of one weight made vanishingly small.
    QString modelWithADeadChannel()
    {
        const QString folder = m_folder->filePath(u"planted"_s);
        if (!makeDeepModel(modelFolder(), folder, 4))
            return {};
        QFile file(folder + u"/model.safetensors"_s);
        if (!file.open(QIODevice::ReadWrite))
            return {};
        const auto length = qFromLittleEndian<quint64>(file.read(8).constData());
        const QJsonObject entry = QJsonDocument::fromJson(file.read(qint64(length))).object()[u"model.layers.1.mlp.up_proj.weight"_s].toObject();
        const float tiny = 1e-12f;
        quint32 bits = 0;
        std::memcpy(&bits, &tiny, sizeof bits);
        const auto half = qToLittleEndian<quint16>(quint16(bits >> 16));
        file.seek(8 + qint64(length) + entry[u"data_offsets"_s][0].toInteger());
        for (int i = 0; i < entry[u"shape"_s][1].toInt(); ++i)
            file.write(reinterpret_cast<const char*>(&half), sizeof half);
        return folder;
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    void pauseHoldsARunThatThenEndsWithTheSameBytes()
    {
        STEP(openDeepModel(12));
        STEP(usePreset("gptq"));
        STEP(quantizeToTheEnd(32, 64));
        const QString first = toQString(document().latestRun()->id);
        const auto expected = blockFiles(first);
        QCOMPARE(expected.size(), 12);

        m_window->setWorkspace(Workspaces::Run);
        int blocks = 0;
        connect(&document(), &Document::runBlockAdded, this, [&] {
            if (++blocks == 2)
                STEP(pressJobButton(u"jobPause"_s));
        });
        QElapsedTimer pausing;
        STEP(quantize(32, 64));
        QTRY_VERIFY_WITH_TIMEOUT(quantizeJob().state == JobState::Pausing || quantizeJob().state == JobState::Paused, 60000);
        pausing.start();
        QTRY_COMPARE_WITH_TIMEOUT(quantizeJob().state, JobState::Paused, 2000);
        QVERIFY(pausing.elapsed() < 2000);
        const JobStatus still = quantizeJob();
        QVERIFY(still.done < still.total);
        QTest::qWait(400);
        QCOMPARE(quantizeJob().done, still.done);
        QVERIFY2(quantizeJob().seconds - still.seconds < 0.1, "the clock stands too");
        QVERIFY(jobLine(toJobRow(quantizeJob())).startsWith(u"paused"_s));
        QTRY_VERIFY(jobButton(u"jobResume"_s)->isVisible() && !jobButton(u"jobPause"_s)->isVisible());
        STEP(keepPicture(m_window.get(), u"run-paused"_s));
        STEP(pressJobButton(u"jobResume"_s));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy(), 60000);
        QTRY_COMPARE(document().runs().size(), std::size_t(2));
        QTRY_VERIFY(!m_window->jobs().busy());
        QCOMPARE(toQString(document().runs().back().state), u"done"_s);
        QCOMPARE(blockFiles(toQString(document().runs().back().id)), expected);
    }

    void aPausedRunIsCancelledAtOnceAndCanGoOn()
    {
        STEP(openDeepModel(12));
        STEP(usePreset("gptq"));
        connect(&document(), &Document::runBlockAdded, this, [this] { m_window->jobs().pause(quantizeJob().id); });
        STEP(quantize(32, 64));
        QTRY_COMPARE_WITH_TIMEOUT(quantizeJob().state, JobState::Paused, 60000);
        QElapsedTimer clock;
        clock.start();
        STEP(pressJobButton(u"jobCancel"_s));
        QTRY_COMPARE_WITH_TIMEOUT(quantizeJob().state, JobState::Cancelled, 2000);
        QVERIFY(clock.elapsed() < 2000);
        QTRY_VERIFY(!m_window->jobs().busy());
        QVERIFY(document().unfinishedRun());
        QVERIFY(document().unfinishedRun()->blocksDone >= 1);
        disconnect(&document(), &Document::runBlockAdded, this, nullptr);
        STEP(pressJobButton(u"jobResume"_s));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        QCOMPARE(document().runs().size(), std::size_t(1));
    }

    void closingTheWindowEndsAPausedRun()
    {
        STEP(openDeepModel(12));
        STEP(usePreset("gptq"));
        connect(&document(), &Document::runBlockAdded, this, [this] { m_window->jobs().pause(quantizeJob().id); });
        STEP(quantize(32, 64));
        QTRY_COMPARE_WITH_TIMEOUT(quantizeJob().state, JobState::Paused, 60000);
        QElapsedTimer clock;
        clock.start();
        m_window->quitNow();
        m_window.reset();
        QVERIFY(clock.elapsed() < 2000);
    }

    void waitingJobsChangePlacesAndAreCancelledAtOnce()
    {
        STEP(openDeepModel(12));
        STEP(usePreset("rtn"));
        connect(&document(), &Document::runBlockAdded, this, [this] { m_window->jobs().pause(quantizeJob().id); });
        STEP(quantize(32, 64));
        QTRY_COMPARE_WITH_TIMEOUT(quantizeJob().state, JobState::Paused, 60000);
        EvaluateRequest request;
        request.text = textFile();
        request.windows = 1;
        request.length = 32;
        m_window->tasks().evaluate(request);
        request.target = EvaluationRecord::Target::Recipe;
        m_window->tasks().evaluate(request);
        const auto titles = [this] {
            QStringList list;
            for (const JobStatus& job : m_window->jobs().jobs())
                list << job.title.section(u" · "_s, 1, 1);
            return list;
        };
        QCOMPARE(titles().size(), 3);
        QVERIFY(titles()[1].contains(u"float"_s) && titles()[2].contains(u"recipe"_s));
        const JobStatus last = m_window->jobs().jobs().back();
        QCOMPARE(last.ahead, 1);
        auto* row = jobsView()->findChild<QWidget*>(u"job-"_s + QString::number(last.id));
        QVERIFY(row);
        auto* up = row->findChild<QToolButton*>(u"jobUp"_s);
        QTRY_VERIFY(up->isVisible());
        QTest::mouseClick(up, Qt::LeftButton);
        QVERIFY(titles()[1].contains(u"recipe"_s) && titles()[2].contains(u"float"_s));
        QCOMPARE(m_window->jobs().jobs()[1].ahead, 0);
        QTRY_VERIFY(!up->isVisible());
        auto* other = jobsView()->findChild<QWidget*>(u"job-"_s + QString::number(m_window->jobs().jobs()[2].id));
        QTRY_VERIFY(row->y() < other->y());
        m_window->jobs().cancel(m_window->jobs().jobs()[2].id);   // though the lane is held by a paused job
        QTRY_COMPARE_WITH_TIMEOUT(m_window->jobs().jobs()[2].state, JobState::Cancelled, 1000);
        disconnect(&document(), &Document::runBlockAdded, this, nullptr);
        m_window->jobs().resume(quantizeJob().id);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy(), 60000);
        QCOMPARE(document().evaluations().size(), std::size_t(1));
    }

    void theRunViewFillsBlockByBlockAndSelectsWhatIsClicked()
    {
        STEP(openDeepModel(8));
        STEP(usePreset("gptq"));
        m_window->setWorkspace(Workspaces::Run);
        QVERIFY(run()->isVisible());
        QVERIFY(run()->isEmptyStateShown());
        QAbstractItemModelTester runTester(run()->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
        QList<int> rowsSeen;
        connect(&document(), &Document::runBlockAdded, this, [&] { rowsSeen << run()->model()->rowCount(); });
        STEP(quantizeToTheEnd(16, 64));
        QCOMPARE(rowsSeen.size(), 8);
        for (qsizetype i = 0; i < rowsSeen.size(); ++i)
            QCOMPARE(rowsSeen[i], int(7 * (i + 1)));
        QTRY_COMPARE(run()->head().id, u"run-001"_s);
        const auto& cells = run()->strip()->cells();
        QCOMPARE(cells.size(), std::size_t(8));
        for (const BlockCell& cell : cells)
            QVERIFY(cell.state == BlockCell::State::Done);
        QVERIFY(run()->memory()->peak() > (10u << 20));

        // The table says what the project holds.
        const RunModel* model = run()->model();
        const LinearResult* stored = document().result("model.layers.5.mlp.down_proj");
        QVERIFY(stored);
        int row = -1;
        for (int i = 0; i < model->rowCount(); ++i)
            if (model->resultAt(i).linear == stored->linear)
                row = i;
        QCOMPARE(model->index(row, RunModel::Method).data().toString(), u"GPTQ"_s);
        QCOMPARE(model->index(row, RunModel::Sqnr).data(RunModel::kSortRole).toDouble(), stored->weightSqnrDb);
        QVERIFY(model->index(row, RunModel::Damping).data().toString() != u"–"_s);

        // A click on a block selects it everywhere; a click on a row its linear.
        BlockStrip* strip = run()->strip();
        QTest::mouseClick(strip, Qt::LeftButton, {}, BlockStrip::cellRect(5, 8, strip->rect()).center());
        QCOMPARE(document().selection().block, 5);
        QTRY_COMPARE(strip->selected(), 5);
        QTest::keyClick(strip, Qt::Key_Right);
        QCOMPARE(document().selection().block, 6);
        QTableView* table = run()->table();
        table->setFocus();
        const QModelIndex first = table->model()->index(3, 0);
        QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(first).isEmpty() ? QPoint(5, 5) : table->visualRect(first).center());
        QVERIFY(!document().selection().linear.empty());
        table->sortByColumn(RunModel::Sqnr, Qt::AscendingOrder);
        double before = -1e9;
        for (int i = 0; i < table->model()->rowCount(); ++i) {
            const double now = table->model()->index(i, RunModel::Sqnr).data(RunModel::kSortRole).toDouble();
            QVERIFY(now >= before);
            before = now;
        }
        STEP(keepPicture(m_window.get(), u"run-done"_s));
    }

    void flagsAreSeenAtTheirBlockAndInTheLog()
    {
        const QString model = modelWithADeadChannel();
        QVERIFY(!model.isEmpty());
        STEP(openModel(model));
        STEP(usePreset("rtn"));
        m_window->setWorkspace(Workspaces::Run);
        STEP(quantizeToTheEnd());
        QTRY_COMPARE(run()->strip()->cells().size(), std::size_t(4));
        QVERIFY(run()->strip()->cells()[1].state == BlockCell::State::Flagged);
        QVERIFY(run()->strip()->cells()[1].tip.contains(u"groups are dead"_s));
        QVERIFY(run()->strip()->cells()[0].state == BlockCell::State::Done);
        auto* flags = run()->findChild<QListView*>(u"runFlags"_s);
        QVERIFY(flags->isVisible());
        QVERIFY(flags->model()->index(0, 0).data().toString().contains(u"model.layers.1.mlp.up_proj"_s));
        QTest::mouseClick(flags->viewport(), Qt::LeftButton, {}, flags->visualRect(flags->model()->index(0, 0)).center());
        QCOMPARE(toQString(document().selection().linear), u"model.layers.1.mlp.up_proj"_s);
        QVERIFY(jobLine(toJobRow(quantizeJob())).contains(u"1 flag"_s));
        QVERIFY(m_window->findChild<RunsModel*>()->index(0, RunsModel::State).data().toString().contains(u"1 flag"_s));

        // The log on disk, opened from the row.
        QTest::mouseClick(jobsView()->findChild<QToolButton*>(u"jobsFoldButton"_s), Qt::LeftButton);   // it is done
        STEP(pressJobButton(u"jobLogButton"_s));
        auto* log = jobsView()->findChild<QPlainTextEdit*>(u"jobLog"_s);
        QTRY_VERIFY(log->isVisible());
        QTRY_VERIFY(log->toPlainText().contains(u"note: flag: block 1, model.layers.1.mlp.up_proj"_s));
        QVERIFY(log->toPlainText().contains(u"started: Quantize"_s));
        QVERIFY(QFileInfo::exists(quantizeJob().logFile));
        STEP(keepPicture(m_window.get(), u"run-flagged"_s));
    }

    void aRunStopsAtItsFirstFlagIfThatIsChosen()
    {
        STEP(openModel(modelWithADeadChannel()));
        STEP(usePreset("rtn"));
        m_window->setWorkspace(Workspaces::Run);
        QVERIFY(document().setCalibration({8, 64, 0}));
        m_window->tasks().quantize({textFile(), true, true});
        QTRY_COMPARE_WITH_TIMEOUT(quantizeJob().state, JobState::Failed, 60000);
        QVERIFY(quantizeJob().error.contains(u"stopped at a flag: block 1"_s));
        QTRY_VERIFY(!m_window->jobs().busy());
        QCOMPARE(document().unfinishedRun()->blocksDone, 2);
        QTRY_COMPARE(run()->head().id, u"run-001"_s);
        QVERIFY(run()->strip()->cells()[1].state == BlockCell::State::Flagged);
        QVERIFY(run()->strip()->cells()[3].state == BlockCell::State::Waiting);
        STEP(keepPicture(m_window.get(), u"run-stopped"_s));
    }

    void anOldRunOpensInTheRunView()
    {
        STEP(openModel());
        STEP(usePreset("rtn"));
        STEP(quantizeToTheEnd());
        STEP(usePreset("gptq"));
        STEP(quantizeToTheEnd());
        m_window->setWorkspace(Workspaces::Run);
        QTRY_COMPARE(run()->head().id, u"run-002"_s);
        const auto* runs = m_window->findChild<RunsTable*>();
        QAbstractItemModelTester tester(runs->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
        QTableView* table = runs->table();
        QCOMPARE(runs->model()->index(1, RunsModel::Id).data().toString(), u"run-001"_s);
        QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(runs->model()->index(1, 0)).center());
        QTRY_COMPARE(run()->head().id, u"run-001"_s);
        QCOMPARE(run()->model()->index(0, RunModel::Method).data().toString(), u"RTN"_s);
        QVERIFY(run()->subtitle().contains(u"bits a weight"_s));
    }

    void compareDrawsRunsAgainstEachOther()
    {
        STEP(openModel());
        STEP(usePreset("rtn"));
        STEP(quantizeToTheEnd());
        STEP(usePreset("gptq"));
        STEP(quantizeToTheEnd());
        for (const EvaluationRecord::Target target : {EvaluationRecord::Target::Float, EvaluationRecord::Target::Run, EvaluationRecord::Target::Run}) {
            const bool isRun = target == EvaluationRecord::Target::Run;
            const QString id = !isRun ? QString() : document().evaluations().size() == 1 ? u"run-001"_s : u"run-002"_s;
            const std::size_t before = document().evaluations().size();
            m_window->tasks().evaluate({textFile(), 2, 64, target, id, true});
            QTRY_COMPARE_WITH_TIMEOUT(document().evaluations().size(), before + 1, 60000);
        }
        QTRY_VERIFY(!m_window->jobs().busy());
        m_window->setWorkspace(Workspaces::Compare);
        QAbstractItemModelTester tester(compare()->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
        CurvesView* curves = compare()->curves();
        TradeoffView* tradeoff = compare()->tradeoff();
        QTRY_COMPARE(curves->curves().size(), std::size_t(2));
        QTRY_VERIFY(curves->isVisible() && tradeoff->isVisible());
        // What is drawn is what was measured.
        QCOMPARE(curves->plot()->graph(0)->name(), u"run-002"_s);
        QCOMPARE(curves->figure(), CurveFigure::Drift);   // weight SQNR ranks runs wrongly
        for (int b = 0; b < 4; ++b)
            QCOMPARE(curves->plot()->graph(0)->data()->at(b)->value, blockFigure(document().results()[std::size_t(b)], CurveFigure::Drift));
        // A run looks alike in both plots and in the tables.
        for (int i = 0; i < curves->plot()->graphCount(); ++i) {
            const QCPScatterStyle byBlock = curves->plot()->graph(i)->scatterStyle();
            const QString id = curves->plot()->graph(i)->name();
            bool seen = false;
            for (int p = 0; p < tradeoff->plot()->graphCount(); ++p) {
                const double bits = tradeoff->plot()->graph(p)->data()->at(0)->key, perplexity = tradeoff->plot()->graph(p)->data()->at(0)->value;
                for (const TradeoffPoint& point : tradeoff->points())
                    if (point.run == id && point.bits == bits && point.perplexity == perplexity) {
                        seen = true;
                        const QCPScatterStyle bySize = tradeoff->plot()->graph(p)->scatterStyle();
                        QCOMPARE(bySize.shape(), byBlock.shape());
                        QCOMPARE(bySize.brush().color(), byBlock.brush().color());
                    }
            }
            QVERIFY2(seen, qPrintable(id));
            const QImage mark = runMark(id, 1).toImage();
            for (int row = 0; row < compare()->model()->rowCount(); ++row)
                if (compare()->model()->records()[std::size_t(row)].run == id)
                    QCOMPARE(compare()->model()->index(row, EvaluationModel::Target).data(Qt::DecorationRole).value<QPixmap>().toImage(), mark);
            auto* runs = m_window->findChild<RunsTable*>();
            QVERIFY(runs);
        }
        QVERIFY(runMark(u"run-001"_s, 1).toImage() != runMark(u"run-002"_s, 1).toImage());
        QCOMPARE(tradeoff->points().size(), std::size_t(3));
        QVERIFY(tradeoff->points()[0].reference);
        QVERIFY(tradeoff->points()[1].kl > 0);

        // A click on a point goes to its row, and to the run.
        const TradeoffPoint& point = tradeoff->points()[1];
        const QPoint at(int(tradeoff->plot()->xAxis->coordToPixel(point.bits)), int(tradeoff->plot()->yAxis->coordToPixel(point.perplexity)));
        QTest::mouseClick(tradeoff->plot(), Qt::LeftButton, {}, at);
        QTRY_VERIFY(compare()->table()->currentIndex().isValid());
        const QString chosen = compare()->chosenRun();
        QVERIFY(chosen.startsWith(u"run-"_s));
        QTRY_COMPARE(run()->head().id, chosen);

        // Differences have a sign and an arrow, against whatever is the baseline.
        EvaluationModel* model = compare()->model();
        QCOMPARE(model->index(0, EvaluationModel::Change).data().toString(), u"–"_s);
        compare()->table()->selectRow(1);
        QAction* baseline = compare()->table()->findChild<QAction*>(u"evaluationBaseline"_s);
        QVERIFY(baseline);
        baseline->trigger();
        QCOMPARE(model->baseline(), model->records()[1].label);
        QCOMPARE(model->index(1, EvaluationModel::Change).data().toString(), u"–"_s);
        const double change = model->records()[2].result.perplexity.perplexity / model->records()[1].result.perplexity.perplexity - 1;
        const QString text = model->index(2, EvaluationModel::Change).data().toString();
        QVERIFY2(change > 0 ? text.startsWith(u"▲ +"_s) : text.startsWith(u"▼ −"_s), qPrintable(text));
        QVERIFY(model->headerData(EvaluationModel::Change, Qt::Horizontal).toString().contains(model->baseline()));
        for (const CurveFigure figure : {CurveFigure::OutputMse, CurveFigure::Drift, CurveFigure::Sqnr}) {
            curves->setFigure(figure);
            QVERIFY(!curves->isEmptyStateShown());
        }
        curves->setFigure(CurveFigure::Drift);
        QCoreApplication::processEvents();   // queued pictures
        STEP(keepPicture(m_window.get(), u"compare"_s));
    }

    /// The header's figure is of the recipe that was evaluated, whatever ran or was edited since.
    void theFigureInTheHeaderBelongsToTheRecipeThatWasEvaluated()
    {
        STEP(openModel());
        STEP(usePreset("gptq"));
        STEP(quantizeToTheEnd());
        m_window->tasks().evaluate({textFile(), 2, 64, EvaluationRecord::Target::Run, u"run-001"_s, true});
        QTRY_COMPARE_WITH_TIMEOUT(document().evaluations().size(), std::size_t(1), 60000);
        const auto caption = [&] {
            auto* box = m_window->findChild<QWidget*>(u"summaryFigure"_s);
            return box->accessibleName();
        };
        QTRY_VERIFY2(caption().startsWith(u"KL, measured: "_s), qPrintable(caption()));
        const QString measured = caption();
        // Another recipe, at work and then done, unmeasured: the figure is an older recipe's.
        STEP(usePreset("w4a16-rtn"));
        QVERIFY2(caption().startsWith(u"KL, of an older recipe: "_s), qPrintable(caption()));
        const std::size_t before = document().runs().size();
        STEP(quantize());
        QTRY_VERIFY_WITH_TIMEOUT(!document().results().empty() || document().runs().size() > before, 60000);
        QVERIFY2(caption().startsWith(u"KL, of an older recipe: "_s), qPrintable(caption()));
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().runs().size() > before, 120000);
        QTRY_VERIFY(!m_window->jobs().busy());
        QVERIFY2(caption().startsWith(u"KL, of an older recipe: "_s), qPrintable(caption()));
        // Back to the recipe that was evaluated: its figure stands again.
        for (int i = 0; i < 6 && !document().isRecipeOf(*document().run(u"run-001"_s)); ++i)
            document().undoStack().undo();
        QCOMPARE(caption(), measured);
        // The run's own line speaks of a canary and offers no quality.
        QVERIFY2(run()->head().summary.contains(u"canary "_s) && !run()->head().summary.contains(u"perplexity"_s), qPrintable(run()->head().summary));
    }

    void whatNoPackedFormatHoldsIsSaidWhileEditing()
    {
        STEP(openModel());
        const auto loadsIn = [&] { return m_window->findChild<QWidget*>(u"summaryContract"_s)->accessibleName(); };
        QCOMPARE(loadsIn(), u"Loads in: any"_s);
        QCOMPARE(action(u"contract-"_s)->text(), u"Any"_s);
        QCOMPARE(action(u"contract-vllm-cpu"_s)->text(), u"vLLM on a CPU"_s);
        PlanPatch three;
        three.bits = 3;
        QStringList all;
        for (const LinearInfo& linear : document().model().linears)
            all << toQString(linear.name);
        QVERIFY(document().editPlans(all, three));
        QCOMPARE(loadsIn(), u"Loads in: dense only"_s);
        auto* words = m_window->findChild<ElidedLabel*>(u"summaryContractValue"_s);
        QTRY_VERIFY(words->width() >= words->sizeHint().width());   // whole
        QVERIFY(m_window->findChild<QWidget*>(u"summaryContract"_s)->toolTip().contains(u"3-bit weights"_s));
        QCOMPARE(document().exportBytes(), document().size().denseBytes);
        STEP(trigger(u"quantize"_s));
        auto* box = m_window->findChild<QDialog*>(u"quantizeDialog"_s);
        QVERIFY(box);
        bool said = false;
        for (const QLabel* label : box->findChildren<QLabel*>())
            said = said || label->text().contains(u"Dense only: no packed format can hold this recipe"_s);
        QVERIFY(said);
        STEP(keepPicture(box, u"quantize-dense-only"_s));
        box->reject();
        STEP(keepPicture(m_window.get(), u"dense-only"_s));
        // Presets say so in their rows, and those that can be packed do not.
        const auto row = [&](const char* preset) { return action(u"preset-"_s + QString::fromLatin1(preset))->text().section(u'\t', 0, 0); };
        QVERIFY2(row("w3a16-omniquant").endsWith(u"(dense only)"_s), qPrintable(row("w3a16-omniquant")));
        QVERIFY2(row("a8-token").endsWith(u"(no export)"_s), qPrintable(row("a8-token")));
        QVERIFY2(!row("w4a16-gptq-g64").contains(u'('), qPrintable(row("w4a16-gptq-g64")));
        // Under a contract it is refused at once, without the place in a file that nobody sees here.
        document().undoStack().undo();
        QVERIFY(document().setContract(u"transformers"_s));
        QSignalSpy rejected(&document(), &Document::recipeRejected);
        QVERIFY(!document().editPlans(all, three));
        QCOMPARE(rejected.count(), 1);
        QVERIFY2(rejected.front().front().toString().startsWith(u"transformers cannot take"_s), qPrintable(rejected.front().front().toString()));
    }

    void costsAreSaidBeforeAJobStarts()
    {
        STEP(openModel());
        STEP(usePreset("gptq"));
        STEP(trigger(u"quantize"_s));
        auto* box = m_window->findChild<QDialog*>(u"quantizeDialog"_s);
        QVERIFY(box);
        const QString unknown = box->findChild<QLabel*>(u"cost"_s)->text();
        QVERIFY2(unknown.contains(u"Memory: about"_s) && unknown.contains(u"disk: about"_s), qPrintable(unknown));
        QVERIFY2(unknown.contains(u"not known until one has run"_s), qPrintable(unknown));
        STEP(keepPicture(box, u"quantize-dialog"_s));
        box->reject();
        const double work = quantizeWork(document().model(), document().plans(), document().recipe().calibration);
        const QString kind = quantizeKind(document().plans());
        const ModelDescription& model = document().model();
        ModelDescription tiny = model;   // one linear of it is all: another order of size, so it tells nothing
        tiny.linears.resize(1);
        tiny.config.blocks = 1;
        MachineRates::record(kind, tiny, work / 50, 40000);
        QVERIFY(!MachineRates::seconds(kind, model, work));
        QVERIFY(MachineRates::text(kind, model, work).contains(u"not known"_s));
        ModelDescription other = model;   // deeper and far slower for its work, as tiny models are
        other.config.blocks *= 10;
        MachineRates::record(kind, other, work * 10, 40000);
        const auto guessed = MachineRates::seconds(kind, model, work);
        QVERIFY(guessed && !guessed->sameModel && guessed->to > 4000);
        QVERIFY2(MachineRates::text(kind, model, work).contains(u"another model"_s), qPrintable(MachineRates::text(kind, model, work)));
        MachineRates::record(kind, model, work * 64, 64 * 400);   // the same model with far more text
        MachineRates::record(kind, model, work, 40);
        MachineRates::record(kind, model, work, 50);
        MachineRates::record(kind, model, work, 0.001);   // too short to tell
        const auto range = MachineRates::seconds(kind, model, work);
        QVERIFY(range && range->sameModel);
        QVERIFY2(range->from < 40 && range->from > 25 && range->to > 50 && range->to < 75, qPrintable(QStringLiteral("%1 to %2").arg(range->from).arg(range->to)));
        QTRY_VERIFY(!m_window->findChild<QDialog*>(u"quantizeDialog"_s));
        STEP(trigger(u"quantize"_s));
        box = m_window->findChild<QDialog*>(u"quantizeDialog"_s);
        QVERIFY(box->findChild<QLabel*>(u"cost"_s)->text().contains(u"on this machine"_s));
        QVERIFY(box->findChild<QCheckBox*>(u"stopAtFlags"_s));
        box->reject();
        QVERIFY(!MachineRates::seconds(u"analyze"_s, model, 1e9));
    }

    void memoryStaysNearThePlan()
    {
        STEP(openDeepModel(4));
        STEP(usePreset("gptq"));
        quint64 plan = 0;
        connect(&m_window->tasks(), &Tasks::quantizeStarted, this, [&](quint64 peak) { plan = peak; });
        STEP(quantizeToTheEnd(32, 64));
        QVERIFY(plan > 0);
        const quint64 actual = document().runs().back().peakBytes;
        QVERIFY2(actual < plan * 2 && plan < actual * 2, qPrintable(u"planned %1, really %2"_s.arg(plan).arg(actual)));
    }

    /// What a text holds is planned, not what was asked of it: in the dialog, in the run's view and Jobs, by the job, and in what its rate is told by.
    void ofAShortTextEverybodyPlansTheSame()
    {
        constexpr int kAsked = 200'000, kLength = 64;
        STEP(openDeepModel(24));
        STEP(usePreset("gptq"));
        QVERIFY(document().setCalibration({kAsked, kLength, 0}));
        const auto peakOf = [&](const CalibrationSettings& calibration) {
            return planQuantize(document().model(), document().plans(), calibration, {}, document().project()->folder()).peakMemory;
        };
        const std::uint64_t asked = peakOf(document().recipe().calibration);
        const auto about = [&](double peak) { return peak > 0.8 * double(peakOf({1, kLength, 0})) && peak < 0.3 * double(asked); };

        STEP(trigger(u"quantize"_s));
        auto* box = m_window->findChild<QDialog*>(u"quantizeDialog"_s);
        QVERIFY(box);
        auto* text = box->findChild<QLineEdit*>(u"text"_s);
        text->selectAll();
        QTest::keyClicks(text, textFile());
        auto* note = box->findChild<QLabel*>(u"note"_s);
        QTRY_VERIFY2_WITH_TIMEOUT(note->text().contains(u"the text is short"_s), qPrintable(note->text()), 60000);
        const QString cost = box->findChild<QLabel*>(u"cost"_s)->text();
        const QRegularExpressionMatch said = QRegularExpression(u"Memory: about ([\\d.]+) (MB|GB)"_s).match(cost);
        const int held = note->text().section(u' ', 0, 0).toInt();
        QVERIFY2(said.hasMatch() && about(said.captured(1).toDouble() * (said.captured(2) == u"GB"_s ? 1e9 : 1e6)), qPrintable(cost));

        QList<std::uint64_t> peaks;
        QStringList footnotes;
        connect(&m_window->tasks(), &Tasks::quantizeStarted, this, [&](std::uint64_t peak) { peaks.append(peak); });
        connect(&document(), &Document::runBlockAdded, this, [&] { footnotes.append(jobsView()->findChild<QLabel*>(u"jobsFootnote"_s)->text()); });
        double seconds = 0;
        connect(&m_window->jobs(), &JobRunner::ended, this, [&](const JobStatus& status) { seconds = status.seconds; });
        QTest::keyClick(text, Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 120000);
        QCOMPARE(peaks.size(), 2);
        QCOMPARE(peaks.front(), std::uint64_t{0});   // until the text was read
        QVERIFY2(about(double(peaks.back())), qPrintable(u"planned %1, as it was asked for %2"_s.arg(peaks.back()).arg(asked)));
        QTRY_COMPARE(run()->head().plan, peaks.back());
        QVERIFY2(footnotes.join(u'\n').contains(u"planned peak "_s + formatBytes(peaks.back())), qPrintable(footnotes.join(u'\n')));
        const auto range = MachineRates::seconds(quantizeKind(document().plans()), document().model(), quantizeWork(document().model(), document().plans(), {held, kLength, 0}));
        QVERIFY2(range && range->from < seconds && range->to > seconds, qPrintable(u"%1 samples in %2 s"_s.arg(held).arg(seconds)));
    }

    void aStripHoldsManyBlocks()
    {
        BlockStrip strip;
        strip.setCells(std::vector<BlockCell>(126));
        for (const int width : {400, 900, 1600}) {
            strip.resize(width, strip.heightForWidth(width));
            QRect before;
            for (int b = 0; b < 126; ++b) {
                const QRect cell = BlockStrip::cellRect(b, 126, strip.rect());
                QVERIFY(strip.rect().contains(cell));
                QVERIFY2(cell.width() >= QFontMetrics(tabularFont(strip.font(), false, 2)).horizontalAdvance(u"125"_s) && cell.height() >= 20, "large enough to hit and for its number");
                QVERIFY(!cell.intersects(before));
                QCOMPARE(strip.blockAt(cell.center()), b);
                before = cell;
            }
        }
    }

    void theEndOfALongLogIsShown()
    {
        const QString path = m_folder->filePath(u"long.log"_s);
        write(path, QByteArray("a line of the log\n").repeated(1000) + "the last one\n");
        const QString tail = tailOf(path, 200);
        QVERIFY(tail.endsWith(u"the last one\n"_s));
        QVERIFY(tail.startsWith(u"a line"_s));
        QVERIFY(tail.size() < 200);
        QVERIFY(tailOf(m_folder->filePath(u"none.log"_s)).contains(u"cannot be read"_s));
    }
};

QTEST_MAIN(TestStudioJobs)
#include "tst_studio_jobs.moc"
