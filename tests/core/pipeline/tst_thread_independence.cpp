#include "tiny_model.h"

#include "core/base/error.h"
#include "core/project/run_store.h"

#include <QtTest>

using namespace halftone;
using namespace halftone::testing;

/// One recipe, one answer: the files of a run are the same bytes for any number of threads.
class TestThreadIndependence : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void blockFilesAreTheSameBytes_data();
    void blockFilesAreTheSameBytes();
    void aRunGoesOnWithOtherThreads();
};

void TestThreadIndependence::blockFilesAreTheSameBytes_data()
{
    QTest::addColumn<QString>("defaults");
    const auto row = [](const char* name, const char* fields) { QTest::newRow(name) << QStringLiteral("{%1}").arg(QLatin1String(fields)); };
    row("rtn", R"("rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32})");
    row("gptq", R"("rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32})");
    row("gptq, static activations", R"("rounding": {"method": "gptq"}, "weights": {"bits": 3, "group": 32}, "activations": {"scheme": "cross_static", "bits": 8})");
    row("awq", R"("transform": {"method": "awq"}, "weights": {"bits": 3, "group": 32})");
    row("smoothquant", R"("transform": {"method": "smoothquant"}, "weights": {"bits": 8}, "activations": {"scheme": "per_token", "bits": 8})");
    row("lrq", R"("rounding": {"method": "lrq", "steps": 12}, "weights": {"bits": 3, "group": 32})");
    row("flexround", R"("rounding": {"method": "flexround", "steps": 12}, "weights": {"bits": 3, "group": 32})");
    row("omniquant", R"("transform": {"method": "omniquant", "steps": 12}, "rounding": {"method": "lwc", "steps": 12}, "weights": {"bits": 3, "group": 32}, "activations": {"scheme": "per_token", "bits": 8})");
    row("affinequant", R"("transform": {"method": "affinequant", "steps": 12}, "weights": {"bits": 3, "group": 32})");
    row("lorc", R"("rounding": {"method": "gptq"}, "weights": {"bits": 2, "group": 32}, "compensation": {"method": "lorc"})");
}

void TestThreadIndependence::blockFilesAreTheSameBytes()
{
    QFETCH(QString, defaults);
    QTemporaryDir folder;
    std::vector<std::string> expected;
    for (const int threads : {1, 2, 3}) {
        const auto project = newProject(folder, std::to_string(threads).c_str());
        const QuantizeResult result = quantizeTiny(project, tinyRecipe(defaults.toStdString()), {}, true, 0, nullptr, threads);
        const std::vector<std::string> hashes = blockHashes(*project, result.run.id);
        QVERIFY(!hashes.empty());
        if (threads == 1)
            expected = hashes;
        QCOMPARE(hashes, expected);
    }
}

void TestThreadIndependence::aRunGoesOnWithOtherThreads()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const Recipe recipe = tinyRecipe(R"({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}})");
    std::stop_source stop;
    class StopsAfterABlock final : public Progress {
    public:
        explicit StopsAfterABlock(std::stop_source& source) : m_stop(source) {}
        void begin(std::string_view, std::int64_t, std::string_view, std::int64_t) override {}
        void update(std::int64_t, std::string_view detail) override
        {
            if (detail == "block 1 done")
                m_stop.request_stop();
        }
        void note(std::string_view) override {}

    private:
        std::stop_source& m_stop;
    } progress(stop);
    QVERIFY_THROWS_EXCEPTION(Cancelled, quantizeTiny(project, recipe, stop.get_token(), true, 0, &progress, 1));
    const QuantizeResult resumed = quantizeTiny(project, recipe, {}, true, 0, nullptr, 2);
    QCOMPARE(project->runs().size(), std::size_t{1});
    const auto whole = newProject(folder, "whole");
    QCOMPARE(blockHashes(*project, resumed.run.id), blockHashes(*whole, quantizeTiny(whole, recipe, {}, true, 0, nullptr, 3).run.id));
}

QTEST_GUILESS_MAIN(TestThreadIndependence)
#include "tst_thread_independence.moc"
