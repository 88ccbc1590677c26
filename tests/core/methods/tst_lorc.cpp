#include "core/base/error.h"
#include "core/methods/compensation.h"
#include "core/methods/hessian.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/ATen.h>
#include <QtTest>

#include <cmath>

using namespace halftone;

namespace {

MethodChoice lorc(std::int64_t rank, const std::string& factors = "fp16", bool whiten = false)
{
    MethodChoice choice = defaultChoice(MethodKind::Compensation, "lorc");
    for (auto& [key, value] : choice.parameters) {
        if (key == "rank")
            value = rank;
        if (key == "factors")
            value = factors;
        if (key == "whiten")
            value = whiten;
    }
    return choice;
}

struct Case {
    at::Tensor weight, rounded;
};

Case roundedMatrix(std::int64_t out, std::int64_t in, int bits)
{
    at::manual_seed(21);
    const at::Tensor weight = at::randn({out, in}) * 0.1;
    return {weight, quantizeToNearest(weight, {.bits = bits}).dequantize()};
}

double residual(const Case& one, const LowRank& factors) { return (one.weight - one.rounded - factors.product()).square().sum(at::kDouble).item<double>(); }

} // namespace

class TestLorc : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void rankZeroIsTheRoundingAlone();
    void fullRankIsTheWeight();
    void whatIsLeftIsTheSingularTail();
    void moreRankLeavesLess();
    void eightBitFactorsLoseNothingMuch();
    void theSpectrumTellsWhatWasKept();
    void aLargeMatrixIsDecomposedAtRandomAndAgrees();
    void whiteningServesTheActivations();
    void aSingularHessianDoesNotStopIt();
    void itIsTheSameTwice();
    void itsSizeIsCounted();
};

void TestLorc::rankZeroIsTheRoundingAlone()
{
    const Case one = roundedMatrix(40, 56, 3);
    for (const char* factors : {"fp16", "int8"}) {
        const CompensationResult result = makeCompensation("lorc")->compensate({"linear", one.weight, one.rounded, nullptr}, lorc(0, factors), {});
        QCOMPARE(result.factors.rank(), std::int64_t{0});
        QVERIFY(at::equal(result.factors.product(), at::zeros({40, 56})));
        QCOMPARE(result.kept, 0.0);
    }
}

void TestLorc::fullRankIsTheWeight()
{
    const Case one = roundedMatrix(40, 56, 3);
    const at::Tensor error = one.weight.to(at::kDouble) - one.rounded.to(at::kDouble);
    const LowRankFit fit = fitLowRank(error, 40);
    QVERIFY((one.rounded.to(at::kDouble) + fit.left.matmul(fit.right) - one.weight.to(at::kDouble)).abs().max().item<double>() < 1e-13);
    QCOMPARE(fitLowRank(error, 1000).left.size(1), std::int64_t{40});
}

void TestLorc::whatIsLeftIsTheSingularTail()
{
    const Case one = roundedMatrix(40, 56, 2);
    const at::Tensor error = one.weight.to(at::kDouble) - one.rounded.to(at::kDouble);
    for (const std::int64_t rank : {1, 7, 39}) {
        const LowRankFit fit = fitLowRank(error, rank);
        double tail = 0;
        for (std::size_t i = static_cast<std::size_t>(rank); i < fit.singularValues.size(); ++i)
            tail += fit.singularValues[i] * fit.singularValues[i];
        const double left = (error - fit.left.matmul(fit.right)).square().sum().item<double>();
        QVERIFY2(std::abs(left - tail) < 1e-10 * fit.total, qPrintable(QString("%1, %2").arg(left).arg(tail)));
    }
}

void TestLorc::moreRankLeavesLess()
{
    const Case one = roundedMatrix(64, 48, 2);
    double before = (one.weight - one.rounded).square().sum(at::kDouble).item<double>();
    for (const std::int64_t rank : {1, 2, 4, 8, 16, 32, 48}) {
        const CompensationResult result = makeCompensation("lorc")->compensate({"linear", one.weight, one.rounded, nullptr}, lorc(rank), {});
        const double after = residual(one, result.factors);
        QVERIFY2(after < before, qPrintable(QString::number(rank)));
        before = after;
    }
}

void TestLorc::eightBitFactorsLoseNothingMuch()
{
    const Case one = roundedMatrix(96, 256, 3);
    const auto method = makeCompensation("lorc");
    const double base = std::sqrt((one.weight - one.rounded).square().sum(at::kDouble).item<double>());
    const CompensationResult coded = method->compensate({"linear", one.weight, one.rounded, nullptr}, lorc(8, "int8"), {});
    const double plain = std::sqrt(residual(one, method->compensate({"linear", one.weight, one.rounded, nullptr}, lorc(8), {}).factors));
    const double eight = std::sqrt(residual(one, coded.factors));
    QVERIFY(plain < 0.96 * base);
    QVERIFY2(std::abs(eight - plain) < 1e-3 * base, qPrintable(QString("%1, %2, %3").arg(base).arg(plain).arg(eight)));
    QVERIFY(coded.factors.left.scalar_type() == at::kChar && coded.factors.right.scalar_type() == at::kChar);
    QCOMPARE(coded.factors.leftScale.sizes(), at::IntArrayRef({1, 8}));
    QCOMPARE(coded.factors.rightScale.sizes(), at::IntArrayRef({8, 1}));
}

