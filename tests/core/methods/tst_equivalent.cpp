#include "golden.h"

#include "core/base/error.h"
#include "core/methods/equivalent.h"
#include "core/methods/rounding.h"
#include "core/methods/transform.h"
#include "core/quant/weight_quantizer.h"

#include <QtTest>

#include <cmath>

using namespace halftone;

namespace {

DecoderBlock blockOf(const QString& model) { return Model::open(golden::data("goldens/" + model.toStdString()))->block(1); }

/// The block in float64. Only the composed (recorded) path of the kernels takes it.
DecoderBlock inDouble(const DecoderBlock& block)
{
    DecoderBlock result = block;
    const auto convert = [](at::Tensor& x) {
        if (x.defined())
            x = x.to(at::kDouble);
    };
    for (Linear& linear : result.linears()) {
        convert(linear.weight);
        convert(linear.bias);
    }
    for (Norm* norm : {&result.attentionNorm, &result.mlpNorm, &result.queryNorm, &result.keyNorm}) {
        convert(norm->weight);
        convert(norm->bias);
    }
    return result;
}

at::Tensor output(const DecoderBlock& block, at::ScalarType type)
{
    at::manual_seed(77);
    const at::Tensor hidden = at::randn({2, 24, block.config().hidden}, type);
    if (type == at::kFloat)
        return block.forward(hidden);
    const at::AutoGradMode gradients(true);
    return block.forward(hidden.set_requires_grad(true)).detach();
}

/// Largest difference as a share of the largest value.
double change(const DecoderBlock& before, const DecoderBlock& after, at::ScalarType type)
{
    const at::Tensor a = output(before, type), b = output(after, type);
    return ((a - b).abs().max() / a.abs().max()).item<double>();
}

at::Tensor randomScale(std::int64_t channels, at::ScalarType type) { return at::randn({channels}, type).mul(0.7).exp(); }

SiteActivations sampleOf(const DecoderBlock& block, SiteKind kind, const at::Tensor& hidden)
{
    class See final : public SiteObserver {
    public:
        explicit See(SiteKind wanted) : m_wanted(wanted) {}
        void site(SiteKind seen, const at::Tensor& x) override
        {
            if (seen == m_wanted)
                kept = x.reshape({-1, x.size(-1)}).clone();
        }
        at::Tensor kept;

    private:
        SiteKind m_wanted;
    } see(kind);
    block.forward(hidden, &see);
    return {see.kept.abs().amax(0), see.kept.amin(0), see.kept.amax(0), see.kept.abs().mean(0), see.kept};
}

MethodChoice choiceOf(const char* id, const char* key, ParameterValue value)
{
    MethodChoice choice = defaultChoice(MethodKind::Transform, id);
    for (auto& [name, held] : choice.parameters)
        if (name == key)
            held = value;
    return choice;
}

void addArchitectures()
{
    QTest::addColumn<QString>("model");
    for (const char* name : {"llama", "llama-biases", "mistral-window", "qwen2", "qwen3", "opt", "bloom"})
        QTest::newRow(name) << name;
}

constexpr SiteKind kSites[] = {SiteKind::AttentionInput, SiteKind::AttentionOutput, SiteKind::MlpInput, SiteKind::MlpMiddle};

} // namespace

class TestEquivalent : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everySiteKeepsTheBlock_data() { addArchitectures(); }
    void everySiteKeepsTheBlock();
    void queriesAndKeysKeepTheBlock_data() { addArchitectures(); }
    void queriesAndKeysKeepTheBlock();
    void anUntiedScaleIsRefusedUnderRope();
    void shiftsKeepTheBlockWhereThereAreBiases();
    void aShiftWithoutABiasIsRefused();
    void blocksWithoutANormToFoldIntoAreRefused();
    void smoothQuantKeepsTheBlock_data();
    void smoothQuantKeepsTheBlock();
    void smoothQuantAtItsEnds();
    void awqKeepsTheBlockAndHelpsRounding_data();
    void awqKeepsTheBlockAndHelpsRounding();
    void awqScalesAreBalanced();
    void awqWithoutContrastBetweenChannelsIsRounding_data();
    void awqWithoutContrastBetweenChannelsIsRounding();
    void clippingNeverHurtsAGroup();
    void transformsAreTheSameTwice();
    void crossQuantFoldsTheChannelMaxima();
    void everyTransformKeepsTheBlock_data();
    void everyTransformKeepsTheBlock();
};

