#include "tiny_model.h"

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/methods/hessian.h"
#include "core/model/model.h"
#include "core/pipeline/run_difference.h"
#include "core/pipeline/text_length.h"
#include "core/project/quantized_model.h"
#include "core/project/run_edit.h"
#include "core/project/run_store.h"
#include "core/quant/weight_quantizer.h"
#include "core/text/corpus.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

using namespace halftone;
using namespace halftone::testing;

namespace {

const std::string kRtn = R"({"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32}})";
const std::string kGptq = R"({"rounding": {"method": "gptq"}, "weights": {"bits": 3, "group": 32}})";

/// Requests a stop at the n-th update.
class StopAt final : public Progress {
public:
    StopAt(std::stop_source source, int at) : m_source(std::move(source)), m_at(at) {}
    void begin(std::string_view, std::int64_t, std::string_view, std::int64_t) override {}
    void update(std::int64_t, std::string_view) override
    {
        if (++m_seen == m_at)
            m_source.request_stop();
    }
    void note(std::string_view) override {}
    int seen() const { return m_seen; }

private:
    std::stop_source m_source;
    int m_at, m_seen = 0;
};

} // namespace

class TestQuantizeJob : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void roundingToNearestStoresTheNearestCodes();
    void outputMseIsTheErrorOnTheActivationsTheRunSaw();
    void gptqIsBetterThanNearestOnTheOutputs();
    void sameSeedGivesTheSameBytes();
    void cancelledAnywhereItResumesToTheSameBytes();
    void aSpilledStreamGivesTheSameBytes();
    void calibrationOnTheWholeBlockIsPossibleToo();
    void staticActivationGridsKeepTheRangesOfTheQuantizedStream();
    void theCacheIsRoundedInTheStreamWhereActivationsAre();
    void aRoundedCacheResumesToTheSameBytes();
    void resumeRefusesOtherInputs();
    void aRunThatDiffersIsRefusedWithWhatDiffers();
    void differencesNameEachPartAndTheFirstBlock();
    void aBranchTakesOverTheBlocksBeforeItsFirstChange();
    void aBranchOfAnUnfinishedRunIsANewRunThatCanBeGoneOnWith();
    void aRecipeThatQuantizesNothingIsAnError();
    void aTextTooShortNamesFileAndTokens();
    void ofAShortTextAllSamplesAreTakenAndItIsSaid();
    void theLengthOfATextIsToldBeforeTheJob();
    void aRecipeThatLearnsNothingNeedsNoText();
    void withoutATokenizerNearestIsRoundedAllTheSame();
    void whatLearnsNeedsAText_data();
    void whatLearnsNeedsAText();
    void textsOfSeveralFilesAreOneCalibration();
};

void TestQuantizeJob::roundingToNearestStoresTheNearestCodes()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const QuantizeResult result = quantizeTiny(project, tinyRecipe(kRtn));
    QCOMPARE(result.run.state, std::string("done"));
    const auto model = Model::open(tinyLlama());
    QCOMPARE(result.linears.size(), model->linears().size());
    WeightGrid grid;
    grid.bits = 4;
    grid.group = 32;
    for (int b = 0; b < model->config().blocks; ++b) {
        const StoredBlock stored = loadBlock(*project, result.run.id, b);
        for (const StoredLinear& linear : stored.linears) {
            const QuantizedWeight expected = quantizeToNearest(model->weight(linear.name + ".weight"), grid);
            QVERIFY2(at::equal(expected.codes, linear.weight->codes), linear.name.c_str());
            QVERIFY2(at::equal(expected.dequantize(), linear.weight->dequantize()), linear.name.c_str());
        }
    }
}

