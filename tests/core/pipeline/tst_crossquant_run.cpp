#include "tiny_model.h"

#include "core/base/error.h"
#include "core/methods/equivalent.h"
#include "core/model/model.h"
#include "core/project/quantized_model.h"
#include "core/project/run_store.h"
#include "core/text/corpus.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>

#include <cmath>

using namespace halftone;
using namespace halftone::testing;

/// CrossQuant's three forms through whole runs, with every kind of weights (methods-core §14): the grids cross and cross_static, and the transform
/// crossquant with a grid per token, beside RTN, GPTQ and AWQ.
class TestCrossQuantRun : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyFormComposesWithEveryWeights_data();
    void everyFormComposesWithEveryWeights();
    void gptqAfterTheFoldIsBetterThanNearest();
    void foldingIsDividingRoundingAndMultiplyingBack();
    void aTransformAloneKeepsTheModel_data();
    void aTransformAloneKeepsTheModel();

private:
    static double klOf(const std::shared_ptr<Project>& project)
    {
        SilentProgress progress;
        EvaluateJob job{project->folder().string(), {tinyText(), 2, 64}, {}, tinyLlama(), {}};
        job.options.threads = 1;
        return evaluate(job, progress, {}).divergence.klMean;
    }
};

void TestCrossQuantRun::everyFormComposesWithEveryWeights_data()
{
    QTest::addColumn<QString>("scheme");
    QTest::addColumn<QString>("transform");
    QTest::addColumn<QString>("rounding");
    for (const char* rounding : {"rtn", "gptq"}) {
        for (const char* scheme : {"cross", "cross_static"})
            QTest::addRow("%s, %s", scheme, rounding) << scheme << "none" << rounding;
        QTest::addRow("folded, %s", rounding) << "per_token" << "crossquant" << rounding;
    }
    for (const char* scheme : {"cross", "cross_static", "per_tensor"})
        QTest::addRow("%s, AWQ", scheme) << scheme << "awq" << "rtn";
    QTest::newRow("cross, AWQ, gptq") << "cross" << "awq" << "gptq";
    QTest::newRow("folded, static, rtn") << "per_tensor" << "crossquant" << "rtn";
}

void TestCrossQuantRun::everyFormComposesWithEveryWeights()
{
    QFETCH(QString, scheme);
    QFETCH(QString, transform);
    QFETCH(QString, rounding);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const std::string defaults = R"({"transform": {"method": ")" + transform.toStdString() + R"("}, "rounding": {"method": ")" + rounding.toStdString()
        + R"("}, "weights": {"bits": 8, "group": 32}, "activations": {"scheme": ")" + scheme.toStdString() + R"(", "bits": 8}})";
    const QuantizeResult result = quantizeTiny(project, tinyRecipe(defaults), {}, true, 0, nullptr, 1);
    const auto model = Model::open(tinyLlama());
    for (const LinearResult& linear : result.linears) {
        QCOMPARE(linear.method, rounding.toStdString());
        QCOMPARE(std::string(name(linear.activations.scheme)), scheme.toStdString());
    }
    const StoredBlock stored = loadBlock(*project, result.run.id, 1);
    const bool norm = std::any_of(stored.tensors.begin(), stored.tensors.end(), [](const StoredTensor& t) { return t.name.ends_with("input_layernorm.weight"); });
    QCOMPARE(norm, transform != QLatin1String("none"));
    // Eight bits of everything stay close to float, in every combination.
    const double kl = klOf(project);
    QVERIFY2(kl > 0 && kl < 0.02, qPrintable(QString::number(kl)));
}