void TestEquivalent::everySiteKeepsTheBlock()
{
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model), wide = inDouble(block);
    at::manual_seed(5);
    int folded = 0;
    DecoderBlock all = wide;
    for (const SiteKind site : kSites) {
        if (!whyNotFoldable(block.config(), site).empty())
            continue;
        ++folded;
        const at::Tensor scale = randomScale(producerChannels(block.config(), site), at::kDouble);
        DecoderBlock one = wide, narrow = block;
        transformSite(one, site, scale);
        transformSite(narrow, site, scale.to(at::kFloat));
        transformSite(all, site, scale);
        QVERIFY(!at::equal(one.linears()[linearsOf(block, site).front()].weight, wide.linears()[linearsOf(block, site).front()].weight));
        QVERIFY2(change(wide, one, at::kDouble) < 1e-10, qPrintable(QString::number(change(wide, one, at::kDouble))));
        QVERIFY2(change(block, narrow, at::kFloat) < 1e-4, qPrintable(QString::number(change(block, narrow, at::kFloat))));
    }
    QCOMPARE(folded, model == "bloom" ? 3 : 4);
    QVERIFY(change(wide, all, at::kDouble) < 1e-10);
}

void TestEquivalent::queriesAndKeysKeepTheBlock()
{
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    const ModelConfig& config = block.config();
    at::manual_seed(6);
    at::Tensor scale = randomScale(config.kvHeads * config.headDim, at::kDouble);
    if (config.position == PositionKind::Rope)
        scale = randomScale(config.kvHeads * config.headDim / 2, at::kDouble).view({config.kvHeads, 1, config.headDim / 2}).expand({config.kvHeads, 2, config.headDim / 2}).reshape({-1});
    DecoderBlock one = inDouble(block);
    if (model == "qwen3") {
        QVERIFY(!whyNotQueryKey(config).empty());
        QVERIFY_THROWS_EXCEPTION(Error, transformQueryKey(one, scale));
        return;
    }
    transformQueryKey(one, scale);
    QVERIFY2(change(inDouble(block), one, at::kDouble) < 1e-10, qPrintable(QString::number(change(inDouble(block), one, at::kDouble))));
}

void TestEquivalent::anUntiedScaleIsRefusedUnderRope()
{
    const at::NoGradGuard noGrad;
    DecoderBlock block = blockOf("llama");
    at::manual_seed(6);
    try {
        transformQueryKey(block, randomScale(block.config().kvHeads * block.config().headDim, at::kFloat));
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QVERIFY2(std::string(error.what()).find("rotated pair") != std::string::npos, error.what());
    }
}

void TestEquivalent::shiftsKeepTheBlockWhereThereAreBiases()
{
    const at::NoGradGuard noGrad;
    at::manual_seed(6);
    for (const char* model : {"opt", "bloom"}) {
        const DecoderBlock block = inDouble(blockOf(model));
        for (const SiteKind site : {SiteKind::AttentionInput, SiteKind::AttentionOutput, SiteKind::MlpInput}) {
            const std::int64_t channels = producerChannels(block.config(), site);
            DecoderBlock one = block;
            transformSite(one, site, randomScale(channels, at::kDouble), at::randn({channels}, at::kDouble));
            QVERIFY2(change(block, one, at::kDouble) < 1e-10, model);
        }
    }
    // Grouped-query values with a bias: the shift is repeated for the query heads.
    const DecoderBlock block = inDouble(blockOf("llama-biases"));
    QVERIFY(block.config().kvHeads < block.config().heads);
    const std::int64_t channels = producerChannels(block.config(), SiteKind::AttentionOutput);
    DecoderBlock one = block;
    transformSite(one, SiteKind::AttentionOutput, randomScale(channels, at::kDouble), at::randn({channels}, at::kDouble));
    QVERIFY(change(block, one, at::kDouble) < 1e-10);
}

void TestEquivalent::aShiftWithoutABiasIsRefused()
{
    const at::NoGradGuard noGrad;
    DecoderBlock llama = blockOf("llama"), opt = blockOf("opt");
    for (const SiteKind site : kSites) {
        const std::int64_t channels = producerChannels(llama.config(), site);
        QVERIFY_THROWS_EXCEPTION(Error, transformSite(llama, site, at::ones({channels}), at::ones({channels})));
    }
    QVERIFY_THROWS_EXCEPTION(Error, transformSite(opt, SiteKind::MlpMiddle, at::ones({opt.config().intermediate}), at::ones({opt.config().intermediate})));
    QVERIFY_THROWS_EXCEPTION(Error, transformSite(opt, SiteKind::MlpInput, at::ones({3})));
}