void TestQuantizeJob::outputMseIsTheErrorOnTheActivationsTheRunSaw()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const Recipe recipe = tinyRecipe(kRtn);
    const QuantizeResult result = quantizeTiny(project, recipe);
    const at::NoGradGuard noGrad;
    const auto model = Model::open(tinyLlama());
    const auto tokenizer = model->tokenizer();
    const TokenWindows windows = sampleWindows(*tokenizer, readText(tinyText()), "text", recipe.calibration.samples, recipe.calibration.length, 0);
    const auto run = openRun(model, project, result.run.id);
    at::Tensor hidden = model->embed(windows.ids);
    hidden = run->block(0).forward(hidden);
    // The second block's attention input depends on nothing of that block: it is what its q_proj was measured on.
    const DecoderBlock original = model->block(1);
    const at::Tensor x = original.attentionInput(hidden).reshape({-1, model->config().hidden});
    const DecoderBlock rounded = run->block(1);
    for (std::size_t i = 0; i < original.linears().size(); ++i) {
        const Linear& linear = original.linears()[i];
        if (linear.info.site != SiteKind::AttentionInput)
            continue;
        const double expected = at::matmul(x, (linear.weight - rounded.linears()[i].weight).t()).square().mean().item<double>();
        const auto found = std::find_if(result.linears.begin(), result.linears.end(), [&](const LinearResult& r) { return r.linear == linear.info.name; });
        QVERIFY(found != result.linears.end());
        QVERIFY2(std::abs(found->outputMse - expected) <= 1e-4 * expected, qPrintable(QStringLiteral("%1 against %2").arg(found->outputMse).arg(expected)));
    }
}

void TestQuantizeJob::gptqIsBetterThanNearestOnTheOutputs()
{
    QTemporaryDir folder;
    const auto a = newProject(folder, "a");
    const auto b = newProject(folder, "b");
    const QuantizeResult nearest = quantizeTiny(a, tinyRecipe(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 3, "group": 32}})"));
    const QuantizeResult gptq = quantizeTiny(b, tinyRecipe(kGptq));
    double sumNearest = 0;
    double sumGptq = 0;
    for (std::size_t i = 0; i < nearest.linears.size(); ++i) {
        sumNearest += std::log(nearest.linears[i].outputMse);
        sumGptq += std::log(gptq.linears[i].outputMse);
        QCOMPARE(gptq.linears[i].method, std::string("gptq"));
        QVERIFY(gptq.linears[i].damping > 0);
    }
    QVERIFY2(sumGptq < sumNearest, qPrintable(QStringLiteral("%1 against %2").arg(sumGptq).arg(sumNearest)));
}

void TestQuantizeJob::sameSeedGivesTheSameBytes()
{
    QTemporaryDir folder;
    const auto a = newProject(folder, "a");
    const auto b = newProject(folder, "b");
    const std::string runA = quantizeTiny(a, tinyRecipe(kGptq)).run.id;
    const std::string runB = quantizeTiny(b, tinyRecipe(kGptq)).run.id;
    QVERIFY(!blockHashes(*a, runA).empty());
    QCOMPARE(blockHashes(*a, runA), blockHashes(*b, runB));
}

void TestQuantizeJob::cancelledAnywhereItResumesToTheSameBytes()
{
    QTemporaryDir folder;
    const Recipe recipe = tinyRecipe(kGptq);
    const auto whole = newProject(folder, "whole");
    StopAt counter(std::stop_source{}, -1);
    const std::string wholeRun = quantizeTiny(whole, recipe, {}, true, 0, &counter).run.id;
    const std::vector<std::string> expected = blockHashes(*whole, wholeRun);
    const int updates = counter.seen();
    QVERIFY(updates > 20);
    for (const int at : {1, updates / 5, updates / 2, updates * 3 / 4, updates - 1}) {
        const auto project = newProject(folder, qPrintable(QStringLiteral("at%1").arg(at)));
        std::stop_source source;
        StopAt stopper(source, at);
        bool cancelled = false;
        try {
            quantizeTiny(project, recipe, source.get_token(), true, 0, &stopper);
        } catch (const Cancelled&) {
            cancelled = true;
        }
        const std::size_t runsBefore = project->runs().size();
        const QuantizeResult result = quantizeTiny(project, recipe);
        QVERIFY(cancelled || at == updates - 1);
        QCOMPARE(project->runs().size(), cancelled ? runsBefore : runsBefore + 1);
        QCOMPARE(blockHashes(*project, result.run.id), expected);
    }
}

