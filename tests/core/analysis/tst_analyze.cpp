#include "core/analysis/analyze.h"

#include <QtTest>

#include <ATen/core/grad_mode.h>

#include <fstream>
#include <set>

using namespace halftone;

namespace {

/// Keeps every site's activations of a whole block.
class Recorder final : public SiteObserver {
public:
    void site(SiteKind kind, const at::Tensor& x) override { seen[kind].push_back(x.clone()); }
    std::map<SiteKind, std::vector<at::Tensor>> seen;
};

class CountingProgress final : public Progress {
public:
    void begin(std::string_view, std::int64_t total, std::string_view unit, std::int64_t) override
    {
        phases.emplace_back(total, unit);
        last = 0;
    }
    void update(std::int64_t done, std::string_view) override { last = done; }
    void note(std::string_view sentence) override { notes.emplace_back(sentence); }
    std::vector<std::pair<std::int64_t, std::string>> phases;
    std::vector<std::string> notes;
    std::int64_t last = 0;
};

} // namespace

class TestAnalyze : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void everySiteOfEveryBlockIsThereInOrder();
    void theCountsEqualANaiveRecount();
    void keepingAndRecomputingGiveTheSame();
    void blocksAreReportedAsTheyFinish();
    void everyLinearHasWeightStatistics();
    void itStopsWhenAsked();
    void impossibleSettingsAreRefused();

private:
    Analysis analyze(const AnalysisSettings& settings = {}, std::uint64_t budget = 0)
    {
        ComputeOptions options;
        options.memoryBudget = budget;
        SilentProgress progress;
        return analyzeModel(*m_model, m_windows, settings, options, progress, {});
    }
    std::shared_ptr<const Model> m_model;
    TokenWindows m_windows;
};

