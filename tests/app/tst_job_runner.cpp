#include "app/studio/job_estimate.h"
#include "app/studio/job_rows.h"
#include "app/studio/job_runner.h"

#include <QRegularExpression>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>

#include <atomic>
#include <chrono>
#include <thread>

using namespace halftone;
using namespace Qt::StringLiterals;

namespace {

JobSpec named(const QString& tag)
{
    return {tag, u"job "_s + tag, JobSpec::Lane::Compute, true, {}, {}};
}

/// Works until it is asked to stop.
void workForever(Progress& progress, const std::stop_token& stop)
{
    progress.begin("waiting", 0, "ticks");
    for (int i = 0;; ++i) {
        throwIfStopped(stop);
        progress.update(i);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

} // namespace

class TestJobRunner : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { QTest::failOnWarning(QRegularExpression(u".*"_s)); }

    void aResultArrivesOnTheGuiThread()
    {
        JobRunner runner;
        std::thread::id worked;
        int result = 0;
        bool onGuiThread = false;
        runner.submit(
            named(u"sum"_s),
            [&worked](Progress&, const std::stop_token&) {
                worked = std::this_thread::get_id();
                return 20 + 22;
            },
            [&](int value) {
                result = value;
                onGuiThread = QThread::currentThread() == QCoreApplication::instance()->thread();
            });
        QTRY_COMPARE(result, 42);
        QVERIFY(onGuiThread);
        QVERIFY(worked != std::this_thread::get_id());
        QVERIFY(!runner.busy());
        QCOMPARE(runner.jobs().size(), std::size_t(1));
        QCOMPARE(runner.jobs().front().state, JobState::Done);
    }

    void resultsThatCannotBeCopiedAreMoved()
    {
        JobRunner runner;
        int value = 0;
        runner.submit(named(u"move"_s), [](Progress&, const std::stop_token&) { return std::make_unique<int>(7); },
                      [&](std::unique_ptr<int>&& result) { value = *result; });
        QTRY_COMPARE(value, 7);
    }

    void theNewestRequestUnderATagWins()
    {
        JobRunner runner;
        QList<int> delivered;
        for (int i = 0; i < 5; ++i)
            runner.submit(named(u"preview"_s), [i](Progress&, const std::stop_token&) { return i; }, [&](int value) { delivered.append(value); });
        QTRY_VERIFY(!runner.busy());
        QTRY_COMPARE(delivered, QList<int>{4});
        QCOMPARE(runner.jobs().size(), std::size_t(1));
    }

    void aRunningJobIsReplacedByANewerOne()
    {
        JobRunner runner;
        bool oneDelivered = false, twoDelivered = false;
        const int first = runner.submit(named(u"preview"_s), workForever, [&] { oneDelivered = true; });
        QTRY_COMPARE(runner.job(first).state, JobState::Running);
        runner.submit(named(u"preview"_s), [](Progress&, const std::stop_token&) {}, [&] { twoDelivered = true; });
        QTRY_VERIFY(twoDelivered);
        QVERIFY(!oneDelivered);
    }

    void onlyOneJobComputesAtATimeWhileFilesGoOn()
    {
        JobRunner runner;
        std::atomic<int> computing{0}, most{0};
        std::atomic<int> done{0};
        const auto work = [&](Progress&, const std::stop_token&) {
            const int now = ++computing;
            if (now > most)
                most = now;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            --computing;
            ++done;
        };
        for (int i = 0; i < 4; ++i)
            runner.submit(named(u"c%1"_s.arg(i)), work, [] {});
        bool read = false;
        JobSpec file = named(u"file"_s);
        file.lane = JobSpec::Lane::Files;
        runner.submit(file, [&](Progress&, const std::stop_token&) { return done.load(); }, [&](int before) { read = before < 4; });
        QTRY_COMPARE(done.load(), 4);
        QCOMPARE(most.load(), 1);
        QTRY_VERIFY(read);
    }

    void cancellingStopsARunningJobWithinTwoSeconds()
    {
        JobRunner runner;
        bool delivered = false;
        QSignalSpy cancelled(&runner, &JobRunner::cancelled);
        const int id = runner.submit(named(u"long"_s), workForever, [&] { delivered = true; });
        QTRY_COMPARE(runner.job(id).state, JobState::Running);
        QElapsedTimer clock;
        clock.start();
        runner.cancel(id);
        QVERIFY(runner.job(id).state == JobState::Cancelling || runner.job(id).state == JobState::Cancelled);
        QTRY_COMPARE_WITH_TIMEOUT(cancelled.count(), 1, 2000);
        QVERIFY(clock.elapsed() < 2000);
        QCOMPARE(runner.job(id).state, JobState::Cancelled);
        QVERIFY(!delivered);
    }

    void aWaitingJobThatIsCancelledNeverRuns()
    {
        JobRunner runner;
        bool ran = false;
        const int first = runner.submit(named(u"long"_s), workForever, [] {});
        const int second = runner.submit(named(u"later"_s), [&](Progress&, const std::stop_token&) { ran = true; }, [] {});
        runner.cancel(second);
        runner.cancel(first);
        QTRY_COMPARE(runner.job(second).state, JobState::Cancelled);
        QVERIFY(!ran);
    }

    void aCancelledJobCanBeResumedAndItsRowIsReplaced()
    {
        JobRunner runner;
        int starts = 0;
        std::function<void()> start = [&] {
            JobSpec spec = named(u"run"_s);
            spec.resume = [&] { start(); };
            ++starts;
            const bool again = starts > 1;
            runner.submit(spec, [again](Progress& progress, const std::stop_token& stop) { if (!again) workForever(progress, stop); }, [] {});
        };
        start();
        const int id = runner.jobs().front().id;
        QTRY_COMPARE(runner.job(id).state, JobState::Running);
        runner.cancel(id);
        QTRY_COMPARE(runner.job(id).state, JobState::Cancelled);
        QVERIFY(toJobRow(runner.job(id)).canResume);
        runner.resume(id);
        QCOMPARE(starts, 2);
        QTRY_COMPARE(runner.jobs().front().state, JobState::Done);
        QCOMPARE(runner.jobs().size(), std::size_t(1));
        QVERIFY(!toJobRow(runner.jobs().front()).canResume);
    }

    void aFailureKeepsItsKindSentenceAndSubject()
    {
        JobRunner runner;
        JobError seen;
        QSignalSpy failed(&runner, &JobRunner::failed);
        JobSpec spec = named(u"bad"_s);
        spec.failed = [&](const JobError& error) { seen = error; };
        runner.submit(spec, [](Progress&, const std::stop_token&) -> int { throw Error(ErrorKind::BadFile, "a.gguf: ends too early (E-R06)", "a.gguf"); },
                      [](int) { QFAIL("a failed job delivers nothing"); });
        QTRY_COMPARE(failed.count(), 1);
        QCOMPARE(seen.kind, ErrorKind::BadFile);
        QCOMPARE(seen.sentence, u"a.gguf: ends too early"_s);
        QCOMPARE(seen.subject, u"a.gguf"_s);
        QVERIFY(seen.details.contains(u"bad file"_s));
        QCOMPARE(runner.jobs().front().state, JobState::Failed);
        QCOMPARE(toJobRow(runner.jobs().front()).error, seen.sentence);
    }

    void memoryThatRunsOutIsAFailureOfItsKind()
    {
        JobRunner runner;
        JobError seen;
        JobSpec spec = named(u"big"_s);
        spec.failed = [&](const JobError& error) { seen = error; };
        runner.submit(spec, [](Progress&, const std::stop_token&) { throw std::bad_alloc(); }, [] {});
        QTRY_COMPARE(seen.kind, ErrorKind::OutOfMemory);
        QVERIFY(!seen.sentence.isEmpty());
    }

    void theLogKeepsPhasesNotesAndTheOutcome()
    {
        QTemporaryDir folder;
        JobRunner runner(folder.filePath(u"logs"_s));
        bool done = false;
        const int id = runner.submit(
            named(u"noted"_s),
            [](Progress& progress, const std::stop_token&) {
                progress.begin("measuring", 3, "blocks");
                progress.note("damping was raised to 0.1");
                progress.update(3, "block 2");
            },
            [&] { done = true; });
        QTRY_VERIFY(done);
        const JobStatus status = runner.job(id);
        QCOMPARE(status.notes, QStringList{u"damping was raised to 0.1"_s});
        QFile log(status.logFile);
        QVERIFY2(log.open(QIODevice::ReadOnly), qPrintable(status.logFile));
        const QString text = QString::fromUtf8(log.readAll());
        for (const QString& part : {u"started: job noted"_s, u"phase: measuring (3 blocks)"_s, u"note: damping was raised to 0.1"_s, u"done"_s})
            QVERIFY2(text.contains(part), qPrintable(part));
    }

    void destroyingTheRunnerStopsAndWaits()
    {
        std::atomic<bool> left{false};
        {
            JobRunner runner;
            const int id = runner.submit(
                named(u"long"_s),
                [&](Progress& progress, const std::stop_token& stop) {
                    struct Leave { std::atomic<bool>& flag; ~Leave() { flag = true; } } leave{left};
                    workForever(progress, stop);
                },
                [] {});
            QTRY_COMPARE(runner.job(id).state, JobState::Running);
        }
        QVERIFY(left);
    }

    void remainingTimeIsARangeAroundTheTruth()
    {
        JobEstimate estimate;
        QVERIFY(!estimate.remaining(100, 0));
        estimate.begin(10);
        for (int i = 1; i <= 20; ++i)
            estimate.step(i, 10 + i * 0.5);
        QCOMPARE(estimate.rate(), 2.0);
        const auto range = estimate.remaining(100, 20);
        QVERIFY(range);
        QVERIFY2(range->first <= 40 && range->second >= 40, "80 steps at 2 a second are 40 s");
        QVERIFY(range->second < 50);
        QVERIFY(!estimate.remaining(0, 20));
    }

    void theRemainingTimeMovesAndDoesNotJump()
    {
        JobEstimate estimate;
        estimate.begin(0);
        double now = 0, said = -1, most = 0;
        for (int i = 1; i <= 60; ++i) {
            const double seconds = i % 6 == 0 ? 6 : 0.5;   // every sixth step is a long one
            for (double end = now + seconds; now < end; now += 0.25)
                if (const auto range = estimate.remaining(60, now)) {
                    QVERIFY2(range->second > 0, "a step is at work: some time is left");
                    if (said >= 0 && i > 12)
                        most = std::max(most, std::abs(range->second - (said - 0.25)) / std::max(10.0, range->second));
                    said = range->second;
                }
            estimate.step(i, now);
        }
        QVERIFY2(most < 0.12, qPrintable(QString::number(most)));   // of what was said a quarter of a second before
        QVERIFY(said < 10);
    }

    void aSlowerEndWidensTheRange()
    {
        JobEstimate estimate;
        estimate.begin(0);
        double now = 0;
        for (int i = 1; i <= 30; ++i)
            estimate.step(i, now += i < 20 ? 0.1 : 1.0);
        const auto range = estimate.remaining(40, now);
        QVERIFY(range);
        QVERIFY(range->first < 10 && range->second > 10);
    }
};

QTEST_GUILESS_MAIN(TestJobRunner)
#include "tst_job_runner.moc"