void TestQuantizeJob::aSpilledStreamGivesTheSameBytes()
{
    QTemporaryDir folder;
    const auto a = newProject(folder, "a");
    const auto b = newProject(folder, "b");
    const std::string runA = quantizeTiny(a, tinyRecipe(kGptq)).run.id;
    const std::string runB = quantizeTiny(b, tinyRecipe(kGptq), {}, true, 1000).run.id;
    QCOMPARE(blockHashes(*b, runB), blockHashes(*a, runA));
}

void TestQuantizeJob::calibrationOnTheWholeBlockIsPossibleToo()
{
    QTemporaryDir folder;
    const auto a = newProject(folder, "a");
    const auto b = newProject(folder, "b");
    const QuantizeResult sequential = quantizeTiny(a, tinyRecipe(kGptq));
    const QuantizeResult whole =
        quantizeTiny(b, tinyRecipe(R"({"rounding": {"method": "gptq", "true_sequential": false}, "weights": {"bits": 3, "group": 32}})"));
    // Nothing before q, k and v differs in block 0; what follows sees other activations.
    const StoredBlock first = loadBlock(*a, sequential.run.id, 0);
    const StoredBlock second = loadBlock(*b, whole.run.id, 0);
    bool later = false;
    const auto model = Model::open(tinyLlama());
    for (std::size_t i = 0; i < first.linears.size(); ++i) {
        const bool same = at::equal(first.linears[i].weight->codes, second.linears[i].weight->codes);
        if (model->linears()[i].site == SiteKind::AttentionInput)
            QVERIFY(same);
        else
            later = later || !same;
    }
    QVERIFY(later);
}

void TestQuantizeJob::staticActivationGridsKeepTheRangesOfTheQuantizedStream()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const Recipe recipe = tinyRecipe(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 8}, "activations": {"scheme": "per_tensor", "bits": 8}})");
    const QuantizeResult result = quantizeTiny(project, recipe);
    const at::NoGradGuard noGrad;
    const auto model = Model::open(tinyLlama());
    const auto tokenizer = model->tokenizer();
    const TokenWindows windows = sampleWindows(*tokenizer, readText(tinyText()), "text", recipe.calibration.samples, recipe.calibration.length, 0);
    const at::Tensor x = model->block(0).attentionInput(model->embed(windows.ids));
    const StoredBlock stored = loadBlock(*project, result.run.id, 0);
    QCOMPARE(stored.linears[0].activations.scheme, ActivationScheme::PerTensor);
    QCOMPARE(stored.linears[0].ranges.absmax(), x.abs().max().item<float>());
}

/// As the papers calibrate: weight-only runs never see the cache's grid, runs that round activations do, beginning with what attention gives.
void TestQuantizeJob::theCacheIsRoundedInTheStreamWhereActivationsAre()
{
    QTemporaryDir folder;
    const auto changed = [&](const std::string& defaults, const char* name) {
        Recipe recipe = tinyRecipe(defaults);
        const auto plain = newProject(folder, (std::string(name) + "-plain").c_str()), rounded = newProject(folder, (std::string(name) + "-rounded").c_str());
        const std::string a = quantizeTiny(plain, recipe).run.id;
        recipe.kvCache = {KvCacheGrid::Scheme::PerToken, 3, false, KvCacheGrid::Position::PreRope, false, {}};
        const QuantizeResult result = quantizeTiny(rounded, recipe);
        if (!(Recipe::parse(rounded->run(result.run.id).recipeJson, "run").kvCache == recipe.kvCache))
            throw std::runtime_error("the run forgot its KV cache");
        std::vector<std::string> linears;
        const auto model = Model::open(tinyLlama());
        for (int b = 0; b < model->config().blocks; ++b) {
            const StoredBlock first = loadBlock(*plain, a, b), second = loadBlock(*rounded, result.run.id, b);
            for (std::size_t i = 0; i < first.linears.size(); ++i)
                if (!at::equal(first.linears[i].weight->codes, second.linears[i].weight->codes))
                    linears.push_back(first.linears[i].name);
        }
        return linears;
    };
    QVERIFY(changed(kGptq, "weights").empty());
    const std::vector<std::string> linears =
        changed(R"({"rounding": {"method": "gptq"}, "weights": {"bits": 3, "group": 32}, "activations": {"scheme": "per_token", "bits": 8}})", "activations");
    QVERIFY(std::count_if(linears.begin(), linears.end(), [](const std::string& name) { return name.ends_with("layers.0.self_attn.o_proj"); }) == 1);
    QVERIFY(std::none_of(linears.begin(), linears.end(), [](const std::string& name) { return name.ends_with("layers.0.self_attn.q_proj"); }));
}

