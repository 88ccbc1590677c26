#include "golden.h"

#include "core/methods/block_reconstruction.h"
#include "core/quant/activation_quantizer.h"

#include <QtTest>

#include <cmath>

using namespace halftone;

namespace {

/// Windows of random hidden states; their lengths make a mini-batch run in several pieces.
class RandomWindows final : public ReconstructionData {
public:
    RandomWindows(const DecoderBlock& block, std::size_t count, std::int64_t tokens)
    {
        at::manual_seed(12);
        for (std::size_t i = 0; i < count; ++i) {
            const at::Tensor clean = at::randn({1, tokens, block.config().hidden});
            m_targets.push_back(block.forward(clean));
            m_inputs.push_back(clean + at::randn_like(clean) * 0.05);
        }
    }
    std::size_t windows() const override { return m_inputs.size(); }
    at::Tensor inputs(std::span<const std::size_t> windows) const override { return gather(m_inputs, windows); }
    at::Tensor targets(std::span<const std::size_t> windows) const override { return gather(m_targets, windows); }

private:
    static at::Tensor gather(const std::vector<at::Tensor>& from, std::span<const std::size_t> windows)
    {
        std::vector<at::Tensor> rows;
        for (const std::size_t window : windows)
            rows.push_back(from[window]);
        return at::cat(rows);
    }
    std::vector<at::Tensor> m_inputs, m_targets;
};

RoundingParameters learnedIn(const DecoderBlock& block, const std::string& id, int bits)
{
    const auto method = makeRounding(id);
    std::vector<RoundingParameters::Item> items;
    for (std::size_t i = 0; i < block.linears().size(); ++i) {
        const Linear& linear = block.linears()[i];
        items.push_back({i, dynamic_cast<const LearnedRounding&>(*method).learn(
                                {.linear = linear.info.name, .weight = linear.weight, .grid = {.bits = bits, .symmetric = false}, .seed = i + 1},
                                defaultChoice(MethodKind::Rounding, id))});
    }
    return RoundingParameters(std::move(items));
}

void addArchitectures()
{
    QTest::addColumn<QString>("model");
    for (const char* name : {"llama", "llama-biases", "qwen3", "opt", "opt-post-norm", "bloom", "bloom-residual-after-norm", "mistral-window"})
        QTest::newRow(name) << name;
}

} // namespace

class TestBlockReconstruction : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void gradientsAreThoseOfTheWholeGraph_data() { addArchitectures(); }
    void gradientsAreThoseOfTheWholeGraph();
    void everyMethodLowersTheBlocksError_data();
    void everyMethodLowersTheBlocksError();
    void activationGridsAreTrainedThrough();
    void sameSeedGivesTheSameCodes();
    void itStopsWithinAStep();
};

void TestBlockReconstruction::gradientsAreThoseOfTheWholeGraph()
{
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const auto opened = Model::open(golden::data("goldens/" + model.toStdString()));
    const DecoderBlock block = opened->block(0);
    const RandomWindows data(block, 5, 40);   // 25 windows of 40 tokens fit one piece; so do 3
    RoundingParameters cut = learnedIn(block, "lrq", 3), whole = learnedIn(block, "lrq", 3);
    for (RoundingParameters* parameters : {&cut, &whole}) {
        at::manual_seed(31);
        for (Leaf& leaf : parameters->leaves())
            leaf.value.detach().add_(at::randn(leaf.value.sizes()) * 0.02);
    }
    BlockReconstruction objective(block, cut, data, 3, 9, {});
    double loss = 0, expected = 0;
    {
        const at::AutoGradMode gradients(true);
        loss = objective.step(4);
        DecoderBlock recorded = block;
        whole.apply(recorded);
        const std::vector<std::size_t> windows = miniBatch(5, 3, 9, 4);
        const at::Tensor out = recorded.forward(data.inputs(windows));
        const at::Tensor squares = (out - data.targets(windows)).square();
        expected = squares.mean().item<double>();
        (squares.mean() * out.size(1)).backward();
    }
    QVERIFY2(std::abs(loss - expected) <= 1e-5 * expected, qPrintable(QString("%1, %2").arg(loss).arg(expected)));
    const std::vector<Leaf> a = cut.leaves(), b = whole.leaves();
    for (std::size_t i = 0; i < a.size(); ++i) {
        const at::Tensor error = a[i].value.grad() - b[i].value.grad();
        QVERIFY2(error.norm().item<double>() <= 2e-4 * b[i].value.grad().norm().item<double>() + 1e-9, a[i].name.c_str());
    }
}

