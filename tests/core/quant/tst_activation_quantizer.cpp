#include "core/base/error.h"
#include "core/quant/activation_quantizer.h"

#include <QtTest>

#include <limits>

using namespace halftone;

namespace {

/// [batch, tokens, channels] with two outlier channels, a zero token and a zero channel.
at::Tensor activations(std::int64_t batch = 3, std::int64_t tokens = 37, std::int64_t channels = 65)
{
    at::manual_seed(4);
    at::Tensor x = at::randn({batch, tokens, channels});
    x.select(2, 5).mul_(60);
    x.select(2, 20).mul_(25);
    x.select(2, 7).zero_();
    x.select(1, 3).zero_();
    return x;
}

ActivationRanges rangesOf(const at::Tensor& x)
{
    ActivationRanges ranges;
    const at::Tensor flat = x.reshape({-1, x.size(-1)});
    ranges.minimum = flat.min().item<float>();
    ranges.maximum = flat.max().item<float>();
    const auto vector = [](const at::Tensor& t) { return std::vector<float>(t.const_data_ptr<float>(), t.const_data_ptr<float>() + t.numel()); };
    ranges.channelAbsmax = vector(flat.abs().amax(0));
    ranges.channelMin = vector(flat.amin(0));
    ranges.channelMax = vector(flat.amax(0));
    return ranges;
}

at::Tensor symmetric(const at::Tensor& x, const at::Tensor& s, int bits)
{
    const int q = symmetricMax(bits);
    return (x / s).round().clamp(-q - 1, q) * s;
}

at::Tensor asymmetric(const at::Tensor& x, at::Tensor low, at::Tensor high, int bits)
{
    const int n = (1 << bits) - 1;
    low = low.clamp_max(0);
    high = high.clamp_min(0);
    const at::Tensor s = (high - low).clamp_min(kAbsmaxFloor) / n, z = (-low / s).round().clamp(0, n);
    return ((x / s).round().add(z).clamp(0, n) - z) * s;
}

at::Tensor floored(const at::Tensor& t)
{
    return t.clamp_min(kAbsmaxFloor);
}

} // namespace

class TestActivationQuantizer : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void plainCrossIsTheFormulaBitForBit()
    {
        const at::Tensor x = activations(1);
        const double alpha = 0.15;
        const ActivationQuantizer quantizer({ActivationScheme::Cross, 6, true, alpha}, {});
        const at::Tensor scale = floored(x.abs().amax(-1, true)).pow(alpha) * floored(x.abs().amax(-2, true)).pow(1 - alpha) / symmetricMax(6);
        QVERIFY(at::equal(quantizer.applyPlain(x), symmetric(x, scale, 6)));
        // The fused kernel may round an element at a boundary the other way, by a step.
        QVERIFY(at::isclose(quantizer.apply(x), quantizer.applyPlain(x), 1e-5, 1e-6).to(at::kDouble).mean().item<double>() > 0.999);
        QVERIFY_THROWS_EXCEPTION(Error, quantizer.applyPlain(x[0][0]));
    }

    void everySchemeEqualsItsFormula_data();
    void everySchemeEqualsItsFormula();
    void crossWithAlphaOneIsPerToken();
    void crossWithAlphaZeroIsPerChannelOfTheWindow();
    void crossNeverClipsItsOwnWindow();
    void crossSeesOneWindowAtATime();
    void aSingleTokenHasAnEmptyKernelUnderCross();
    void permutingTokensAndChannelsPermutesTheResult();
    void crossLosesLessThanPerTokenBesideOutliers();
    void staticColumnsClampWhatExceedsThem();
    void theKernelIsWhereXIsAtMostHalfAStep();
    void theFoldedIntegerFormIsTheFakeQuantization();
    void theReMeasuredRowStepsNoWiderAndClipsNothing();
    void noneLeavesTheTensorAsItIs();
    void zeroTokensAndChannelsStayZero();
    void notANumberIsNotHidden();
    void missingOrWrongRangesAreRefused();
    void impossibleGridsAreRefused();
    void namesOfSchemesGoBothWays();
};

