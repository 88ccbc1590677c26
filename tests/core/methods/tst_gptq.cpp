#include "core/base/error.h"
#include "core/methods/hessian.h"
#include "core/methods/rounding.h"
#include "core/quant/group_scale.h"

#include <ATen/Parallel.h>
#include <QtTest>

#include <cmath>
#include <numeric>

using namespace halftone;

namespace {

/// Correlated inputs with channels of very different size.
at::Tensor inputs(std::int64_t tokens, std::int64_t channels, std::uint64_t seed = 31)
{
    at::manual_seed(seed);
    const at::Tensor mixing = at::eye(channels) + at::randn({channels, channels}) * (1.5 / std::sqrt(static_cast<double>(channels)));
    return at::randn({tokens, channels}).matmul(mixing) * at::randn({channels}).mul_(0.7).exp_();
}

SiteHessian siteOf(const at::Tensor& h)
{
    SiteHessian site;
    site.h = h;
    site.site = "site";
    return site;
}

SiteHessian siteFrom(const at::Tensor& x)
{
    HessianAccumulator accumulator(x.size(-1));
    accumulator.add(x);
    return siteOf(accumulator.finish());
}

at::Tensor weights(std::int64_t rows, std::int64_t columns)
{
    at::manual_seed(32);
    return at::randn({rows, columns}) * 0.05;
}

MethodChoice choice(bool activationOrder, bool staticGroups = true, std::int64_t block = 128, double damping = 0.01, bool search = false)
{
    MethodChoice result = defaultChoice(MethodKind::Rounding, "gptq");
    for (auto& [key, value] : result.parameters) {
        if (key == "activation_order")
            value = activationOrder;
        else if (key == "static_groups")
            value = staticGroups;
        else if (key == "block")
            value = block;
        else if (key == "damping")
            value = damping;
        else if (key == "scale_search")
            value = search;
    }
    return result;
}

QuantizedWeight gptq(const at::Tensor& w, const WeightGrid& grid, SiteHessian& site, const MethodChoice& with)
{
    return makeRounding("gptq")->round({"linear", w, grid, &site}, with, {}).weight;
}

double outputError(const QuantizedWeight& q, const at::Tensor& w, const at::Tensor& h)
{
    const at::Tensor d = (q.dequantize() - w).to(at::kDouble);
    return (d.matmul(h.to(at::kDouble)) * d).sum().item<double>();
}

/// GPTQ as the paper states it, in double, one column after the other, without blocks, by the textbook factor.
struct Naive {
    std::vector<std::vector<int>> codes;
    std::vector<std::vector<double>> nearTie;   ///< distance of w/s from the nearest half step
    at::Tensor scale;
};

Naive naiveGptq(const at::Tensor& weight, const WeightGrid& grid, const at::Tensor& hessian, const std::vector<std::int64_t>& order, bool staticGroups,
                double damping)
{
    const std::int64_t rows = weight.size(0), n = weight.size(1), width = groupWidth(grid, n);
    at::Tensor h = hessian.to(at::kDouble).clone();
    h.diagonal().add_(damping * h.diagonal().mean().item<double>());
    const at::Tensor permutation = at::tensor(order, at::kLong);
    h = h.index_select(0, permutation).index_select(1, permutation);
    const at::Tensor u = at::linalg_cholesky(at::cholesky_inverse(at::linalg_cholesky(h)), /*upper=*/true).contiguous();
    at::Tensor w = weight.to(at::kDouble).index_select(1, permutation).contiguous();
    const CodeRange range = codeRange(grid);
    Naive result{std::vector<std::vector<int>>(static_cast<std::size_t>(rows), std::vector<int>(static_cast<std::size_t>(n))),
                 std::vector<std::vector<double>>(static_cast<std::size_t>(rows), std::vector<double>(static_cast<std::size_t>(n))),
                 at::zeros({rows, n / width})};
    const double* factor = u.const_data_ptr<double>();
    double* value = w.data_ptr<double>();
    for (std::int64_t r = 0; r < rows; ++r) {
        std::vector<GroupScale> scales(static_cast<std::size_t>(n / width));
        const auto scaleOf = [&](std::int64_t group, auto read) {
            float low = 1e30f, high = -1e30f;
            for (std::int64_t c = 0; c < width; ++c) {
                low = std::min(low, static_cast<float>(read(c)));
                high = std::max(high, static_cast<float>(read(c)));
            }
            scales[static_cast<std::size_t>(group)] = groupScale(grid, low, high);
        };
        for (std::int64_t g = 0; g < n / width; ++g)
            scaleOf(g, [&](std::int64_t c) { return weight[r][g * width + c].item<float>(); });
        for (std::int64_t i = 0; i < n; ++i) {
            const std::int64_t column = order[static_cast<std::size_t>(i)], group = column / width;
            if (!staticGroups && i % width == 0)
                scaleOf(group, [&](std::int64_t c) { return value[r * n + i + c]; });
            const GroupScale s = scales[static_cast<std::size_t>(group)];
            const double x = value[r * n + i] / s.scale;
            const double q = std::min(std::max(std::nearbyint(x) + s.zero, static_cast<double>(range.minimum)), static_cast<double>(range.maximum));
            result.codes[static_cast<std::size_t>(r)][static_cast<std::size_t>(column)] = static_cast<int>(q);
            result.nearTie[static_cast<std::size_t>(r)][static_cast<std::size_t>(column)] = std::abs(std::abs(x - std::floor(x)) - 0.5);
            const double e = (value[r * n + i] - s.scale * (q - s.zero)) / factor[i * n + i];
            for (std::int64_t j = i; j < n; ++j)
                value[r * n + j] -= e * factor[i * n + j];
        }
        for (std::int64_t g = 0; g < n / width; ++g)
            result.scale[r][g] = scales[static_cast<std::size_t>(g)].scale;
    }
    return result;
}

} // namespace

