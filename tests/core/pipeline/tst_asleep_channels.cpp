#include "planted_model.h"

#include "core/base/error.h"
#include "core/eval/evaluate.h"
#include "core/model/model.h"
#include "core/project/quantized_model.h"
#include "core/project/run_store.h"
#include "core/text/corpus.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <QtTest>

#include <cmath>

using namespace halftone;
using namespace halftone::testing;

namespace {

constexpr std::int32_t kRare = 500;   ///< the token that the calibration lacks
constexpr std::size_t kChannels[] = {3, 40};

/// The tiny model whose embedding has two channels that only the rare token uses; `others`: what the other tokens have there.
std::filesystem::path rareModel(const QTemporaryDir& folder, float others)
{
    return planted(folder, "model.embed_tokens.weight", [&](std::span<std::uint16_t> values, std::size_t columns) {
        for (std::size_t token = 0; token < values.size() / columns; ++token)
            for (const std::size_t channel : kChannels)
                values[token * columns + channel] = brain(token == kRare ? 0.2F : (token % 2 == 0 ? others : -others));
    });
}

/// Tokens of the common part of the vocabulary; with the rare one at every ninth place where it is wanted.
TokenWindows tokens(std::size_t count, bool rare, std::size_t seed)
{
    TokenWindows windows;
    windows.length = 64;
    windows.ids.assign(count, std::vector<std::int32_t>(64));
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = 0; j < 64; ++j)
            windows.ids[i][j] = rare && j % 9 == 4 ? kRare : static_cast<std::int32_t>(((seed + 31) * (i + 1) + 7 * j * (i + 2) + j * j) % 400);
    return windows;
}

struct Ran {
    std::shared_ptr<Project> project;
    QuantizeResult result;
};

Ran quantizeRare(const QTemporaryDir& folder, const std::filesystem::path& model, const std::string& defaults, bool canaryHasIt)
{
    TokenWindows windows = tokens(8, false, 5);
    windows.heldOut = tokens(1, canaryHasIt, 77).ids.front();
    Ran ran;
    ran.project = Project::open(std::filesystem::path(folder.path().toStdString()) / "p.halftone", model);
    QuantizeJob job;
    job.model = model;
    job.recipe = tinyRecipe(defaults);
    job.project = ran.project;
    job.options.threads = 1;
    job.windows = std::make_shared<const TokenWindows>(std::move(windows));
    SilentProgress silent;
    ran.result = quantize(job, silent, {});
    return ran;
}

double klOf(const Ran& ran, const std::filesystem::path& model, bool rare)
{
    const at::NoGradGuard noGrad;
    const auto reference = Model::open(model);
    SilentProgress silent;
    return evaluateModel(*openRun(reference, ran.project, ran.result.run.id), reference.get(), tokens(4, rare, 900), {}, silent, {}).divergence.klMean;
}

} // namespace

/// Channels that the calibration text never or hardly woke, and a text that wakes them.
class TestAsleepChannels : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aTextThatWakesThemIsServedAsWell_data();
    void aTextThatWakesThemIsServedAsWell();
    void theCanaryThatWakesThemIsFlagged();
    void theirFactorIsExactlyOne_data();
    void theirFactorIsExactlyOne();
};

void TestAsleepChannels::aTextThatWakesThemIsServedAsWell_data()
{
    QTest::addColumn<QString>("defaults");
    QTest::addColumn<float>("others");
    const std::pair<const char*, const char*> ways[] = {
        {"smoothquant", R"("transform": {"method": "smoothquant"}, "activations": {"scheme": "per_token", "bits": 8})"},
        {"smoothquant 0.85", R"("transform": {"method": "smoothquant", "alpha": 0.85}, "activations": {"scheme": "per_token", "bits": 8})"},
        {"crossquant", R"("transform": {"method": "crossquant"}, "activations": {"scheme": "per_token", "bits": 8})"},
        {"awq", R"("transform": {"method": "awq"})"},
        {"omniquant", R"("transform": {"method": "omniquant", "steps": 8}, "activations": {"scheme": "per_token", "bits": 8})"},
        {"affinequant", R"("transform": {"method": "affinequant", "steps": 8}, "activations": {"scheme": "per_token", "bits": 8})"},
        {"cross_static", R"("activations": {"scheme": "cross_static", "bits": 8})"},
        {"per_channel", R"("activations": {"scheme": "per_channel", "bits": 8})"},
        {"smoothquant, cross_static", R"("transform": {"method": "smoothquant"}, "activations": {"scheme": "cross_static", "bits": 8})"},
    };
    for (const auto& [name, fields] : ways)
        for (const float others : {0.0F, 1e-4F, 5e-4F})
            QTest::addRow("%s, %g", name, static_cast<double>(others)) << QStringLiteral(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 8}, %1})").arg(QLatin1String(fields)) << others;
}