void TestEquivalent::blocksWithoutANormToFoldIntoAreRefused()
{
    const at::NoGradGuard noGrad;
    for (const char* model : {"opt-post-norm", "bloom-residual-after-norm"}) {
        DecoderBlock block = blockOf(model);
        for (const MethodInfo& info : methodInfos())
            if (info.kind == MethodKind::Transform)
                QVERIFY2(!whyNotTransform(defaultChoice(MethodKind::Transform, info.id), block.config(), SiteKind::AttentionInput).empty(), info.id.c_str());
        QVERIFY_THROWS_EXCEPTION(Error, transformSite(block, SiteKind::AttentionInput, at::ones({block.config().hidden})));
        QVERIFY(whyNotFoldable(block.config(), SiteKind::AttentionOutput).empty());
    }
    QVERIFY(!whyNotFoldable(blockOf("bloom").config(), SiteKind::MlpMiddle).empty());
}

void TestEquivalent::smoothQuantKeepsTheBlock_data()
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<double>("alpha");
    for (const QString& model : {QStringLiteral("llama"), QStringLiteral("opt"), QStringLiteral("bloom")})
        for (const double alpha : {0.0, 0.5, 1.0})
            QTest::newRow(qPrintable(model + QString(", alpha %1").arg(alpha))) << model << alpha;
}

void TestEquivalent::smoothQuantKeepsTheBlock()
{
    QFETCH(QString, model);
    QFETCH(double, alpha);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden});
    const std::vector<WeightGrid> grids(block.linears().size(), WeightGrid{.bits = 8});
    DecoderBlock smooth = block;
    for (const SiteKind site : kSites) {
        const SiteActivations sample = sampleOf(block, site, hidden);
        makeTransform("smoothquant")->apply(smooth, {site, sample, grids, {}, hidden}, choiceOf("smoothquant", "alpha", alpha), {});
    }
    QVERIFY(!smooth.attentionNorm.weight.is_same(block.attentionNorm.weight));
    for (const std::size_t i : linearsOf(block, SiteKind::MlpMiddle))
        QVERIFY(smooth.linears()[i].weight.is_same(block.linears()[i].weight));
    QVERIFY2(change(block, smooth, at::kFloat) < 1e-4, qPrintable(QString::number(change(block, smooth, at::kFloat))));
}

void TestEquivalent::smoothQuantAtItsEnds()
{
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf("llama");
    at::manual_seed(3);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden});
    const std::vector<WeightGrid> grids(block.linears().size(), WeightGrid{.bits = 8});
    const SiteActivations sample = sampleOf(block, SiteKind::MlpInput, hidden);
    DecoderBlock all = block, none = block;
    makeTransform("smoothquant")->apply(all, {SiteKind::MlpInput, sample, grids, {}, hidden}, choiceOf("smoothquant", "alpha", 1.0), {});
    const SiteActivations after = sampleOf(all, SiteKind::MlpInput, hidden);
    QVERIFY((after.absmax - 1).abs().max().item<double>() < 1e-5);
    makeTransform("smoothquant")->apply(none, {SiteKind::MlpInput, sample, grids, {}, hidden}, choiceOf("smoothquant", "alpha", 0.0), {});
    at::Tensor columns;
    for (const std::size_t i : linearsOf(none, SiteKind::MlpInput)) {
        const at::Tensor largest = none.linears()[i].weight.abs().amax(0);
        columns = columns.defined() ? at::maximum(columns, largest) : largest;
    }
    QVERIFY((columns - 1).abs().max().item<double>() < 1e-5);
}

void TestEquivalent::awqKeepsTheBlockAndHelpsRounding_data()
{
    QTest::addColumn<QString>("model");
    for (const char* model : {"llama", "opt", "bloom"})
        QTest::newRow(model) << model;
}