class TestGptq : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void itEqualsANaiveImplementationInDouble_data();
    void itEqualsANaiveImplementationInDouble();
    void withoutCorrelationItIsRoundingToNearest_data();
    void withoutCorrelationItIsRoundingToNearest();
    void theBlockSizeDoesNotChangeTheCodes_data();
    void theBlockSizeDoesNotChangeTheCodes();
    void relabellingTheColumnsPermutesTheAnswer();
    void theErrorIsBelowThatOfRoundingToNearest_data();
    void theErrorIsBelowThatOfRoundingToNearest();
    void activationOrderHelpsOnCorrelatedInputs();
    void searchedScalesHelp_data();
    void searchedScalesHelp();
    void searchedScalesWithoutCorrelationAreStillRounding();
    void updatedGroupGridsAreReadFromUpToDateWeights();
    void rowsDoNotDependOnEachOther();
    void threadsDoNotChangeTheCodes();
    void neverActivatedChannelsAreRoundedToNearest();
    void zeroRowsStayZero();
    void raisedDampingIsNoted();
    void aWrongHessianIsRefused();
};

void TestGptq::itEqualsANaiveImplementationInDouble_data()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<bool>("ordered");
    QTest::addColumn<bool>("staticGroups");
    for (const int bits : {2, 4, 8})
        for (const int group : {0, 16})
            for (const bool symmetric : {true, false})
                for (const bool ordered : {false, true})
                    for (const bool staticGroups : {true, false})
                        QTest::addRow("%d bits group %d %s %s %s", bits, group, symmetric ? "sym" : "asym", ordered ? "ordered" : "natural",
                                      staticGroups ? "static" : "updated")
                            << bits << group << symmetric << ordered << staticGroups;
}

void TestGptq::itEqualsANaiveImplementationInDouble()
{
    QFETCH(int, bits);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    QFETCH(bool, ordered);
    QFETCH(bool, staticGroups);
    const std::int64_t rows = 21, n = 80;
    SiteHessian site = siteFrom(inputs(400, n));
    const at::Tensor w = weights(rows, n);
    const WeightGrid grid{.bits = bits, .group = group, .symmetric = symmetric};
    const bool fixed = staticGroups || group == 0;
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    if (ordered) {
        const at::Tensor taken = site.factor(0.01, fixed ? VisitOrder::Activation : VisitOrder::GroupActivation, group).order;
        for (std::int64_t i = 0; i < n; ++i)
            order[static_cast<std::size_t>(i)] = taken[i].item<std::int64_t>();
    }
    const QuantizedWeight q = gptq(w, grid, site, choice(ordered, staticGroups, 32));
    const Naive naive = naiveGptq(w, grid, site.h, order, fixed, 0.01);
    // A float32 value within rounding of a half step may fall the other way and carry its row with it: such rows may differ from there on.
    int differing = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
        bool diverged = false;
        for (const std::int64_t c : order) {
            const int expected = naive.codes[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)];
            const int code = q.codes[r][c].item<int>();
            if (code == expected || diverged)
                continue;
            diverged = true;
            ++differing;
            QVERIFY2(naive.nearTie[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)] < 1e-3,
                     qPrintable(QString("row %1 column %2: %3 instead of %4").arg(r).arg(c).arg(code).arg(expected)));
        }
        if (!diverged)
            QVERIFY(((q.scales.scale[r] - naive.scale[r]).abs() <= 1e-5 * naive.scale[r]).all().item<bool>());
    }
    QVERIFY2(differing <= 2, qPrintable(QString::number(differing)));
}

