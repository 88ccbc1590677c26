#include "tiny_model.h"

#include "core/base/error.h"
#include "core/model/model.h"
#include "core/pipeline/counted_grids.h"
#include "core/pipeline/study_job.h"
#include "core/project/study_store.h"
#include "core/quant/activation_quantizer.h"

#include <ATen/ATen.h>
#include <QtTest>

#include <cmath>

using namespace halftone;
using namespace halftone::testing;

namespace {

using State = StudyMemberResult::State;

/// Both kinds of arithmetic, members on the fly and members with runs, the float model itself, and one that cannot be.
Study tinyStudy(const std::string& more = {})
{
    Study study = Study::parse(R"({"halftone_study": 1,
        "base": {"halftone_recipe": 1, "calibration": {"samples": 4, "length": 64}},
        "axes": {"methods": [{"name": "RTN", "rounding": {"method": "rtn"}}, {"name": "GPTQ", "rounding": {"method": "gptq"}}],
                 "weight_bits": [16, 4, 3], "groups": [32],
                 "activations": [{"scheme": "none"}, {"scheme": "cross", "bits": 4}]},
        "recipes": [{"name": "static", "recipe": {"halftone_recipe": 1, "calibration": {"samples": 4, "length": 64},
                        "defaults": {"activations": {"scheme": "per_tensor", "bits": 8}}}},
                    {"name": "group of 7", "recipe": {"halftone_recipe": 1, "defaults": {"weights": {"bits": 4, "group": 7}}}}],
        "evaluation": {"windows": 3, "length": 64})" + more + "}", "study");
    study.model = tinyLlama();
    study.calibrationText = tinyText();
    study.texts = {{"tiny", tinyText()}};
    return study;
}

StudyResult runTiny(const std::shared_ptr<Project>& project, const Study& study, const std::stop_token& stop = {}, Progress* progress = nullptr, bool resume = true,
                    std::function<void(const StudyResult&)> changed = {})
{
    SilentProgress silent;
    StudyJob job{study, project, resume, false, {}, std::move(changed)};
    job.options.threads = 2;
    return runStudy(job, progress ? *progress : silent, stop);
}

Evaluation evaluateTiny(const std::string& target, std::optional<Recipe> recipe, const std::filesystem::path& against)
{
    SilentProgress progress;
    EvaluateJob job{target, {tinyText(), 3, 64}, std::move(recipe), against, {}};
    job.options.threads = 2;
    return evaluate(job, progress, {});
}

const StudyMemberResult& row(const StudyResult& result, const std::string& name)
{
    for (const StudyMemberResult& member : result.members)
        if (member.name == name)
            return member;
    qFatal("no member %s", name.c_str());
}

bool same(const Evaluation& a, const Evaluation& b)
{
    const Divergence &x = a.divergence, &y = b.divergence;
    return a.perplexity.perplexity == b.perplexity.perplexity && a.perplexity.standardError == b.perplexity.standardError && a.perplexity.tokens == b.perplexity.tokens
        && a.hasDivergence == b.hasDivergence && x.klMean == y.klMean && x.klMeanError == y.klMeanError && x.klP99 == y.klP99 && x.klMax == y.klMax
        && x.top1Agreement == y.top1Agreement && x.referencePerplexity == y.referencePerplexity;
}

/// All that a member measured, but the time it took.
bool same(const StudyMemberResult& a, const StudyMemberResult& b)
{
    if (a.name != b.name || a.state != b.state || a.texts.size() != b.texts.size() || a.bitsPerWeight != b.bitsPerWeight || a.bytes != b.bytes
        || a.grids.elements != b.grids.elements || a.grids.zero != b.grids.zero || a.grids.lost != b.grids.lost || a.grids.clipped != b.grids.clipped)
        return false;
    for (std::size_t i = 0; i < a.texts.size(); ++i)
        if (!same(a.texts[i], b.texts[i]))
            return false;
    return true;
}

/// Requests a stop at the n-th update.
class StopAt final : public Progress {
public:
    StopAt(std::stop_source source, int at) : m_source(std::move(source)), m_at(at) {}
    void begin(std::string_view, std::int64_t total, std::string_view, std::int64_t) override { m_total = total; }
    void update(std::int64_t done, std::string_view) override
    {
        m_ordered = m_ordered && done >= m_last && done <= m_total;
        m_last = done;
        if (++m_seen == m_at)
            m_source.request_stop();
    }
    void note(std::string_view) override {}
    int seen() const { return m_seen; }
    bool ordered() const { return m_ordered; }

private:
    std::stop_source m_source;
    int m_at, m_seen = 0;
    std::int64_t m_last = 0, m_total = 0;
    bool m_ordered = true;
};

} // namespace