void TestAsleepChannels::aTextThatWakesThemIsServedAsWell()
{
    QFETCH(QString, defaults);
    QFETCH(float, others);
    QTemporaryDir folder;
    const auto model = rareModel(folder, others);
    const Ran ran = quantizeRare(folder, model, defaults.toStdString(), false);
    const double without = klOf(ran, model, false), with = klOf(ran, model, true);
    QVERIFY2(with < 5 * without + 0.01, qPrintable(QStringLiteral("%1 with them, %2 without").arg(with).arg(without)));
    const auto first = std::find_if(ran.result.asleep.begin(), ran.result.asleep.end(), [](const AsleepChannels& a) { return a.block == 0 && a.site == SiteKind::AttentionInput; });
    QVERIFY(first != ran.result.asleep.end());
    QCOMPARE(first->count, std::int64_t{2});
    QCOMPARE(first->asleep, (std::vector<std::int64_t>{3, 40}));
    const auto again = Project::openExisting(ran.project->folder(), true)->results(ran.result.run.id);
    QCOMPARE(again.front().asleep.front().asleep, first->asleep);
    QVERIFY(std::none_of(ran.result.flags.begin(), ran.result.flags.end(), [](const BlockFlag& flag) { return flag.sentinel == "asleep"; }));
}

void TestAsleepChannels::theCanaryThatWakesThemIsFlagged()
{
    QTemporaryDir folder;
    const Ran ran = quantizeRare(folder, rareModel(folder, 0), R"({"rounding": {"method": "rtn"}, "weights": {"bits": 8}, "transform": {"method": "smoothquant"}})", true);
    const auto flag = std::find_if(ran.result.flags.begin(), ran.result.flags.end(), [](const BlockFlag& f) { return f.sentinel == "asleep" && f.block == 0; });
    QVERIFY(flag != ran.result.flags.end());
    QCOMPARE(flag->subject, std::string("model.layers.0.self_attn.q_proj"));
    QVERIFY2(flag->sentence.find("3, 40") != std::string::npos, flag->sentence.c_str());
}

void TestAsleepChannels::theirFactorIsExactlyOne_data()
{
    QTest::addColumn<QString>("method");
    for (const char* method : {"smoothquant", "crossquant", "awq", "omniquant", "affinequant"})
        QTest::newRow(method) << method;
}

/// The norm's weight there is the model's own to the bit, and is not elsewhere.
void TestAsleepChannels::theirFactorIsExactlyOne()
{
    QFETCH(QString, method);
    QTemporaryDir folder;
    const auto model = rareModel(folder, 0);
    const QString steps = method.endsWith(QLatin1String("iquant")) || method == QLatin1String("affinequant") ? QStringLiteral(R"(, "steps": 6)") : QString();
    const Ran ran = quantizeRare(folder, model, QStringLiteral(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 3, "group": 32}, "transform": {"method": "%1"%2}})").arg(method, steps).toStdString(), false);
    const StoredBlock stored = loadBlock(*ran.project, ran.result.run.id, 0);
    const auto norm = std::find_if(stored.tensors.begin(), stored.tensors.end(), [](const StoredTensor& t) { return t.name.ends_with("input_layernorm.weight"); });
    QVERIFY(norm != stored.tensors.end());
    const at::Tensor before = Model::open(model)->block(0).attentionNorm.weight;
    const at::Tensor same = norm->value == before;
    for (const std::size_t channel : kChannels)
        QVERIFY(same[static_cast<std::int64_t>(channel)].item<bool>());
    QVERIFY(same.sum().item<std::int64_t>() < 32);
}

QTEST_GUILESS_MAIN(TestAsleepChannels)
#include "tst_asleep_channels.moc"
