#include "core/analysis/magnitude_sketch.h"
#include "core/analysis/moment_kernels.h"
#include "core/analysis/site_accumulator.h"
#include "core/analysis/weight_statistics.h"
#include "core/base/error.h"

#include <ATen/Parallel.h>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace halftone;

namespace {

/// [tokens, channels] with an outlier channel, exact zeros and means that are not zero.
at::Tensor activations(std::int64_t tokens, std::int64_t channels)
{
    at::manual_seed(41);
    at::Tensor x = at::randn({tokens, channels}) + at::randn({channels}) * 0.5;
    x.select(1, channels / 2).mul_(40);
    x.masked_fill_(at::rand({tokens, channels}) < 0.1, 0.0);
    return x;
}

std::span<const float> values(const at::Tensor& x)
{
    return {x.const_data_ptr<float>(), static_cast<std::size_t>(x.numel())};
}

/// Statistics of x whose windows have `length` tokens, measured `together` windows at a time.
SiteStatistics statisticsOf(const at::Tensor& x, std::int64_t length, std::int64_t together, const AnalysisSettings& settings = {})
{
    SiteAccumulator site({"model.layers.0.attn_in", 0, SiteKind::AttentionInput, x.size(1), {"q_proj"}}, x.size(0), settings);
    for (std::int64_t t = 0; t < x.size(0); t += length * together)
        site.measure(values(x.slice(0, t, std::min(t + length * together, x.size(0)))));
    site.finishMeasuring();
    for (std::int64_t t = 0; t < x.size(0); t += length)
        site.count(values(x.slice(0, t, t + length)));
    return site.take();
}

bool close(double a, double b, double relative)
{
    return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b)) + 1e-12;
}

} // namespace

class TestSiteStatistics : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyFigureEqualsANaiveOne_data();
    void everyFigureEqualsANaiveOne();
    void theWayTokensAreBatchedDoesNotMatter();
    void threadsDoNotChangeAnything();
    void anOutlierSurvivesEveryPooling_data();
    void anOutlierSurvivesEveryPooling();
    void quantilesAreWithinOnePercent();
    void emptyAndZeroInputsHaveQuantileZero();
    void momentsOfALargeMeanStayAccurate();
    void theMedianIsTheLowerOne();
    void outlierChannelsComeLargestFirst();
    void whatIsNotFiniteIsCountedAndLeftOut();
    void aDeadSiteHasNoNumbersThatAreNotNumbers();
    void passesOutOfOrderAreRefused();
    void weightStatisticsEqualNaiveOnes();
};

void TestSiteStatistics::everyFigureEqualsANaiveOne_data()
{
    QTest::addColumn<int>("channels");
    QTest::addColumn<int>("bits");
    for (const int channels : {1, 7, 63, 65, 130})
        for (const int bits : {4, 8})
            QTest::addRow("%d channels, %d bits", channels, bits) << channels << bits;
}

