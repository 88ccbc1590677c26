#include "core/analysis/linear_preview.h"

#include "core/base/error.h"
#include "core/model/model.h"
#include "core/quant/weight_quantizer.h"

#include <QtTest>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numeric>

using namespace halftone;

namespace {

const std::filesystem::path kModel = std::filesystem::path(HALFTONE_TEST_DATA) / "model" / "tiny-llama";

std::vector<float> randomValues(std::int64_t count, std::uint64_t seed)
{
    at::manual_seed(seed);
    at::Tensor x = at::randn({count}) * 0.04;
    x[0] = 0.9;
    x[count / 2] = 0;
    return {x.const_data_ptr<float>(), x.const_data_ptr<float>() + count};
}

WeightGrid grid(int bits, int group = 0, bool symmetric = true, WeightGrid::Clip clip = WeightGrid::Clip::None)
{
    WeightGrid g;
    g.bits = bits;
    g.group = group;
    g.symmetric = symmetric;
    g.clip = clip;
    return g;
}

std::shared_ptr<const SiteSample> sample(std::int64_t tokens, std::int64_t channels)
{
    auto chosen = std::make_shared<SampledTokens>();
    chosen->total = tokens;
    chosen->length = static_cast<int>(tokens);
    for (std::int64_t i = 0; i < tokens; ++i)
        chosen->positions.push_back(i);
    auto made = std::make_shared<SiteSample>();
    made->tokens = chosen;
    made->channels = channels;
    made->values = randomValues(tokens * channels, 77);
    made->channelAbsmax.assign(static_cast<std::size_t>(channels), 0);
    for (std::int64_t t = 0; t < tokens; ++t)
        for (std::int64_t c = 0; c < channels; ++c)
            made->channelAbsmax[static_cast<std::size_t>(c)] = std::max(made->channelAbsmax[static_cast<std::size_t>(c)], std::abs(made->row(t)[static_cast<std::size_t>(c)]));
    made->windowAbsmax = made->channelAbsmax;
    return made;
}

} // namespace

class TestLinearPreview : public QObject {
    Q_OBJECT

    static constexpr std::int64_t kOut = 24, kIn = 64;
    LinearWeights m_weights{"a.linear", kOut, kIn, randomValues(kOut * kIn, 5)};

