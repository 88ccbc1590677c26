#include "core/base/error.h"
#include "core/project/project.h"
#include "project_fixture.h"

#include <QTest>

#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <thread>

using namespace halftone;

namespace {

std::mt19937 g_random(3);

std::vector<float> floats(std::size_t count)
{
    std::vector<float> values(count);
    for (float& value : values)
        value = std::normal_distribution<float>(0, 3)(g_random);
    return values;
}

std::int64_t integer() { return static_cast<std::int64_t>(g_random()); }

SiteStatistics randomSite(int block, SiteKind kind, std::int64_t channels, std::int64_t tokens)
{
    SiteStatistics s;
    s.site.name = "model.layers." + std::to_string(block) + "." + std::string(name(kind));
    s.site.block = block;
    s.site.kind = kind;
    s.site.channels = channels;
    for (int i = 0; i < 3; ++i)
        s.site.linears.push_back("linear \"é" + std::to_string(i));
    s.tokens = tokens;
    const auto n = static_cast<std::size_t>(channels);
    s.channelAbsmax = floats(n);
    s.channelMin = floats(n);
    s.channelMax = floats(n);
    s.channelMean = floats(n);
    s.channelVariance = floats(n);
    s.channelKurtosis = floats(n);
    s.channelKurtosis[0] = std::numeric_limits<float>::quiet_NaN();
    s.channelMax[0] = std::numeric_limits<float>::infinity();
    s.channelMin[0] = -0.0f;
    s.channelMean[0] = std::numeric_limits<float>::denorm_min();
    s.tokenAbsmax = floats(static_cast<std::size_t>(tokens));
    s.absQuantiles = floats(kQuantiles.size());
    for (KernelCounts& counts : s.kernel)
        counts = {integer() << 20, integer(), integer(), integer()};
    s.tokenMap.rows = static_cast<int>(std::min<std::int64_t>(tokens, 512));
    s.tokenMap.columns = static_cast<int>(std::min<std::int64_t>(channels, 512));
    s.tokenMap.sourceRows = tokens;
    s.tokenMap.sourceColumns = channels;
    s.tokenMap.cells = floats(static_cast<std::size_t>(s.tokenMap.rows) * static_cast<std::size_t>(s.tokenMap.columns));
    s.notFinite = 17;
    return s;
}

WeightStatistics randomWeight(const std::string& linear)
{
    std::normal_distribution<double> normal;
    return {linear, normal(g_random), normal(g_random), normal(g_random), normal(g_random), integer(), 2};
}

/// Bit for bit, NaN and signed zero included.
bool same(const std::vector<float>& a, const std::vector<float>& b)
{
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

bool same(const SiteSample& a, const SiteSample& b)
{
    return a.tokens->total == b.tokens->total && a.tokens->length == b.tokens->length && a.tokens->positions == b.tokens->positions
        && a.tokens->texts == b.tokens->texts && a.channels == b.channels && same(a.values, b.values) && same(a.windowAbsmax, b.windowAbsmax)
        && same(a.channelAbsmax, b.channelAbsmax);
}

bool same(const SiteStatistics& a, const SiteStatistics& b)
{
    if ((a.sample == nullptr) != (b.sample == nullptr) || (a.sample && !same(*a.sample, *b.sample)))
        return false;
    bool kernels = true;
    for (std::size_t i = 0; i < a.kernel.size(); ++i)
        kernels = kernels && a.kernel[i].elements == b.kernel[i].elements && a.kernel[i].zero == b.kernel[i].zero
            && a.kernel[i].lost == b.kernel[i].lost
            && a.kernel[i].clipped == b.kernel[i].clipped;
    return kernels && a.site.name == b.site.name && a.site.block == b.site.block && a.site.kind == b.site.kind
        && a.site.channels == b.site.channels
        && a.site.linears == b.site.linears && a.tokens == b.tokens && same(a.channelAbsmax, b.channelAbsmax)
            && same(a.channelMin, b.channelMin)
        && same(a.channelMax, b.channelMax) && same(a.channelMean, b.channelMean) && same(a.channelVariance, b.channelVariance)
        && same(a.channelKurtosis, b.channelKurtosis) && same(a.tokenAbsmax, b.tokenAbsmax) && same(a.absQuantiles, b.absQuantiles)
        && a.tokenMap.rows == b.tokenMap.rows && a.tokenMap.columns == b.tokenMap.columns && a.tokenMap.sourceRows == b.tokenMap.sourceRows
        && a.tokenMap.sourceColumns == b.tokenMap.sourceColumns && same(a.tokenMap.cells, b.tokenMap.cells) && a.notFinite == b.notFinite;
}

bool same(const WeightStatistics& a, const WeightStatistics& b)
{
    return a.linear == b.linear && a.absmax == b.absmax && a.mean == b.mean && a.deviation == b.deviation && a.kurtosis == b.kurtosis
        && a.zeros == b.zeros
        && a.notFinite == b.notFinite;
}

} // namespace

class TestAnalysisStore : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void statisticsComeBackBitForBit()
    {
        const ProjectFixture fixture;
        std::vector<SiteStatistics> sites;
        std::vector<WeightStatistics> weights;
        {
            const auto project = fixture.open();
            project->beginAnalysis({6, 0.3}, 4, 2048, "hash of the text");
            QVERIFY(project->analysis()->sites.empty());
            for (int block = 0; block < 3; ++block) {
                std::vector<SiteStatistics> some;
                std::vector<SiteKind> kinds = SiteKind::dense();
                kinds.push_back(SiteKind::declare({"expert_mid_7", "middle of expert 7", "expert 7", SiteProducer::Activation, BlockHalf::Mlp}));
                for (const SiteKind kind : kinds)
                    some.push_back(randomSite(block, kind, kind == SiteKind::MlpMiddle ? 1536 : 576, kind == SiteKind::AttentionInput ? 1 : 700));
                const std::vector<WeightStatistics> linears{randomWeight("q"), randomWeight("k")};
                project->addAnalysisBlock(block, some, linears);
                sites.insert(sites.end(), some.begin(), some.end());
                weights.insert(weights.end(), linears.begin(), linears.end());
                QCOMPARE(project->analysis()->sites.size(), sites.size());
            }
        }
        const auto analysis = fixture.reopen(true)->analysis();
        QVERIFY(analysis.has_value());
        QVERIFY((analysis->settings == AnalysisSettings{6, 0.3}));
        QCOMPARE(analysis->windows, 4);
        QCOMPARE(analysis->length, 2048);
        QCOMPARE(analysis->textHash, std::string("hash of the text"));
        QCOMPARE(analysis->sites.size(), sites.size());
        QCOMPARE(analysis->weights.size(), weights.size());
        for (std::size_t i = 0; i < sites.size(); ++i)
            QVERIFY(same(analysis->sites[i], sites[i]));
        for (std::size_t i = 0; i < weights.size(); ++i)
            QVERIFY(same(analysis->weights[i], weights[i]));
    }

