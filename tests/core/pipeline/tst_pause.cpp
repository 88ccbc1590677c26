#include "tiny_model.h"

#include "core/base/error.h"
#include "core/exporting/export_job.h"

#include <QtTest>

#include <atomic>
#include <functional>
#include <thread>

using namespace halftone;
using namespace halftone::testing;

namespace {

const std::string kGptq = R"({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}})";

/// Closes the gate at the n-th update, and counts them.
class CloseAt final : public Progress {
public:
    CloseAt(PauseGate& gate, int at) : m_gate(gate), m_at(at) {}
    void begin(std::string_view, std::int64_t, std::string_view, std::int64_t) override {}
    void update(std::int64_t, std::string_view) override
    {
        if (++seen == m_at)
            m_gate.close();
    }
    void note(std::string_view) override {}
    std::atomic<int> seen{0};

private:
    PauseGate& m_gate;
    int m_at;
};

using Work = std::function<void(Progress&, const std::stop_token&)>;

/// A job on a thread of its own, paused at an update.
struct PausedJob {
    PausedJob(const Work& work, int at) : progress(gate, at)
    {
        thread = std::jthread([this, work] {
            const PauseScope scope(gate);
            try {
                work(progress, stop.get_token());
                done = true;
            } catch (const Cancelled&) {
                cancelled = true;
            } catch (const std::exception& e) {
                error = e.what();
            }
            ended = true;
        });
    }
    ~PausedJob()
    {
        stop.request_stop();
        gate.open();
    }

    PauseGate gate;
    std::stop_source stop;
    CloseAt progress;
    std::atomic<bool> done{false}, cancelled{false}, ended{false};
    std::string error;
    std::jthread thread;
};

} // namespace

class TestPause : public QObject {
    Q_OBJECT

private:
    static EvaluateJob evaluation()
    {
        EvaluateJob job;
        job.target = tinyLlama().string();
        job.text = {tinyText(), 8, 64};
        job.options.threads = 1;
        return job;
    }

private Q_SLOTS:
    void anOpenGateLetsThrough();
    void aPausedRunStandsStillAndGoesOnToTheSameBytes();
    void cancellingAPausedRunTakesNoTime();
    void everyJobCanPause_data();
    void everyJobCanPause();
    void theWorkClockStandsWhileTheJobDoes();
};

void TestPause::anOpenGateLetsThrough()
{
    PauseGate gate;
    const PauseScope scope(gate);
    throwIfStopped({});
    QVERIFY(!gate.isHolding());
    std::stop_source stop;
    stop.request_stop();
    gate.close();
    QVERIFY_THROWS_EXCEPTION(Cancelled, throwIfStopped(stop.get_token()));   // a stop passes a closed gate
    QVERIFY(gate.isClosed());
}

void TestPause::aPausedRunStandsStillAndGoesOnToTheSameBytes()
{
    QTemporaryDir folder;
    const Recipe recipe = tinyRecipe(kGptq);
    const auto whole = newProject(folder, "whole");
    const auto expected = blockHashes(*whole, quantizeTiny(whole, recipe).run.id);
    const auto project = newProject(folder, "paused");
    PausedJob job([&](Progress& progress, const std::stop_token& stop) { quantizeTiny(project, recipe, stop, true, 0, &progress); }, 25);
    QTRY_VERIFY_WITH_TIMEOUT(job.gate.isHolding(), 60000);
    const int seen = job.progress.seen;
    QTest::qWait(300);
    QCOMPARE(job.progress.seen.load(), seen);
    QVERIFY(!job.ended);
    job.gate.open();
    QTRY_VERIFY_WITH_TIMEOUT(job.ended, 60000);
    QVERIFY2(job.done, job.error.c_str());
    QCOMPARE(blockHashes(*project, project->runs().front().id), expected);
}

void TestPause::cancellingAPausedRunTakesNoTime()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    PausedJob job([&](Progress& progress, const std::stop_token& stop) { quantizeTiny(project, tinyRecipe(kGptq), stop, true, 0, &progress); }, 30);
    QTRY_VERIFY_WITH_TIMEOUT(job.gate.isHolding(), 60000);
    job.stop.request_stop();
    QTRY_VERIFY_WITH_TIMEOUT(job.ended, 2000);
    QVERIFY(job.cancelled);
    QCOMPARE(project->runs().front().state, std::string("running"));
    QCOMPARE(quantizeTiny(project, tinyRecipe(kGptq)).run.id, project->runs().front().id);
}

void TestPause::everyJobCanPause_data()
{
    QTest::addColumn<QString>("kind");
    QTest::newRow("analyze") << "analyze";
    QTest::newRow("evaluate") << "evaluate";
    QTest::newRow("export") << "export";
}

void TestPause::everyJobCanPause()
{
    QFETCH(QString, kind);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Work work;
    if (kind == QStringLiteral("analyze")) {
        AnalyzeJob job{tinyLlama(), {tinyText(), 4, 64}, {}, nullptr, {}, {}};
        job.options.threads = 1;
        work = [job](Progress& progress, const std::stop_token& stop) { analyze(job, progress, stop); };
    } else if (kind == QStringLiteral("evaluate")) {
        work = [](Progress& progress, const std::stop_token& stop) { evaluate(evaluation(), progress, stop); };
    } else {
        ExportJob job;
        job.project = project;
        job.run = quantizeTiny(project, tinyRecipe(kGptq)).run.id;
        job.format = "dense";
        job.out = std::filesystem::path(folder.path().toStdString()) / "out";
        job.dtype = "auto";
        work = [job](Progress& progress, const std::stop_token& stop) { exportRun(job, progress, stop); };
    }
    PausedJob job(work, 2);
    QTRY_VERIFY_WITH_TIMEOUT(job.gate.isHolding() || job.ended, 60000);
    QVERIFY2(!job.ended, job.error.c_str());
    job.gate.open();
    QTRY_VERIFY_WITH_TIMEOUT(job.ended, 60000);
    QVERIFY2(job.done, job.error.c_str());
}

void TestPause::theWorkClockStandsWhileTheJobDoes()
{
    PauseGate gate;
    gate.close();
    std::atomic<double> worked{-1};
    std::jthread thread([&] {
        const PauseScope scope(gate);
        const WorkClock clock;
        throwIfStopped({});
        worked = clock.seconds();
    });
    QTRY_VERIFY(gate.isHolding());
    QElapsedTimer wall;
    wall.start();
    QTest::qWait(400);
    gate.open();
    thread.join();
    const double waited = static_cast<double>(wall.nsecsElapsed()) * 1e-9;
    QVERIFY2(worked >= 0 && worked < waited - 0.2, qPrintable(QString::number(worked)));
}

QTEST_GUILESS_MAIN(TestPause)
#include "tst_pause.moc"