    /// float32 [out, in], as it is and rounded.
    static std::pair<at::Tensor, at::Tensor> reference(const WeightGrid& g)
    {
        std::vector<float> values = randomValues(kOut * kIn, 5);
        const at::Tensor w = at::from_blob(values.data(), {kOut, kIn}, at::kFloat).clone();
        return {w, g.quantized() ? quantizeToNearest(w, g).dequantize() : w};
    }

private Q_SLOTS:
    void theErrorIsThatOfRoundingToNearest_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("symmetric");
        QTest::addColumn<bool>("clip");
        for (const int bits : {2, 3, 4, 8})
            for (const int group : {0, 16})
                for (const bool symmetric : {true, false})
                    for (const bool clip : {false, true})
                        QTest::addRow("%d bits, group %d, %s, %s", bits, group, symmetric ? "symmetric" : "asymmetric", clip ? "clipped" : "whole")
                            << bits << group << symmetric << clip;
    }
    void theErrorIsThatOfRoundingToNearest()
    {
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(bool, symmetric);
        QFETCH(bool, clip);
        const WeightGrid g = grid(bits, group, symmetric, clip ? WeightGrid::Clip::Mse : WeightGrid::Clip::None);
        const auto [w, rounded] = reference(g);
        double error = 0, all = 0;
        std::int64_t zeros = 0;
        for (std::int64_t i = 0; i < w.numel(); ++i) {
            const double a = w.const_data_ptr<float>()[i], b = rounded.const_data_ptr<float>()[i];
            error += (a - b) * (a - b);
            all += a * a;
            zeros += b == 0;
        }
        const LinearPreview preview = m_weights.preview(g, {}, nullptr, 0, {});
        QCOMPARE(preview.rows, kOut);
        QVERIFY(std::abs(preview.weightError - std::sqrt(error / all)) <= 1e-6 * std::sqrt(error / all));
        QVERIFY(std::abs(decibels(preview.weightError) - 10 * std::log10(all / error)) < 1e-4);
        QCOMPARE(preview.zeros, static_cast<double>(zeros) / static_cast<double>(w.numel()));
        QVERIFY(clip || preview.clipped == 0);
        QVERIFY(!preview.outputError);
        QCOMPARE(preview.levels.size(), static_cast<std::size_t>(symmetric ? (1 << bits) - 1 : 1 << bits));
        QVERIFY(std::is_sorted(preview.levels.begin(), preview.levels.end()));
    }

    void aClippedGridSaysHowMuchItClips()
    {
        // One row: seven small weights and one far out, so that two bits do better without it.
        const LinearWeights row("a.row", 1, 8, {0.1F, -0.1F, 0.1F, 0.1F, -0.1F, 0.1F, -0.1F, 0.3F});
        const LinearPreview preview = row.preview(grid(2, 0, true, WeightGrid::Clip::Mse), {}, nullptr, 0, {});
        QCOMPARE(preview.clipped, 1.0 / 8);
        QVERIFY(preview.weightError < row.preview(grid(2), {}, nullptr, 0, {}).weightError);
    }

    void leftFloatCostsNothing()
    {
        const auto input = sample(7, kIn);
        const LinearPreview preview = m_weights.preview({}, {}, input.get(), 0, {});
        QCOMPARE(preview.weightError, 0.0);
        QVERIFY(std::isinf(decibels(preview.weightError)));
        QCOMPARE(*preview.outputError, 0.0);
        QVERIFY(preview.levels.empty());
    }

    void theOutputErrorIsThatOfEveryTokenAlike_data()
    {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("scheme");
        QTest::newRow("weights only") << 4 << int(ActivationScheme::None);
        QTest::newRow("input only") << 16 << int(ActivationScheme::PerToken);
        QTest::newRow("both, per token") << 4 << int(ActivationScheme::PerToken);
        QTest::newRow("both, CrossQuant") << 4 << int(ActivationScheme::Cross);
        QTest::newRow("both, per tensor") << 8 << int(ActivationScheme::PerTensor);
    }
    void theOutputErrorIsThatOfEveryTokenAlike()
    {
        QFETCH(int, bits);
        QFETCH(int, scheme);
        const auto input = sample(9, kIn);
        ActivationGrid activations;
        activations.scheme = static_cast<ActivationScheme>(scheme);
        activations.bits = 4;
        const auto [w, rounded] = reference(grid(bits));
        const std::vector<float> xRounded = activations.quantized() ? roundSample(*input, activations) : input->values;
        double sum = 0;
        for (std::int64_t t = 0; t < 9; ++t) {
            double error = 0, energy = 0;
            for (std::int64_t o = 0; o < kOut; ++o) {
                double y = 0, yRounded = 0;
                for (std::int64_t c = 0; c < kIn; ++c) {
                    const auto at = static_cast<std::size_t>(t * kIn + c);
                    y += static_cast<double>(input->values[at]) * w.const_data_ptr<float>()[o * kIn + c];
                    yRounded += static_cast<double>(xRounded[at]) * rounded.const_data_ptr<float>()[o * kIn + c];
                }
                error += (y - yRounded) * (y - yRounded);
                energy += y * y;
            }
            sum += error / energy;
        }
        const LinearPreview preview = m_weights.preview(grid(bits), activations, input.get(), 0, {});
        QVERIFY(preview.outputError);
        QVERIFY2(std::abs(*preview.outputError - std::sqrt(sum / 9)) < 1e-4 * std::sqrt(sum / 9),
                 qPrintable(QString::number(*preview.outputError) + QLatin1Char(' ') + QString::number(std::sqrt(sum / 9))));
    }

    void whatCannotBeTriedOnASampleIsAbsent()
    {
        const auto input = sample(4, kIn), other = sample(4, kIn + 1);
        ActivationGrid asymmetric;
        asymmetric.scheme = ActivationScheme::PerToken;
        asymmetric.symmetric = false;
        QVERIFY(!m_weights.preview(grid(4), asymmetric, input.get(), 0, {}).outputError);
        QVERIFY(!m_weights.preview(grid(4), {}, other.get(), 0, {}).outputError);
    }

    void someRowsStandForAllAndASingleScaleIsStillThatOfTheMatrix()
    {
        const LinearPreview few = m_weights.preview(grid(4), {}, nullptr, 5 * kIn, {});
        QCOMPARE(few.rows, std::int64_t{5});
        const double all = m_weights.preview(grid(4), {}, nullptr, 0, {}).weightError;
        QVERIFY(few.weightError > all / 3 && few.weightError < all * 3);
        // The weight that sets the scale is in row 0, but also of a look at other rows: the grid's step stays.
        WeightGrid one = grid(4);
        one.perTensor = true;
        const auto levels = m_weights.preview(one, {}, nullptr, 0, {}).levels;
        QCOMPARE(m_weights.preview(one, {}, nullptr, kIn, {}).levels, levels);
        QVERIFY(std::abs(levels.back() - 0.9F) < 1e-6F);
    }

    void theHistogramCountsEveryWeightOnce()
    {
        const Histogram& histogram = m_weights.histogram();
        QCOMPARE(std::accumulate(histogram.counts.begin(), histogram.counts.end(), std::int64_t{0}), kOut * kIn);
        QVERIFY(histogram.counts.front() > 0 && histogram.counts.back() > 0);
        QVERIFY(std::abs(histogram.high - 0.9) < 1e-6);
    }

    void badValuesAreRefused()
    {
        QVERIFY_THROWS_EXCEPTION(Error, LinearWeights("a", 2, 4, std::vector<float>(7)));
        QVERIFY_THROWS_EXCEPTION(Error, LinearWeights("a", 1, 4, std::vector<float>(8)));
        std::vector<float> values(8, 0.5F);
        values[3] = std::nanf("");
        const LinearWeights bad("a", 2, 4, values);
        QVERIFY_THROWS_EXCEPTION(Error, bad.preview(grid(4), {}, nullptr, 0, {}));
        QVERIFY_THROWS_EXCEPTION(Error, m_weights.preview(grid(4, 48), {}, nullptr, 0, {}));
        std::stop_source stop;
        stop.request_stop();
        QVERIFY_THROWS_EXCEPTION(Cancelled, m_weights.preview(grid(4), {}, nullptr, 0, stop.get_token()));
    }

    void aModelsWeightsAreReadByName()
    {
        WeightReader reader(kModel);
        const auto model = Model::open(kModel);
        for (const LinearInfo& info : model->linears()) {
            const auto weights = reader.read(info.name, {});
            QCOMPARE(weights->out(), info.out);
            QCOMPARE(weights->in(), info.in);
            const at::Tensor w = model->weight(info.name + ".weight");
            QCOMPARE(static_cast<float>(weights->histogram().low), w.min().item<float>());
            QCOMPARE(static_cast<float>(weights->histogram().high), w.max().item<float>());
        }
        QVERIFY_THROWS_EXCEPTION(Error, reader.read("model.layers.99.mlp.down_proj", {}));
    }
};

QTEST_GUILESS_MAIN(TestLinearPreview)
#include "tst_linear_preview.moc"
