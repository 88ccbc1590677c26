#include "planted_model.h"

#include "core/base/error.h"
#include "core/exporting/export_job.h"
#include "core/model/model.h"
#include "core/pipeline/sentinels.h"
#include "core/project/quantized_model.h"
#include "core/quant/weight_quantizer.h"
#include "core/text/corpus.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <span>

using namespace halftone;
using namespace halftone::testing;

namespace {

const std::string kNearest = R"({"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32}})";

struct Planted {
    std::shared_ptr<Project> project;
    QuantizeJob job;
};

Planted jobOn(const std::filesystem::path& model, const Recipe& recipe)
{
    Planted made;
    made.project = Project::open(model.parent_path() / "p.halftone", model);
    made.job.model = model;
    made.job.recipe = recipe;
    made.job.text = tinyText();
    made.job.project = made.project;
    made.job.options.threads = 2;
    return made;
}

class Notes final : public Progress {
public:
    void begin(std::string_view, std::int64_t, std::string_view, std::int64_t) override {}
    void update(std::int64_t, std::string_view) override {}
    void note(std::string_view sentence) override { said.emplace_back(sentence); }
    std::vector<std::string> said;
};

bool contains(const std::string& text, const char* part)
{
    return text.find(part) != std::string::npos;
}

std::string failure(const std::function<void()>& work, ErrorKind kind)
{
    try {
        work();
    } catch (const Error& e) {
        return e.kind() == kind ? e.what() : std::string("of another kind: ") + e.what();
    }
    return "no error";
}

} // namespace

class TestSentinels : public QObject {
    Q_OBJECT

private:
    at::NoGradGuard m_noGrad;

private Q_SLOTS:
    void aHealthyRunRaisesNoFlag_data();
    void aHealthyRunRaisesNoFlag();
    void aWeightThatIsNoNumberStopsTheRunAtItsLinear();
    void aVanishingChannelIsFlaggedAndKept();
    void weightsCutOffAtTheEndsAreFlagged();
    void weightsOnAGridRaiseNoFlag_data();
    void weightsOnAGridRaiseNoFlag();
    void aHeldOutTextThatIsNoNumberIsFlagged_data();
    void aHeldOutTextThatIsNoNumberIsFlagged();
    void anOverflowIsCalledSoAndItsLinearNamed();
    void theJobStopsAtAFlagIfAsked();
    void anOutlierThatQuantizationBringsInIsSeenInTheKernelAndTheCanary();
    void aQuantizedStreamThatOverflowsStopsTheRun();
    void saturationHasALimitForEveryGrid();
    void nothingToDoIsAnError();
};

void TestSentinels::aHealthyRunRaisesNoFlag_data()
{
    QTest::addColumn<QString>("defaults");
    QTest::newRow("rtn w4 g32") << QString::fromStdString(kNearest);
    QTest::newRow("rtn w8 per channel") << R"({"rounding": {"method": "rtn"}, "weights": {"bits": 8}})";
    QTest::newRow("rtn w4 asymmetric, clipped") << R"({"rounding": {"method": "rtn"}, "weights": {"bits": 4, "group": 32, "symmetric": false, "clip": "mse"}})";
    QTest::newRow("gptq w4 g32") << R"({"rounding": {"method": "gptq"}, "weights": {"bits": 4, "group": 32}})";
    QTest::newRow("gptq w3 g32") << R"({"rounding": {"method": "gptq"}, "weights": {"bits": 3, "group": 32}})";
    QTest::newRow("w8a8 static") << R"({"rounding": {"method": "rtn"}, "weights": {"bits": 8}, "activations": {"scheme": "per_tensor", "bits": 8}})";
    QTest::newRow("w8a8 cross") << R"({"rounding": {"method": "rtn"}, "weights": {"bits": 8}, "activations": {"scheme": "cross", "bits": 8, "alpha": 0.15}})";
}

void TestSentinels::aHealthyRunRaisesNoFlag()
{
    QFETCH(QString, defaults);
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const QuantizeResult result = quantizeTiny(project, tinyRecipe(defaults.toStdString()));
    for (const BlockFlag& flag : result.flags)
        QFAIL(flag.sentence.c_str());
    QCOMPARE(result.run.flags, 0);
    double before = 0;
    for (const BlockResult& block : project->results(result.run.id)) {
        QVERIFY(block.canaryError > before * 0.5);   // noise only grows, save for a little luck
        QVERIFY(block.canaryError < SentinelLimits().canaryError);
        before = block.canaryError;
    }
    QVERIFY(result.run.canaryReference > 1);
    QVERIFY(std::abs(result.run.canaryPerplexity / result.run.canaryReference - 1) < 0.5);
    for (const LinearResult& linear : result.linears) {
        QVERIFY(linear.saturated > 0);
        QVERIFY(linear.peakBytes > 0);
    }
}

