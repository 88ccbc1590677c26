#include "tiny_model.h"

#include "core/base/error.h"

#include <QtTest>

#include <cmath>

using namespace halftone;
using namespace halftone::testing;

class TestEvaluateJob : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aRecipeOnTheFlyEqualsItsRun_data();
    void aRecipeOnTheFlyEqualsItsRun();
    void roundedActivationsDoNotDependOnThreads();
    void aModelAgainstItselfDiverges0();
    void moreBitsDivergeLess();
    void aRoundedCacheAloneCanBeEvaluated();
    void crossWithAlphaOneIsPerTokenButForTheServedGrid();
    void aRecipeOnARunIsRefused();

private:
    static Evaluation evaluateTiny(const std::string& target, std::optional<Recipe> recipe = {}, const std::filesystem::path& against = {},
                                   int threads = 2)
    {
        SilentProgress progress;
        EvaluateJob job{target, {tinyText(), 4, 64}, std::move(recipe), against, {}};
        job.options.threads = threads;
        return evaluate(job, progress, {});
    }
};

void TestEvaluateJob::aRecipeOnTheFlyEqualsItsRun_data()
{
    QTest::addColumn<QString>("contract");
    QTest::addColumn<QString>("cache");
    for (const char* contract : {"", "transformers", "vllm"})
        QTest::addRow("contract \"%s\"", contract) << contract << "";
    QTest::newRow("KV cache") << "" << R"({"scheme": "per_token", "bits": 4, "position": "pre_rope"})";
    QTest::newRow("KV cache as served") << "transformers" << R"({"scheme": "per_token_head", "bits": 8})";
}

void TestEvaluateJob::aRecipeOnTheFlyEqualsItsRun()
{
    QFETCH(QString, contract);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Recipe recipe = tinyRecipe(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32}, "activations": {"scheme": "per_token", "bits": 8}})");
    recipe.contract = contract.toStdString();
    QFETCH(QString, cache);
    if (!cache.isEmpty())
        recipe.kvCache = Recipe::parse(R"({"halftone_recipe": 1, "kv_cache": )" + cache.toStdString() + "}", "cache").kvCache;
    quantizeTiny(project, recipe);
    const Evaluation run = evaluateTiny(project->folder().string());
    const Evaluation fly = evaluateTiny(tinyLlama().string(), recipe);
    QCOMPARE(run.perplexity.perplexity, fly.perplexity.perplexity);
    QCOMPARE(run.perplexity.tokens, std::int64_t{4 * 63});
    const std::string grid = contract == QLatin1String("vllm") ? "vLLM's" : "transformers'";
    QCOMPARE(run.activationGrid, grid);
    QCOMPARE(fly.activationGrid, grid);
}

/// Where a last bit decides a rounding, sums must not depend on how the work was cut.
void TestEvaluateJob::roundedActivationsDoNotDependOnThreads()
{
    const Recipe recipe = tinyRecipe(R"({"activations": {"scheme": "per_token", "bits": 4}})");
    const double one = evaluateTiny(tinyLlama().string(), recipe, {}, 1).perplexity.perplexity;
    QCOMPARE(evaluateTiny(tinyLlama().string(), recipe, {}, 2).perplexity.perplexity, one);
    QCOMPARE(evaluateTiny(tinyLlama().string(), recipe, {}, 3).perplexity.perplexity, one);
}

void TestEvaluateJob::aModelAgainstItselfDiverges0()
{
    const Evaluation e = evaluateTiny(tinyLlama().string(), {}, tinyLlama());
    QVERIFY(e.hasDivergence);
    QVERIFY(e.divergence.klMax < 1e-6);
    QCOMPARE(e.divergence.top1Agreement, 1.0);
    QCOMPARE(e.divergence.referencePerplexity, e.perplexity.perplexity);
}

void TestEvaluateJob::moreBitsDivergeLess()
{
    double before = 1e9;
    for (const int bits : {2, 3, 4, 8}) {
        const Recipe recipe = tinyRecipe(R"({"weights": {"bits": )" + std::to_string(bits) + R"(, "group": 32}})");
        const double kl = evaluateTiny(tinyLlama().string(), recipe, tinyLlama()).divergence.klMean;
        QVERIFY2(kl < before, qPrintable(QStringLiteral("%1 bits: %2, before %3").arg(bits).arg(kl).arg(before)));
        before = kl;
    }
}

/// A recipe of the cache alone is a recipe; four bits of it cost more than eight, and a float cache is the float model.
void TestEvaluateJob::aRoundedCacheAloneCanBeEvaluated()
{
    const auto kl = [](const std::string& cache) {
        Recipe recipe;
        recipe.kvCache = Recipe::parse(R"({"halftone_recipe": 1, "kv_cache": )" + cache + "}", "cache").kvCache;
        return evaluateTiny(tinyLlama().string(), recipe, tinyLlama()).divergence.klMean;
    };
    const double four = kl(R"({"scheme": "per_token", "bits": 4})"), eight = kl(R"({"scheme": "per_token", "bits": 8})");
    QVERIFY2(four > 4 * eight && eight > 0, qPrintable(QStringLiteral("%1, %2").arg(four).arg(eight)));
    QVERIFY(kl(R"({"scheme": "per_token_head", "bits": 4})") < four);   // finer ranges
    QVERIFY(kl(R"({"scheme": "per_token", "bits": 4, "float_blocks": [0]})") < four);
    QVERIFY_THROWS_EXCEPTION(Error, kl(R"({"scheme": "per_token", "bits": 16})"));
    QVERIFY_THROWS_EXCEPTION(Error, kl(R"({"scheme": "none"})"));
}

/// Of the two, only per token is served, and on transformers' grid: 31.5 steps where Halftone's own has 31. On one grid they are the same
/// (tst_identities).
void TestEvaluateJob::crossWithAlphaOneIsPerTokenButForTheServedGrid()
{
    const auto perplexity = [](const char* activations) { return evaluateTiny(tinyLlama().string(), tinyRecipe(activations)).perplexity.perplexity; };
    const double token = perplexity(R"({"activations": {"scheme": "per_token", "bits": 6}})");
    const double one = perplexity(R"({"activations": {"scheme": "cross", "bits": 6, "alpha": 1}})");
    const double half = perplexity(R"({"activations": {"scheme": "cross", "bits": 6, "alpha": 0.5}})");
    QVERIFY2(one != token && std::abs(one / token - 1) < std::abs(half / token - 1), qPrintable(QStringLiteral("%1, %2, %3").arg(token).arg(one).arg(half)));
}

void TestEvaluateJob::aRecipeOnARunIsRefused()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const Recipe recipe = tinyRecipe(R"({"weights": {"bits": 4, "group": 32}})");
    quantizeTiny(project, recipe);
    QVERIFY_THROWS_EXCEPTION(Error, evaluateTiny(project->folder().string(), recipe));
}

QTEST_GUILESS_MAIN(TestEvaluateJob)
#include "tst_evaluate_job.moc"
