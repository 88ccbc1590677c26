#include "core/base/error.h"
#include "core/project/quantized_model.h"
#include "project_fixture.h"

#include <ATen/ATen.h>

#include <QTest>

#include <cmath>

using namespace halftone;

namespace {

std::filesystem::path modelFolder() { return std::filesystem::path(HALFTONE_TEST_DATA) / "model" / "goldens" / "llama"; }

constexpr const char* kRecipe = R"({"halftone_recipe": 1, "contract": "vllm", "rules": [{"match": "*.q_proj", "activations": {"scheme": "per_token"}}]})";

/// Everything rounded to 8 bits; the site of q, k and v per token, the MLP's middle static.
StoredBlock roundedBlock(const Model& model, int index)
{
    StoredBlock stored;
    stored.block = index;
    const DecoderBlock block = model.block(index);
    for (const Linear& linear : block.linears()) {
        StoredLinear out;
        out.name = linear.info.name;
        WeightGrid grid;
        grid.bits = 8;
        if (linear.info.site != SiteKind::AttentionOutput)
            out.weight = quantizeToNearest(linear.weight, grid);
        if (linear.info.site == SiteKind::AttentionInput)
            out.activations.scheme = ActivationScheme::PerToken;
        if (linear.info.site == SiteKind::MlpMiddle) {
            out.activations.scheme = ActivationScheme::PerTensor;
            out.ranges.minimum = -2;
            out.ranges.maximum = 3;
        }
        out.result.linear = out.name;
        out.result.weights = out.weight ? grid : WeightGrid{};
        out.result.activations = out.activations;
        stored.linears.push_back(std::move(out));
    }
    return stored;
}

} // namespace

class TestQuantizedModel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aRunIsAModelWithItsWeightsAndGrids()
    {
        const ProjectFixture fixture;
        const auto model = Model::open(modelFolder());
        const auto project = Project::open(fixture.folder(), modelFolder());
        RunInfo run = beginRun(*project, kRecipe, "print", model->config().blocks);
        for (int i = 0; i < model->config().blocks; ++i) {
            QVERIFY_EXCEPTION_THROWN(openRun(model, project, run.id), Error);   // not finished
            storeBlock(*project, run.id, roundedBlock(*model, i));
        }
        finishRun(*project, run);

        const auto quantized = openRun(model, project, "");
        QCOMPARE(quantized->config().blocks, model->config().blocks);
        const std::vector<std::vector<std::int32_t>> ids{{1, 2, 3, 4, 5}};
        at::Tensor hidden = quantized->embed(ids);
        QVERIFY(at::equal(hidden, model->embed(ids)));
        for (int i = 0; i < model->config().blocks; ++i) {
            const StoredBlock stored = roundedBlock(*model, i);
            const DecoderBlock block = quantized->block(i), original = model->block(i);
            const ActivationQuantizer* shared = nullptr;
            for (std::size_t k = 0; k < block.linears().size(); ++k) {
                const Linear& linear = block.linears()[k];
                QVERIFY(at::equal(linear.weight, stored.linears[k].weight ? stored.linears[k].weight->dequantize()
                    : original.linears()[k].weight));
                QCOMPARE(linear.input != nullptr, stored.linears[k].activations.quantized());
                if (linear.info.site == SiteKind::AttentionInput) {
                    QVERIFY(!shared || shared == linear.input.get());   // q, k and v round their input once
                    shared = linear.input.get();
                }
                if (linear.info.site == SiteKind::MlpMiddle)
                    QCOMPARE(linear.input->ranges().maximum, 3.0f);
            }
            // The same by hand, with a quantizer for every linear, is the same function.
            DecoderBlock byHand = model->block(i);
            for (std::size_t k = 0; k < byHand.linears().size(); ++k) {
                const StoredLinear& from = stored.linears[k];
                if (from.weight)
                    byHand.linears()[k].weight = from.weight->dequantize();
                if (from.activations.quantized())
                    byHand.linears()[k].input = std::make_shared<ActivationQuantizer>(from.activations, from.ranges);
            }
            const at::Tensor before = hidden;
            hidden = block.forward(before);
            QVERIFY(at::equal(hidden, byHand.forward(before)));
            QVERIFY(!at::equal(hidden, original.forward(before)));
        }
        QVERIFY(at::equal(quantized->logits(hidden.flatten(0, 1)), model->logits(hidden.flatten(0, 1))));
    }

    void tokensAreRoundedAsTheContractsRuntimeDoes_data()
    {
        QTest::addColumn<QString>("contract");
        QTest::addColumn<bool>("transformers");
        QTest::newRow("none") << QString() << true;
        QTest::newRow("transformers") << R"("contract": "transformers", )" << true;
        QTest::newRow("vllm") << R"("contract": "vllm", )" << false;
    }
    void tokensAreRoundedAsTheContractsRuntimeDoes()
    {
        QFETCH(QString, contract);
        QFETCH(bool, transformers);
        const ProjectFixture fixture;
        const auto model = Model::open(modelFolder());
        const auto project = Project::open(fixture.folder(), modelFolder());
        const QString recipe = R"({"halftone_recipe": 1, %1"defaults": {"activations": {"scheme": "per_token"}}})";
        RunInfo run = beginRun(*project, recipe.arg(contract).toStdString(), "print", model->config().blocks);
        for (int i = 0; i < model->config().blocks; ++i)
            storeBlock(*project, run.id, roundedBlock(*model, i));
        finishRun(*project, run);
        const auto quantized = openRun(model, project, run.id);
        QVERIFY(quantized->roundsActivations());
        QVERIFY(!model->roundsActivations());
        DecoderBlock block = quantized->block(0);
        const at::Tensor x = at::tensor({-1.0f, 0.3f, 0.0f, 0.2f}).view({1, 1, 4});
        const double step = (transformers ? 1 / 127.5 : 1 / 127.0);
        const double rounded = block.linear("q_proj").input->apply(x)[0][0][1].item<double>();
        QVERIFY2(std::abs(rounded - std::round(0.3 / step) * step) < 1e-7, qPrintable(QString::number(rounded, 'g', 9)));
        QVERIFY(block.linear("q_proj").input == block.linear("v_proj").input);
        QCOMPARE(block.linear("down_proj").input->grid().scheme, ActivationScheme::PerTensor);
    }

    void aRunOfAnotherModelIsRefused()
    {
        const ProjectFixture fixture;
        const auto model = Model::open(modelFolder());
        const auto project = Project::open(fixture.folder(), modelFolder());
        RunInfo run = beginRun(*project, kRecipe, "print", model->config().blocks);
        for (int i = 0; i < model->config().blocks; ++i) {
            StoredBlock block = roundedBlock(*model, i);
            if (i == 0)
                block.linears[1].name += "_other";
            storeBlock(*project, run.id, block);
        }
        finishRun(*project, run);
        const auto quantized = openRun(model, project, run.id);
        QVERIFY_EXCEPTION_THROWN(quantized->block(0), Error);
        const RunInfo shorter = beginRun(*project, kRecipe, "print", model->config().blocks + 1);
        QVERIFY_EXCEPTION_THROWN(openRun(model, project, shorter.id), Error);
    }
};

QTEST_APPLESS_MAIN(TestQuantizedModel)
#include "tst_quantized_model.moc"
