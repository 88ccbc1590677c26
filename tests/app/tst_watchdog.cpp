#include "tests/app/deep_model.h"
#include "tests/app/window_fixture.h"
#include "widgets/layers_view.h"

#include <QMetaEnum>
#include <QThread>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <thread>

using namespace halftone;
using namespace Qt::StringLiterals;

namespace {

constexpr double kWorkMs = 50;    // of an event, on the processor
constexpr double kWaitMs = 250;   // of an event, waiting. Looser: a lock whose holder the machine has put aside for others' work looks the same

struct Moment {
    double worked = 0, waited = 0;   ///< ms since the thread began
};

/// Of this thread: what it worked, and what it waited for something. The time that it was ready and the machine did others' work is in neither; where
/// the kernel does not tell it, waiting is not seen.
class ThreadClock {
public:
    Moment now() const
    {
        timespec time{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        const double worked = static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
        const double wall = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
        const auto ready = m_kernelTells ? readyMs() : std::nullopt;
        return {worked, ready ? wall - *ready - worked : 0};
    }
    bool seesWaiting() const { return m_kernelTells; }

private:
    /// How long this thread was ready and had to wait for a processor, ms.
    static std::optional<double> readyMs()
    {
        FILE* file = std::fopen("/proc/thread-self/schedstat", "r");
        if (!file)
            return std::nullopt;
        unsigned long long ran = 0, ready = 0;
        const int read = std::fscanf(file, "%llu %llu", &ran, &ready);
        std::fclose(file);
        return read == 2 ? std::optional(static_cast<double>(ready) / 1e6) : std::nullopt;
    }
    bool m_kernelTells = readyMs().has_value();
};

/// "QTableView runLinears"; a timer is named by whose it is: "QTimer of ColumnFitter of QTableView runLinears".
QString whoIs(const QObject& object)
{
    const QString name = (QString::fromLatin1(object.metaObject()->className()) + u' ' + object.objectName()).trimmed();
    return object.parent() && object.objectName().isEmpty() ? name + u" of "_s + whoIs(*object.parent()) : name;
}

struct Stall {
    double ms = 0;
    QString what;
};

/// Measures every event that the GUI thread deals with, from the outside.
class WatchedApplication : public QApplication {
public:
    using QApplication::QApplication;

    bool notify(QObject* receiver, QEvent* event) override
    {
        if (!m_watching || m_inside || QThread::currentThread() != thread())
            return QApplication::notify(receiver, event);
        m_inside = true;
        const QEvent::Type type = event->type();
        const QString who = whoIs(*receiver);
        const Moment start = m_clock.now();
        const bool handled = QApplication::notify(receiver, event);
        const Moment end = m_clock.now();
        const double took = end.worked - start.worked, waited = end.waited - start.waited;
        m_inside = false;
        ++events;
        if (took > worst.ms)
            worst = {took, u"%1: %2"_s.arg(who, QString::fromLatin1(QMetaEnum::fromType<QEvent::Type>().valueToKey(type)))};
        if (took > kWorkMs || waited > kWaitMs)
            stalls.append({took, u"%1: %2 (worked %3 ms, waited %4 ms)"_s.arg(who, QString::fromLatin1(QMetaEnum::fromType<QEvent::Type>().valueToKey(type)))
                                     .arg(took, 0, 'f', 1).arg(waited, 0, 'f', 1)});
        return handled;
    }

    void watch(bool on)
    {
        m_watching = on;
        if (on) {
            stalls.clear();
            worst = {};
            events = 0;
        }
    }

    QList<Stall> stalls;
    Stall worst;
    qint64 events = 0;

private:
    ThreadClock m_clock;
    bool m_watching = false, m_inside = false;
};

WatchedApplication& application()
{
    return *static_cast<WatchedApplication*>(qApp);
}

/// Posts an event to the GUI thread every 5 ms, as a person's mouse would; counts those that were dealt with.
class Pulse : public QObject {
public:
    Pulse()
    {
        m_thread = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                QCoreApplication::postEvent(this, new QEvent(QEvent::User));
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
        });
    }
    std::atomic<int> beats = 0;

protected:
    void customEvent(QEvent*) override { ++beats; }

private:
    std::jthread m_thread;
};

} // namespace