void TestQuantizeJob::aRoundedCacheResumesToTheSameBytes()
{
    QTemporaryDir folder;
    Recipe recipe = tinyRecipe(R"({"rounding": {"method": "gptq"}, "weights": {"bits": 3, "group": 32}, "activations": {"scheme": "per_token", "bits": 8}})");
    recipe.kvCache = {KvCacheGrid::Scheme::PerTokenHead, 4, false, KvCacheGrid::Position::PostRope, true, {}};
    const auto whole = newProject(folder, "whole"), project = newProject(folder, "cut");
    StopAt counter(std::stop_source{}, -1);
    const std::string wholeRun = quantizeTiny(whole, recipe, {}, true, 0, &counter).run.id;
    std::stop_source source;
    StopAt stopper(source, counter.seen() * 3 / 4);
    QVERIFY_THROWS_EXCEPTION(Cancelled, quantizeTiny(project, recipe, source.get_token(), true, 0, &stopper));
    const QuantizeResult result = quantizeTiny(project, recipe);
    QCOMPARE(project->runs().size(), std::size_t{1});
    QCOMPARE(blockHashes(*project, result.run.id), blockHashes(*whole, wholeRun));
    QCOMPARE(result.run.canaryPerplexity, whole->run(wholeRun).canaryPerplexity);
}

void TestQuantizeJob::resumeRefusesOtherInputs()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    std::stop_source source;
    StopAt stopper(source, 40);
    QVERIFY_THROWS_EXCEPTION(Cancelled, quantizeTiny(project, tinyRecipe(kGptq), source.get_token(), true, 0, &stopper));
    const QuantizeResult other = quantizeTiny(project, tinyRecipe(kRtn));
    QCOMPARE(project->runs().size(), std::size_t{2});
    QCOMPARE(other.linears.front().method, std::string("rtn"));
}

void TestQuantizeJob::aRunThatDiffersIsRefusedWithWhatDiffers()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    std::stop_source source;
    StopAt stopper(source, 40);
    QVERIFY_THROWS_EXCEPTION(Cancelled, quantizeTiny(project, tinyRecipe(kGptq), source.get_token(), true, 0, &stopper));
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = tinyRecipe(kGptq);
    job.text = tinyText();
    job.project = project;
    job.refuseOther = true;
    job.recipe.calibration.seed = 7;
    job.options.threads = 2;
    SilentProgress silent;
    try {
        quantize(job, silent, {});
        QFAIL("no error");
    } catch (const Error& e) {
        QCOMPARE(e.kind(), ErrorKind::InvalidArgument);
        QVERIFY2(std::string(e.what()).find("run-001") != std::string::npos && std::string(e.what()).find("seed 0, now 7") != std::string::npos, e.what());
    }
    QCOMPARE(project->runs().size(), std::size_t{1});
    job.recipe.calibration.seed = 0;
    job.options.threads = 1;   // no difference: results do not hang on it
    QCOMPARE(quantize(job, silent, {}).run.id, std::string("run-001"));
}