void TestCrossQuantRun::gptqAfterTheFoldIsBetterThanNearest()
{
    QTemporaryDir folder;
    const auto run = [&](const char* name, const char* rounding) {
        const auto project = newProject(folder, name);
        quantizeTiny(project, tinyRecipe(std::string(R"({"transform": {"method": "crossquant"}, "rounding": {"method": ")") + rounding +
                                         R"("}, "weights": {"bits": 3, "group": 32}, "activations": {"scheme": "per_token", "bits": 8}})"));
        return klOf(project);
    };
    const double nearest = run("nearest", "rtn"), gptq = run("gptq", "gptq");
    QVERIFY2(gptq < nearest, qPrintable(QStringLiteral("%1 against %2").arg(gptq).arg(nearest)));
}

/// The run's block 0 reads x / c^(1−α), rounded per token, through weights times c^(1−α): what the formula says, computed here from the float model.
void TestCrossQuantRun::foldingIsDividingRoundingAndMultiplyingBack()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Recipe recipe = tinyRecipe(R"({"transform": {"method": "crossquant", "alpha": 0.1}, "activations": {"scheme": "per_token", "bits": 4}})");
    recipe.contract = {};
    const QuantizeResult result = quantizeTiny(project, recipe);
    const at::NoGradGuard noGrad;
    const auto model = Model::open(tinyLlama());
    const TokenWindows windows = sampleWindows(*model->tokenizer(), readText(tinyText()), "text", recipe.calibration.samples, recipe.calibration.length, 0);
    const DecoderBlock plain = model->block(0);
    DecoderBlock folded = model->block(0);
    restoreBlock(folded, loadBlock(*project, result.run.id, 0));   // Halftone's own grids
    const at::Tensor x = plain.attentionInput(model->embed(windows.ids));
    const at::Tensor column = x.abs().amax(at::IntArrayRef{0, 1}).clamp_min(1e-5).pow(0.9);
    QVERIFY((column.max() / column.min()).item<float>() > 1.2);   // there is something to divide by
    const at::Tensor divided = folded.attentionInput(model->embed(windows.ids));
    QVERIFY(at::allclose(divided, x / column, 1e-5, 1e-6));
    const ActivationQuantizer rows({ActivationScheme::PerToken, 4, true, 0}, {});
    for (const char* name : {"q_proj", "k_proj"}) {   // the values' rows take the attention output's scale besides
        const Linear& before = const_cast<DecoderBlock&>(plain).linear(name);
        const Linear& after = folded.linear(name);
        QVERIFY(after.input && after.input->grid().scheme == ActivationScheme::PerToken);
        const at::Tensor expected = at::linear(rows.apply((x / column).contiguous()) * column, before.weight, before.bias);
        const at::Tensor found = at::linear(after.input->apply(divided), after.weight, after.bias);
        const double error = (found - expected).norm().item<double>() / expected.norm().item<double>();
        QVERIFY2(error < 2e-3, qPrintable(QString::number(error)));   // a value on a half step may fall the other way
    }
}

void TestCrossQuantRun::aTransformAloneKeepsTheModel_data()
{
    QTest::addColumn<double>("alpha");
    for (const double alpha : {0.0, 0.15, 0.5, 1.0})
        QTest::addRow("alpha %g", alpha) << alpha;
}

void TestCrossQuantRun::aTransformAloneKeepsTheModel()
{
    QFETCH(double, alpha);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    // One linear is rounded, so that there is something to do; its 8 bits are all that may be lost.
    quantizeTiny(project, tinyRecipe(R"({"transform": {"method": "crossquant", "alpha": )" + std::to_string(alpha) + "}}",
                                     R"([{"match": "model.layers.0.mlp.gate_proj", "weights": {"bits": 8, "group": 32}}])"));
    const auto bare = newProject(folder, "bare");
    quantizeTiny(bare, tinyRecipe("{}", R"([{"match": "model.layers.0.mlp.gate_proj", "weights": {"bits": 8, "group": 32}}])"));
    const double with = klOf(project), without = klOf(bare);
    QVERIFY2(with < 4 * without + 1e-6, qPrintable(QStringLiteral("%1, %2 without").arg(with).arg(without)));
}

QTEST_GUILESS_MAIN(TestCrossQuantRun)
#include "tst_crossquant_run.moc"
