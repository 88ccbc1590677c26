#include "core/analysis/analyze.h"
#include "core/analysis/site_accumulator.h"
#include "core/base/error.h"
#include "core/quant/activation_quantizer.h"

#include <QtTest>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <fstream>
#include <random>

using namespace halftone;

namespace {

constexpr std::int64_t kManyChannels = 200000;   // makes chooseSample() keep some 40 tokens

/// One site of a text whose windows open with a token a hundred times larger than the others, and with an outlier channel.
SiteStatistics walk(int windows, int length, std::int64_t channels, const AnalysisSettings& settings, const std::shared_ptr<const SampledTokens>& sampled)
{
    SiteInfo info;
    info.name = "site";
    info.channels = channels;
    const std::int64_t tokens = static_cast<std::int64_t>(windows) * length;
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    std::vector<float> x(static_cast<std::size_t>(tokens * channels));
    for (std::int64_t t = 0; t < tokens; ++t)
        for (std::int64_t c = 0; c < channels; ++c) {
            float& v = x[static_cast<std::size_t>(t * channels + c)];
            v = normal(random) * (c == 3 ? 40.0F : 1.0F) * (t % length == 0 ? 100.0F : 1.0F);
            if (c % 5 == 4 && v < 0)
                v = 0;   // as after a ReLU
        }
    SiteAccumulator site(info, tokens, settings, sampled);
    site.measure(x);
    site.finishMeasuring();
    for (int w = 0; w < windows; ++w)
        site.count(std::span<const float>(x).subspan(static_cast<std::size_t>(w) * static_cast<std::size_t>(length * channels),
                                                     static_cast<std::size_t>(length * channels)));
    return site.take();
}

ActivationGrid grid(int scheme, int bits, double alpha)
{
    ActivationGrid g;
    g.scheme = kernelScheme(scheme);
    g.bits = bits;
    g.alpha = alpha;
    return g;
}

} // namespace

class TestActivationSample : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void chosenTokensAreSpreadAndBounded_data();
    void chosenTokensAreSpreadAndBounded();
    void aSampleHoldsTheModelsOwnActivations();
    void theWholeTextCountsExactlyAsTheWalk_data();
    void theWholeTextCountsExactlyAsTheWalk();
    void aSmallSampleComesNearTheWalk();
    void roundingIsThatOfTheQuantizer();
    void channelsAreSummarizedAsANaiveLoopDoes();
    void impossibleGridsAreRefused();

private:
    Analysis analyze(const AnalysisSettings& settings)
    {
        SilentProgress progress;
        return analyzeModel(*m_model, m_windows, settings, {}, progress, {}, {}, m_tokenizer.get());
    }
    std::shared_ptr<const Model> m_model;
    std::unique_ptr<Tokenizer> m_tokenizer;
    TokenWindows m_windows;
};