void TestSentinels::aWeightThatIsNoNumberStopsTheRunAtItsLinear()
{
    for (const bool quantized : {true, false}) {
        QTemporaryDir folder;
        const auto model = planted(folder, "model.layers.2.mlp.down_proj.weight", [](std::span<std::uint16_t> values, std::size_t) { values[70] = brain(std::nanf("")); });
        const Planted run = jobOn(model, tinyRecipe(kNearest, quantized ? "[]" : R"([{"match": "*.down_proj", "weights": {"bits": 16}}])"));
        SilentProgress silent;
        const std::string what = failure([&] { quantize(run.job, silent, {}); }, quantized ? ErrorKind::InvalidArgument : ErrorKind::BadFile);
        QVERIFY2(contains(what, "model.layers.2.mlp.down_proj"), what.c_str());
        QCOMPARE(run.project->runs().front().blocksDone, 2);   // what came before is kept
    }
}

void TestSentinels::aVanishingChannelIsFlaggedAndKept()
{
    QTemporaryDir folder;
    const auto model = planted(folder, "model.layers.1.mlp.up_proj.weight", [](std::span<std::uint16_t> values, std::size_t columns) {
        for (std::size_t i = 0; i < columns; ++i)
            values[5 * columns + i] = brain(1e-12f);
    });
    const Planted run = jobOn(model, tinyRecipe(kNearest));
    Notes notes;
    const QuantizeResult result = quantize(run.job, notes, {});
    QCOMPARE(result.flags.size(), std::size_t{1});
    const BlockFlag& flag = result.flags.front();
    QCOMPARE(flag.sentinel, std::string("dead_scale"));
    QCOMPARE(flag.block, 1);
    QCOMPARE(flag.subject, std::string("model.layers.1.mlp.up_proj"));
    QVERIFY2(contains(flag.sentence, "output 5, group 0") && contains(flag.sentence, "2 of 256 groups"), flag.sentence.c_str());
    QCOMPARE(result.run.state, std::string("done"));
    QVERIFY(std::find(notes.said.begin(), notes.said.end(), "flag: " + flag.sentence) != notes.said.end());
    // On disk too.
    const std::filesystem::path path = run.project->folder();
    const auto again = Project::openExisting(path, true);
    QCOMPARE(again->run(result.run.id).flags, 1);
    QCOMPARE(again->results(result.run.id)[1].flags.front().sentence, flag.sentence);
    QCOMPARE(again->run(result.run.id).canaryPerplexity, result.run.canaryPerplexity);
}

void TestSentinels::weightsCutOffAtTheEndsAreFlagged()
{
    const at::Tensor weight = at::randn({64, 256});
    for (const bool symmetric : {true, false}) {
        const WeightGrid grid{.bits = 4, .group = 32, .symmetric = symmetric};
        QuantizedWeight rounded = quantizeToNearest(weight * 0.2, grid);   // a range far too small for these weights
        rounded.codes = roundToCodes(weight, rounded.scales, grid);
        LinearResult result;
        result.linear = "cut off";
        const auto flags = inspectRounded(0, weight, rounded, result);
        QCOMPARE(flags.size(), std::size_t{1});
        QCOMPARE(flags.front().sentinel, std::string("saturation"));
        QVERIFY2(contains(flags.front().sentence, "cut off"), flags.front().sentence.c_str());
    }
}

void TestSentinels::weightsOnAGridRaiseNoFlag_data()
{
    QTest::addColumn<int>("kind");
    QTest::addColumn<bool>("symmetric");
    for (const bool symmetric : {true, false})
        for (const auto& [name, kind] : std::map<const char*, int>{{"two values", 0}, {"three values", 1}, {"a grid of 4 bits", 2}, {"groups of zeros", 3}, {"zeros but for a few", 4}})
            QTest::addRow("%s, %s", name, symmetric ? "symmetric" : "asymmetric") << kind << symmetric;
}