class TestStudyJob : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void figuresAreThoseOfSeparateJobs();
    void theFloatModelAsAMemberIsClass1();
    void sharesAreThoseOfTheAnalysisOnTheFloatModel();
    void countsOfGridsAreThoseOfAPlainLoop_data();
    void countsOfGridsAreThoseOfAPlainLoop();
    void stoppedAnywhereItResumesToTheSameFigures();
    void aFinishedStudyIsNotDoneAgain();
    void anotherStudyTakesTheMembersThatItShares();
    void severalTextsAreEachMeasured();
    void aRoundedCacheIsASettingToo();
    void aDamagedMemberIsSaid();
    void leftoversOfAKillAreSweptAway();
    void faultsAreSaid();
};

void TestStudyJob::figuresAreThoseOfSeparateJobs()
{
    QTemporaryDir folder;
    const auto project = newProject(folder, "study");
    const Study study = tinyStudy();
    int told = 0;
    StopAt progress(std::stop_source{}, -1);
    const StudyResult result = runTiny(project, study, {}, &progress, true, [&](const StudyResult&) { ++told; });
    QVERIFY(result.done);
    QVERIFY(progress.ordered());
    QVERIFY(told >= 4);   // begun, and each group
    QCOMPARE(result.members.size(), std::size_t{2 + 2 * 2 * 2 + 2});
    QCOMPARE(result.floatWalks, 2);   // one an arithmetic
    QVERIFY(same(result.floatTexts.front(), evaluateTiny(tinyLlama().string(), {}, {})));

    const auto apart = newProject(folder, "apart");
    int flown = 0, run = 0;
    for (const StudyMemberResult& member : result.members) {
        if (member.name == "group of 7") {
            QVERIFY(member.state == State::Impossible);
            QVERIFY2(member.reason.find('7') != std::string::npos, member.reason.c_str());
            continue;
        }
        QVERIFY2(member.state == State::Done, member.name.c_str());
        const std::vector<StudyMember> described = study.members();
        const auto at = std::find_if(described.begin(), described.end(), [&](const StudyMember& m) { return m.name == member.name; });
        if (at->isFloat())
            continue;
        Evaluation expected;
        if (at->onTheFly()) {
            expected = evaluateTiny(tinyLlama().string(), member.recipe, tinyLlama());
            ++flown;
        } else {
            const std::string id = quantizeTiny(apart, member.recipe).run.id;
            QCOMPARE(blockHashes(*project, member.run), blockHashes(*apart, id));
            expected = evaluateTiny(apart->folder().string() + "#" + id, {}, tinyLlama());
            ++run;
        }
        QVERIFY2(same(member.texts.front(), expected),
                 qPrintable(QStringLiteral("%1: %2 against %3").arg(QString::fromStdString(member.name)).arg(member.texts.front().perplexity.perplexity, 0, 'g', 17)
                                .arg(expected.perplexity.perplexity, 0, 'g', 17)));
        QCOMPARE(member.grids.elements > 0, member.activations != "A16");
    }
    QCOMPARE(flown, 5);
    QCOMPARE(run, 5);
    // What the project holds is what the job returned.
    const StudyResult stored = loadStudy(*project);
    QCOMPARE(stored.id, result.id);
    QVERIFY(stored.done);
    for (const StudyMemberResult& member : result.members)
        if (member.state == State::Done)
            QVERIFY(same(row(stored, member.name), member));
}

void TestStudyJob::theFloatModelAsAMemberIsClass1()
{
    QTemporaryDir folder;
    Study study = tinyStudy();
    study.methods.clear();
    study.recipes.clear();
    study.weightBits = {16};
    study.activations = {{}};
    const StudyResult result = runTiny(newProject(folder), study);
    QCOMPARE(result.members.size(), std::size_t{1});
    const StudyFigures f = figuresOf(result, result.members.front(), {});
    QCOMPARE(f.degradation, 0.0);
    QCOMPARE(f.ratio, 1.0);
    QCOMPARE(f.sensitivity, 1);
    QCOMPARE(f.klMean, 0.0);
    QCOMPARE(figuresOf(result, result.members.front(), {0, 0}).sensitivity, 1);
}

