#include "core/base/error.h"
#include "core/quant/group_scale.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/Parallel.h>
#include <QtTest>

#include <cmath>
#include <limits>

using namespace halftone;

namespace {

/// Outliers, a sign for whole rows, exact zeros, a group of zeros.
at::Tensor weights(std::int64_t rows, std::int64_t columns, std::int64_t seed = 1)
{
    at::manual_seed(static_cast<std::uint64_t>(seed));
    at::Tensor w = at::randn({rows, columns}) * 0.05;
    w.masked_fill_(at::rand({rows, columns}) < 0.1, 0.0);
    w.select(0, 0).abs_().add_(0.5);
    if (rows > 1)
        w.select(0, 1).abs_().neg_();
    if (rows > 2)
        w.select(0, 2).zero_();
    w.select(1, columns - 1).mul_(20);
    return w;
}

struct Case {
    const char* label;
    WeightGrid grid;
};

std::vector<Case> cases()
{
    using Range = WeightGrid::Range;
    using Clip = WeightGrid::Clip;
    std::vector<Case> all;
    for (const int bits : {2, 3, 4, 8}) {
        all.push_back({"narrow per channel", {.bits = bits}});
        all.push_back({"narrow groups", {.bits = bits, .group = 16}});
        all.push_back({"full groups", {.bits = bits, .group = 16, .range = Range::Full}});
        all.push_back({"asymmetric groups", {.bits = bits, .group = 16, .symmetric = false}});
        all.push_back({"asymmetric per channel", {.bits = bits, .symmetric = false}});
        all.push_back({"per tensor", {.bits = bits, .perTensor = true}});
        all.push_back({"asymmetric per tensor", {.bits = bits, .symmetric = false, .perTensor = true}});
        all.push_back({"clipped groups", {.bits = bits, .group = 16, .clip = Clip::Mse}});
        all.push_back({"clipped asymmetric groups", {.bits = bits, .group = 16, .symmetric = false, .clip = Clip::Mse}});
        all.push_back({"clipped per tensor", {.bits = bits, .perTensor = true, .clip = Clip::Mse}});
    }
    return all;
}

void addCases()
{
    QTest::addColumn<int>("index");
    const auto all = cases();
    for (std::size_t k = 0; k < all.size(); ++k)
        QTest::addRow("%d bits %s", all[k].grid.bits, all[k].label) << static_cast<int>(k);
}

at::Tensor expanded(const at::Tensor& perGroup, const at::Tensor& w)
{
    return perGroup.unsqueeze(2).expand({perGroup.size(0), perGroup.size(1), w.size(1) / perGroup.size(1)}).reshape({perGroup.size(0), -1}).expand_as(w);
}

double largest(const at::Tensor& t)
{
    return t.abs().max().item<double>();
}

} // namespace

class TestWeightQuantizer : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void codesAndValuesEqualTheFormula_data() { addCases(); }
    void codesAndValuesEqualTheFormula();
    void storedBitsCountScalesAndZeroPoints();
    void quantizingTheResultChangesNothing_data() { addCases(); }
    void quantizingTheResultChangesNothing();
    void zeroStaysExactlyZero_data() { addCases(); }
    void zeroStaysExactlyZero();
    void theErrorOfWhatIsNotClippedIsAtMostHalfAStep_data() { addCases(); }
    void theErrorOfWhatIsNotClippedIsAtMostHalfAStep();
    void aGroupAsWideAsTheRowIsPerChannel_data() { addCases(); }
    void aGroupAsWideAsTheRowIsPerChannel();
    void perChannelOfOneRowIsPerTensor();
    void moreBitsNeverHurt();
    void theFormulasOfTheScalesAreThoseOfTheReference();
    void theClipSearchFindsTheBestShrink_data();
    void theClipSearchFindsTheBestShrink();
    void theClipSearchShiftsAsymmetricRanges();
    void searchedScalesAreTheBestOfTheirCandidates();
    void awkwardWidthsAreRounded_data();
    void awkwardWidthsAreRounded();
    void threadsDoNotChangeTheResult();
    void notFiniteWeightsAreNamed();
    void gridsThatDoNotFitAreRefused();
};