/// No event keeps the window for more than 50 ms while jobs run.
class TestWatchdog : public WindowFixture {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { applyTheme(application(), Theme::Dark); }
    void init() { begin(); }
    void cleanup()
    {
        application().watch(false);
        end();
    }

    void theWatchdogSeesWorkAndWaitingButNotTheMachinesOtherWork()
    {
        if (ThreadClock().seesWaiting()) {
            QTimer::singleShot(0, m_window.get(), [] { QThread::msleep(400); });
            application().watch(true);
            QTest::qWait(600);
            QVERIFY(!application().stalls.isEmpty());      // waiting
        }
        QTimer::singleShot(0, m_window.get(), [] {
            ThreadClock clock;
            for (const double start = clock.now().worked; clock.now().worked - start < 80;) { }
        });
        application().watch(true);
        QTest::qWait(300);
        QVERIFY(!application().stalls.isEmpty());          // working
        application().watch(true);
        QTest::qWait(100);
        QVERIFY2(application().stalls.isEmpty(), qPrintable(application().worst.what));
    }

    void theWindowAnswersDuringAnAnalysisAndAGptqRun_data()
    {
        QTest::addColumn<int>("blocks");
        QTest::addRow("4 blocks") << 4;
        QTest::addRow("126 blocks") << 126;
    }
    void theWindowAnswersDuringAnAnalysisAndAGptqRun()
    {
        QFETCH(int, blocks);
        const QString folder = m_folder->filePath(u"deep"_s);
        QVERIFY(makeDeepModel(modelFolder(), folder, blocks));
        STEP(openModel(folder));
        QCOMPARE(document().model().config.blocks, blocks);
        QTest::qWait(100);

        application().watch(true);
        Pulse pulse;
        m_window->tasks().analyze({textFile(), 2, 64, {}});
        // A person who looks around meanwhile.
        int looked = 0;
        const auto connection = connect(&document(), &Document::analysisBlockAdded, this, [this, &looked](int block) {
            if (block % 16 == 1) {
                document().select({block, SiteKind::MlpMiddle, {}, block % 64, -1});
                ++looked;
            }
        });
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().hasAnalysis(), 120000);
        disconnect(connection);
        QVERIFY(looked > 0);
        QVERIFY2(application().stalls.isEmpty(), qPrintable(u"analysis: "_s + application().stalls.value(0).what));
        qInfo("analysis: %lld events, longest %.1f ms (%s)", application().events, application().worst.ms, qPrintable(application().worst.what));

        application().watch(false);
        for (const Preset& preset : presets())
            if (preset.id.find("gptq") != std::string::npos && document().applyPreset(preset))
                break;
        QVERIFY(document().size().bitsPerWeight < 16);
        CalibrationSettings calibration = document().recipe().calibration;
        calibration.samples = 4;
        calibration.length = 64;
        QVERIFY(document().setCalibration(calibration));
        m_window->setWorkspace(Workspaces::Run);
        QTest::qWait(200);

        application().watch(true);
        m_window->tasks().quantize({textFile(), false});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 240000);
        QVERIFY2(application().stalls.isEmpty(), qPrintable(u"run: "_s + application().stalls.value(0).what));
        qInfo("run: %lld events, longest %.1f ms (%s)", application().events, application().worst.ms, qPrintable(application().worst.what));
        QVERIFY(pulse.beats > 20);
        application().watch(false);
    }
};

int main(int argc, char** argv)
{
    WatchedApplication app(argc, argv);
    TestWatchdog test;
    QTEST_SET_MAIN_SOURCE_PATH
    return QTest::qExec(&test, argc, argv);
}
#include "tst_watchdog.moc"