void TestSiteStatistics::everyFigureEqualsANaiveOne()
{
    QFETCH(int, channels);
    QFETCH(int, bits);
    const std::int64_t length = 50, tokens = 200;
    const at::Tensor x = activations(tokens, channels);
    const SiteStatistics s = statisticsOf(x, length, 2, {bits, 0.15});
    const at::Tensor d = x.to(at::kDouble), mean = d.mean(0), centred = d - mean, variance = centred.square().mean(0);
    const at::Tensor kurtosis = centred.pow(4).mean(0) / variance.square();
    const at::Tensor c = x.abs().amax(0), t = x.abs().amax(1);
    for (int k = 0; k < channels; ++k) {
        const auto i = static_cast<std::size_t>(k);
        QCOMPARE(s.channelAbsmax[i], c[k].item<float>());
        QCOMPARE(s.channelMin[i], x.amin(0)[k].item<float>());
        QCOMPARE(s.channelMax[i], x.amax(0)[k].item<float>());
        QVERIFY(std::abs(s.channelMean[i] - mean[k].item<double>()) <= 1e-6 * std::sqrt(variance[k].item<double>()));
        QVERIFY(close(s.channelVariance[i], variance[k].item<double>(), 1e-6));
        QVERIFY(close(s.channelKurtosis[i], kurtosis[k].item<double>(), 1e-6));
    }
    for (std::int64_t k = 0; k < tokens; ++k)
        QCOMPARE(s.tokenAbsmax[static_cast<std::size_t>(k)], t[k].item<float>());
    QCOMPARE(s.absmax(), x.abs().max().item<double>());
    QCOMPARE(s.medianChannelAbsmax(), c.median().item<double>());
    QCOMPARE(s.outlierChannel(), c.argmax().item<std::int64_t>());
    QCOMPARE(s.outlierRatio(), c.max().item<double>() / c.median().item<double>());

    // The kernel as site_reference.py of the reference figures counts it.
    const int q = symmetricMax(bits);
    std::array<std::int64_t, kKernelSchemes> zero{}, lost{};
    for (std::int64_t first = 0; first < tokens; first += length) {
        const at::Tensor w = x.slice(0, first, first + length), tw = w.abs().amax(1, true), cw = w.abs().amax(0, true), cs = c.unsqueeze(0);
        const std::array<at::Tensor, kKernelSchemes> scale{x.abs().max(), tw, cs, tw.pow(0.15) * cw.pow(0.85), tw.pow(0.15) * cs.pow(0.85)};
        for (std::size_t k = 0; k < kKernelSchemes; ++k) {
            const at::Tensor z = (w / (scale[k].clamp_min(1e-12) / q)).round() == 0;
            zero[k] += z.sum().item<std::int64_t>();
            lost[k] += z.logical_and(w != 0).sum().item<std::int64_t>();
        }
    }
    for (int k = 0; k < kKernelSchemes; ++k) {
        const auto i = static_cast<std::size_t>(k);
        QCOMPARE(s.kernel[i].elements, tokens * channels);
        // Powers and products are rounded in another order: one element may lie on the other side.
        QVERIFY(std::abs(s.kernel[i].zero - zero[i]) <= (k >= 3 ? 1 : 0));
        QVERIFY(std::abs(s.kernel[i].lost - lost[i]) <= (k >= 3 ? 1 : 0));
        QCOMPARE(s.kernel[i].clipped, std::int64_t{0});
        QCOMPARE(s.kernelShare(k), static_cast<double>(s.kernel[i].zero) / static_cast<double>(tokens * channels));
        QVERIFY(s.lostShare(k) <= s.kernelShare(k));
    }
}

void TestSiteStatistics::theWayTokensAreBatchedDoesNotMatter()
{
    const at::Tensor x = activations(600, 70);
    const SiteStatistics one = statisticsOf(x, 50, 1), many = statisticsOf(x, 50, 5);
    QVERIFY(one.channelAbsmax == many.channelAbsmax && one.tokenAbsmax == many.tokenAbsmax && one.tokenMap.cells == many.tokenMap.cells);
    QVERIFY(one.absQuantiles == many.absQuantiles);
    for (std::size_t k = 0; k < one.channelVariance.size(); ++k)
        QVERIFY(close(one.channelVariance[k], many.channelVariance[k], 1e-6));
}

void TestSiteStatistics::threadsDoNotChangeAnything()
{
    const at::Tensor x = activations(2000, 130);
    at::set_num_threads(1);
    const SiteStatistics one = statisticsOf(x, 500, 2);
    at::set_num_threads(4);
    const SiteStatistics four = statisticsOf(x, 500, 2);
    at::set_num_threads(1);
    QVERIFY(one.channelAbsmax == four.channelAbsmax && one.channelVariance == four.channelVariance && one.channelKurtosis == four.channelKurtosis);
    QVERIFY(one.tokenAbsmax == four.tokenAbsmax && one.tokenMap.cells == four.tokenMap.cells && one.absQuantiles == four.absQuantiles);
    for (std::size_t k = 0; k < kKernelSchemes; ++k)
        QVERIFY(one.kernel[k].zero == four.kernel[k].zero && one.kernel[k].lost == four.kernel[k].lost);
}

