#include "core/base/error.h"
#include "core/base/json.h"
#include "core/eval/evaluate.h"
#include "core/eval/token_losses.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <QtTest>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

using namespace halftone;

namespace {

std::filesystem::path data(const std::string& name)
{
    return std::filesystem::path(HALFTONE_TEST_DATA) / "model" / name;
}

TokenWindows windowsOf(const std::vector<std::int32_t>& tokens, int count, int length)
{
    TokenWindows windows;
    windows.length = length;
    for (int w = 0; w < count; ++w)
        windows.ids.emplace_back(tokens.begin() + w * length, tokens.begin() + (w + 1) * length);
    return windows;
}

TokenWindows countingWindows(int count, int length)
{
    std::vector<std::int32_t> tokens;
    for (int i = 0; i < count * length; ++i)
        tokens.push_back((i * 29 + i / 5) % 80);
    return windowsOf(tokens, count, length);
}

/// A model with something changed on its way out of a block or the head.
struct Changed final : BlockSource {
    explicit Changed(std::shared_ptr<const BlockSource> source) : model(std::move(source)) {}
    const ModelConfig& config() const override { return model->config(); }
    at::Tensor embed(std::span<const std::vector<std::int32_t>> ids) const override { return model->embed(ids); }
    DecoderBlock block(int index) const override
    {
        DecoderBlock block = model->block(index);
        if (index == 1 && scale != 1)
            block.linears().back().weight.mul_(scale);
        return block;
    }
    at::Tensor logits(const at::Tensor& hidden) const override
    {
        at::Tensor out = model->logits(hidden);
        if (poison)
            out[0][3] = *poison;
        return out;
    }
    std::shared_ptr<const BlockSource> model;
    double scale = 1;
    std::optional<float> poison;
};

Evaluation evaluateQuietly(const BlockSource& model, const BlockSource* reference, const TokenWindows& windows)
{
    SilentProgress progress;
    return evaluateModel(model, reference, windows, {}, progress, {});
}

/// Whole logits in double, for comparison: the plain definition.
at::Tensor logProbabilities(const BlockSource& model, const TokenWindows& windows)
{
    const at::NoGradGuard noGrad;
    std::vector<at::Tensor> all;
    for (const auto& ids : windows.ids) {
        at::Tensor hidden = model.embed({&ids, 1});
        for (int b = 0; b < model.config().blocks; ++b)
            hidden = model.block(b).forward(hidden);
        all.push_back(at::log_softmax(model.logits(hidden[0]).to(at::kDouble), -1).narrow(0, 0, windows.length - 1));
    }
    return at::cat(all);
}

at::Tensor nextTokens(const TokenWindows& windows)
{
    std::vector<std::int64_t> next;
    for (const auto& ids : windows.ids)
        next.insert(next.end(), ids.begin() + 1, ids.end());
    return at::tensor(next, at::kLong);
}

} // namespace

class EvaluateTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void perplexityIsThatOfTransformers()
    {
        const auto model = Model::open(data("tiny-llama"));
        const Json expected = readJsonFile(data("tiny-llama-perplexity.json"));
        const auto tokenizer = model->tokenizer();
        const TokenWindows windows = cutWindows(*tokenizer, readText(data("tiny-text.txt")), "tiny-text.txt", expected.at("windows"), expected.at("length"));
        QCOMPARE(windows.tokensInText, expected.at("tokens_in_text").get<std::int64_t>());
        const Evaluation result = evaluateQuietly(*model, nullptr, windows);
        QCOMPARE(result.perplexity.tokens, std::int64_t{16 * 63});
        QCOMPARE(result.perplexity.windows, 16);
        QCOMPARE(result.perplexity.length, 64);
        QVERIFY(std::abs(result.perplexity.perplexity - expected.at("perplexity").get<double>()) < 1e-4);
        QVERIFY(!result.hasDivergence);
    }

    void figuresFollowTheirDefinitions()
    {
        const auto model = Model::open(data("goldens/llama"));
        Changed other(model);
        other.scale = 0.5;
        const TokenWindows windows = countingWindows(7, 23);   // more than a batch of neither
        const Evaluation result = evaluateQuietly(other, model.get(), windows);

        const at::Tensor p = logProbabilities(other, windows);
        const at::Tensor q = logProbabilities(*model, windows);
        const at::Tensor next = nextTokens(windows).unsqueeze(1);
        const at::Tensor nll = p.gather(1, next).neg().squeeze(1);
        const at::Tensor kl = (q.exp() * (q - p)).sum(1);
        const auto n = static_cast<double>(nll.numel());
        const auto near = [](double a, double b, double tolerance) { return std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b)); };
        QVERIFY(near(result.perplexity.meanNll, nll.mean().item<double>(), 1e-6));
        QVERIFY(near(result.perplexity.perplexity, std::exp(nll.mean().item<double>()), 1e-5));
        QVERIFY(near(result.perplexity.standardError, std::exp(nll.mean().item<double>()) * nll.std().item<double>() / std::sqrt(n), 1e-5));
        QVERIFY(result.hasDivergence);
        QVERIFY(near(result.divergence.klMean, kl.mean().item<double>(), 1e-6));
        QVERIFY(near(result.divergence.klMeanError, kl.std().item<double>() / std::sqrt(n), 1e-6));
        QVERIFY(near(result.divergence.klMax, kl.max().item<double>(), 1e-6));
        const at::Tensor sorted = std::get<0>(kl.sort());
        QVERIFY(near(result.divergence.klP99, sorted[static_cast<std::int64_t>(std::ceil(0.99 * n)) - 1].item<double>(), 1e-6));
        QVERIFY(near(result.divergence.top1Agreement, (p.argmax(1) == q.argmax(1)).to(at::kDouble).mean().item<double>(), 1e-12));
        QVERIFY(result.divergence.top1Agreement < 1);
        QVERIFY(near(result.divergence.referencePerplexity, std::exp(q.gather(1, next).neg().mean().item<double>()), 1e-5));
        QCOMPARE(result.notFinite, std::int64_t{0});
    }

    void aModelDoesNotDivergeFromItself()
    {
        const auto model = Model::open(data("goldens/bloom"));
        const Evaluation result = evaluateQuietly(*model, model.get(), countingWindows(3, 30));
        QCOMPARE(result.divergence.klMean, 0.0);
        QCOMPARE(result.divergence.klMax, 0.0);
        QCOMPARE(result.divergence.top1Agreement, 1.0);
        QCOMPARE(result.divergence.referencePerplexity, result.perplexity.perplexity);
    }

    void shortWindowsTogetherGiveWhatEachGivesAlone()
    {
        const auto model = Model::open(data("goldens/mistral-window"));
        const TokenWindows windows = countingWindows(5, 40);
        double sum = 0;
        for (const auto& ids : windows.ids)
            sum += evaluateQuietly(*model, nullptr, windowsOf(ids, 1, 40)).perplexity.meanNll;
        QVERIFY(std::abs(evaluateQuietly(*model, nullptr, windows).perplexity.meanNll - sum / 5) < 1e-6);
    }

    void logitsThatAreNotFiniteAreCounted_data()
    {
        QTest::addColumn<float>("value");
        QTest::newRow("NaN") << std::numeric_limits<float>::quiet_NaN();
        QTest::newRow("infinity") << std::numeric_limits<float>::infinity();
        QTest::newRow("minus infinity") << -std::numeric_limits<float>::infinity();
    }
    void logitsThatAreNotFiniteAreCounted()
    {
        QFETCH(float, value);
        const auto model = Model::open(data("goldens/llama"));
        Changed broken(model);
        broken.poison = value;   // the first row of every head product: one a window here
        const TokenWindows windows = countingWindows(4, 20);
        const Evaluation alone = evaluateQuietly(broken, nullptr, windows);
        QCOMPARE(alone.notFinite, std::int64_t{4});
        QVERIFY(std::isfinite(alone.perplexity.perplexity));
        const Evaluation beside = evaluateQuietly(broken, model.get(), windows);
        QCOMPARE(beside.notFinite, std::int64_t{4});
        QVERIFY(beside.divergence.klMax < 1e-9);
    }

    void aNaNWeightShowsAtEveryPosition()
    {
        const auto model = Model::open(data("goldens/llama"));
        Changed broken(model);
        broken.scale = std::numeric_limits<double>::quiet_NaN();
        const Evaluation result = evaluateQuietly(broken, nullptr, countingWindows(2, 10));
        QCOMPARE(result.notFinite, std::int64_t{18});
        QVERIFY(std::isnan(result.perplexity.perplexity));   // no figure is better than a wrong one
    }

    void whatCannotBeEvaluatedIsRefused()
    {
        const auto model = Model::open(data("goldens/llama"));
        const auto tiny = Model::open(data("tiny-llama"));
        QVERIFY_EXCEPTION_THROWN(evaluateQuietly(*model, nullptr, TokenWindows{}), Error);
        QVERIFY_EXCEPTION_THROWN(evaluateQuietly(*model, nullptr, countingWindows(2, 1)), Error);
        QVERIFY_EXCEPTION_THROWN(evaluateQuietly(*model, tiny.get(), countingWindows(2, 8)), Error);
    }

    void stoppingUnwinds()
    {
        const auto model = Model::open(data("goldens/llama"));
        std::stop_source stop;
        stop.request_stop();
        SilentProgress progress;
        QVERIFY_EXCEPTION_THROWN(evaluateModel(*model, nullptr, countingWindows(2, 8), {}, progress, stop.get_token()), Cancelled);
    }
};

QTEST_APPLESS_MAIN(EvaluateTest)
#include "tst_evaluate.moc"