/// What a model holds that was trained or rounded on a coarse grid, or pruned: its rounding is exact, or as good as any.
void TestSentinels::weightsOnAGridRaiseNoFlag()
{
    QFETCH(int, kind);
    QFETCH(bool, symmetric);
    const at::Tensor codes = at::randint(-7, 8, {64, 256}, at::kFloat);
    at::Tensor weight = kind == 0 ? codes.ge(0).to(at::kFloat).mul(2).sub(1) : kind == 1 ? codes.sign() * codes.abs().gt(2) : codes.clone();
    weight = (weight * 0.0371).to(at::kBFloat16).to(at::kFloat);
    if (kind == 3)
        weight.slice(1, 32, 224).zero_();
    if (kind == 4)
        weight.mul_(at::rand_like(weight).gt(0.98));
    for (const int bits : {2, 4, 8}) {
        if (kind >= 2 && bits < 4)
            continue;   // not on that grid
        LinearResult result;
        result.linear = "on a grid";
        const WeightGrid grid{.bits = bits, .group = 32, .symmetric = symmetric};
        const auto flags = inspectRounded(0, weight, quantizeToNearest(weight, grid), result);
        QVERIFY2(flags.empty(), flags.empty() ? "" : flags.front().sentence.c_str());
        if (kind == 3)
            QVERIFY(result.saturated < 0.3);   // zeros are no ends
    }
}

void TestSentinels::theJobStopsAtAFlagIfAsked()
{
    QTemporaryDir folder;
    const auto model = planted(folder, "model.layers.1.mlp.up_proj.weight", [](std::span<std::uint16_t> values, std::size_t columns) {
        for (std::size_t i = 0; i < columns; ++i)
            values[i] = brain(1e-12f);
    });
    Planted run = jobOn(model, tinyRecipe(kNearest));
    run.job.stopAtFlags = true;
    SilentProgress silent;
    const std::string what = failure([&] { quantize(run.job, silent, {}); }, ErrorKind::BadFile);
    QVERIFY2(contains(what, "stopped at a flag: block 1, model.layers.1.mlp.up_proj"), what.c_str());
    QCOMPARE(run.project->runs().front().blocksDone, 2);
    run.job.stopAtFlags = false;
    const QuantizeResult result = quantize(run.job, silent, {});   // the same run goes on
    QCOMPARE(run.project->runs().size(), std::size_t{1});
    QCOMPARE(result.flags.size(), std::size_t{1});
}

void TestSentinels::anOutlierThatQuantizationBringsInIsSeenInTheKernelAndTheCanary()
{
    const auto model = Model::open(tinyLlama());
    std::vector<std::int32_t> ids;
    for (std::int32_t i = 0; i < 64; ++i)
        ids.push_back((37 * i + 11) % 512);
    Sentinels sentinels(*model, ids);
    const auto perToken = std::make_shared<const ActivationQuantizer>(ActivationGrid{ActivationScheme::PerToken, 8, true, 0}, ActivationRanges{});
    std::vector<BlockFlag> flags;
    for (int b = 0; b < model->config().blocks; ++b) {
        DecoderBlock block = model->block(b);
        sentinels.before(block);
        if (b == 1)
            block.linear("down_proj").weight.select(0, 7).mul_(4000);   // one channel of the hidden states runs away
        if (b > 1)
            for (Linear& linear : block.linears())
                linear.input = perToken;
        BlockResult result;
        sentinels.after(block, result);
        flags.insert(flags.end(), result.flags.begin(), result.flags.end());
    }
    const auto find = [&](const char* sentinel, int block) {
        return std::find_if(flags.begin(), flags.end(), [&](const BlockFlag& flag) { return flag.sentinel == sentinel && flag.block == block; });
    };
    QVERIFY(find("canary", 0) == flags.end());
    QVERIFY(find("canary", 1) != flags.end());
    QVERIFY2(contains(find("canary", 1)->sentence, "block 1: the canary drifts"), find("canary", 1)->sentence.c_str());
    QVERIFY(find("kernel_jump", 1) == flags.end());
    QVERIFY(find("kernel_jump", 2) != flags.end());
    QVERIFY2(contains(find("kernel_jump", 2)->sentence, "per_token grid"), find("kernel_jump", 2)->sentence.c_str());
    QVERIFY(sentinels.reference() > 1);
    QVERIFY(sentinels.perplexity() > 1);
}

void TestSentinels::aQuantizedStreamThatOverflowsStopsTheRun()
{
    const auto model = Model::open(tinyLlama());
    Sentinels sentinels(*model, {1, 2, 3, 4, 5, 6, 7, 8});
    DecoderBlock block = model->block(0);
    sentinels.before(block);
    block.linear("down_proj").weight.fill_(std::numeric_limits<float>::max());
    BlockResult result;
    const std::string what = failure([&] { sentinels.after(block, result); }, ErrorKind::BadFile);
    QVERIFY2(contains(what, "block 0") && contains(what, "its float form is fine"), what.c_str());
}

void TestSentinels::aHeldOutTextThatIsNoNumberIsFlagged_data()
{
    QTest::addColumn<float>("value");
    QTest::newRow("NaN") << std::nanf("");
    QTest::newRow("infinity") << std::numeric_limits<float>::infinity();
}