void TestGptq::withoutCorrelationItIsRoundingToNearest_data()
{
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<bool>("ordered");
    QTest::addColumn<bool>("staticGroups");
    QTest::addColumn<int>("clip");
    for (const int group : {0, 16})
        for (const bool symmetric : {true, false})
            for (const bool ordered : {false, true})
                for (const bool staticGroups : {true, false})
                    for (const int clip : {0, 1})
                        QTest::addRow("group %d %s %s %s clip %d", group, symmetric ? "sym" : "asym", ordered ? "ordered" : "natural",
                                      staticGroups ? "static" : "updated", clip)
                            << group << symmetric << ordered << staticGroups << clip;
}

void TestGptq::withoutCorrelationItIsRoundingToNearest()
{
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    QFETCH(bool, ordered);
    QFETCH(bool, staticGroups);
    QFETCH(int, clip);
    SiteHessian site = siteOf(at::eye(96) * 3.7);
    const at::Tensor w = weights(67, 96);
    const WeightGrid grid{.bits = 4, .group = group, .symmetric = symmetric, .clip = clip ? WeightGrid::Clip::Mse : WeightGrid::Clip::None};
    const QuantizedWeight a = gptq(w, grid, site, choice(ordered, staticGroups, 32)), b = quantizeToNearest(w, grid);
    QVERIFY(at::equal(a.codes, b.codes));
    QVERIFY(at::equal(a.scales.zero, b.scales.zero));
    QVERIFY(at::equal(a.scales.scale, b.scales.scale));
    QVERIFY(at::equal(a.dequantize(), b.dequantize()));
    for (const bool perTensor : {true}) {
        const WeightGrid whole{.bits = 4, .symmetric = symmetric, .perTensor = perTensor};
        QVERIFY(at::equal(gptq(w, whole, site, choice(ordered)).dequantize(), quantizeToNearest(w, whole).dequantize()));
    }
}

void TestGptq::theBlockSizeDoesNotChangeTheCodes_data()
{
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("staticGroups");
    QTest::addRow("per channel") << 0 << true;
    QTest::addRow("static groups") << 32 << true;
    QTest::addRow("updated groups") << 32 << false;
}

void TestGptq::theBlockSizeDoesNotChangeTheCodes()
{
    QFETCH(int, group);
    QFETCH(bool, staticGroups);
    SiteHessian site = siteFrom(inputs(900, 224));
    const at::Tensor w = weights(65, 224);
    const WeightGrid grid{.bits = 4, .group = group};
    const QuantizedWeight whole = gptq(w, grid, site, choice(true, staticGroups, 1024));
    for (const std::int64_t block : {16, 32, 64, 100, 128}) {
        const QuantizedWeight q = gptq(w, grid, site, choice(true, staticGroups, block));
        // Sums are taken in another order: a few values near a half step fall the other way, and their rows follow.
        const auto rows = (q.codes != whole.codes).any(1).sum().item<std::int64_t>();
        QVERIFY2(rows <= 3, qPrintable(QString("block %1: %2 rows differ").arg(block).arg(rows)));
        const double a = outputError(q, w, site.h), b = outputError(whole, w, site.h);
        QVERIFY(std::abs(a - b) <= 0.01 * b);
    }
}

void TestGptq::relabellingTheColumnsPermutesTheAnswer()
{
    const at::Tensor x = inputs(900, 96);
    const at::Tensor permutation = at::randperm(96, at::kLong);
    SiteHessian site = siteFrom(x), relabelled = siteOf(site.h.index_select(0, permutation).index_select(1, permutation));
    const at::Tensor w = weights(40, 96);
    const QuantizedWeight a = gptq(w, {.bits = 3}, site, choice(true)), b = gptq(w.index_select(1, permutation), {.bits = 3}, relabelled, choice(true));
    const auto rows = (a.codes.index_select(1, permutation) != b.codes).any(1).sum().item<std::int64_t>();
    QVERIFY2(rows <= 1, qPrintable(QString::number(rows)));
    QVERIFY(at::equal(a.scales.scale, b.scales.scale));
}