/// Weights stay float and only the last site of the model is rounded: what reaches it is the float stream, so that the analysis counts the same.
void TestStudyJob::sharesAreThoseOfTheAnalysisOnTheFloatModel()
{
    QTemporaryDir folder;
    const auto model = Model::open(tinyLlama());
    const LinearInfo last = model->linears().back();
    Study study = tinyStudy();
    study.methods.clear();
    study.weightBits.clear();
    study.groups.clear();
    study.activations.clear();
    study.recipes.clear();
    const auto add = [&](const char* name, const std::string& grid) {
        study.recipes.push_back({name, tinyRecipe("{}", R"([{"match": ")" + last.name + R"(", "activations": )" + grid + "}]")});
    };
    add("token", R"({"scheme": "per_token", "bits": 6})");
    add("cross", R"({"scheme": "cross", "bits": 6, "alpha": 0.3})");
    const StudyResult result = runTiny(newProject(folder), study);
    SilentProgress progress;
    AnalyzeJob job{tinyLlama(), {tinyText(), 3, 64}, {6, 0.3}, nullptr, {}, {}};
    job.options.threads = 2;
    const Analysis analysis = analyze(job, progress, {});
    const SiteStatistics& site = analysis.sites.back();
    QVERIFY(std::find(site.site.linears.begin(), site.site.linears.end(), last.name) != site.site.linears.end());
    for (const auto& [name, scheme] : {std::pair{"token", 1}, std::pair{"cross", 3}}) {
        const KernelCounts& counts = row(result, name).grids;
        QCOMPARE(counts.elements, std::int64_t{3 * 64} * last.in);
        // The walks' last bits differ (fused against plain arithmetic): a handful of elements on a boundary.
        QVERIFY2(std::abs(static_cast<double>(counts.zero - site.kernel[static_cast<std::size_t>(scheme)].zero)) <= 1e-3 * static_cast<double>(counts.elements), name);
        QVERIFY2(std::abs(static_cast<double>(counts.clipped - site.kernel[static_cast<std::size_t>(scheme)].clipped)) <= 1e-3 * static_cast<double>(counts.elements), name);
        QVERIFY(counts.zero > 0);
    }
    QVERIFY(row(result, "cross").grids.zero < row(result, "token").grids.zero);
}

void TestStudyJob::countsOfGridsAreThoseOfAPlainLoop_data()
{
    QTest::addColumn<QString>("scheme");
    QTest::addColumn<bool>("symmetric");
    for (const char* scheme : {"per_tensor", "per_token", "per_channel", "cross", "cross_static"})
        QTest::addRow("%s", scheme) << scheme << true;
    for (const char* scheme : {"per_tensor", "per_token", "per_channel"})
        QTest::addRow("%s, asymmetric", scheme) << scheme << false;
}

void TestStudyJob::countsOfGridsAreThoseOfAPlainLoop()
{
    QFETCH(QString, scheme);
    QFETCH(bool, symmetric);
    at::manual_seed(3);
    at::Tensor x = at::randn({2, 7, 13});
    x.select(2, 5).mul_(40);
    x.select(1, 3).zero_();
    ActivationRanges ranges;   // narrower than x, so that static grids clip
    ranges.minimum = -8;
    ranges.maximum = 9;
    ranges.channelAbsmax.assign(13, 1.5F);
    ranges.channelMin.assign(13, -1.2F);
    ranges.channelMax.assign(13, 1.5F);
    const ActivationQuantizer quantizer({activationSchemeFromName(scheme.toStdString()), 5, symmetric, 0.4}, ranges);
    const KernelCounts counts = countGrid(quantizer, x);
    const at::Tensor rounded = quantizer.apply(x);
    KernelCounts expected;
    for (std::int64_t w = 0; w < 2; ++w)
        for (std::int64_t t = 0; t < 7; ++t)
            for (std::int64_t c = 0; c < 13; ++c) {
                const auto value = x[w][t][c].item<float>(), after = rounded[w][t][c].item<float>();
                ++expected.elements;
                expected.zero += after == 0;
                expected.lost += after == 0 && value != 0;
                // Beyond what the largest code stands for, by more than the half step that rounding may take.
                const float step = scheme == QLatin1String("per_tensor") ? (symmetric ? 9.0F / 15 : 17.0F / 31)
                    : scheme == QLatin1String("per_channel")             ? (symmetric ? 1.5F / 15 : 2.7F / 31)
                                                                         : 0;
                if (step > 0)
                    expected.clipped += symmetric ? std::nearbyint(std::abs(value) / step) > 15
                        : scheme == QLatin1String("per_tensor") ? value < -8 || value > 9
                                                                : value < -1.2F || value > 1.5F;
            }
    QCOMPARE(counts.elements, expected.elements);
    QCOMPARE(counts.zero, expected.zero);
    QCOMPARE(counts.lost, expected.lost);
    if (scheme == QLatin1String("cross_static"))
        QVERIFY(counts.clipped > 0);
    else   // a current cross scale is at least |x|, as t and c both are
        QCOMPARE(counts.clipped, expected.clipped);
}