/// A token that the calibration does not use has a row of NaN: nothing of the run is harmed, but the canary that meets it must not stay silent.
void TestSentinels::aHeldOutTextThatIsNoNumberIsFlagged()
{
    QFETCH(float, value);
    QTemporaryDir folder;
    constexpr std::int32_t kBroken = 500;
    Planted run = jobOn(planted(folder, "model.embed_tokens.weight", [&](std::span<std::uint16_t> values, std::size_t columns) { values[kBroken * columns + 3] = brain(value); }),
                        tinyRecipe(kNearest));
    TokenWindows windows;
    windows.length = 32;
    windows.ids.assign(4, std::vector<std::int32_t>(32));
    for (std::size_t i = 0; i < windows.ids.size(); ++i)
        for (std::size_t j = 0; j < windows.ids[i].size(); ++j)
            windows.ids[i][j] = static_cast<std::int32_t>((31 * i + 7 * j * (i + 1) + 3) % 400);
    windows.heldOut = windows.ids.front();
    windows.heldOut[20] = kBroken;
    run.job.windows = std::make_shared<const TokenWindows>(windows);
    SilentProgress silent;
    const QuantizeResult result = quantize(run.job, silent, {});
    QCOMPARE(result.run.state, std::string("done"));
    QCOMPARE(result.flags.size(), std::size_t{1});
    QCOMPARE(result.flags.front().sentinel, std::string("canary"));
    QVERIFY2(contains(result.flags.front().sentence, "embedding"), result.flags.front().sentence.c_str());
}

void TestSentinels::anOverflowIsCalledSoAndItsLinearNamed()
{
    QTemporaryDir folder;
    const auto model = planted(folder, "model.layers.1.mlp.up_proj.weight", [](std::span<std::uint16_t> values, std::size_t) {
        std::fill(values.begin(), values.end(), brain(3e38f));
    });
    const Planted run = jobOn(model, tinyRecipe(kNearest, R"([{"match": "*.up_proj", "weights": {"bits": 16}}])"));
    SilentProgress silent;
    const std::string what = failure([&] { quantize(run.job, silent, {}); }, ErrorKind::BadFile);
    QVERIFY2(contains(what, "overflow") && contains(what, "model.layers.1.mlp.up_proj") && !contains(what, "NaN"), what.c_str());
}

void TestSentinels::saturationHasALimitForEveryGrid()
{
    const at::Tensor weight = at::randn({64, 256});
    for (const int bits : {2, 3, 4, 8})
        for (const int group : {0, 32, 128})
            for (const bool symmetric : {true, false}) {
                WeightGrid grid;
                grid.bits = bits;
                grid.group = group;
                grid.symmetric = symmetric;
                LinearResult result;
                result.linear = "gaussian";
                const auto flags = inspectRounded(0, weight, quantizeToNearest(weight, grid), result);
                QVERIFY2(flags.empty(), flags.empty() ? "" : flags.front().sentence.c_str());
                QVERIFY(result.saturated > 0 && result.saturated < saturationLimit(grid, 256));
            }
}

void TestSentinels::nothingToDoIsAnError()
{
    QTemporaryDir folder;
    const auto project = newProject(folder);
    const std::string idle = failure([&] { quantizeTiny(project, tinyRecipe(R"({"rounding": {"method": "gptq"}, "activations": {"scheme": "per_token", "bits": 8}})")); },
                                     ErrorKind::BadFile);
    QVERIFY2(contains(idle, "\"gptq\" has nothing to do"), idle.c_str());
    QVERIFY(project->runs().empty());

    EvaluateJob evaluation;
    evaluation.target = tinyLlama().string();
    evaluation.text = {tinyText(), 1, 64};
    evaluation.recipe = tinyRecipe("{}");
    evaluation.options.threads = 1;
    SilentProgress silent;
    const std::string same = failure([&] { evaluate(evaluation, silent, {}); }, ErrorKind::BadFile);
    QVERIFY2(contains(same, "the recipe changes nothing"), same.c_str());

    const QuantizeResult result = quantizeTiny(project, tinyRecipe(R"({"activations": {"scheme": "per_token", "bits": 8}})"));
    ExportJob job;
    job.project = project;
    job.run = result.run.id;
    job.format = "dense";
    job.out = std::filesystem::path(folder.path().toStdString()) / "out";
    job.dtype = "auto";
    const std::string copy = failure([&] { exportRun(job, silent, {}); }, ErrorKind::Unsupported);
    QVERIFY2(contains(copy, "no weight is quantized"), copy.c_str());
    QVERIFY(!std::filesystem::exists(job.out));
}

QTEST_GUILESS_MAIN(TestSentinels)
#include "tst_sentinels.moc"