void TestActivationQuantizer::everySchemeEqualsItsFormula_data()
{
    QTest::addColumn<int>("scheme");
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("isSymmetric");
    for (const auto scheme : {ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel, ActivationScheme::Cross,
                              ActivationScheme::CrossStatic})
        for (const int bits : {2, 4, 8})
            for (const bool isSymmetric : {true, false})
                if (isSymmetric || (scheme != ActivationScheme::Cross && scheme != ActivationScheme::CrossStatic))
                    QTest::addRow("%s %d bits %s", std::string(name(scheme)).c_str(), bits, isSymmetric ? "symmetric" : "asymmetric")
                        << static_cast<int>(scheme) << bits << isSymmetric;
}

void TestActivationQuantizer::everySchemeEqualsItsFormula()
{
    QFETCH(int, scheme);
    QFETCH(int, bits);
    QFETCH(bool, isSymmetric);
    const at::Tensor x = activations();
    const ActivationRanges ranges = rangesOf(x);
    const ActivationGrid grid{static_cast<ActivationScheme>(scheme), bits, isSymmetric, 0.15};
    const at::Tensor result = ActivationQuantizer(grid, ranges).apply(x);
    const int q = symmetricMax(bits);
    const at::Tensor t = floored(x.abs().amax(-1, true)), whole = floored(x.abs().amax(at::IntArrayRef{0, 1}, true)), window = floored(x.abs().amax(1, true));
    at::Tensor expected;
    switch (grid.scheme) {
    case ActivationScheme::PerTensor:
        expected = isSymmetric ? symmetric(x, x.abs().max() / q, bits) : asymmetric(x, x.min(), x.max(), bits);
        break;
    case ActivationScheme::PerToken:
        expected = isSymmetric ? symmetric(x, t / q, bits) : asymmetric(x, x.amin(-1, true), x.amax(-1, true), bits);
        break;
    case ActivationScheme::PerChannel:
        expected = isSymmetric ? symmetric(x, whole / q, bits) : asymmetric(x, x.amin(at::IntArrayRef{0, 1}, true), x.amax(at::IntArrayRef{0, 1}, true), bits);
        break;
    case ActivationScheme::Cross:
        expected = symmetric(x, t.pow(0.15) * window.pow(0.85) / q, bits);
        break;
    case ActivationScheme::CrossStatic:
        expected = symmetric(x, t.pow(0.15) * whole.pow(0.85) / q, bits);
        break;
    case ActivationScheme::None:
        break;
    }
    const bool cross = grid.scheme == ActivationScheme::Cross || grid.scheme == ActivationScheme::CrossStatic;
    if (!cross) {
        QVERIFY(at::equal(result, expected));
        return;
    }
    // Powers and products are rounded in another order: the scale may differ in its last bits, a value on a half step may fall the other way.
    const at::Tensor difference = (result - expected).abs();
    QVERIFY((difference > 1e-5 * (1 + x.abs())).sum().item<std::int64_t>() <= 2);
}

void TestActivationQuantizer::crossWithAlphaOneIsPerToken()
{
    const at::Tensor x = activations();
    const at::Tensor token = ActivationQuantizer({ActivationScheme::PerToken, 8}, {}).apply(x);
    QVERIFY(at::equal(ActivationQuantizer({ActivationScheme::Cross, 8, true, 1.0}, {}).apply(x), token));
    QVERIFY(at::equal(ActivationQuantizer({ActivationScheme::CrossStatic, 8, true, 1.0}, rangesOf(x)).apply(x), token));
}

void TestActivationQuantizer::crossWithAlphaZeroIsPerChannelOfTheWindow()
{
    const at::Tensor x = activations(1);
    const at::Tensor channel = ActivationQuantizer({ActivationScheme::PerChannel, 4}, rangesOf(x)).apply(x);
    QVERIFY(at::equal(ActivationQuantizer({ActivationScheme::Cross, 4, true, 0.0}, {}).apply(x), channel));
    QVERIFY(at::equal(ActivationQuantizer({ActivationScheme::CrossStatic, 4, true, 0.0}, rangesOf(x)).apply(x), channel));
}