void TestStudyJob::stoppedAnywhereItResumesToTheSameFigures()
{
    QTemporaryDir folder;
    const Study study = tinyStudy();
    StopAt counter(std::stop_source{}, -1);
    const StudyResult whole = runTiny(newProject(folder, "whole"), study, {}, &counter);
    const int updates = counter.seen();
    for (const int at : {1, updates / 6, updates / 3, updates / 2, updates * 4 / 5, updates - 1}) {
        const std::string name = "at" + std::to_string(at);
        {
            const auto project = newProject(folder, name.c_str());
            std::stop_source source;
            StopAt stopper(source, at);
            try {
                runTiny(project, study, source.get_token(), &stopper);
            } catch (const Cancelled&) {
            }
        }
        const auto project = newProject(folder, name.c_str());   // opened anew, as after a kill
        const std::size_t kept = studies(*project).empty() ? 0 : static_cast<std::size_t>(studies(*project).front().finished);
        QVERIFY2(kept < whole.members.size(), name.c_str());
        if (at == 1 || at >= updates / 2)
            QCOMPARE(kept > 0, at > 1);
        const StudyResult result = runTiny(project, study);
        QVERIFY(result.done);
        QCOMPARE(studies(*project).size(), std::size_t{1});
        QCOMPARE(result.members.size(), whole.members.size());
        for (std::size_t i = 0; i < whole.members.size(); ++i)
            QVERIFY2(same(result.members[i], whole.members[i]), (name + " " + whole.members[i].name).c_str());
        QCOMPARE(project->runs().size(), std::size_t{5});   // none was made twice
    }
}

void TestStudyJob::aFinishedStudyIsNotDoneAgain()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Study study = tinyStudy();
    study.recipes.clear();
    const StudyResult first = runTiny(project, study);
    StopAt counter(std::stop_source{}, -1);
    study.limits = {1, 2};   // judged otherwise, measured the same
    const StudyResult second = runTiny(project, study, {}, &counter);
    QCOMPARE(counter.seen(), 0);
    QCOMPARE(second.id, first.id);
    QCOMPARE(second.study.limits.first, 1.0);
    // Without resuming it is a new one.
    QCOMPARE(runTiny(project, study, {}, nullptr, false).id, std::string("study-002"));
    QCOMPARE(project->runs().size(), std::size_t{8});
}

void TestStudyJob::anotherStudyTakesTheMembersThatItShares()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Study study = tinyStudy();
    study.recipes.clear();
    const StudyResult first = runTiny(project, study);
    study.weightBits = {4, 8};
    const StudyResult second = runTiny(project, study);
    QCOMPARE(second.id, std::string("study-002"));
    QCOMPARE(second.reused, 4);
    QVERIFY(same(row(second, "GPTQ W4 g32 A4 cross α 0.15"), row(first, "GPTQ W4 g32 A4 cross α 0.15")));
    QCOMPARE(row(second, "GPTQ W4 g32 A16").run, row(first, "GPTQ W4 g32 A16").run);
}

void TestStudyJob::severalTextsAreEachMeasured()
{
    QTemporaryDir folder;
    const QString other = folder.filePath(QStringLiteral("other.txt"));
    QFile file(other);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(QByteArray("The second text says another thing, again and again, in words of its own. ").repeated(40));
    file.close();
    Study study = tinyStudy();
    study.recipes.clear();
    study.methods.clear();
    study.weightBits = {4};
    study.texts.push_back({"other", other.toStdString()});
    const StudyResult result = runTiny(newProject(folder), study);
    QCOMPARE(result.floatTexts.size(), std::size_t{2});
    QCOMPARE(result.floatWalks, 4);
    for (const StudyMemberResult& member : result.members) {
        QCOMPARE(member.texts.size(), std::size_t{2});
        SilentProgress progress;
        EvaluateJob job{tinyLlama().string(), {other.toStdString(), 3, 64}, member.recipe, tinyLlama(), {}};
        job.options.threads = 2;
        QVERIFY(same(member.texts[1], evaluate(job, progress, {})));
    }
}