void TestWeightQuantizer::codesAndValuesEqualTheFormula()
{
    QFETCH(int, index);
    const WeightGrid grid = cases()[static_cast<std::size_t>(index)].grid;
    const at::Tensor w = weights(9, 64);
    const QuantizedWeight q = quantizeToNearest(w, grid);
    const CodeRange range = codeRange(grid);
    const at::Tensor s = expanded(q.scales.scale, w), z = expanded(q.scales.zero, w);
    const at::Tensor codes = (w / s).round().add(z).clamp(range.minimum, range.maximum);
    QCOMPARE(q.codes.scalar_type(), grid.symmetric ? at::kChar : at::kByte);
    QVERIFY(at::equal(q.codes.to(at::kFloat), codes));
    QVERIFY(at::equal(q.dequantize(), codes.sub(z).mul(s)));
    QVERIFY(q.scales.scale.min().item<float>() > 0);
    QVERIFY(q.scales.zero.min().item<int>() >= 0 && q.scales.zero.max().item<int>() <= (grid.symmetric ? 0 : range.maximum));
}

void TestWeightQuantizer::quantizingTheResultChangesNothing()
{
    QFETCH(int, index);
    const WeightGrid grid = cases()[static_cast<std::size_t>(index)].grid;
    const at::Tensor w = weights(9, 64);
    const QuantizedWeight q = quantizeToNearest(w, grid);
    QVERIFY(at::equal(roundToCodes(q.dequantize(), q.scales, grid), q.codes));
}

void TestWeightQuantizer::zeroStaysExactlyZero()
{
    QFETCH(int, index);
    const WeightGrid grid = cases()[static_cast<std::size_t>(index)].grid;
    const at::Tensor w = weights(9, 64);
    const at::Tensor value = quantizeToNearest(w, grid).dequantize();
    QVERIFY(value.isfinite().all().item<bool>());
    QCOMPARE(largest(value.masked_select(w == 0)), 0.0);
    QVERIFY((w == 0).sum().item<std::int64_t>() > 64);
}

void TestWeightQuantizer::theErrorOfWhatIsNotClippedIsAtMostHalfAStep()
{
    QFETCH(int, index);
    const WeightGrid grid = cases()[static_cast<std::size_t>(index)].grid;
    const at::Tensor w = weights(9, 64);
    const QuantizedWeight q = quantizeToNearest(w, grid);
    const CodeRange range = codeRange(grid);
    const at::Tensor s = expanded(q.scales.scale, w), z = expanded(q.scales.zero, w);
    const at::Tensor low = (range.minimum - z) * s, high = (range.maximum - z) * s;
    const at::Tensor inside = (w >= low).logical_and(w <= high);
    const at::Tensor excess = (q.dequantize() - w).abs() - s * 0.5f;
    QVERIFY(inside.sum().item<std::int64_t>() > 100);
    QVERIFY(excess.masked_select(inside).max().item<double>() <= 1e-6 * largest(w));
    if (grid.clip == WeightGrid::Clip::None && grid.range == WeightGrid::Range::Narrow && grid.symmetric)
        QVERIFY(excess.max().item<double>() <= 1e-6 * largest(w));   // nothing is clipped
}

void TestWeightQuantizer::aGroupAsWideAsTheRowIsPerChannel()
{
    QFETCH(int, index);
    WeightGrid grid = cases()[static_cast<std::size_t>(index)].grid;
    if (grid.perTensor || grid.group == 0)
        return;
    const at::Tensor w = weights(9, 64);
    grid.group = 64;
    const QuantizedWeight a = quantizeToNearest(w, grid);
    grid.group = 0;
    const QuantizedWeight b = quantizeToNearest(w, grid);
    QVERIFY(at::equal(a.codes, b.codes));
    QVERIFY(at::equal(a.scales.scale, b.scales.scale));
    QVERIFY(at::equal(a.scales.zero, b.scales.zero));
}