void TestQuantizeJob::differencesNameEachPartAndTheFirstBlock()
{
    const std::string four = R"({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}})";   // which every contract takes
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const RunInfo run = quantizeTiny(project, tinyRecipe(four)).run;
    const auto model = Model::open(tinyLlama())->describe();
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = tinyRecipe(four);
    job.text = tinyText();
    job.project = project;
    job.options.threads = 2;
    const auto difference = [&] { return differenceTo(project->run(run.id), inputsOf(job), job.recipe, model); };
    const auto words = [&] {
        std::string all;
        for (const RunDifference::Part& part : difference().parts)
            all += part.what + ";";
        return all;
    };
    QVERIFY2(difference().same(), difference().sentence().c_str());
    QCOMPARE(difference().shared, model.config.blocks);

    job.recipe = tinyRecipe(four, R"([{"match": "model.layers.1.*", "weights": {"bits": 8}}])");
    QCOMPARE(difference().firstBlock, 1);
    QCOMPARE(difference().shared, 1);
    QVERIFY2(words().find("from block 1 on") != std::string::npos, words().c_str());

    job.recipe = tinyRecipe(four);
    job.recipe.calibration.seed = 7;
    QCOMPARE(words(), std::string("seed;"));
    QCOMPARE(difference().shared, 0);
    job.recipe.calibration.seed = 0;
    job.recipe.contract = "vllm";
    QCOMPARE(words(), std::string("contract;"));
    QCOMPARE(difference().shared, model.config.blocks);
    job.recipe.contract = "";

    const std::string other = folder.filePath(QStringLiteral("other.txt")).toStdString();
    {
        QFile file(QString::fromStdString(other));
        QVERIFY(file.open(QIODevice::WriteOnly));
        const std::string text = readTextFile(tinyText(), 1 << 24);
        file.write("Something else stands first. ");
        file.write(text.data(), static_cast<qint64>(text.size()));
    }
    job.text = other;
    QCOMPARE(words(), std::string("text;"));
    QVERIFY2(difference().sentence().find(other) != std::string::npos, difference().sentence().c_str());
}

void TestQuantizeJob::aBranchTakesOverTheBlocksBeforeItsFirstChange()
{
    QTemporaryDir folder;
    const auto project = newProject(folder, "branched"), whole = newProject(folder, "whole");
    const Recipe changed = tinyRecipe(kGptq, R"([{"match": "model.layers.1.*", "weights": {"bits": 4}}])");
    const std::string first = quantizeTiny(project, tinyRecipe(kGptq)).run.id;
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = changed;
    job.text = tinyText();
    job.project = project;
    job.branchFrom = first;
    job.options.threads = 2;
    int computed = 0, told = 0;
    job.training = {};
    job.blockDone = [&](const BlockResult&) { ++told; };
    class Notes final : public Progress {
    public:
        void begin(std::string_view, std::int64_t, std::string_view, std::int64_t) override {}
        void update(std::int64_t, std::string_view) override {}
        void note(std::string_view sentence) override { all += std::string(sentence) + "\n"; }
        std::string all;
    } notes;
    const QuantizeResult branch = quantize(job, notes, {});
    QCOMPARE(branch.run.id, std::string("run-002"));
    QVERIFY2(notes.all.find("run-002 takes over the first 1 of") != std::string::npos, notes.all.c_str());
    QCOMPARE(told, branch.run.blocks);
    for (const auto& entry : std::filesystem::directory_iterator(project->folder() / "runs" / "run-002"))
        computed += entry.path().extension() == ".h5" ? 1 : 0;
    QCOMPARE(computed, branch.run.blocks - 1);   // the first block's file is the other run's

    // The same bytes as without branching.
    const std::string anew = quantizeTiny(whole, changed).run.id;
    std::vector<std::string> expected = blockHashes(*whole, anew), mine = blockHashes(*project, "run-002");
    QCOMPARE(std::vector<std::string>(expected.begin() + 1, expected.end()), mine);
    QCOMPARE(blockHashes(*project, first).front(), expected.front());

    // Gone is gone, but what another run shares stays.
    removeRun(*project, first);
    QCOMPARE(project->runs().size(), std::size_t{1});
    for (int b = 0; b < branch.run.blocks; ++b)
        QCOMPARE(loadBlock(*project, "run-002", b).block, b);
    int left = 0;
    for (const auto& entry : std::filesystem::directory_iterator(project->folder() / "runs" / first))
        left += entry.path().extension() == ".h5" ? 1 : 0;
    QCOMPARE(left, 1);

    // Nothing in common from the first block on: no branch.
    job.branchFrom = "run-002";
    job.recipe = tinyRecipe(kRtn);
    QVERIFY_THROWS_EXCEPTION(Error, quantize(job, notes, {}));
}