void TestStudyJob::aRoundedCacheIsASettingToo()
{
    QTemporaryDir folder;
    Study study = tinyStudy();
    study.recipes.clear();
    study.methods.clear();
    study.activations.clear();
    study.weightBits = {16, 4};
    study.base.kvCache = Recipe::parse(R"({"halftone_recipe": 1, "kv_cache": {"scheme": "per_token", "bits": 4}})", "kv").kvCache;
    const StudyResult result = runTiny(newProject(folder), study);
    QCOMPARE(result.members.size(), std::size_t{2});
    for (const StudyMemberResult& member : result.members) {
        QCOMPARE(member.activations, std::string("A16 KV4"));
        QVERIFY(member.texts.front().divergence.klMean > 0);
        QVERIFY(same(member.texts.front(), evaluateTiny(tinyLlama().string(), member.recipe, tinyLlama())));
    }
}

void TestStudyJob::aDamagedMemberIsSaid()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Study study = tinyStudy();
    study.recipes.clear();
    study.methods.clear();
    study.weightBits = {4};
    runTiny(project, study);
    std::filesystem::path file;
    for (const auto& entry : std::filesystem::directory_iterator(project->folder() / "studies" / "study-001"))
        if (entry.path().filename().string().starts_with("member-001"))
            file = entry.path();
    QFile damaged(QString::fromStdString(file.string()));
    QVERIFY(damaged.open(QIODevice::ReadWrite));
    damaged.seek(20);
    damaged.write("x");
    damaged.close();
    try {
        loadStudy(*project);
        QFAIL("it was read");
    } catch (const Error& e) {
        QVERIFY(e.kind() == ErrorKind::BadFile);
        QVERIFY2(std::string(e.what()).find("SHA-256") != std::string::npos, e.what());
    }
    // One that is gone is measured anew.
    std::filesystem::remove(file);
    const StudyResult result = runTiny(project, study);
    QVERIFY(result.done);
    QCOMPARE(studies(*project).size(), std::size_t{1});
    for (const StudyMemberResult& member : result.members)
        QVERIFY(member.state == State::Done);
}

void TestStudyJob::leftoversOfAKillAreSweptAway()
{
    QTemporaryDir folder;
    Study study = tinyStudy();
    study.recipes.clear();
    study.methods.clear();
    study.weightBits = {4};
    std::filesystem::path place;
    {
        const auto project = newProject(folder);
        runTiny(project, study);
        place = project->folder() / "studies" / "study-001";
    }
    const auto count = [&] { return std::distance(std::filesystem::directory_iterator(place), std::filesystem::directory_iterator()); };
    const auto before = count();
    for (const char* name : {"member-009-0123456789ab.json", "study-0123456789ab.json"}) {
        QFile left(QString::fromStdString((place / name).string()));
        QVERIFY(left.open(QIODevice::WriteOnly));
        left.write("{}");
    }
    QCOMPARE(count(), before + 2);
    const auto project = newProject(folder);
    QCOMPARE(count(), before);
    QVERIFY(loadStudy(*project).done);
}

void TestStudyJob::faultsAreSaid()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const auto subjectOf = [&](const Study& study) -> std::string {
        try {
            runTiny(project, study);
        } catch (const Error& e) {
            return e.subject();
        }
        return "none";
    };
    Study study = tinyStudy();
    study.model.clear();
    QCOMPARE(subjectOf(study), std::string("/model"));
    study = tinyStudy();
    study.texts.clear();
    QCOMPARE(subjectOf(study), std::string("/evaluation/texts"));
    study = tinyStudy();
    study.calibrationText.clear();
    QCOMPARE(subjectOf(study), std::string("/calibration_text"));
    study = tinyStudy();
    study.groups = {7};
    study.weightBits = {4};
    study.recipes.clear();
    QCOMPARE(subjectOf(study), std::string("/axes"));
    QVERIFY(studies(*project).empty());
}

QTEST_GUILESS_MAIN(TestStudyJob)
#include "tst_study_job.moc"