void TestActivationQuantizer::crossNeverClipsItsOwnWindow()
{
    const at::Tensor x = activations();
    for (const double alpha : {0.0, 0.15, 0.5, 0.85, 1.0}) {
        const at::Tensor y = ActivationQuantizer({ActivationScheme::Cross, 4, true, alpha}, {}).apply(x);
        const at::Tensor s = x.abs().amax(-1, true).pow(alpha) * x.abs().amax(1, true).pow(1 - alpha) / 7;
        QVERIFY(((y - x).abs() <= s * 0.5 * (1 + 1e-4) + 1e-6).all().item<bool>());
    }
}

void TestActivationQuantizer::crossSeesOneWindowAtATime()
{
    const at::Tensor x = activations();
    const ActivationQuantizer cross({ActivationScheme::Cross, 4}, {});
    const at::Tensor together = cross.apply(x);
    for (std::int64_t b = 0; b < x.size(0); ++b) {
        QVERIFY(at::equal(together[b], cross.apply(x.slice(0, b, b + 1))[0]));
        QVERIFY(at::equal(together[b], cross.apply(x[b])));
    }
    QVERIFY(!at::equal(together[1], cross.apply(x.view({1, -1, x.size(2)}))[0].slice(0, x.size(1), 2 * x.size(1))));
}

void TestActivationQuantizer::aSingleTokenHasAnEmptyKernelUnderCross()
{
    at::manual_seed(5);
    const at::Tensor x = at::randn({1, 1, 300});
    const at::Tensor y = ActivationQuantizer({ActivationScheme::Cross, 8}, {}).apply(x);
    QCOMPARE((y == 0).sum().item<std::int64_t>(), (x == 0).sum().item<std::int64_t>());
}

void TestActivationQuantizer::permutingTokensAndChannelsPermutesTheResult()
{
    const at::Tensor x = activations(1)[0];
    const at::Tensor tokens = at::randperm(x.size(0), at::kLong), channels = at::randperm(x.size(1), at::kLong);
    const ActivationQuantizer cross({ActivationScheme::Cross, 4}, {});
    const at::Tensor shuffled = x.index_select(0, tokens).index_select(1, channels);
    QVERIFY(at::equal(cross.apply(shuffled), cross.apply(x).index_select(0, tokens).index_select(1, channels)));
}

void TestActivationQuantizer::crossLosesLessThanPerTokenBesideOutliers()
{
    const at::Tensor x = activations();
    const auto zeros = [&](const ActivationGrid& grid) { return (ActivationQuantizer(grid, {}).apply(x) == 0).sum().item<std::int64_t>(); };
    QVERIFY(zeros({ActivationScheme::Cross, 8}) < zeros({ActivationScheme::PerToken, 8}));
}

void TestActivationQuantizer::staticColumnsClampWhatExceedsThem()
{
    ActivationRanges ranges;
    ranges.minimum = -1;
    ranges.maximum = 1;
    ranges.channelAbsmax = {1, 1};
    const at::Tensor x = at::tensor({100.0f, -100.0f}).view({1, 1, 2});
    for (const auto scheme : {ActivationScheme::PerTensor, ActivationScheme::PerChannel}) {
        const at::Tensor y = ActivationQuantizer({scheme, 8}, ranges).apply(x);
        QCOMPARE(y.view(-1)[0].item<float>(), 1.0f);
        QCOMPARE(y.view(-1)[1].item<float>(), -128.0f * (1.0f / 127));
    }
}