void TestLorc::theSpectrumTellsWhatWasKept()
{
    const Case one = roundedMatrix(96, 256, 3);
    const CompensationResult result = makeCompensation("lorc")->compensate({"linear", one.weight, one.rounded, nullptr}, lorc(8), {});
    QCOMPARE(result.spectrum.size(), kSpectrum);
    QVERIFY(std::is_sorted(result.spectrum.rbegin(), result.spectrum.rend()));
    const double whole = (one.weight - one.rounded).square().sum(at::kDouble).item<double>();
    QVERIFY(std::abs(result.kept - (1 - residual(one, result.factors) / whole)) < 1e-4);
    QVERIFY(result.kept > 0.1 && result.kept < 0.3);   // rounding noise is nearly flat
}

void TestLorc::aLargeMatrixIsDecomposedAtRandomAndAgrees()
{
    at::manual_seed(4);
    const at::Tensor error = at::randn({800, 12}).matmul(at::randn({12, 820})) + 0.05 * at::randn({800, 820});
    const LowRankFit fit = fitLowRank(error, 12);
    QCOMPARE(fit.singularValues.size(), std::size_t{20});   // 8 more directions than asked for, not all 800
    const auto [u, s, vt] = at::linalg_svd(error, false);
    for (std::int64_t i = 0; i < 12; ++i)
        QVERIFY(std::abs(fit.singularValues[static_cast<std::size_t>(i)] - s[i].item<double>()) < 1e-3 * s[i].item<double>());
    const double best = s.slice(0, 12).square().sum().item<double>();
    const double left = (error - fit.left.matmul(fit.right)).square().sum().item<double>();
    QVERIFY2(left < 1.01 * best, qPrintable(QString("%1, %2").arg(left).arg(best)));
}

void TestLorc::whiteningServesTheActivations()
{
    const Case one = roundedMatrix(64, 48, 2);
    HessianAccumulator accumulator(48);
    accumulator.add(at::randn({500, 48}) * at::logspace(-1, 1, 48));
    SiteHessian site;
    site.h = accumulator.finish();
    const auto method = makeCompensation("lorc");
    const auto outputError = [&](bool whiten) {
        const CompensationResult result = method->compensate({"linear", one.weight, one.rounded, &site}, lorc(6, "fp16", whiten), {});
        const at::Tensor error = one.weight - one.rounded - result.factors.product();
        return (error.matmul(site.h) * error).sum().item<double>();
    };
    QVERIFY2(outputError(true) < 0.8 * outputError(false), qPrintable(QString("%1, %2").arg(outputError(true)).arg(outputError(false))));
    const CompensationResult without = method->compensate({"linear", one.weight, one.rounded, nullptr}, lorc(6, "fp16", true), {});
    QCOMPARE(without.notes.size(), std::size_t{1});
}

void TestLorc::aSingularHessianDoesNotStopIt()
{
    const Case one = roundedMatrix(64, 48, 2);
    SiteHessian site;
    for (const at::Tensor& h : {at::zeros({48, 48}), at::ones({48, 48})}) {
        site.h = h;
        const CompensationResult result = makeCompensation("lorc")->compensate({"linear", one.weight, one.rounded, &site}, lorc(6, "int8", true), {});
        QVERIFY(result.factors.product().isfinite().all().item<bool>());
    }
}

void TestLorc::itIsTheSameTwice()
{
    at::manual_seed(4);
    const at::Tensor error = at::randn({800, 820});
    at::manual_seed(1);
    const LowRankFit first = fitLowRank(error, 8);
    at::manual_seed(2);
    const LowRankFit second = fitLowRank(error, 8);
    QVERIFY(at::equal(first.left, second.left) && at::equal(first.right, second.right));
}

void TestLorc::itsSizeIsCounted()
{
    QCOMPARE(compensationBits(lorc(8), 4096, 4096) / (4096.0 * 4096.0), 0.0625);
    QCOMPARE(compensationBits(lorc(8, "int8"), 4096, 4096), 8.0 * (8192 * 8 + 64));
    QCOMPARE(compensationBits(lorc(800), 16, 48), 16.0 * 64 * 16);
    QCOMPARE(compensationBits({"none", {}}, 16, 48), 0.0);
    QVERIFY_THROWS_EXCEPTION(Error, compensationBits({"lorcc", {}}, 16, 48));
}

QTEST_APPLESS_MAIN(TestLorc)
#include "tst_lorc.moc"