void TestAnalyze::initTestCase()
{
    const std::filesystem::path data = std::filesystem::path(HALFTONE_TEST_DATA) / "model";
    m_model = Model::open(data / "tiny-llama");
    std::ifstream file(data / "tiny-text.txt", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    m_windows = cutWindows(*m_model->tokenizer(), text, "tiny-text.txt", 3, 32);
    QCOMPARE(m_windows.ids.size(), std::size_t{3});
}

void TestAnalyze::everySiteOfEveryBlockIsThereInOrder()
{
    const Analysis analysis = analyze();
    QCOMPARE(analysis.sites.size(), m_model->sites().size());
    for (std::size_t k = 0; k < analysis.sites.size(); ++k) {
        QCOMPARE(analysis.sites[k].site.name, m_model->sites()[k].name);
        QCOMPARE(analysis.sites[k].tokens, std::int64_t{96});
        QCOMPARE(analysis.sites[k].notFinite, std::int64_t{0});
    }
    QCOMPARE(analysis.windows, 3);
    QCOMPARE(analysis.length, 32);
    QCOMPARE(analysis.textHash, m_windows.textHash);
}

void TestAnalyze::theCountsEqualANaiveRecount()
{
    const at::NoGradGuard noGrad;
    for (const int bits : {8, 4}) {
        const Analysis analysis = analyze({bits, 0.15});
        at::Tensor hidden = m_model->embed(m_windows.ids);
        std::size_t at = 0;
        for (int index = 0; index < m_model->config().blocks; ++index) {
            Recorder recorder;
            hidden = m_model->block(index).forward(hidden, &recorder);
            for (const auto& [kind, tensors] : recorder.seen) {
                const SiteStatistics& s = analysis.sites[at++];
                QCOMPARE(s.site.kind, kind);
                const at::Tensor x = tensors[0];
                const int q = symmetricMax(bits);
                const at::Tensor t = x.abs().amax(-1, true), window = x.abs().amax(1, true), whole = x.abs().amax(at::IntArrayRef{0, 1}, true);
                const std::array<at::Tensor, kKernelSchemes> scale{x.abs().max(), t, whole, t.pow(0.15) * window.pow(0.85), t.pow(0.15) * whole.pow(0.85)};
                for (int k = 0; k < kKernelSchemes; ++k) {
                    const at::Tensor zero = (x / (scale[static_cast<std::size_t>(k)].clamp_min(1e-12) / q)).round() == 0;
                    QVERIFY(std::abs(s.kernelShare(k) - zero.to(at::kDouble).mean().item<double>()) < 2e-4);
                    QVERIFY(std::abs(s.lostShare(k) - zero.logical_and(x != 0).to(at::kDouble).mean().item<double>()) < 2e-4);
                    QCOMPARE(s.kernel[static_cast<std::size_t>(k)].elements, x.numel());
                }
                QVERIFY(std::abs(s.absmax() - x.abs().max().item<double>()) <= 1e-5 * s.absmax());
            }
        }
        QCOMPARE(at, analysis.sites.size());
    }
}

void TestAnalyze::keepingAndRecomputingGiveTheSame()
{
    const Analysis kept = analyze({}, 0), recomputed = analyze({}, 1);
    for (std::size_t k = 0; k < kept.sites.size(); ++k) {
        QVERIFY(kept.sites[k].channelAbsmax == recomputed.sites[k].channelAbsmax);
        QVERIFY(kept.sites[k].tokenMap.cells == recomputed.sites[k].tokenMap.cells);
        for (std::size_t scheme = 0; scheme < kKernelSchemes; ++scheme)
            QCOMPARE(kept.sites[k].kernel[scheme].zero, recomputed.sites[k].kernel[scheme].zero);
    }
}

void TestAnalyze::blocksAreReportedAsTheyFinish()
{
    CountingProgress progress;
    std::vector<int> blocks;
    std::size_t sites = 0;
    const Analysis analysis = analyzeModel(*m_model, m_windows, {}, {}, progress, {}, [&](int block, const auto& ofBlock, const auto& weights) {
        QCOMPARE(progress.last, std::int64_t{block});
        blocks.push_back(block);
        sites += ofBlock.size();
        QVERIFY(!weights.empty());
        for (const SiteStatistics& site : ofBlock)
            QCOMPARE(site.site.block, block);
    });
    QCOMPARE(static_cast<int>(blocks.size()), m_model->config().blocks);
    QVERIFY(std::is_sorted(blocks.begin(), blocks.end()));
    QCOMPARE(sites, analysis.sites.size());
    QCOMPARE(progress.last, std::int64_t{m_model->config().blocks});
    QVERIFY(progress.notes.empty());
}

void TestAnalyze::everyLinearHasWeightStatistics()
{
    const Analysis analysis = analyze();
    QCOMPARE(analysis.weights.size(), m_model->linears().size());
    for (std::size_t k = 0; k < analysis.weights.size(); ++k) {
        QCOMPARE(analysis.weights[k].linear, m_model->linears()[k].name);
        const at::Tensor w = m_model->weight(analysis.weights[k].linear + ".weight");
        QCOMPARE(analysis.weights[k].absmax, w.abs().max().item<double>());
    }
}

void TestAnalyze::itStopsWhenAsked()
{
    std::stop_source stop;
    SilentProgress progress;
    int blocks = 0;
    QVERIFY_THROWS_EXCEPTION(Cancelled, analyzeModel(*m_model, m_windows, {}, {}, progress, stop.get_token(), [&](int, const auto&, const auto&) {
                                 ++blocks;
                                 stop.request_stop();
                             }));
    QCOMPARE(blocks, 1);
}

void TestAnalyze::impossibleSettingsAreRefused()
{
    QVERIFY_THROWS_EXCEPTION(Error, analyze({9, 0.15}));
    QVERIFY_THROWS_EXCEPTION(Error, analyze({8, 1.5}));
    SilentProgress progress;
    QVERIFY_THROWS_EXCEPTION(Error, analyzeModel(*m_model, {}, {}, {}, progress, {}));
}

QTEST_APPLESS_MAIN(TestAnalyze)
#include "tst_analyze.moc"