void TestBlockReconstruction::everyMethodLowersTheBlocksError_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("id");
    for (const char* model : {"llama", "opt", "bloom"})
        for (const MethodInfo& info : methodInfos())
            if (info.kind == MethodKind::Rounding && info.needs.block)
                QTest::addRow("%s, %s", model, info.id.c_str()) << model << QString::fromStdString(info.id);
}

void TestBlockReconstruction::everyMethodLowersTheBlocksError()
{
    QFETCH(QString, model);
    QFETCH(QString, id);
    const at::NoGradGuard noGrad;
    const auto opened = Model::open(golden::data("goldens/" + model.toStdString()));
    const DecoderBlock block = opened->block(0);
    const RandomWindows data(block, 8, 32);
    RoundingParameters parameters = learnedIn(block, id.toStdString(), 3);
    BlockReconstruction objective(block, parameters, data, 2, 9, {});
    DecoderBlock nearest = block;
    for (Linear& linear : nearest.linears())
        linear.weight = quantizeToNearest(linear.weight, {.bits = 3, .symmetric = false}).dequantize();
    RoundingParameters none({});
    const double rounded = BlockReconstruction(nearest, none, data, 2, 9, {}).judge();
    const LossCurve curve = train(objective, {.what = "block 0", .steps = 256}, {});
    QVERIFY2(curve.end < 0.97 * rounded, qPrintable(QString("%1 against %2").arg(curve.end).arg(rounded)));
    QCOMPARE(curve.rollbacks, 0);
    // What is judged is the block with the codes that come out.
    DecoderBlock coded = block;
    for (RoundingParameters::Item& item : parameters.items())
        coded.linears()[item.linear].weight = item.learned->codes(block.linears()[item.linear].weight).dequantize();
    QCOMPARE(BlockReconstruction(coded, none, data, 2, 9, {}).judge(), curve.end);
}

void TestBlockReconstruction::activationGridsAreTrainedThrough()
{
    const at::NoGradGuard noGrad;
    const auto opened = Model::open(golden::data("goldens/llama"));
    const DecoderBlock block = opened->block(0);
    const RandomWindows data(block, 8, 32);
    DecoderBlock gridded = block;
    const auto quantizer = std::make_shared<const ActivationQuantizer>(ActivationGrid{.scheme = ActivationScheme::PerToken, .bits = 4}, ActivationRanges{});
    for (Linear& linear : gridded.linears())
        linear.input = quantizer;
    RoundingParameters parameters = learnedIn(block, "zeroquant-global", 4);
    BlockReconstruction objective(gridded, parameters, data, 2, 9, {});
    const LossCurve curve = train(objective, {.what = "block 0", .steps = 128}, {});
    QVERIFY2(curve.end < 0.97 * curve.start, qPrintable(QString("%1 against %2").arg(curve.end).arg(curve.start)));
}

void TestBlockReconstruction::sameSeedGivesTheSameCodes()
{
    const at::NoGradGuard noGrad;
    const auto opened = Model::open(golden::data("goldens/llama"));
    const DecoderBlock block = opened->block(0);
    const RandomWindows data(block, 8, 32);
    const auto codes = [&](std::uint64_t seed) {
        RoundingParameters parameters = learnedIn(block, "flexround", 3);
        BlockReconstruction objective(block, parameters, data, 2, seed, {});
        train(objective, {.what = "block 0", .steps = 64}, {});
        return parameters.items().front().learned->codes(block.linears().front().weight);
    };
    const QuantizedWeight first = codes(1), second = codes(1), other = codes(2);
    QVERIFY(at::equal(first.codes, second.codes) && at::equal(first.scales.scale, second.scales.scale));
    QVERIFY(!at::equal(first.scales.scale, other.scales.scale));
}

void TestBlockReconstruction::itStopsWithinAStep()
{
    const at::NoGradGuard noGrad;
    const auto opened = Model::open(golden::data("goldens/llama"));
    const DecoderBlock block = opened->block(0);
    const RandomWindows data(block, 8, 32);
    std::stop_source stop;
    RoundingParameters parameters = learnedIn(block, "flexround", 3);
    BlockReconstruction objective(block, parameters, data, 2, 1, stop.get_token());
    int steps = 0;
    const auto count = [&](int, double) {
        if (++steps == 5)
            stop.request_stop();
    };
    QVERIFY_THROWS_EXCEPTION(Cancelled, train(objective, {.what = "block 0", .steps = 64}, stop.get_token(), count));
    QCOMPARE(steps, 5);
}

QTEST_APPLESS_MAIN(TestBlockReconstruction)
#include "tst_block_reconstruction.moc"