    void samplesComeBackWithTheirTokens()
    {
        const ProjectFixture fixture;
        auto tokens = std::make_shared<SampledTokens>(SampledTokens{700, 100, {0, 1, 99, 100, 640}, {"The", "", " \"é\n", "\xff", " end"}});
        QCOMPARE(tokens->windows(), (std::vector<std::int64_t>{0, 1, 6}));
        std::vector<SiteStatistics> sites{randomSite(0, SiteKind::AttentionInput, 64, 700), randomSite(0, SiteKind::MlpMiddle, 7, 700),
            randomSite(0, SiteKind::MlpInput, 64, 700)};
        for (std::size_t i = 0; i < 2; ++i) {   // the third has none
            auto sample = std::make_shared<SiteSample>();
            sample->tokens = tokens;
            sample->channels = sites[i].site.channels;
            const auto channels = static_cast<std::size_t>(sample->channels);
            sample->values = floats(5 * channels);
            sample->windowAbsmax = floats(3 * channels);
            sample->channelAbsmax = sites[i].channelAbsmax;
            sites[i].sample = std::move(sample);
        }
        const auto project = fixture.open();
        project->beginAnalysis({}, 7, 100, "t");
        project->addAnalysisBlock(0, sites, {});
        const auto analysis = project->analysis();
        QCOMPARE(analysis->sites.size(), sites.size());
        for (std::size_t i = 0; i < sites.size(); ++i)
            QVERIFY(same(analysis->sites[i], sites[i]));
        QVERIFY(analysis->sites[0].sample->tokens == analysis->sites[1].sample->tokens);   // held once
    }