void TestQuantizeJob::aBranchOfAnUnfinishedRunIsANewRunThatCanBeGoneOnWith()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = tinyRecipe(kGptq);
    job.text = tinyText();
    job.project = project;
    job.options.threads = 2;
    std::stop_source first, second;
    job.blockDone = [&](const BlockResult&) { first.request_stop(); };
    SilentProgress silent;
    QVERIFY_THROWS_EXCEPTION(Cancelled, quantize(job, silent, first.get_token()));
    job.branchFrom = "run-001";   // the same in everything, yet a branch is asked for
    job.blockDone = {};
    StopAt stopper(second, 1);
    QVERIFY_THROWS_EXCEPTION(Cancelled, quantize(job, stopper, second.get_token()));
    QCOMPARE(project->runs().size(), std::size_t{2});
    QCOMPARE(quantize(job, silent, {}).run.id, std::string("run-002"));
    QCOMPARE(project->run("run-001").state, std::string("running"));
    QCOMPARE(project->runs().size(), std::size_t{2});
}

void TestQuantizeJob::aRecipeThatQuantizesNothingIsAnError()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    try {
        quantizeTiny(project, tinyRecipe("{}"));
        QFAIL("no error");
    } catch (const Error& e) {
        QCOMPARE(e.kind(), ErrorKind::BadFile);
        QVERIFY(std::string(e.what()).find("quantizes nothing") != std::string::npos);
    }
    QVERIFY(project->runs().empty());
}

void TestQuantizeJob::aTextTooShortNamesFileAndTokens()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Recipe recipe = tinyRecipe(kRtn);
    recipe.calibration.length = 1'000'000;
    try {
        quantizeTiny(project, recipe);
        QFAIL("no error");
    } catch (const Error& e) {
        QCOMPARE(e.kind(), ErrorKind::BadFile);
        const QString said = QString::fromUtf8(e.what());
        QVERIFY2(said.contains("tiny-text.txt") && said.contains("one window needs 1000000") && said.contains("tokens"), e.what());
    }
    QVERIFY(project->runs().empty());   // before anything was begun
}

void TestQuantizeJob::ofAShortTextAllSamplesAreTakenAndItIsSaid()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    Recipe recipe = tinyRecipe(kGptq);
    recipe.calibration.samples = 100'000;
    recipe.calibration.length = 128;
    const QuantizeResult result = quantizeTiny(project, recipe);
    QCOMPARE(result.run.state, std::string("done"));
    const auto tokens = static_cast<std::int64_t>(Model::open(tinyLlama())->tokenizer()->encode(readText(tinyText()), false).size());
    QCOMPARE(result.calibration.samples, static_cast<int>(tokens / 128));
    QCOMPARE(result.calibration.wanted, 100'000);
    QCOMPARE(result.calibration.textTokens, tokens);
    QCOMPARE(result.calibration.notes.size(), std::size_t{1});
    QVERIFY2(QString::fromStdString(result.calibration.notes[0]).startsWith(QString("%1 of 100000 samples: the text is short").arg(tokens / 128)), result.calibration.notes[0].c_str());
    // The same run as one that asks for just so many.
    Recipe exact = recipe;
    exact.calibration.samples = result.calibration.samples;
    const auto other = newProject(folder, "other");
    QCOMPARE(blockHashes(*other, quantizeTiny(other, exact).run.id), blockHashes(*project, result.run.id));
}