void TestActivationQuantizer::theKernelIsWhereXIsAtMostHalfAStep()
{
    at::Tensor x = activations();
    x[0][1].fill_(0.5F);
    x[0][1][0] = 127;   // a step of 1: the rest of the token lies on half of it
    for (const double alpha : {1.0, 0.5, 0.15}) {
        const ActivationGrid grid{alpha == 1.0 ? ActivationScheme::PerToken : ActivationScheme::Cross, 8, true, alpha};
        const at::Tensor t = floored(x.abs().amax(-1, true)), c = floored(x.abs().amax(1, true));
        const at::Tensor step = alpha == 1.0 ? t / 127 : (t.to(at::kDouble).pow(alpha) * c.to(at::kDouble).pow(1 - alpha) / 127).to(at::kFloat);
        const at::Tensor zero = ActivationQuantizer(grid, {}).apply(x) == 0;
        const at::Tensor within = x.abs() <= step / 2;
        // A cross step is a product of rounded powers: only a value on its very half may fall the other way.
        const std::int64_t differ = (zero != within).sum().item<std::int64_t>();
        QVERIFY2(alpha == 1.0 ? differ == 0 : differ <= 2, qPrintable(QString::number(differ)));
        if (alpha == 1.0)
            QCOMPARE(zero[0][1].sum().item<std::int64_t>(), x.size(2) - 1);
    }
}

/// CrossQuant's static columns (methods-core §14.3, 2): with c^(1−α) in the weight, what is left is an integer product and a scale a token.
void TestActivationQuantizer::theFoldedIntegerFormIsTheFakeQuantization()
{
    const at::Tensor x = activations();
    const ActivationRanges ranges = rangesOf(x);
    const at::Tensor weight = at::randn({5, x.size(2)}, at::kDouble);
    for (const int bits : {4, 8})
        for (const double alpha : {0.15, 0.5, 0.9}) {
            const int q = symmetricMax(bits);
            const at::Tensor fake = ActivationQuantizer({ActivationScheme::CrossStatic, bits, true, alpha}, ranges).apply(x);
            const std::vector<float> columns = crossColumnScales(ranges.channelAbsmax, alpha, q);
            const at::Tensor column = at::tensor(columns).to(at::kDouble);
            const at::Tensor row = floored(x.abs().amax(-1, true)).to(at::kDouble).pow(alpha) / q;
            const at::Tensor codes = at::round(fake.to(at::kDouble) / column / row);
            QVERIFY(codes.abs().max().item<double>() <= q + 1);
            const at::Tensor integer = at::matmul(codes, (weight * column).t()) * row;
            const at::Tensor expected = at::matmul(fake.to(at::kDouble), weight.t());
            const double error = (integer - expected).norm().item<double>() / expected.norm().item<double>();
            QVERIFY2(error < 1e-6, qPrintable(QString::number(error)));
        }
}

/// §14.3, 3: after the division by c^(1−α) the token's maximum is at most t^α, so its step is no wider than the cross grid's and nothing clips.
void TestActivationQuantizer::theReMeasuredRowStepsNoWiderAndClipsNothing()
{
    const at::Tensor x = activations();
    for (const double alpha : {0.0, 0.15, 0.5, 1.0}) {
        const at::Tensor column = floored(x.abs().amax(at::IntArrayRef{0, 1}, true)).pow(1 - alpha);
        const at::Tensor divided = x / column;
        const at::Tensor re = divided.abs().amax(-1, true), t = x.abs().amax(-1, true).pow(alpha);
        QVERIFY((re <= t * 1.000001 + 1e-9).all().item<bool>());
        const at::Tensor rounded = ActivationQuantizer({ActivationScheme::PerToken, 8}, {}).apply(divided) * column;
        QVERIFY(((rounded - x).abs() <= (floored(re) / 127 / 2 * column) * 1.0001 + 1e-9).all().item<bool>());
        if (alpha == 1.0)
            QVERIFY(at::equal(rounded, ActivationQuantizer({ActivationScheme::PerToken, 8}, {}).apply(x)));
    }
}

