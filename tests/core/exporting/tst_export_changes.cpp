#include "tiny_model.h"

#include "core/base/error.h"
#include "core/exporting/export_job.h"
#include "core/model/compressed_model.h"
#include "core/model/model.h"
#include "core/project/quantized_model.h"
#include "core/project/run_store.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>

using namespace halftone;
using namespace halftone::testing;

/// What a run changes beside the codes: norms and float weights under a transform, factors of a compensation.
class TestExportChanges : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void transformsAreFoldedIntoEveryFormat_data();
    void transformsAreFoldedIntoEveryFormat();
    void aTransformAloneLeavesTheModelAsItWas();
    void denseCarriesTheFactors();
    void formatsWithoutAPlaceForFactorsRefuseThem();
    void aTransformIsRefusedOnTheFly();

private:
    static ExportJob jobFor(const std::shared_ptr<Project>& project, const QTemporaryDir& folder, const std::string& format)
    {
        ExportJob job;
        job.project = project;
        job.format = format;
        job.out = std::filesystem::path(folder.path().toStdString()) / "out";
        job.dtype = "f32";
        return job;
    }
    /// Every tensor of the blocks, bit for bit.
    static void compareBlocks(const BlockSource& meant, const BlockSource& read)
    {
        for (int b = 0; b < meant.config().blocks; ++b) {
            const DecoderBlock left = meant.block(b), right = read.block(b);
            for (std::size_t i = 0; i < left.linears().size(); ++i)
                QVERIFY2(at::equal(left.linears()[i].weight, right.linears()[i].weight), left.linears()[i].info.name.c_str());
            QVERIFY(at::equal(left.attentionNorm.weight, right.attentionNorm.weight));
            QVERIFY(at::equal(left.mlpNorm.weight, right.mlpNorm.weight));
        }
    }
};

void TestExportChanges::transformsAreFoldedIntoEveryFormat_data()
{
    QTest::addColumn<QString>("transform");
    QTest::addColumn<QString>("format");
    for (const char* transform : {"smoothquant", "awq", "omniquant", "affinequant", "crossquant"})
        for (const char* format : {"dense", "compressed-tensors"})
            QTest::addRow("%s, %s", transform, format) << transform << format;
}

void TestExportChanges::transformsAreFoldedIntoEveryFormat()
{
    QFETCH(QString, transform);
    QFETCH(QString, format);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const QuantizeResult run = quantizeTiny(project, tinyRecipe(R"({"transform": {"method": ")" + transform.toStdString() + R"("}, "weights": {"bits": 4, "group": 32}})",
        R"([{"match": "*.k_proj", "weights": {"bits": 16}}])"));
    const at::NoGradGuard noGrad;
    const auto model = Model::open(tinyLlama());
    const auto meant = openRun(model, project, run.run.id);
    const StoredBlock stored = loadBlock(*project, run.run.id, 0);
    std::vector<std::string> names;
    for (const StoredTensor& tensor : stored.tensors)
        names.push_back(tensor.name);
    QVERIFY(std::find(names.begin(), names.end(), "model.layers.0.input_layernorm.weight") != names.end());
    QVERIFY(std::find(names.begin(), names.end(), "model.layers.0.self_attn.k_proj.weight") != names.end());   // float, yet scaled
    QVERIFY(std::find(names.begin(), names.end(), "model.layers.0.self_attn.q_proj.weight") == names.end());   // codes hold it
    QVERIFY(!at::equal(meant->block(0).attentionNorm.weight, model->block(0).attentionNorm.weight));

    SilentProgress progress;
    const ExportJob job = jobFor(project, folder, format.toStdString());
    exportRun(job, progress, {});   // the certificate compares every tensor and the logits
    if (format == "dense")
        compareBlocks(*meant, *Model::open(job.out));
    else
        compareBlocks(*meant, *openCompressedTensors(job.out));
}

void TestExportChanges::aTransformAloneLeavesTheModelAsItWas()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const QuantizeResult run = quantizeTiny(project, tinyRecipe(R"({"transform": {"method": "smoothquant", "alpha": 0.8}, "weights": {"bits": 16}, "activations": {"scheme": "per_token", "bits": 8}})"));
    const at::NoGradGuard noGrad;
    const auto model = Model::open(tinyLlama());
    const auto quantized = openRun(model, project, run.run.id);
    at::manual_seed(1);
    const at::Tensor hidden = at::randn({2, 16, model->config().hidden});
    for (int b = 0; b < model->config().blocks; ++b) {
        DecoderBlock block = quantized->block(b);
        QVERIFY(!at::equal(block.attentionNorm.weight, model->block(b).attentionNorm.weight));
        for (Linear& linear : block.linears())
            linear.input = nullptr;
        const at::Tensor expected = model->block(b).forward(hidden);
        QVERIFY(((block.forward(hidden) - expected).abs().max() / expected.abs().max()).item<double>() < 1e-4);
    }
}

void TestExportChanges::denseCarriesTheFactors()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const QuantizeResult run = quantizeTiny(project, tinyRecipe(R"({"weights": {"bits": 2}, "compensation": {"method": "lorc", "factors": "int8"}})"));
    SilentProgress progress;
    const ExportJob job = jobFor(project, folder, "dense");
    exportRun(job, progress, {});
    const at::NoGradGuard noGrad;
    const auto model = Model::open(tinyLlama());
    compareBlocks(*openRun(model, project, run.run.id), *Model::open(job.out));
    const StoredBlock stored = loadBlock(*project, run.run.id, 0);
    QVERIFY(!at::equal(Model::open(job.out)->block(0).linears()[0].weight, stored.linears[0].weight->dequantize()));
}

void TestExportChanges::formatsWithoutAPlaceForFactorsRefuseThem()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const std::string defaults = R"({"weights": {"bits": 4}, "compensation": {"method": "lorc"}})";
    quantizeTiny(project, tinyRecipe(defaults));
    SilentProgress progress;
    try {
        exportRun(jobFor(project, folder, "compressed-tensors"), progress, {});
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QVERIFY2(std::string(error.what()).find("lorc") != std::string::npos, error.what());
    }
    for (const std::string& contract : contracts()) {
        Recipe recipe = tinyRecipe(defaults);
        recipe.contract = contract;
        try {
            resolve(recipe, describeModel(tinyLlama(), false));
            QFAIL("nothing was thrown");
        } catch (const Error& error) {
            QCOMPARE(error.subject(), std::string("/contract"));
            QVERIFY2(std::string(error.what()).find("lorc") != std::string::npos, error.what());
        }
    }
}

void TestExportChanges::aTransformIsRefusedOnTheFly()
{
    SilentProgress progress;
    EvaluateJob job;
    job.target = tinyLlama().string();
    job.text = {tinyText(), 1, 64};
    job.recipe = tinyRecipe(R"({"transform": {"method": "awq"}, "weights": {"bits": 4}})");
    try {
        evaluate(job, progress, {});
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QVERIFY2(std::string(error.what()).find("on the fly") != std::string::npos, error.what());
    }
}

QTEST_GUILESS_MAIN(TestExportChanges)
#include "tst_export_changes.moc"