void TestWeightQuantizer::perChannelOfOneRowIsPerTensor()
{
    const at::Tensor w = weights(3, 65).slice(0, 1, 2);
    for (const bool symmetric : {true, false})
        for (const auto clip : {WeightGrid::Clip::None, WeightGrid::Clip::Mse}) {
            const QuantizedWeight a = quantizeToNearest(w, {.bits = 3, .symmetric = symmetric, .clip = clip});
            const QuantizedWeight b = quantizeToNearest(w, {.bits = 3, .symmetric = symmetric, .perTensor = true, .clip = clip});
            QVERIFY(at::equal(a.codes, b.codes));
            QVERIFY(at::equal(a.dequantize(), b.dequantize()));
        }
}

void TestWeightQuantizer::moreBitsNeverHurt()
{
    const at::Tensor w = weights(33, 128);
    for (const bool symmetric : {true, false}) {
        double last = std::numeric_limits<double>::infinity();
        for (int bits = 2; bits <= 8; ++bits) {
            const double error = (quantizeToNearest(w, {.bits = bits, .group = 32, .symmetric = symmetric}).dequantize() - w).square().sum().item<double>();
            QVERIFY2(error < last, qPrintable(QString("%1 bits: %2 after %3").arg(bits).arg(error).arg(last)));
            last = error;
        }
    }
}

void TestWeightQuantizer::theFormulasOfTheScalesAreThoseOfTheReference()
{
    const at::Tensor w = at::tensor({0.5f, 0.75f, 1.5f, 1.0f}).view({1, 4});
    QCOMPARE(weightScales(w, {.bits = 4}).scale.item<float>(), 1.5f / 7);
    QCOMPARE(weightScales(w, {.bits = 4, .range = WeightGrid::Range::Full}).scale.item<float>(), 2 * 1.5f / 15);
    // 0 is forced into the range although all weights are positive.
    const WeightScales asymmetric = weightScales(w, {.bits = 4, .symmetric = false});
    QCOMPARE(asymmetric.scale.item<float>(), 1.5f / 15);
    QCOMPARE(asymmetric.zero.item<int>(), 0);
    const WeightScales negative = weightScales(-w, {.bits = 4, .symmetric = false});
    QCOMPARE(negative.scale.item<float>(), 1.5f / 15);
    QCOMPARE(negative.zero.item<int>(), 15);
}

void TestWeightQuantizer::theClipSearchFindsTheBestShrink_data()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<bool>("symmetric");
    for (const int bits : {2, 3, 4})
        for (const bool symmetric : {true, false})
            QTest::addRow("%d bits %s", bits, symmetric ? "symmetric" : "asymmetric") << bits << symmetric;
}

void TestWeightQuantizer::theClipSearchFindsTheBestShrink()
{
    QFETCH(int, bits);
    QFETCH(bool, symmetric);
    WeightGrid grid{.bits = bits, .group = 0, .symmetric = symmetric};
    const at::Tensor w = weights(40, 70);
    const auto errorOf = [&](const WeightScales& scales) {
        const QuantizedWeight q{grid, roundToCodes(w, scales, grid), scales};
        return (q.dequantize().to(at::kDouble) - w).abs().pow(2.4).sum(1);
    };
    // Naive search in double over the same candidates.
    const at::Tensor low = w.amin(1), high = w.amax(1);
    at::Tensor best = at::full({40}, std::numeric_limits<double>::infinity(), at::kDouble);
    for (int i = 0; i < kClipCandidates; ++i) {
        WeightScales scales{at::empty({40, 1}), at::empty({40, 1}, at::kInt)};
        for (int r = 0; r < 40; ++r) {
            const float shrink = 1 - static_cast<float>(i) / 100;
            const GroupScale one = groupScale(grid, low[r].item<float>() * shrink, high[r].item<float>() * shrink);
            scales.scale[r][0] = one.scale;
            scales.zero[r][0] = one.zero;
        }
        best = at::minimum(best, errorOf(scales));
    }
    const at::Tensor plain = errorOf(weightScales(w, grid));
    grid.clip = WeightGrid::Clip::Mse;
    const at::Tensor found = errorOf(weightScales(w, grid));
    QVERIFY((found <= plain * (1 + 1e-3)).all().item<bool>());
    QVERIFY((found <= best * (1 + 1e-3) + 1e-12).all().item<bool>());   // the kernel's power is accurate to 3e-4
    QVERIFY((found < plain * 0.999).any().item<bool>());
}