void TestSiteStatistics::anOutlierSurvivesEveryPooling_data()
{
    QTest::addColumn<int>("tokens");
    QTest::addColumn<int>("channels");
    QTest::addRow("smaller than the map") << 60 << 33;
    QTest::addRow("one more than the map") << 513 << 513;
    QTest::addRow("does not divide") << 1300 << 700;
    QTest::addRow("many tokens") << 2600 << 64;
}

void TestSiteStatistics::anOutlierSurvivesEveryPooling()
{
    QFETCH(int, tokens);
    QFETCH(int, channels);
    const at::Tensor x = activations(tokens, channels);
    const SiteStatistics s = statisticsOf(x, tokens, 1);
    const PooledMap& map = s.tokenMap;
    QCOMPARE(map.rows, std::min(tokens, 512));
    QCOMPARE(map.columns, std::min(channels, 512));
    QCOMPARE(map.sourceRows, std::int64_t{tokens});
    QCOMPARE(map.sourceColumns, std::int64_t{channels});
    std::vector<float> expected(map.cells.size(), 0.0f);
    const float* v = x.const_data_ptr<float>();
    for (std::int64_t t = 0; t < tokens; ++t)
        for (std::int64_t c = 0; c < channels; ++c) {
            float& cell = expected[static_cast<std::size_t>((t * map.rows / tokens) * map.columns + c * map.columns / channels)];
            cell = std::max(cell, std::abs(v[t * channels + c]));
        }
    QVERIFY(map.cells == expected);
    QCOMPARE(*std::max_element(map.cells.begin(), map.cells.end()), static_cast<float>(s.absmax()));
}