void TestQuantizeJob::theLengthOfATextIsToldBeforeTheJob()
{
    const TextLength length = measureText(tinyLlama(), tinyText());
    QVERIFY(length.exact);
    QCOMPARE(length.tokens, static_cast<std::int64_t>(Model::open(tinyLlama())->tokenizer()->encode(readText(tinyText()), false).size()));
    QCOMPARE(length.samples({100'000, 64, 0}), static_cast<int>(length.tokens / 64));
    QCOMPARE(length.samples({3, 64, 0}), 3);
    QVERIFY(length.problem(64).empty());
    QVERIFY(QString::fromStdString(length.problem(1 << 20)).contains(QString("%1 tokens").arg(length.tokens)));
    // A long text is counted in parts, from its start.
    QTemporaryDir folder;
    const std::string text = readText(tinyText());
    const auto file = std::filesystem::path(folder.path().toStdString()) / "long.txt";
    std::ofstream out(file, std::ios::binary);
    std::size_t copies = 0;
    for (; copies * text.size() < (10u << 20); ++copies)
        out << text;
    out.close();
    const TextLength estimate = measureText(tinyLlama(), file);
    QVERIFY(!estimate.exact);
    const double expected = static_cast<double>(length.tokens) * static_cast<double>(copies);
    QVERIFY2(std::abs(static_cast<double>(estimate.tokens) / expected - 1) < 0.02, qPrintable(QString("%1 against %2").arg(estimate.tokens).arg(expected)));
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_THROWS_EXCEPTION(Cancelled, measureText(tinyLlama(), file, stop.get_token()));
}

void TestQuantizeJob::aRecipeThatLearnsNothingNeedsNoText()
{
    QTemporaryDir folder;
    const auto with = newProject(folder, "with");
    const auto without = newProject(folder, "without");
    const Recipe recipe = tinyRecipe(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32}, "activations": {"scheme": "per_token", "bits": 8}})");
    const QuantizeResult read = quantizeTiny(with, recipe);
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = recipe;
    job.project = without;
    job.options.threads = 2;
    SilentProgress silent;
    const QuantizeResult result = quantize(job, silent, {});
    QCOMPARE(result.run.state, std::string("done"));
    QCOMPARE(result.linears.size(), read.linears.size());
    for (int b = 0; b < Model::open(tinyLlama())->config().blocks; ++b) {
        const StoredBlock one = loadBlock(*with, read.run.id, b), other = loadBlock(*without, result.run.id, b);
        for (std::size_t i = 0; i < one.linears.size(); ++i) {
            QVERIFY(at::equal(one.linears[i].weight->codes, other.linears[i].weight->codes));
            QVERIFY(at::equal(one.linears[i].weight->scales.scale, other.linears[i].weight->scales.scale));
        }
    }
    QVERIFY(result.run.canaryReference > 0);   // on the built-in text
    QVERIFY(std::all_of(result.linears.begin(), result.linears.end(), [](const LinearResult& linear) { return linear.outputMse > 0; }));
    QCOMPARE(result.calibration.notes.size(), std::size_t{1});
    QVERIFY2(QString::fromStdString(result.calibration.notes[0]).contains("built-in text"), result.calibration.notes[0].c_str());
}

void TestQuantizeJob::withoutATokenizerNearestIsRoundedAllTheSame()
{
    QTemporaryDir folder;
    const auto model = std::filesystem::path(folder.path().toStdString()) / "model";
    std::filesystem::create_directories(model);
    for (const auto& entry : std::filesystem::directory_iterator(tinyLlama()))
        if (!entry.path().filename().string().starts_with("token"))
            std::filesystem::copy(entry.path(), model / entry.path().filename());
    const auto project = Project::open(std::filesystem::path(folder.path().toStdString()) / "p.halftone", model);
    QuantizeJob job;
    job.model = model;
    job.recipe = tinyRecipe(kRtn);
    job.project = project;
    job.options.threads = 2;
    SilentProgress silent;
    const QuantizeResult result = quantize(job, silent, {});
    QCOMPARE(result.run.state, std::string("done"));
    QVERIFY(std::all_of(result.linears.begin(), result.linears.end(), [](const LinearResult& linear) { return std::isnan(linear.outputMse) && linear.weightSqnrDb > 10; }));
    QCOMPARE(result.run.canaryReference, 0.0);
    QVERIFY2(QString::fromStdString(result.calibration.notes.at(0)).contains("no tokenizer"), result.calibration.notes[0].c_str());
    const auto whole = newProject(folder, "whole");
    const QuantizeResult read = quantizeTiny(whole, job.recipe);
    const StoredBlock one = loadBlock(*whole, read.run.id, 1), other = loadBlock(*project, result.run.id, 1);
    for (std::size_t i = 0; i < one.linears.size(); ++i)
        QVERIFY(at::equal(one.linears[i].weight->codes, other.linears[i].weight->codes));
}

void TestQuantizeJob::whatLearnsNeedsAText_data()
{
    QTest::addColumn<QString>("defaults");
    QTest::addColumn<QString>("learner");
    QTest::newRow("GPTQ") << R"({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}})" << "gptq";
    QTest::newRow("SmoothQuant") << R"({"transform": {"method": "smoothquant"}, "weights": {"bits": 8}, "activations": {"scheme": "per_token"}})" << "smoothquant";
    QTest::newRow("static grid") << R"({"weights": {"bits": 8}, "activations": {"scheme": "per_tensor"}})" << "per_tensor";
    QTest::newRow("LoRC that weighs its error") << R"({"weights": {"bits": 3, "group": 32}, "compensation": {"method": "lorc", "whiten": true}})" << "lorc";
}

void TestQuantizeJob::whatLearnsNeedsAText()
{
    QFETCH(QString, defaults);
    QFETCH(QString, learner);
    QTemporaryDir folder;
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = tinyRecipe(defaults.toStdString());
    job.project = newProject(folder);
    SilentProgress silent;
    try {
        quantize(job, silent, {});
        QFAIL("no error");
    } catch (const Error& e) {
        QCOMPARE(e.kind(), ErrorKind::InvalidArgument);
        QVERIFY2(QString::fromUtf8(e.what()).contains(learner), e.what());
    }
    QVERIFY(job.project->runs().empty());
}

void TestQuantizeJob::textsOfSeveralFilesAreOneCalibration()
{
    QTemporaryDir folder;
    const std::string text = readText(tinyText());
    const std::size_t cut = text.find("\n\n", text.size() / 2);
    QVERIFY(cut != std::string::npos);
    const std::filesystem::path base(folder.path().toStdString());
    std::ofstream(base / "a.txt", std::ios::binary) << text.substr(0, cut);
    std::ofstream(base / "b.txt", std::ios::binary) << text.substr(cut + 2);
    QuantizeJob job;
    job.model = tinyLlama();
    job.recipe = tinyRecipe(kGptq);
    job.recipe.calibration.seed = 5;
    job.text.paths = {base / "a.txt", base / "b.txt"};
    job.project = newProject(folder, "parts");
    job.options.threads = 2;
    SilentProgress silent;
    const QuantizeResult parts = quantize(job, silent, {});
    const auto whole = newProject(folder, "whole");
    const QuantizeResult one = quantizeTiny(whole, job.recipe);
    QCOMPARE(blockHashes(*job.project, parts.run.id), blockHashes(*whole, one.run.id));
    QVERIFY(std::any_of(parts.calibration.notes.begin(), parts.calibration.notes.end(), [](const std::string& note) { return note.find("2 files") != std::string::npos; }));
    // Other texts are another run.
    std::ofstream(base / "b.txt", std::ios::binary) << text.substr(cut + 200);
    QVERIFY(quantize(job, silent, {}).run.id != parts.run.id);
}

QTEST_GUILESS_MAIN(TestQuantizeJob)
#include "tst_quantize_job.moc"