void TestGptq::theErrorIsBelowThatOfRoundingToNearest_data()
{
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("group");
    QTest::addColumn<int>("kind");
    for (const int bits : {3, 4, 8})
        for (const int group : {0, 32})
            for (int kind = 0; kind < 4; ++kind)
                QTest::addRow("%d bits group %d kind %d", bits, group, kind) << bits << group << kind;
}

void TestGptq::theErrorIsBelowThatOfRoundingToNearest()
{
    QFETCH(int, bits);
    QFETCH(int, group);
    QFETCH(int, kind);
    SiteHessian site = siteFrom(inputs(1200, 128));
    const at::Tensor w = weights(96, 128);
    WeightGrid grid{.bits = bits, .group = group};
    grid.symmetric = kind != 1;
    grid.range = kind == 2 ? WeightGrid::Range::Full : WeightGrid::Range::Narrow;
    grid.clip = kind == 3 ? WeightGrid::Clip::Mse : WeightGrid::Clip::None;
    const double nearest = outputError(quantizeToNearest(w, grid), w, site.h);
    for (const bool ordered : {false, true})
        for (const bool staticGroups : {true, false}) {
            const double error = outputError(gptq(w, grid, site, choice(ordered, staticGroups)), w, site.h);
            QVERIFY2(error < 0.8 * nearest, qPrintable(QString("%1 against %2").arg(error).arg(nearest)));
        }
}

void TestGptq::activationOrderHelpsOnCorrelatedInputs()
{
    double natural = 0, ordered = 0;
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        SiteHessian site = siteFrom(inputs(1200, 128, seed));
        const at::Tensor w = weights(64, 128);
        natural += outputError(gptq(w, {.bits = 3}, site, choice(false)), w, site.h);
        ordered += outputError(gptq(w, {.bits = 3}, site, choice(true)), w, site.h);
    }
    QVERIFY2(ordered < natural, qPrintable(QString("%1 against %2").arg(ordered).arg(natural)));
}

void TestGptq::searchedScalesHelp_data()
{
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<bool>("staticGroups");
    for (const int group : {0, 32})
        for (const bool symmetric : {true, false})
            for (const bool staticGroups : {true, false})
                QTest::addRow("group %d %s %s", group, symmetric ? "sym" : "asym", staticGroups ? "static" : "updated") << group << symmetric << staticGroups;
}

void TestGptq::searchedScalesHelp()
{
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    QFETCH(bool, staticGroups);
    SiteHessian site = siteFrom(inputs(1200, 128));
    const at::Tensor w = weights(96, 128);
    const WeightGrid grid{.bits = 4, .group = group, .symmetric = symmetric};
    const double plain = outputError(gptq(w, grid, site, choice(true, staticGroups)), w, site.h);
    const double searched = outputError(gptq(w, grid, site, choice(true, staticGroups, 128, 0.01, true)), w, site.h);
    QVERIFY2(searched < plain, qPrintable(QString("%1 against %2").arg(searched).arg(plain)));
}

void TestGptq::searchedScalesWithoutCorrelationAreStillRounding()
{
    SiteHessian site = siteOf(at::eye(96) * 3.7);
    const at::Tensor w = weights(67, 96);
    const WeightGrid grid{.bits = 4, .group = 16};
    const QuantizedWeight q = gptq(w, grid, site, choice(true, true, 128, 0.01, true));
    const WeightScales scales = searchScales(w, grid, at::ones({96}));
    QVERIFY(at::equal(q.scales.scale, scales.scale));
    QVERIFY(at::equal(q.codes, roundToCodes(w, scales, grid)));
}

void TestGptq::updatedGroupGridsAreReadFromUpToDateWeights()
{
    // The paper's code reads stale weights where a group begins inside a block; then blocks of 128 and of the group's width disagree.
    SiteHessian site = siteFrom(inputs(1200, 128));
    const at::Tensor w = weights(64, 128);
    const QuantizedWeight wide = gptq(w, {.bits = 4, .group = 32}, site, choice(false, false, 128)),
                          narrow = gptq(w, {.bits = 4, .group = 32}, site, choice(false, false, 32));
    QVERIFY(((wide.scales.scale - narrow.scales.scale).abs() <= 1e-4 * narrow.scales.scale).to(at::kFloat).mean().item<double>() > 0.97);
    QVERIFY(!at::equal(wide.scales.scale, quantizeToNearest(w, {.bits = 4, .group = 32}).scales.scale));
}