void TestActivationSample::initTestCase()
{
    const std::filesystem::path data = std::filesystem::path(HALFTONE_TEST_DATA) / "model";
    m_model = Model::open(data / "tiny-llama");
    m_tokenizer = m_model->tokenizer();
    std::ifstream file(data / "tiny-text.txt", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    m_windows = cutWindows(*m_tokenizer, text, "tiny-text.txt", 3, 32);
}

void TestActivationSample::chosenTokensAreSpreadAndBounded_data()
{
    QTest::addColumn<qint64>("total");
    QTest::addColumn<int>("length");
    QTest::addColumn<qint64>("channels");
    QTest::addRow("tiny: all") << qint64{96} << 32 << qint64{1000};
    QTest::addRow("SmolLM2, 4 windows") << qint64{2048} << 512 << qint64{97920};
    QTest::addRow("SmolLM2, 600 windows") << qint64{307200} << 512 << qint64{97920};
    QTest::addRow("7B") << qint64{262144} << 2048 << qint64{745472};
    QTest::addRow("70B: eight tokens") << qint64{262144} << 2048 << qint64{4259840};
    QTest::addRow("windows of one token") << qint64{5000} << 1 << qint64{kManyChannels};
    QTest::addRow("fewer tokens than a run") << qint64{5} << 5 << qint64{4259840};
}

void TestActivationSample::chosenTokensAreSpreadAndBounded()
{
    QFETCH(qint64, total);
    QFETCH(int, length);
    QFETCH(qint64, channels);
    const SampledTokens tokens = chooseSample(total, length, channels);
    const auto n = static_cast<std::int64_t>(tokens.positions.size());
    QVERIFY(n > 0 && n <= total);
    QCOMPARE(tokens.positions.front(), std::int64_t{0});
    for (std::size_t i = 1; i < tokens.positions.size(); ++i)
        QVERIFY(tokens.positions[i] > tokens.positions[i - 1]);
    QVERIFY(tokens.positions.back() < total);
    const std::int64_t bytes = (n + static_cast<std::int64_t>(tokens.windows().size())) * channels * 4;
    QVERIFY2(bytes <= kSampleBytes || n <= 8, qPrintable(QString::number(bytes)));
    QVERIFY2(tokens.whole() || bytes > kSampleBytes / 2 || n == 8, "much room is left unused");
    if (!tokens.whole() && n >= 32) {   // no third of the text is left out
        QVERIFY(tokens.positions.back() > total * 2 / 3);
        QVERIFY(std::any_of(tokens.positions.begin(), tokens.positions.end(), [total](std::int64_t p) { return p > total / 3 && p < total * 2 / 3; }));
    }
    QCOMPARE(tokens.rowOf(tokens.positions.back()), static_cast<int>(n - 1));
    QCOMPARE(tokens.rowOf(total), -1);
}

void TestActivationSample::aSampleHoldsTheModelsOwnActivations()
{
    class Recorder final : public SiteObserver {
    public:
        void site(SiteKind kind, const at::Tensor& x) override { seen.emplace_back(kind, x.clone()); }
        std::vector<std::pair<SiteKind, at::Tensor>> seen;
    };
    const at::NoGradGuard noGrad;
    const Analysis analysis = analyze({});
    at::Tensor hidden = m_model->embed(m_windows.ids);
    std::size_t at = 0;
    for (int index = 0; index < m_model->config().blocks; ++index) {
        Recorder recorder;
        hidden = m_model->block(index).forward(hidden, &recorder);
        for (const SiteKind kind : SiteKind::dense()) {
            const auto seen = std::find_if(recorder.seen.begin(), recorder.seen.end(), [kind](const auto& s) { return s.first == kind; });
            const SiteStatistics& s = analysis.sites[at++];
            QVERIFY(s.sample && s.sample->tokens->whole());
            QCOMPARE(s.sample->tokens.get(), analysis.sites.front().sample->tokens.get());
            const at::Tensor x = seen->second.reshape({-1, s.site.channels}), kept = at::from_blob(const_cast<float*>(s.sample->values.data()), x.sizes());
            QVERIFY(at::allclose(kept, x, 1e-5, 1e-5));   // the walk batches its windows differently
            QCOMPARE(s.sample->windowAbsmax.size(), static_cast<std::size_t>(3 * s.site.channels));
        }
    }
    const SampledTokens& tokens = *analysis.sites.front().sample->tokens;
    QCOMPARE(tokens.texts.size(), tokens.positions.size());
    for (std::size_t i = 0; i < tokens.texts.size(); ++i)
        QCOMPARE(tokens.texts[i], m_tokenizer->tokenText(m_windows.ids[i / 32][i % 32]));
}

void TestActivationSample::theWholeTextCountsExactlyAsTheWalk_data()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<double>("alpha");
    for (const int bits : {2, 4, 8})
        for (const double alpha : {0.0, 0.15, 1.0})
            QTest::addRow("%d bits, alpha %g", bits, alpha) << bits << alpha;
}

/// The sample of a walk at 8 bits, under other settings, against a walk made with those.
void TestActivationSample::theWholeTextCountsExactlyAsTheWalk()
{
    QFETCH(int, bits);
    QFETCH(double, alpha);
    const Analysis sampled = analyze({8, 0.15}), walked = analyze({bits, alpha});
    for (std::size_t i = 0; i < sampled.sites.size(); ++i)
        for (int scheme = 0; scheme < kKernelSchemes; ++scheme) {
            const KernelEstimate estimate = estimateKernel(*sampled.sites[i].sample, grid(scheme, bits, alpha));
            QCOMPARE(estimate.share, walked.sites[i].kernelShare(scheme));
            QCOMPARE(estimate.lost, walked.sites[i].lostShare(scheme));
            QCOMPARE(estimate.clipped, walked.sites[i].clippedShare(scheme));
        }
}