void TestEquivalent::awqKeepsTheBlockAndHelpsRounding()
{
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    at::manual_seed(3);
    // Few strong channels, as trained models have them.
    const at::Tensor strong = at::ones({block.config().hidden});
    strong.slice(0, 0, 3).fill_(15);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden}) * strong;
    const WeightGrid grid{.bits = 3, .symmetric = false};
    const std::vector<WeightGrid> grids(block.linears().size(), grid);
    const auto errorOf = [&](const DecoderBlock& transformed, const std::map<std::size_t, at::Tensor>& sources) {
        DecoderBlock rounded = transformed;
        for (std::size_t i = 0; i < rounded.linears().size(); ++i) {
            const auto source = sources.find(i);
            rounded.linears()[i].weight = quantizeToNearest(source == sources.end() ? rounded.linears()[i].weight : source->second, grid).dequantize();
        }
        return (rounded.forward(hidden) - block.forward(hidden)).square().mean().item<double>();
    };
    const double nearest = errorOf(block, {});
    for (const bool clip : {false, true}) {
        DecoderBlock scaled = block;
        std::map<std::size_t, at::Tensor> sources;
        for (const SiteKind site : kSites) {
            const SiteActivations sample = sampleOf(block, site, hidden);
            const TransformResult made = makeTransform("awq")->apply(scaled, {site, sample, grids, {}, hidden}, choiceOf("awq", "clip", clip), {});
            const at::Tensor after = sampleOf(scaled, site, hidden).tokens;
            const at::Tensor expected = made.scale.defined() ? sample.tokens / made.scale : sample.tokens;
            QVERIFY(((after - expected).abs().max() / expected.abs().max()).item<double>() < 1e-4);
        }
        for (const SiteKind site : kSites) {
            const SiteActivations sample = sampleOf(scaled, site, hidden);
            sources.merge(makeTransform("awq")->sources(scaled, {site, sample, grids, {}, hidden}, choiceOf("awq", "clip", clip), {}));
        }
        QCOMPARE(sources.empty(), !clip);
        QVERIFY2(change(block, scaled, at::kFloat) < 1e-4, qPrintable(QString::number(change(block, scaled, at::kFloat))));
        const double error = errorOf(scaled, sources);
        QVERIFY2(error < 0.95 * nearest, qPrintable(QString("%1 against %2, %3").arg(error).arg(nearest).arg(clip ? "clipped" : "scaled only")));
        for (const auto& [index, weight] : sources)
            QVERIFY(scaled.config().fusedQkv ? index != 0 : index > 1);   // never queries and keys
    }
}

void TestEquivalent::awqScalesAreBalanced()
{
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf("llama");
    at::manual_seed(3);
    const at::Tensor strong = at::ones({block.config().hidden});
    strong.slice(0, 0, 3).fill_(15);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden}) * strong;
    const std::vector<WeightGrid> grids(block.linears().size(), WeightGrid{.bits = 3});
    const SiteActivations sample = sampleOf(block, SiteKind::MlpInput, hidden);
    DecoderBlock scaled = block;
    makeTransform("awq")->apply(scaled, {SiteKind::MlpInput, sample, grids, {}, hidden}, choiceOf("awq", "clip", false), {});
    const at::Tensor scale = block.mlpNorm.weight / scaled.mlpNorm.weight;
    QVERIFY(scale.max().item<double>() > 1.05);
    QVERIFY(std::abs((scale.max() * scale.min()).item<double>() - 1) < 1e-4);
}

void TestEquivalent::awqWithoutContrastBetweenChannelsIsRounding_data()
{
    QTest::addColumn<QString>("model");
    for (const char* name : {"llama", "opt", "bloom"})
        QTest::newRow(name) << name;
}

/// Every power of equal channels is the scale 1, which the search has first: the weights that are rounded are the model's, bit for bit.
void TestEquivalent::awqWithoutContrastBetweenChannelsIsRounding()
{
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    at::manual_seed(3);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden});
    const std::vector<WeightGrid> grids(block.linears().size(), WeightGrid{.bits = 3, .symmetric = false});
    DecoderBlock scaled = block;
    for (const SiteKind site : kSites) {
        SiteActivations sample = sampleOf(block, site, hidden);
        sample.meanAbs = at::ones_like(sample.meanAbs);
        const TransformResult made = makeTransform("awq")->apply(scaled, {site, sample, grids, {}, hidden}, choiceOf("awq", "clip", false), {});
        QVERIFY(!made.scale.defined());
    }
    for (std::size_t i = 0; i < block.linears().size(); ++i)
        QVERIFY(at::equal(scaled.linears()[i].weight, block.linears()[i].weight));
}

void TestEquivalent::clippingNeverHurtsAGroup()
{
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf("llama");
    at::manual_seed(3);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden});
    const WeightGrid grid{.bits = 2, .group = 16};
    const std::vector<WeightGrid> grids(block.linears().size(), grid);
    const SiteActivations sample = sampleOf(block, SiteKind::MlpMiddle, hidden);
    DecoderBlock scaled = block;
    makeTransform("awq")->apply(scaled, {SiteKind::MlpMiddle, sample, grids, {}, hidden}, choiceOf("awq", "clip", true), {});
    const SiteActivations after = sampleOf(scaled, SiteKind::MlpMiddle, hidden);
    const auto sources = makeTransform("awq")->sources(scaled, {SiteKind::MlpMiddle, after, grids, {}, hidden}, choiceOf("awq", "clip", true), {});
    QCOMPARE(sources.size(), std::size_t{1});
    const auto& [index, clipped] = *sources.begin();
    const at::Tensor weight = scaled.linears()[index].weight;
    QVERIFY(!at::equal(clipped, weight));
    for (std::int64_t g = 0; g < weight.size(1) / 16; ++g) {
        const at::Tensor x = after.tokens.narrow(1, g * 16, 16);
        const auto errors = [&](const at::Tensor& source) {
            const at::Tensor value = quantizeToNearest(source, grid).dequantize();
            return x.matmul((value - weight).narrow(1, g * 16, 16).t()).square().sum(0);
        };
        QVERIFY((errors(clipped) <= errors(weight) * 1.0001 + 1e-12).all().item<bool>());
    }
}