void TestGptq::rowsDoNotDependOnEachOther()
{
    SiteHessian site = siteFrom(inputs(900, 96));
    const at::Tensor w = weights(130, 96);
    const QuantizedWeight all = gptq(w, {.bits = 4, .group = 32}, site, choice(true));
    for (const auto& [begin, end] : {std::pair{0, 1}, std::pair{63, 65}, std::pair{100, 130}}) {
        const QuantizedWeight some = gptq(w.slice(0, begin, end), {.bits = 4, .group = 32}, site, choice(true));
        // The products of another shape are summed in another order.
        QVERIFY((some.codes != all.codes.slice(0, begin, end)).to(at::kFloat).mean().item<double>() < 0.02);
        QVERIFY(at::equal(some.scales.scale, all.scales.scale.slice(0, begin, end)));
    }
}

void TestGptq::threadsDoNotChangeTheCodes()
{
    SiteHessian site = siteFrom(inputs(900, 96));
    const at::Tensor w = weights(200, 96);
    site.factor(0.01, VisitOrder::Activation);
    at::set_num_threads(1);
    const QuantizedWeight one = gptq(w, {.bits = 4, .group = 32}, site, choice(true));
    at::set_num_threads(4);
    const QuantizedWeight four = gptq(w, {.bits = 4, .group = 32}, site, choice(true));
    at::set_num_threads(1);
    QVERIFY((one.codes != four.codes).any(1).sum().item<std::int64_t>() <= 2);
}

void TestGptq::neverActivatedChannelsAreRoundedToNearest()
{
    at::Tensor x = inputs(900, 64);
    x.select(1, 10).zero_();
    x.select(1, 63).zero_();
    SiteHessian site = siteFrom(x);
    const at::Tensor w = weights(20, 64);
    for (const bool ordered : {false, true}) {
        const QuantizedWeight q = gptq(w, {.bits = 4}, site, choice(ordered)), nearest = quantizeToNearest(w, {.bits = 4});
        for (const std::int64_t dead : {10, 63})
            QVERIFY(at::equal(q.codes.select(1, dead), nearest.codes.select(1, dead)));
    }
}

void TestGptq::zeroRowsStayZero()
{
    SiteHessian site = siteFrom(inputs(900, 64));
    at::Tensor w = weights(20, 64);
    w.select(0, 7).zero_();
    for (const bool symmetric : {true, false}) {
        const at::Tensor value = gptq(w, {.bits = 4, .group = 16, .symmetric = symmetric}, site, choice(true)).dequantize();
        QVERIFY(value.isfinite().all().item<bool>());
        QCOMPARE(value.select(0, 7).abs().max().item<float>(), 0.0f);
    }
}

void TestGptq::raisedDampingIsNoted()
{
    SiteHessian site = siteFrom(inputs(10, 64));
    const RoundingResult result = makeRounding("gptq")->round({"linear", weights(5, 64), {.bits = 4}, &site}, choice(true, true, 128, 0.0), {});
    QVERIFY(result.damping > 0);
    QCOMPARE(result.notes.size(), std::size_t{1});
    QVERIFY(result.notes[0].find("raised") != std::string::npos);
    SiteHessian sound = siteFrom(inputs(900, 64));
    QVERIFY(makeRounding("gptq")->round({"linear", weights(5, 64), {.bits = 4}, &sound}, choice(true), {}).notes.empty());
}

void TestGptq::aWrongHessianIsRefused()
{
    SiteHessian site = siteFrom(inputs(900, 64));
    QVERIFY_THROWS_EXCEPTION(Error, gptq(weights(5, 32), {.bits = 4}, site, choice(true)));
    QVERIFY_THROWS_EXCEPTION(Error, makeRounding("gptq")->round({"linear", weights(5, 32), {.bits = 4}, nullptr}, choice(true), {}));
    QVERIFY_THROWS_EXCEPTION(Error, gptq(weights(5, 64), {.bits = 4, .group = 48}, site, choice(true)));
}

QTEST_APPLESS_MAIN(TestGptq)
#include "tst_gptq.moc"
