#include "tiny_model.h"

#include "core/base/error.h"
#include "core/methods/method.h"
#include "core/methods/weight_evidence.h"
#include "core/model/model.h"
#include "core/pipeline/training_feed.h"
#include "core/project/run_evidence.h"
#include "core/project/run_store.h"

#include <ATen/ATen.h>

#include <QtTest>

#include <cmath>
#include <map>

using namespace halftone;
using namespace halftone::testing;

namespace {

/// Three bits with a rounding (0 steps: it has none to set), under a transform and 4-bit activations where one is named.
Recipe recipeOf(const std::string& rounding, int steps, const std::string& transform = {}, int transformSteps = 0)
{
    const auto method = [](const std::string& id, int count) {
        return "{\"method\": \"" + id + "\"" + (count > 0 ? ", \"steps\": " + std::to_string(count) : std::string()) + "}";
    };
    std::string defaults = "{\"rounding\": " + method(rounding, steps) + ", \"weights\": {\"bits\": 3, \"symmetric\": false}";
    if (!transform.empty())
        defaults += ", \"transform\": " + method(transform, transformSteps) + ", \"activations\": {\"scheme\": \"per_token\", \"bits\": 4}";
    return tinyRecipe(defaults + "}");
}

struct Watched {
    QuantizeResult result;
    std::map<std::string, std::vector<float>> losses;   ///< by curve
    std::vector<TrainingProgress> told;
};

Watched quantizeWatched(const std::shared_ptr<Project>& project, const Recipe& recipe)
{
    Watched watched;
    SilentProgress silent;
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = recipe;
    job.text = tinyText();
    job.project = project;
    job.options.threads = 1;
    job.training = [&](const TrainingProgress& progress) {
        watched.told.push_back(progress);
        auto& losses = watched.losses[progress.what];
        losses.insert(losses.end(), progress.losses.begin(), progress.losses.end());
    };
    watched.result = quantize(job, silent, {});
    return watched;
}

} // namespace