void TestWeightQuantizer::theClipSearchShiftsAsymmetricRanges()
{
    // A long tail on one side: the best range is not the shrunk one.
    const at::Tensor w = weights(12, 200).exp();
    WeightGrid grid{.bits = 3, .symmetric = false};
    const auto errorOf = [&](const WeightScales& scales) {
        const QuantizedWeight q{grid, roundToCodes(w, scales, grid), scales};
        return (q.dequantize().to(at::kDouble) - w).abs().pow(2.4).sum(1);
    };
    at::Tensor best = at::full({12}, std::numeric_limits<double>::infinity(), at::kDouble);
    const at::Tensor range = w.amax(1).clamp_min(0) - w.amin(1).clamp_max(0);
    for (int percent = 1; percent <= 100; ++percent)
        for (int zero = 0; zero < 8; ++zero)
            best = at::minimum(best, errorOf({(range * (percent / 100.0) / 7).to(at::kFloat).unsqueeze(1), at::full({12, 1}, zero, at::kInt)}));
    grid.clip = WeightGrid::Clip::Mse;
    const WeightScales found = weightScales(w, grid);
    QVERIFY((errorOf(found) <= best * (1 + 1e-3)).all().item<bool>());
    QVERIFY((errorOf(found) >= best * (1 - 1e-3)).all().item<bool>());
}

void TestWeightQuantizer::searchedScalesAreTheBestOfTheirCandidates()
{
    for (const bool symmetric : {true, false}) {
        const WeightGrid grid{.bits = 3, .group = 35, .symmetric = symmetric};
        const at::Tensor w = weights(20, 70), importance = at::rand({70}) + 0.1;
        const auto errorOf = [&](const WeightScales& scales) {
            const QuantizedWeight q{grid, roundToCodes(w, scales, grid), scales};
            return ((q.dequantize().to(at::kDouble) - w).square() * importance).view({20, 2, 35}).sum(2);
        };
        at::Tensor best = at::full({20, 2}, std::numeric_limits<double>::infinity(), at::kDouble);
        const at::Tensor low = w.view({20, 2, 35}).amin(2), high = w.view({20, 2, 35}).amax(2);
        for (int i = 0; i < kScaleCandidates; ++i) {
            WeightScales scales{at::empty({20, 2}), at::empty({20, 2}, at::kInt)};
            for (int r = 0; r < 20; ++r)
                for (int g = 0; g < 2; ++g) {
                    const float factor = 1.1f - static_cast<float>(i) / 100;
                    const GroupScale one = groupScale(grid, low[r][g].item<float>() * factor, high[r][g].item<float>() * factor);
                    scales.scale[r][g] = one.scale;
                    scales.zero[r][g] = one.zero;
                }
            best = at::minimum(best, errorOf(scales));
        }
        QVERIFY((errorOf(searchScales(w, grid, importance)) <= best * (1 + 1e-4) + 1e-14).all().item<bool>());
        QVERIFY_THROWS_EXCEPTION(Error, searchScales(w, grid, importance.slice(0, 1)));
    }
}

void TestWeightQuantizer::awkwardWidthsAreRounded_data()
{
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("columns");
    QTest::addColumn<int>("group");
    for (const int columns : {1, 7, 63, 65, 129})
        QTest::addRow("%d", columns) << 5 << columns << 0;
    QTest::addRow("groups of 3") << 5 << 21 << 3;
    QTest::addRow("groups of 1") << 2 << 9 << 1;
    QTest::addRow("one weight") << 1 << 1 << 0;
}

void TestWeightQuantizer::awkwardWidthsAreRounded()
{
    QFETCH(int, rows);
    QFETCH(int, columns);
    QFETCH(int, group);
    for (const bool symmetric : {true, false}) {
        const at::Tensor w = weights(rows, columns, 3);
        const WeightGrid grid{.bits = 4, .group = group, .symmetric = symmetric};
        const QuantizedWeight q = quantizeToNearest(w, grid);
        const CodeRange range = codeRange(grid);
        const at::Tensor s = expanded(q.scales.scale, w), z = expanded(q.scales.zero, w);
        QVERIFY(at::equal(q.dequantize(), (w / s).round().add(z).clamp(range.minimum, range.maximum).sub(z).mul(s)));
        QVERIFY(largest(q.dequantize() - w) <= s.max().item<double>() * 0.5001);
    }
}

