#include "core/base/error.h"
#include "core/methods/hessian.h"

#include <QtTest>

#include <limits>

using namespace halftone;

class TestHessian : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void chunksAddUpToTheFormula_data();
    void chunksAddUpToTheFormula();
    void theFactorInvertsTheDampedHessian_data();
    void theFactorInvertsTheDampedHessian();
    void activationOrderSortsTheDiagonal();
    void groupOrderKeepsGroupsWhole();
    void aFactorIsComputedOnce();
    void dampingIsRaisedWhereTheFactorisationFails();
    void deadChannelsStandAlone();
    void aHessianThatIsNotFiniteIsNamed();
    void anEmptyHessianIsRefused();
};

namespace {

at::Tensor samples(std::int64_t tokens, std::int64_t channels)
{
    at::manual_seed(21);
    return at::randn({tokens, channels}).matmul(at::eye(channels) + at::randn({channels, channels}) * 0.3);
}

SiteHessian siteOf(const at::Tensor& x)
{
    HessianAccumulator accumulator(x.size(-1));
    accumulator.add(x);
    SiteHessian site;
    site.h = accumulator.finish();
    site.site = "model.layers.3.mlp_mid";
    return site;
}

} // namespace

void TestHessian::chunksAddUpToTheFormula_data()
{
    QTest::addColumn<int>("channels");
    for (const int channels : {1, 7, 63, 256, 257, 530})
        QTest::addRow("%d", channels) << channels;
}

void TestHessian::chunksAddUpToTheFormula()
{
    QFETCH(int, channels);
    const at::Tensor x = samples(100, channels);
    HessianAccumulator accumulator(channels);
    accumulator.add(x.slice(0, 0, 60).view({3, 20, channels}));
    accumulator.add(x.slice(0, 60));
    QCOMPARE(accumulator.tokens(), std::int64_t{100});
    const at::Tensor h = accumulator.finish();
    const at::Tensor d = x.to(at::kDouble), expected = d.t().matmul(d) * (2.0 / 100);
    QVERIFY(at::equal(h, h.t()));
    QVERIFY(((h - expected).abs() <= 1e-5 * expected.abs().max()).all().item<bool>());
}

void TestHessian::theFactorInvertsTheDampedHessian_data()
{
    QTest::addColumn<int>("order");
    for (const auto order : {VisitOrder::Natural, VisitOrder::Activation, VisitOrder::GroupActivation})
        QTest::addRow("order %d", static_cast<int>(order)) << static_cast<int>(order);
}

void TestHessian::theFactorInvertsTheDampedHessian()
{
    QFETCH(int, order);
    SiteHessian site = siteOf(samples(300, 48));
    const SiteHessian::Factor& factor = site.factor(0.01, static_cast<VisitOrder>(order), 16);
    at::Tensor h = site.h.to(at::kDouble) + at::eye(48, at::kDouble) * (0.01 * site.h.diagonal().mean(at::kDouble));
    if (factor.order.defined())
        h = h.index_select(0, factor.order).index_select(1, factor.order);
    const at::Tensor u = factor.upper.to(at::kDouble);
    QVERIFY(at::equal(u, u.triu()));
    QVERIFY((u.t().matmul(u).matmul(h) - at::eye(48, at::kDouble)).abs().max().item<double>() < 1e-4);
    QCOMPARE(factor.damping, 0.01);
    QVERIFY(!factor.float64);
}

void TestHessian::activationOrderSortsTheDiagonal()
{
    SiteHessian site = siteOf(samples(300, 48));
    QVERIFY(!site.factor(0.01).order.defined());
    const at::Tensor order = site.factor(0.01, VisitOrder::Activation).order;
    const at::Tensor sorted = site.h.diagonal().index_select(0, order);
    QVERIFY((sorted.slice(0, 0, 47) >= sorted.slice(0, 1)).all().item<bool>());
    QVERIFY(at::equal(std::get<0>(order.sort()), at::arange(48)));
}

void TestHessian::groupOrderKeepsGroupsWhole()
{
    SiteHessian site = siteOf(samples(300, 48));
    const at::Tensor order = site.factor(0.01, VisitOrder::GroupActivation, 16).order.view({3, 16});
    const at::Tensor groups = order.floor_divide(16);
    QVERIFY(at::equal(groups, groups.select(1, 0).unsqueeze(1).expand({3, 16})));
    const at::Tensor diagonal = site.h.diagonal().index_select(0, order.reshape({48})).view({3, 16});
    QVERIFY((diagonal.slice(1, 0, 15) >= diagonal.slice(1, 1)).all().item<bool>());
    const at::Tensor first = diagonal.select(1, 0);
    QVERIFY((first.slice(0, 0, 2) >= first.slice(0, 1)).all().item<bool>());
    QVERIFY(at::equal(std::get<0>(order.reshape({48}).sort()), at::arange(48)));
    QVERIFY_THROWS_EXCEPTION(Error, site.factor(0.01, VisitOrder::GroupActivation, 20));
}

void TestHessian::aFactorIsComputedOnce()
{
    SiteHessian site = siteOf(samples(300, 48));
    const SiteHessian::Factor* first = &site.factor(0.01, VisitOrder::Activation);
    site.factor(0.1, VisitOrder::Activation);
    QCOMPARE(&site.factor(0.01, VisitOrder::Activation), first);
    QVERIFY(!at::equal(site.factor(0.1, VisitOrder::Activation).upper, first->upper));
}

void TestHessian::dampingIsRaisedWhereTheFactorisationFails()
{
    // Fewer tokens than channels: without damping the Hessian is singular.
    SiteHessian site = siteOf(samples(10, 64));
    const SiteHessian::Factor& factor = site.factor(0.0);
    QVERIFY(factor.damping > 0);
    QVERIFY(factor.upper.isfinite().all().item<bool>());
    QCOMPARE(site.factor(0.01).damping, 0.01);
}

void TestHessian::deadChannelsStandAlone()
{
    at::Tensor x = samples(300, 32);
    x.select(1, 4).zero_();
    x.select(1, 31).zero_();
    SiteHessian site = siteOf(x);
    const at::Tensor u = site.factor(0.01).upper;
    for (const std::int64_t dead : {4, 31}) {
        at::Tensor beside = u.clone();
        beside[dead][dead] = 0;
        QCOMPARE(beside.select(0, dead).abs().max().item<float>(), 0.0f);
        QCOMPARE(beside.select(1, dead).abs().max().item<float>(), 0.0f);
        QVERIFY(u[dead][dead].item<float>() > 0);
    }
    SiteHessian nothing = siteOf(at::zeros({5, 8}));
    QVERIFY(nothing.factor(0.01).upper.isfinite().all().item<bool>());
}

void TestHessian::aHessianThatIsNotFiniteIsNamed()
{
    at::Tensor x = samples(50, 16);
    x[3][4] = std::numeric_limits<float>::quiet_NaN();
    SiteHessian site = siteOf(x);
    try {
        site.factor(0.01);
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QVERIFY2(std::string(error.what()).find("model.layers.3.mlp_mid") != std::string::npos, error.what());
    }
}

void TestHessian::anEmptyHessianIsRefused()
{
    QVERIFY_THROWS_EXCEPTION(Error, HessianAccumulator(8).finish());
    HessianAccumulator accumulator(8);
    QVERIFY_THROWS_EXCEPTION(Error, accumulator.add(at::randn({4, 9})));
    SiteHessian site;
    QVERIFY_THROWS_EXCEPTION(Error, site.factor(0.01));
}

QTEST_APPLESS_MAIN(TestHessian)
#include "tst_hessian.moc"