class TestRunEvidence : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void lossesAreToldAsTheyAreStored_data()
    {
        QTest::addColumn<QString>("method");
        QTest::newRow("block") << "lrq";
        QTest::newRow("linear") << "zeroquant-local";
    }
    void lossesAreToldAsTheyAreStored()
    {
        QFETCH(QString, method);
        QTemporaryDir folder;
        const auto project = newProject(folder);
        const Watched watched = quantizeWatched(project, recipeOf(method.toStdString(), 20));
        std::size_t curves = 0;
        for (const BlockResult& block : project->results(watched.result.run.id)) {
            QVERIFY(block.curves.empty());   // these come from the block's file
            for (const LossCurve& curve : loadEvidence(*project, watched.result.run.id, block.block).curves) {
                ++curves;
                QVERIFY(watched.losses.contains(curve.what));
                QCOMPARE(watched.losses.at(curve.what), curve.losses);
                QCOMPARE(curve.losses.size(), std::size_t(20));
            }
        }
        QCOMPARE(watched.losses.size(), curves);
        QVERIFY(curves > 0);
        for (const TrainingProgress& told : watched.told)
            QVERIFY(told.steps == 20 && told.first >= 0 && told.first + static_cast<int>(told.losses.size()) <= 20);
    }

    void theFeedBundlesAndLosesNothing()
    {
        std::vector<TrainingProgress> told;
        TrainingFeed feed([&](const TrainingProgress& progress) { told.push_back(progress); });
        for (int step = 0; step < 1000; ++step)
            feed.add({2, "block 2", step, 2000, 1.0 / (step + 1)});
        feed.add({2, "block 2", 1001, 2000, 7});   // step 1000 was rolled back
        feed.add({3, "block 3", 0, 2000, 8});
        feed.flush();
        feed.flush();
        std::vector<float> all;
        int next = 0;
        for (const TrainingProgress& progress : told) {
            if (progress.block == 2 && progress.first != 1001) {
                QCOMPARE(progress.first, next);
                next += static_cast<int>(progress.losses.size());
            }
            all.insert(all.end(), progress.losses.begin(), progress.losses.end());
        }
        QCOMPARE(all.size(), std::size_t(1002));
        QCOMPARE(all.back(), 8.0f);
        QCOMPARE(all[1000], 7.0f);
        QVERIFY2(told.size() < 60, qPrintable(QString::number(told.size())));   // 1002 steps of nothing take far less than 5 s
    }

    void learnedWeightsAreKept_data()
    {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("kind");
        QTest::newRow("lrq") << "lrq" << "divisor";
        QTest::newRow("flexround") << "flexround" << "divisor";
        QTest::newRow("lwc") << "lwc" << "clip";
    }
    void learnedWeightsAreKept()
    {
        QFETCH(QString, method);
        QFETCH(QString, kind);
        QTemporaryDir folder;
        const auto project = newProject(folder);
        const Watched watched = quantizeWatched(project, recipeOf(method.toStdString(), 24));
        const BlockEvidence kept = loadEvidence(*project, watched.result.run.id, 0);
        const StoredBlock stored = loadBlock(*project, watched.result.run.id, 0);
        QCOMPARE(kept.weights.size(), stored.linears.size());
        QCOMPARE(stored.result.weights.size(), kept.weights.size());
        for (std::size_t i = 0; i < kept.weights.size(); ++i) {
            const WeightEvidence& evidence = kept.weights[i];
            QCOMPARE(evidence.linear, stored.linears[i].name);
            QCOMPARE(evidence.kind, kind.toStdString());
            const auto rows = stored.linears[i].weight->codes.size(0), columns = stored.linears[i].weight->codes.size(1);
            QCOMPARE(evidence.fullRows, rows);
            QCOMPARE(evidence.fullColumns, kind == u"clip" ? 2 : columns);
            QVERIFY(evidence.rows <= kEvidenceSide && evidence.columns <= kEvidenceSide);
            float largest = 0;
            for (const float value : evidence.values) {
                QVERIFY(std::isfinite(value));
                if (kind == u"clip")
                    QVERIFY(value > 0 && value < 1);
                largest = std::max(largest, std::abs(value));
            }
            QVERIFY(largest > 0);   // something was learned
            const double all = static_cast<double>(rows * columns);
            if (method == u"lrq") {
                QVERIFY(evidence.rank > 0 && evidence.rank <= std::min(rows, columns));
                QVERIFY(evidence.learnable > 0.3 && evidence.learnable < 0.6);   // ratio 0.4 and the scales
            } else {
                QCOMPARE(evidence.rank, 0);
                QVERIFY(method == u"flexround" ? evidence.learnable > 1 : std::abs(evidence.learnable - 2.0 * static_cast<double>(rows) / all) < 1e-12);
            }
        }
    }

    void poolingKeepsWhatStandsOut()
    {
        at::Tensor matrix = at::zeros({1000, 700});
        matrix[777][333] = -5;
        matrix[778][333] = 4;
        matrix[0][0] = 1;
        matrix[999][699] = 2;
        const WeightEvidence pooled = weightEvidence("divisor", matrix, 3, 0.5);
        QCOMPARE(pooled.rows, kEvidenceSide);
        QCOMPARE(pooled.columns, kEvidenceSide);
        QCOMPARE(pooled.fullRows, 1000);
        QCOMPARE(pooled.values.front(), 1.0f);
        QCOMPARE(pooled.values.back(), 2.0f);
        QCOMPARE(*std::min_element(pooled.values.begin(), pooled.values.end()), -5.0f);
        QCOMPARE(std::count_if(pooled.values.begin(), pooled.values.end(), [](float v) { return v != 0; }), 777 * 256 / 1000 == 778 * 256 / 1000 ? 3 : 4);
        const WeightEvidence small = weightEvidence("divisor", matrix.narrow(0, 776, 3).narrow(1, 330, 5), 0, 0);
        QCOMPARE(small.rows, 3);
        QCOMPARE(small.values, (std::vector<float>{0, 0, 0, 0, 0, 0, 0, 0, -5, 0, 0, 0, 0, 4, 0}));
        matrix[5][5] = std::nanf("");
        const WeightEvidence sick = weightEvidence("divisor", matrix, 0, 0);
        QVERIFY(std::isnan(sick.values[std::size_t(5 * 256 / 1000 * 256 + 5 * 256 / 700)]));
    }

    void sitesAreMeasuredBeforeAndAfterATransform_data()
    {
        QTest::addColumn<QString>("transform");
        for (const MethodInfo& info : methodInfos())
            if (info.kind == MethodKind::Transform && info.id != "none")
                QTest::newRow(info.id.c_str()) << QString::fromStdString(info.id);
    }
    void sitesAreMeasuredBeforeAndAfterATransform()
    {
        QFETCH(QString, transform);
        QTemporaryDir folder;
        const auto project = newProject(folder);
        const std::string id = transform.toStdString();
        const MethodInfo* info = findMethod(MethodKind::Transform, id);
        const bool learned = std::any_of(info->parameters.begin(), info->parameters.end(), [](const ParameterInfo& p) { return p.key == "steps"; });
        const Watched watched = quantizeWatched(project, recipeOf("rtn", 0, id, learned ? 4 : 0));
        const BlockEvidence kept = loadEvidence(*project, watched.result.run.id, 1);
        QVERIFY(!kept.sites.empty());
        bool moved = false;
        const auto model = Model::open(tinyLlama());
        for (const SiteChange& site : kept.sites) {
            QCOMPARE(site.method, id);
            QVERIFY(site.tokens > 0 && site.tokens <= 1024);
            QCOMPARE(site.grid.bits, 4);
            QCOMPARE(site.before.size(), site.after.size());
            QCOMPARE(static_cast<std::int64_t>(site.before.size()), site.site == SiteKind::MlpMiddle ? model->config().intermediate
                : site.site == SiteKind::AttentionOutput                                               ? model->config().heads * model->config().headDim
                                                                                                       : model->config().hidden);
            QVERIFY(site.kernelBefore > 0 && site.kernelBefore < 1 && site.kernelAfter > 0 && site.kernelAfter < 1);
            moved = moved || site.before != site.after;
        }
        QVERIFY(moved);
    }

    void runsWithoutTransformsOrTrainingKeepNothing()
    {
        QTemporaryDir folder;
        const auto project = newProject(folder);
        const Watched watched = quantizeWatched(project, recipeOf("rtn", 0));
        QVERIFY(watched.told.empty());
        const BlockEvidence kept = loadEvidence(*project, watched.result.run.id, 0);
        QVERIFY(kept.curves.empty() && kept.weights.empty() && kept.sites.empty() && kept.transforms.empty());
        QVERIFY_THROWS_EXCEPTION(Error, loadEvidence(*project, watched.result.run.id, 99));
    }
};

QTEST_GUILESS_MAIN(TestRunEvidence)
#include "tst_run_evidence.moc"