void TestActivationQuantizer::noneLeavesTheTensorAsItIs()
{
    const at::Tensor x = activations();
    QVERIFY(ActivationQuantizer({}, {}).apply(x).is_same(x));
}

void TestActivationQuantizer::zeroTokensAndChannelsStayZero()
{
    const at::Tensor x = activations();
    for (const auto scheme : {ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel, ActivationScheme::Cross,
                              ActivationScheme::CrossStatic}) {
        const at::Tensor y = ActivationQuantizer({scheme, 4}, rangesOf(x)).apply(x);
        QVERIFY(y.isfinite().all().item<bool>());
        QCOMPARE(y.select(1, 3).abs().max().item<float>(), 0.0f);
        QCOMPARE(y.select(2, 7).abs().max().item<float>(), 0.0f);
    }
    const at::Tensor zeros = at::zeros({2, 3, 9});
    QVERIFY(at::equal(ActivationQuantizer({ActivationScheme::Cross, 8}, {}).apply(zeros), zeros));
    QCOMPARE(ActivationQuantizer({ActivationScheme::Cross, 8}, {}).apply(at::empty({2, 0, 9})).numel(), std::int64_t{0});
}

void TestActivationQuantizer::notANumberIsNotHidden()
{
    at::Tensor x = activations();
    x[0][1][2] = std::numeric_limits<float>::quiet_NaN();
    for (const auto scheme : {ActivationScheme::PerToken, ActivationScheme::Cross})
        QVERIFY(ActivationQuantizer({scheme, 8}, {}).apply(x)[0][1][2].isnan().item<bool>());
}

void TestActivationQuantizer::missingOrWrongRangesAreRefused()
{
    for (const auto scheme : {ActivationScheme::PerTensor, ActivationScheme::PerChannel, ActivationScheme::CrossStatic})
        QVERIFY_THROWS_EXCEPTION(Error, ActivationQuantizer({scheme, 8}, {}));
    ActivationRanges symmetricOnly = rangesOf(activations());
    symmetricOnly.channelMin.clear();
    QVERIFY_THROWS_EXCEPTION(Error, ActivationQuantizer({ActivationScheme::PerChannel, 8, false}, symmetricOnly));
    const ActivationQuantizer narrow({ActivationScheme::PerChannel, 8}, rangesOf(activations()));
    QVERIFY_THROWS_EXCEPTION(Error, narrow.apply(at::randn({1, 4, 64})));
    ActivationRanges infinite = rangesOf(activations());
    infinite.maximum = std::numeric_limits<float>::infinity();
    QVERIFY_THROWS_EXCEPTION(Error, ActivationQuantizer({ActivationScheme::PerTensor, 8}, infinite));
}

void TestActivationQuantizer::impossibleGridsAreRefused()
{
    QVERIFY_THROWS_EXCEPTION(Error, ActivationQuantizer({ActivationScheme::PerToken, 9}, {}));
    QVERIFY_THROWS_EXCEPTION(Error, ActivationQuantizer({ActivationScheme::PerToken, 1}, {}));
    QVERIFY_THROWS_EXCEPTION(Error, ActivationQuantizer({ActivationScheme::Cross, 8, false}, {}));
    QVERIFY_THROWS_EXCEPTION(Error, ActivationQuantizer({ActivationScheme::Cross, 8, true, 1.5}, {}));
    QVERIFY_THROWS_EXCEPTION(Error, ActivationQuantizer({ActivationScheme::Cross, 8, true, std::numeric_limits<double>::quiet_NaN()}, {}));
}

void TestActivationQuantizer::namesOfSchemesGoBothWays()
{
    for (const auto scheme : {ActivationScheme::None, ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel,
                              ActivationScheme::Cross, ActivationScheme::CrossStatic})
        QCOMPARE(activationSchemeFromName(name(scheme)), scheme);
    QVERIFY_THROWS_EXCEPTION(Error, activationSchemeFromName("per_row"));
}

QTEST_APPLESS_MAIN(TestActivationQuantizer)
#include "tst_activation_quantizer.moc"