void TestWeightQuantizer::threadsDoNotChangeTheResult()
{
    const at::Tensor w = weights(257, 192);
    const WeightGrid grid{.bits = 4, .group = 64, .clip = WeightGrid::Clip::Mse};
    at::set_num_threads(1);
    const QuantizedWeight one = quantizeToNearest(w, grid);
    at::set_num_threads(4);
    const QuantizedWeight four = quantizeToNearest(w, grid);
    QVERIFY(at::equal(one.codes, four.codes));
    QVERIFY(at::equal(one.scales.scale, four.scales.scale));
}

void TestWeightQuantizer::notFiniteWeightsAreNamed()
{
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
        for (const WeightGrid& grid : {WeightGrid{.bits = 4}, WeightGrid{.bits = 4, .group = 8, .symmetric = false}, WeightGrid{.bits = 4, .perTensor = true}}) {
            at::Tensor w = at::randn({5, 40});
            const WeightScales scales = weightScales(w, grid);
            w[3][17] = bad;
            for (const int which : {0, 1}) {
                try {
                    if (which == 0)
                        quantizeToNearest(w, grid, "model.layers.0.mlp.up_proj");
                    else
                        roundToCodes(w, scales, grid, "model.layers.0.mlp.up_proj");
                    QFAIL("nothing was thrown");
                } catch (const Error& error) {
                    QCOMPARE(error.kind(), ErrorKind::InvalidArgument);
                    const QString what = QString::fromUtf8(error.what());
                    QVERIFY2(what.contains("model.layers.0.mlp.up_proj") && what.contains("row 3, column 17"), error.what());
                }
            }
        }
}

void TestWeightQuantizer::gridsThatDoNotFitAreRefused()
{
    const at::Tensor w = at::randn({4, 100});
    for (const WeightGrid& grid :
         {WeightGrid{.bits = 4, .group = 64}, WeightGrid{.bits = 9}, WeightGrid{.bits = 1}, WeightGrid{.bits = 16}, WeightGrid{.bits = 4, .group = -1},
          WeightGrid{.bits = 4, .group = 50, .perTensor = true}, WeightGrid{.bits = 4, .symmetric = false, .range = WeightGrid::Range::Full}})
        QVERIFY_THROWS_EXCEPTION(Error, quantizeToNearest(w, grid));
    QVERIFY_THROWS_EXCEPTION(Error, quantizeToNearest(at::randn({0, 100}), {.bits = 4}));
    QVERIFY_THROWS_EXCEPTION(Error, roundToCodes(w, {at::ones({4, 2}), at::zeros({4, 2}, at::kInt)}, {.bits = 4}));
}

void TestWeightQuantizer::storedBitsCountScalesAndZeroPoints()
{
    QCOMPARE(storedBitsPerWeight({}, 10, 64), 16.0);
    QCOMPARE(storedBitsPerWeight({.bits = 4, .group = 64}, 10, 128), 4.5);                        // a float32 scale
    QCOMPARE(storedBitsPerWeight({.bits = 4, .group = 64, .symmetric = false}, 16, 128), 4 + 36.0 / 64);
    QCOMPARE(storedBitsPerWeight({.bits = 8}, 10, 128), 8 + 32.0 / 128);
    QCOMPARE(storedBitsPerWeight({.bits = 8, .perTensor = true}, 10, 128), 8 + 32.0 / 128);       // written per channel
    QCOMPARE(storedBytes({.bits = 3}, 10, 33), std::uint64_t{10 * (16 + 4)});                     // 99 bits: four words a row
    QCOMPARE(storedBytes({.bits = 8, .symmetric = false}, 10, 33, true), std::uint64_t{10 * (33 + 4 + 1)});
    QCOMPARE(storedBytes({.bits = 8, .symmetric = false}, 10, 33), std::uint64_t{10 * (36 + 4) + 12});
}

QTEST_APPLESS_MAIN(TestWeightQuantizer)
#include "tst_weight_quantizer.moc"