void TestEquivalent::transformsAreTheSameTwice()
{
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf("llama");
    at::manual_seed(3);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden});
    const std::vector<WeightGrid> grids(block.linears().size(), WeightGrid{.bits = 3});
    for (const MethodInfo& info : methodInfos()) {
        if (info.kind != MethodKind::Transform || info.needs.gradients)
            continue;
        const SiteActivations sample = sampleOf(block, SiteKind::MlpInput, hidden);
        DecoderBlock a = block, b = block;
        makeTransform(info.id)->apply(a, {SiteKind::MlpInput, sample, grids, {}, hidden}, defaultChoice(MethodKind::Transform, info.id), {});
        makeTransform(info.id)->apply(b, {SiteKind::MlpInput, sample, grids, {}, hidden}, defaultChoice(MethodKind::Transform, info.id), {});
        QVERIFY2(at::equal(a.mlpNorm.weight, b.mlpNorm.weight), info.id.c_str());
    }
}

void TestEquivalent::crossQuantFoldsTheChannelMaxima()
{
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf("llama");
    at::manual_seed(3);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden});
    const std::vector<WeightGrid> grids(block.linears().size(), WeightGrid{.bits = 8});
    for (const double alpha : {0.0, 0.15, 1.0}) {
        DecoderBlock folded = block;
        const SiteActivations sample = sampleOf(block, SiteKind::MlpInput, hidden);
        makeTransform("crossquant")->apply(folded, {SiteKind::MlpInput, sample, grids, {}, hidden}, choiceOf("crossquant", "alpha", alpha), {});
        const SiteActivations after = sampleOf(folded, SiteKind::MlpInput, hidden);
        QVERIFY(((after.absmax / sample.absmax.pow(alpha)) - 1).abs().max().item<double>() < 1e-4);
        // A token's range after the fold is at most the power of what it was: |x| / c^(1 - alpha) <= |x|^alpha where |x| <= c.
        QVERIFY((after.tokens.abs().amax(1) <= sample.tokens.abs().amax(1).pow(alpha) * 1.0001).all().item<bool>());
    }
}

void TestEquivalent::everyTransformKeepsTheBlock_data()
{
    QTest::addColumn<QString>("id");
    QTest::addColumn<QString>("model");
    for (const MethodInfo& info : methodInfos())
        if (info.kind == MethodKind::Transform)
            for (const char* model : {"llama", "llama-biases", "qwen2", "qwen3", "opt", "bloom"})
                QTest::addRow("%s, %s", info.id.c_str(), model) << QString::fromStdString(info.id) << model;
}

void TestEquivalent::everyTransformKeepsTheBlock()
{
    QFETCH(QString, id);
    QFETCH(QString, model);
    const at::NoGradGuard noGrad;
    const DecoderBlock block = blockOf(model);
    at::manual_seed(3);
    const at::Tensor hidden = at::randn({4, 16, block.config().hidden});
    const std::vector<WeightGrid> grids(block.linears().size(), WeightGrid{.bits = 4});
    const ActivationGrid activations{.scheme = ActivationScheme::PerToken, .bits = 4};   // so that shifts are made, too
    DecoderBlock narrow = block;
    for (const SiteKind site : kSites) {
        const SiteActivations sample = sampleOf(block, site, hidden);
        makeTransform(id.toStdString())->apply(narrow, {site, sample, grids, activations, hidden}, defaultChoice(MethodKind::Transform, id.toStdString()), {});
    }
    QVERIFY(!narrow.attentionNorm.weight.is_same(block.attentionNorm.weight));
    QVERIFY2(change(block, narrow, at::kFloat) < 1e-4, qPrintable(QString::number(change(block, narrow, at::kFloat))));
}

QTEST_APPLESS_MAIN(TestEquivalent)
#include "tst_equivalent.moc"