    void statisticsOfTheFirstVersionStillOpen()
    {
        const auto project = Project::openExisting(HALFTONE_TEST_DATA "/project/analysis-v1.halftone", true);
        const auto analysis = project->analysis();
        QVERIFY(analysis.has_value());
        QCOMPARE(analysis->sites.size(), std::size_t(4));
        for (const SiteStatistics& site : analysis->sites) {
            QVERIFY(!site.sample);
            QCOMPARE(site.tokens, std::int64_t(4));
            QCOMPARE(static_cast<std::int64_t>(site.channelAbsmax.size()), site.site.channels);
        }
    }

    void aNewAnalysisReplacesTheOldOne()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        QVERIFY_EXCEPTION_THROWN(project->addAnalysisBlock(0, {}, {}), Error);
        project->beginAnalysis({}, 1, 16, "a");
        project->addAnalysisBlock(0, {randomSite(0, SiteKind::MlpMiddle, 8, 16)}, {});
        project->addAnalysisBlock(0, {randomSite(0, SiteKind::MlpMiddle, 8, 16)}, {});
        QCOMPARE(project->analysis()->sites.size(), std::size_t(1));
        project->beginAnalysis({}, 2, 16, "b");
        QVERIFY(project->analysis()->sites.empty());
        QCOMPARE(project->analysis()->windows, 2);
        int left = 0;
        for (const auto& [name, content] : fixture.files())
            left += name.starts_with("stats/") ? 1 : 0;
        QCOMPARE(left, 0);
    }

    void equalStatisticsGiveEqualFiles()
    {
        const SiteStatistics site = randomSite(0, SiteKind::AttentionInput, 64, 32);
        std::vector<std::string> contents;
        for (int i = 0; i < 2; ++i) {
            const ProjectFixture fixture;
            const auto project = fixture.open();
            project->beginAnalysis({}, 1, 32, "t");
            project->addAnalysisBlock(0, {site}, {});
            for (const auto& [name, content] : fixture.files())
                if (name.starts_with("stats/"))
                    contents.push_back(content);
            std::this_thread::sleep_for(std::chrono::milliseconds(1100));   // a time stamp would show
        }
        QCOMPARE(contents.size(), std::size_t(2));
        QVERIFY(contents[0] == contents[1]);
        QVERIFY(contents[0].size() > 1000);
    }

    /// Zeros deflate a thousandfold: each file is within its own bound, all together are not.
    void statisticsThatUnpackToTooMuchAreRefusedBeforeTheyDo()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        project->beginAnalysis({}, 1, 32, "t");
        SiteStatistics site = randomSite(0, SiteKind::AttentionInput, 64, 32);
        site.site.channels = 1'250'000;
        for (std::vector<float>* values : {&site.channelAbsmax, &site.channelMin, &site.channelMax, &site.channelMean, &site.channelVariance, &site.channelKurtosis})
            values->assign(static_cast<std::size_t>(site.site.channels), 0);
        project->addAnalysisBlock(0, {site}, {});
        QCOMPARE(project->analysis()->sites.at(0).channelMax, site.channelMax);
        for (int block = 1; block < 10; ++block)   // 30 MB each
            project->addAnalysisBlock(block, {site}, {});
        try {
            project->analysis();
            QFAIL("it was read");
        } catch (const Error& e) {
            QVERIFY(e.kind() == ErrorKind::BadFile);
            QVERIFY2(QString(e.what()).contains(u"more than is written"), e.what());
        }
    }

    void damagedStatisticsAreABadFileThatIsNamed()
    {
        const ProjectFixture fixture;
        const auto project = fixture.open();
        project->beginAnalysis({}, 1, 32, "t");
        project->addAnalysisBlock(0, {randomSite(0, SiteKind::AttentionInput, 64, 32)}, {});
        std::string file;
        for (const auto& [name, content] : fixture.files())
            if (name.starts_with("stats/"))
                file = name;
        std::string bytes = ProjectFixture::content(fixture.folder() / file);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
        ProjectFixture::write(fixture.folder() / file, bytes);
        try {
            project->analysis();
            QFAIL("it was read");
        } catch (const Error& e) {
            QVERIFY(e.kind() == ErrorKind::BadFile);
            QVERIFY2(QString(e.what()).contains(QString::fromStdString(file)), e.what());
        }
    }
};

QTEST_APPLESS_MAIN(TestAnalysisStore)
#include "tst_analysis_store.moc"