/// Stated tolerance of a sample of some 40 tokens: 3 points of the share, though the text's opening tokens, 1 in 256, are all but erased or erase others.
void TestActivationSample::aSmallSampleComesNearTheWalk()
{
    auto tokens = std::make_shared<SampledTokens>(chooseSample(8 * 256, 256, kManyChannels));
    QVERIFY(tokens->positions.size() < 64);
    const AnalysisSettings settings{6, 0.3};
    const SiteStatistics site = walk(8, 256, 128, settings, tokens);
    QCOMPARE(site.sample->values.size(), tokens->positions.size() * 128);
    std::vector<std::shared_ptr<const SiteSample>> samples{site.sample, nullptr};
    for (int scheme = 0; scheme < kKernelSchemes; ++scheme) {
        const std::vector<KernelEstimate> estimates = estimateKernels(samples, grid(scheme, 6, 0.3));
        const QString told = QString("scheme %1: %2 against %3").arg(scheme).arg(estimates[0].share).arg(site.kernelShare(scheme));
        QVERIFY2(std::abs(estimates[0].share - site.kernelShare(scheme)) < 0.03, qPrintable(told));
        QVERIFY2(std::abs(estimates[0].lost - site.lostShare(scheme)) < 0.03, qPrintable(told));
        QVERIFY(site.kernelShare(scheme) > 0.05);          // there is something to estimate
        QCOMPARE(estimates[1].share, 0.0);
    }
    QVERIFY(site.kernelShare(0) - site.lostShare(0) > 0.05);   // exact zeros are told apart
}

void TestActivationSample::roundingIsThatOfTheQuantizer()
{
    const at::NoGradGuard noGrad;
    const Analysis analysis = analyze({});
    const SiteStatistics& s = analysis.sites.back();
    const at::Tensor x = at::from_blob(const_cast<float*>(s.sample->values.data()), {3, 32, s.site.channels}).clone();
    ActivationRanges ranges;
    ranges.maximum = static_cast<float>(s.absmax());
    ranges.minimum = -ranges.maximum;
    ranges.channelAbsmax = s.channelAbsmax;
    for (int scheme = 0; scheme < kKernelSchemes; ++scheme) {
        const ActivationGrid g = grid(scheme, 4, 0.15);
        const at::Tensor expected = ActivationQuantizer(g, ranges).apply(x);
        const std::vector<float> rounded = roundSample(*s.sample, g);
        QCOMPARE(static_cast<std::int64_t>(rounded.size()), expected.numel());
        QVERIFY(std::equal(rounded.begin(), rounded.end(), expected.const_data_ptr<float>()));
        QVERIFY(!std::equal(rounded.begin(), rounded.end(), x.const_data_ptr<float>()));
    }
}

void TestActivationSample::channelsAreSummarizedAsANaiveLoopDoes()
{
    const SiteStatistics site = walk(1, 41, 20, {8, 0.15}, std::make_shared<SampledTokens>(chooseSample(41, 41, 20)));
    const ActivationGrid g = grid(1, 4, 0.15);
    const ChannelSummary summary = summarizeChannels(*site.sample, g);
    const std::vector<float> rounded = roundSample(*site.sample, g);
    for (std::size_t c = 0; c < 20; ++c) {
        std::vector<float> column;
        float largest = 0;
        int zeros = 0;
        for (std::size_t t = 0; t < 41; ++t) {
            column.push_back(std::abs(site.sample->values[t * 20 + c]));
            largest = std::max(largest, std::abs(rounded[t * 20 + c]));
            zeros += rounded[t * 20 + c] == 0 ? 1 : 0;
        }
        std::sort(column.begin(), column.end());
        QCOMPARE(summary.low[c], column[4]);      // 41 values: ranks 4, 20 and 36
        QCOMPARE(summary.middle[c], column[20]);
        QCOMPARE(summary.high[c], column[36]);
        QCOMPARE(summary.roundedAbsmax[c], largest);
        QCOMPARE(summary.kernelShare[c], static_cast<float>(zeros / 41.0));
    }
}

void TestActivationSample::impossibleGridsAreRefused()
{
    const SiteStatistics site = walk(1, 8, 4, {8, 0.15}, std::make_shared<SampledTokens>(chooseSample(8, 8, 4)));
    ActivationGrid g;
    QVERIFY_THROWS_EXCEPTION(Error, estimateKernel(*site.sample, g));
    g = grid(1, 8, 0.15);
    g.symmetric = false;
    QVERIFY_THROWS_EXCEPTION(Error, roundSample(*site.sample, g));
    g = grid(3, 9, 0.15);
    QVERIFY_THROWS_EXCEPTION(Error, summarizeChannels(*site.sample, g));
    QVERIFY_THROWS_EXCEPTION(Error, chooseSample(10, 0, 4));
}

QTEST_APPLESS_MAIN(TestActivationSample)
#include "tst_activation_sample.moc"