void TestSiteStatistics::quantilesAreWithinOnePercent()
{
    at::manual_seed(42);
    const at::Tensor x = at::randn({400000}) * at::randn({400000}).exp();
    MagnitudeSketch sketch;
    sketch.add(values(x.slice(0, 0, 300001)));
    sketch.add(values(x.slice(0, 300001).contiguous()));
    QCOMPARE(sketch.count(), std::int64_t{400000});
    const at::Tensor sorted = std::get<0>(x.abs().sort());
    for (const double q : {0.0, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
        const double exact = sorted[static_cast<std::int64_t>(q * 399999)].item<double>();
        QVERIFY2(close(sketch.quantile(q), exact, 0.01), qPrintable(QString("%1: %2 instead of %3").arg(q).arg(sketch.quantile(q)).arg(exact)));
    }
}

void TestSiteStatistics::emptyAndZeroInputsHaveQuantileZero()
{
    MagnitudeSketch sketch;
    QCOMPARE(sketch.quantile(0.5), 0.0f);
    sketch.add(values(at::zeros({100})));
    QCOMPARE(sketch.quantile(1.0), 0.0f);
}

void TestSiteStatistics::momentsOfALargeMeanStayAccurate()
{
    at::manual_seed(43);
    const at::Tensor x = at::randn({20000, 3}) * 0.01 + 10;
    ColumnMoments moments(3);
    moments.add(x.const_data_ptr<float>(), 20000);
    const at::Tensor d = x.to(at::kDouble), centred = d - d.mean(0);
    for (int k = 0; k < 3; ++k) {
        const auto i = static_cast<std::size_t>(k);
        const Shape shape = shapeOf(moments.sum[i], moments.sum2[i], moments.sum3[i], moments.sum4[i], 20000);
        QVERIFY(close(shape.mean, d.mean(0)[k].item<double>(), 1e-12));
        QVERIFY(close(shape.variance, centred.square().mean(0)[k].item<double>(), 1e-6));
        QVERIFY(close(shape.kurtosis, 3.0, 0.1));
    }
}

void TestSiteStatistics::theMedianIsTheLowerOne()
{
    SiteStatistics s;
    s.channelAbsmax = {4, 1, 3, 2};
    QCOMPARE(s.medianChannelAbsmax(), 2.0);
    QCOMPARE(s.outlierRatio(), 2.0);
    s.channelAbsmax = {5, 1, 3};
    QCOMPARE(s.medianChannelAbsmax(), 3.0);
}

void TestSiteStatistics::outlierChannelsComeLargestFirst()
{
    SiteStatistics s;
    s.channelAbsmax = {1, 30, 1, 1, 10, 1, 9.9f};
    QVERIFY((s.outlierChannels() == std::vector<std::int64_t>{1, 4}));
    QVERIFY((s.outlierChannels(9) == std::vector<std::int64_t>{1, 4, 6}));
    QCOMPARE(s.outlierChannel(), std::int64_t{1});
}

void TestSiteStatistics::whatIsNotFiniteIsCountedAndLeftOut()
{
    at::Tensor x = activations(100, 40);
    const SiteStatistics clean = statisticsOf(x, 50, 1);
    x[10][3] = std::numeric_limits<float>::quiet_NaN();
    x[60][3] = std::numeric_limits<float>::infinity();
    x[70][5] = -std::numeric_limits<float>::infinity();
    const SiteStatistics s = statisticsOf(x, 50, 1);
    QCOMPARE(s.notFinite, std::int64_t{3});
    QCOMPARE(clean.notFinite, std::int64_t{0});
    for (std::size_t k = 0; k < 40; ++k) {
        QVERIFY(std::isfinite(s.channelAbsmax[k]) && std::isfinite(s.channelMean[k]) && std::isfinite(s.channelVariance[k]) && std::isfinite(s.channelKurtosis[k]));
        if (k != 3 && k != 5)
            QCOMPARE(s.channelVariance[k], clean.channelVariance[k]);
    }
    for (const float v : s.absQuantiles)
        QVERIFY(std::isfinite(v));
}

void TestSiteStatistics::aDeadSiteHasNoNumbersThatAreNotNumbers()
{
    const SiteStatistics s = statisticsOf(at::zeros({20, 9}), 10, 1);
    QCOMPARE(s.absmax(), 0.0);
    QVERIFY(std::isfinite(s.outlierRatio()));
    for (int k = 0; k < kKernelSchemes; ++k) {
        QCOMPARE(s.kernelShare(k), 1.0);
        QCOMPARE(s.lostShare(k), 0.0);
    }
    QVERIFY(s.outlierChannels().empty());
}

void TestSiteStatistics::passesOutOfOrderAreRefused()
{
    const at::Tensor x = activations(20, 9);
    SiteAccumulator site({"site", 0, SiteKind::AttentionInput, 9, {}}, 20, {});
    QVERIFY_THROWS_EXCEPTION(Error, site.count(values(x)));
    site.measure(values(x.slice(0, 0, 10)));
    QVERIFY_THROWS_EXCEPTION(Error, site.finishMeasuring());
    site.measure(values(x.slice(0, 10)));
    QVERIFY_THROWS_EXCEPTION(Error, site.measure(values(x)));
    site.finishMeasuring();
    QVERIFY_THROWS_EXCEPTION(Error, site.take());
}

void TestSiteStatistics::weightStatisticsEqualNaiveOnes()
{
    at::manual_seed(44);
    at::Tensor w = at::randn({37, 65}) * 0.02 + 0.001;
    w[3][4] = -0.5;
    w[5][6] = 0;
    w[7][8] = 0;
    const WeightStatistics s = weightStatistics("up_proj", w);
    const at::Tensor d = w.to(at::kDouble), centred = d - d.mean();
    QCOMPARE(s.linear, std::string("up_proj"));
    QCOMPARE(s.absmax, 0.5);
    QCOMPARE(s.zeros, std::int64_t{2});
    QCOMPARE(s.notFinite, std::int64_t{0});
    QVERIFY(close(s.mean, d.mean().item<double>(), 1e-9));
    QVERIFY(close(s.deviation, centred.square().mean().sqrt().item<double>(), 1e-9));
    QVERIFY(close(s.kurtosis, (centred.pow(4).mean() / centred.square().mean().square()).item<double>(), 1e-9));
    w[0][0] = std::numeric_limits<float>::quiet_NaN();
    QCOMPARE(weightStatistics("up_proj", w).notFinite, std::int64_t{1});
    QVERIFY(std::isfinite(weightStatistics("up_proj", w).deviation));
    QVERIFY(close(weightStatistics("up_proj", w.to(at::kBFloat16)).deviation, s.deviation, 0.01));
}

QTEST_APPLESS_MAIN(TestSiteStatistics)
#include "tst_site_statistics.moc"
