#include "tiny_model.h"

#include "core/base/error.h"
#include "core/model/describe.h"
#include "core/pipeline/quantize_plan.h"

#include <QtTest>

using namespace halftone;
using namespace halftone::testing;

namespace {

std::uint64_t bytesBelow(const std::filesystem::path& folder)
{
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        if (entry.is_regular_file())
            bytes += entry.file_size();
    return bytes;
}

} // namespace

class TestQuantizePlan : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aRunWritesNoMoreThanPlanned_data()
    {
        QTest::addColumn<QString>("defaults");
        QTest::newRow("4 bits, groups") << R"({"weights": {"bits": 4, "group": 16}})";
        QTest::newRow("8 bits, asymmetric") << R"({"weights": {"bits": 8, "group": 16, "symmetric": false}})";
        QTest::newRow("GPTQ, static activations") << R"({"weights": {"bits": 4, "group": 32}, "rounding": {"method": "gptq"},
            "activations": {"scheme": "cross_static"}})";
    }

    void aRunWritesNoMoreThanPlanned()
    {
        QFETCH(QString, defaults);
        QTemporaryDir folder;
        const auto project = newProject(folder);
        const Recipe recipe = tinyRecipe(defaults.toStdString());
        const ModelDescription model = describeModel(tinyLlama(), false);
        const QuantizePlan plan = planQuantize(model, resolve(recipe, model), recipe.calibration, {}, project->folder());
        QCOMPARE(plan.blocks, model.config.blocks);
        QCOMPARE(plan.tokens(), std::int64_t{6 * 64});
        QCOMPARE(plan.cacheBytes, std::uint64_t{0});
        QCOMPARE(plan.diskBytes(), plan.projectBytes);
        const QuantizeResult result = quantizeTiny(project, recipe);
        const std::uint64_t written = bytesBelow(project->folder() / "runs");
        QVERIFY2(written <= plan.projectBytes, qPrintable(QString("%1 > %2").arg(written).arg(plan.projectBytes)));
        QCOMPARE(plan.exportBytes, result.run.bytes);
        QVERIFY(plan.freeBytes > 0 && plan.availableMemory > 0);
    }

    void aJobPlansWithTheSamplesThatItsTextHolds()
    {
        QTemporaryDir folder;
        QuantizeJob job;
        job.model = tinyLlama();
        job.recipe = tinyRecipe(R"({"weights": {"bits": 4, "group": 16}, "rounding": {"method": "gptq"}})");
        job.recipe.calibration = {100'000, 128, 0};
        job.text = tinyText();
        job.project = newProject(folder);
        std::vector<QuantizePlan> told;
        bool before = true;
        job.planned = [&](const QuantizePlan& plan) {
            before = before && job.project->runs().empty();
            told.push_back(plan);
        };
        SilentProgress silent;
        const QuantizeResult result = quantize(job, silent, {});
        QVERIFY(before);
        QCOMPARE(told.size(), std::size_t{1});
        QVERIFY(result.calibration.samples < 1000);
        QCOMPARE(told[0].calibration.samples, result.calibration.samples);
        QCOMPARE(told[0].tokens(), std::int64_t{128} * result.calibration.samples);
        const ModelDescription model = describeModel(tinyLlama(), false);
        const std::uint64_t asked = planQuantize(model, resolve(job.recipe, model), job.recipe.calibration, {}, job.project->folder()).peakMemory;
        QVERIFY2(told[0].peakMemory < asked / 4, qPrintable(QString("%1 of %2").arg(told[0].peakMemory).arg(asked)));
        job.takeFinished = true;   // nothing is computed, nothing planned
        quantize(job, silent, {});
        QCOMPARE(told.size(), std::size_t{1});
    }

    void moreOfAnythingNeedsMoreMemory()
    {
        const ModelDescription model = describeModel(tinyLlama(), false);
        const auto peak = [&](int samples, int length, std::uint64_t budget) {
            ComputeOptions options;
            options.memoryBudget = budget;
            const auto plans = resolve(tinyRecipe(R"({"weights": {"bits": 4, "group": 16}})"), model);
            return planQuantize(model, plans, {samples, length, 0}, options, "/");
        };
        QVERIFY(peak(256, 512, 0).peakMemory > peak(128, 512, 0).peakMemory);
        QVERIFY(peak(128, 1024, 0).peakMemory > peak(128, 512, 0).peakMemory);
        const QuantizePlan whole = peak(4096, 512, 0), bounded = peak(4096, 512, 64 << 20);
        QVERIFY(bounded.peakMemory < whole.peakMemory);   // the streams went to the disk, and that is counted there
        QCOMPARE(whole.cacheBytes, std::uint64_t{0});
        QVERIFY(bounded.cacheBytes >= whole.peakMemory - bounded.peakMemory);
        QVERIFY(peak(0, 512, 0).tokens() == 0);
    }

    void aFullDiskIsSaidBeforeTheRun()
    {
        QuantizePlan plan;
        plan.projectBytes = 900;
        plan.cacheBytes = 60;
        plan.freeBytes = 1000;   // 950 without the last 5 %
        try {
            plan.requireDisk("/some/project.halftone");
            QFAIL("it was accepted");
        } catch (const Error& e) {
            QCOMPARE(e.kind(), ErrorKind::Io);
            const QString text = QString::fromUtf8(e.what());
            QVERIFY2(text.contains("/some/project.halftone") && text.contains("960") && text.contains("1000"), e.what());
        }
        plan.cacheBytes = 0;
        plan.requireDisk("/some/project.halftone");
        QCOMPARE(plan.warnings().size(), std::size_t{1});   // nearly full
        plan.projectBytes = 100;
        QVERIFY(plan.warnings().empty());
        plan.exportBytes = 900;
        QVERIFY(QString::fromStdString(plan.warnings().front()).contains("export"));
        plan.exportBytes = 0;
        plan.availableMemory = 10;
        plan.peakMemory = 11;
        QVERIFY(QString::fromStdString(plan.warnings().front()).contains("memory"));
    }
};

QTEST_GUILESS_MAIN(TestQuantizePlan)
#include "tst_quantize_plan.moc"
