#include "core/base/error.h"
#include "core/methods/fake_quantizer.h"
#include "core/methods/hessian.h"
#include "core/methods/learned_rounding.h"
#include "core/methods/lrq_rank.h"

#include <QtTest>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace halftone;

namespace {

SiteHessian hessianOf(std::int64_t n)
{
    at::manual_seed(8);
    HessianAccumulator accumulator(n);
    accumulator.add(at::randn({4 * n, n}).matmul(at::eye(n) + at::randn({n, n}) * 0.2));
    SiteHessian result;
    result.h = accumulator.finish();
    result.site = "block";
    return result;
}

MethodChoice choiceOf(const std::string& id, std::vector<std::pair<std::string, ParameterValue>> changed)
{
    MethodChoice choice = defaultChoice(MethodKind::Rounding, id);
    for (auto& [key, value] : changed)
        for (auto& [name, held] : choice.parameters)
            if (name == key)
                held = value;
    return choice;
}

double outputError(const RoundingResult& result, const at::Tensor& weight, const SiteHessian& site)
{
    const at::Tensor error = result.weight.dequantize() - weight;
    return (error.matmul(site.h) * error).sum().item<double>();
}

/// Rounding with gradient 1, from ATen operators.
at::Tensor passThrough(const at::Tensor& x) { return (x.round() - x).detach() + x; }

double relative(const at::Tensor& found, const at::Tensor& expected)
{
    return ((found - expected).norm() / expected.norm().clamp_min(1e-20)).item<double>();
}

/// A loss that misbehaves where told.
class Planted final : public Objective {
public:
    Planted(double target, std::set<int> bad) : m_target(target), m_bad(std::move(bad)), m_x(at::full({1}, 5.0, at::kFloat).set_requires_grad(true)) {}
    std::vector<Leaf> leaves() override { return {{"x", m_x, 0.1}}; }
    double step(int step) override
    {
        const at::Tensor loss = (m_x - m_target).square().sum();
        loss.backward();
        return m_bad.contains(step) ? std::numeric_limits<double>::quiet_NaN() : loss.item<double>();
    }
    double judge() override { return (m_x - m_target).square().sum().item<double>(); }
    double x() const { return m_x.item<double>(); }

private:
    double m_target;
    std::set<int> m_bad;
    at::Tensor m_x;
};

} // namespace

class TestLearnedRounding : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void withoutStepsItIsRoundingToNearest_data();
    void withoutStepsItIsRoundingToNearest();
    void clippingAtAHundredPercentIsRoundingToNearest();
    void clippingStartsWhereThePaperDoes();
    void trainingLowersTheError_data();
    void trainingLowersTheError();
    void divisorsHaveTheGradientsOfTheComposedForm_data();
    void divisorsHaveTheGradientsOfTheComposedForm();
    void clippingHasTheGradientsOfTheComposedForm_data();
    void clippingHasTheGradientsOfTheComposedForm();
    void flexRoundsGradientIsThePapersFormula();
    void valuesAreThoseOfTheCodes_data();
    void valuesAreThoseOfTheCodes();
    void ranksFollowTheirRule();
    void lrqStartsWithAGradientOnOneFactorOnly();
    void lrqDrawsItsFactorFromItsSeed();
    void lrqOfFullRankIsFlexRound();
    void lrqWithoutFactorsHasDivisorsOfRankOneInTheLog();
    void stepsByThemselvesKeepRowsApart_data();
    void stepsByThemselvesKeepRowsApart();
    void clippedWeightsGiveTheirDivisorsNoGradient();
    void globalDistillationOfALoneLinearIsLocalDistillation();
    void distillationLeavesWeightsThatTheGridHolds();
    void aStateThatWentWrongIsRolledBack();
    void trainingThatKeepsFailingEndsWhereItStarted();
    void everyPassVisitsEveryWindowOnce();
};

void TestLearnedRounding::withoutStepsItIsRoundingToNearest_data()
{
    QTest::addColumn<QString>("id");
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<bool>("perTensor");
    for (const char* id : {"flexround", "lrq", "zeroquant-local", "zeroquant-global"})
        for (const bool symmetric : {true, false}) {
            for (const int group : {0, 16})
                QTest::addRow("%s, group %d, %s", id, group, symmetric ? "symmetric" : "asymmetric") << id << group << symmetric << false;
            QTest::addRow("%s, one scale, %s", id, symmetric ? "symmetric" : "asymmetric") << id << 0 << symmetric << true;
        }
}

void TestLearnedRounding::withoutStepsItIsRoundingToNearest()
{
    QFETCH(QString, id);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    QFETCH(bool, perTensor);
    SiteHessian site = hessianOf(64);
    at::manual_seed(3);
    const at::Tensor weight = (at::randn({48, 64}) * 0.1).to(at::kBFloat16).to(at::kFloat);   // many exact ties
    for (const int bits : {2, 3, 4, 8}) {
        const WeightGrid grid{.bits = bits, .group = group, .symmetric = symmetric, .perTensor = perTensor};
        const MethodChoice choice = choiceOf(id.toStdString(), {{"steps", std::int64_t{0}}});
        const RoundingResult result = makeRounding(choice.method)->round({"linear", weight, grid, &site}, choice, {});
        const QuantizedWeight nearest = quantizeToNearest(weight, grid);
        QVERIFY(at::equal(result.weight.codes, nearest.codes));
        QVERIFY(at::equal(result.weight.scales.scale, nearest.scales.scale));
        QVERIFY(at::equal(result.weight.scales.zero, nearest.scales.zero));
    }
}

void TestLearnedRounding::clippingAtAHundredPercentIsRoundingToNearest()
{
    SiteHessian site = hessianOf(64);
    at::manual_seed(3);
    const at::Tensor weight = at::randn({48, 64}) * 0.1;
    for (const bool symmetric : {true, false}) {
        const WeightGrid grid{.bits = 3, .group = 16, .symmetric = symmetric};
        const MethodChoice choice = choiceOf("lwc", {{"steps", std::int64_t{0}}, {"start", 30.0}});
        const RoundingResult result = makeRounding("lwc")->round({"linear", weight, grid, &site}, choice, {});
        const QuantizedWeight nearest = quantizeToNearest(weight, grid);
        QVERIFY(at::equal(result.weight.codes, nearest.codes));
        QVERIFY(at::equal(result.weight.scales.scale, nearest.scales.scale));
    }
}

void TestLearnedRounding::clippingStartsWhereThePaperDoes()
{
    SiteHessian site = hessianOf(64);
    at::manual_seed(3);
    const at::Tensor weight = at::randn({48, 64}) * 0.1;
    const MethodChoice choice = choiceOf("lwc", {{"steps", std::int64_t{0}}});
    for (const int bits : {3, 4}) {
        const WeightGrid grid{.bits = bits, .symmetric = false};
        const RoundingResult result = makeRounding("lwc")->round({"linear", weight, grid, &site}, choice, {});
        const at::Tensor ratio = result.weight.scales.scale / weightScales(weight, grid).scale;
        QVERIFY((ratio - 1 / (1 + std::exp(-4.0))).abs().max().item<double>() < 1e-6);
    }
}

void TestLearnedRounding::trainingLowersTheError_data()
{
    QTest::addColumn<QString>("id");
    QTest::addColumn<int>("bits");
    for (const MethodInfo& info : methodInfos())
        if (info.kind == MethodKind::Rounding && info.needs.gradients)
            for (const int bits : {2, 3, 4})
                QTest::addRow("%s, %d bits", info.id.c_str(), bits) << QString::fromStdString(info.id) << bits;
}

void TestLearnedRounding::trainingLowersTheError()
{
    QFETCH(QString, id);
    QFETCH(int, bits);
    SiteHessian site = hessianOf(64);
    at::manual_seed(5);
    const at::Tensor weight = at::randn({70, 64}) * 0.1;
    const WeightGrid grid{.bits = bits, .symmetric = false};
    const MethodChoice choice = defaultChoice(MethodKind::Rounding, id.toStdString());
    const RoundingResult trained = makeRounding(choice.method)->round({"linear", weight, grid, &site}, choice, {});
    const RoundingResult nearest = makeRounding("rtn")->round({"linear", weight, grid, &site}, defaultChoice(MethodKind::Rounding, "rtn"), {});
    const double before = outputError(nearest, weight, site), after = outputError(trained, weight, site);
    QVERIFY2(after < 0.95 * before, qPrintable(QString("%1 against %2").arg(after).arg(before)));
    QVERIFY(trained.curve.has_value());
    QCOMPARE(trained.curve->losses.size(), std::size_t{256});
    // The curve tells the loss of the codes that came out.
    const double told = trained.curve->end * 2 * 70;
    QVERIFY2(std::abs(told - after) <= 1e-4 * after, qPrintable(QString("%1 told, %2 found").arg(told).arg(after)));
    QVERIFY(trained.curve->end <= trained.curve->start);
}

void TestLearnedRounding::divisorsHaveTheGradientsOfTheComposedForm_data()
{
    QTest::addColumn<bool>("symmetric");
    QTest::addColumn<int>("group");
    for (const bool symmetric : {true, false})
        for (const int group : {0, 8})
            QTest::addRow("%s, group %d", symmetric ? "symmetric" : "asymmetric", group) << symmetric << group;
}

void TestLearnedRounding::divisorsHaveTheGradientsOfTheComposedForm()
{
    QFETCH(bool, symmetric);
    QFETCH(int, group);
    at::manual_seed(4);
    const WeightGrid grid{.bits = 3, .group = group, .symmetric = symmetric};
    const at::Tensor source = at::randn({13, 24});
    WeightScales scales = weightScales(source, grid);
    scales.scale = scales.scale * 0.8;   // so that some elements clip
    const at::Tensor direction = at::randn({13, 24});
    const std::int64_t low = symmetric ? -4 : 0, high = symmetric ? 3 : 7, width = group > 0 ? group : 24;

    const auto gradients = [&](bool fused) {
        at::Tensor w = leafOf(source), s = leafOf(scales.scale), d = leafOf(at::randn({13, 24}) * 0.3);
        at::manual_seed(6);
        d.detach().copy_(at::randn({13, 24}) * 0.3);
        at::Tensor value;
        if (fused) {
            value = roundScaled(w, s, d, scales.zero, grid);
        } else {
            const at::Tensor each = s.repeat_interleave(width, 1), zero = scales.zero.repeat_interleave(width, 1);
            const at::Tensor q = at::clamp(passThrough(w / (each * d.exp())), (low - zero).to(at::kFloat), (high - zero).to(at::kFloat));
            value = each * q;
        }
        (value * direction).sum().backward();
        return std::vector<at::Tensor>{value.detach(), w.grad(), s.grad(), d.grad()};
    };
    const auto fused = gradients(true), composed = gradients(false);
    for (std::size_t i = 0; i < fused.size(); ++i)
        QVERIFY2(relative(fused[i], composed[i]) < 1e-5, qPrintable(QString("%1: %2").arg(i).arg(relative(fused[i], composed[i]))));
}

void TestLearnedRounding::clippingHasTheGradientsOfTheComposedForm_data() { divisorsHaveTheGradientsOfTheComposedForm_data(); }

void TestLearnedRounding::clippingHasTheGradientsOfTheComposedForm()
{
    QFETCH(bool, symmetric);
    QFETCH(int, group);
    at::manual_seed(4);
    const WeightGrid grid{.bits = 3, .group = group, .symmetric = symmetric};
    const at::Tensor source = at::randn({13, 24}), direction = at::randn({13, 24});
    const std::int64_t width = group > 0 ? group : 24;

    const auto gradients = [&](bool fused) {
        at::Tensor w = leafOf(source);
        const at::Tensor groups = source.view({13, 24 / width, width});
        at::Tensor low = leafOf(groups.amin(2) * 0.7), high = leafOf(groups.amax(2) * 0.6);
        at::Tensor value;
        if (fused) {
            value = roundClipped(w, low, high, grid);
        } else if (symmetric) {
            const at::Tensor each = (at::maximum(low.abs(), high.abs()) / 3).repeat_interleave(width, 1);
            value = each * passThrough(w / each).clamp(-4, 3);
        } else {
            const at::Tensor step = (high - low) / 7;
            const at::Tensor each = step.repeat_interleave(width, 1), zero = passThrough(-low / step).repeat_interleave(width, 1);
            value = each * ((passThrough(w / each) + zero).clamp(0, 7) - zero);
        }
        (value * direction).sum().backward();
        return std::vector<at::Tensor>{value.detach(), w.grad(), low.grad(), high.grad()};
    };
    const auto fused = gradients(true), composed = gradients(false);
    for (std::size_t i = 0; i < fused.size(); ++i)
        QVERIFY2(relative(fused[i], composed[i]) < 1e-5, qPrintable(QString("%1: %2").arg(i).arg(relative(fused[i], composed[i]))));
}

void TestLearnedRounding::flexRoundsGradientIsThePapersFormula()
{
    at::manual_seed(4);
    const WeightGrid grid{.bits = 4, .symmetric = false};
    const at::Tensor weight = at::randn({9, 16}), upstream = at::randn({9, 16});
    const WeightScales scales = weightScales(weight, grid);
    at::Tensor delta = leafOf(at::zeros({9, 16}));
    roundScaled(weight, scales.scale, delta, scales.zero, grid).backward(upstream);
    QVERIFY(relative(delta.grad(), -upstream * weight) < 1e-6);   // at the start s1·W/(s1·S2·s3) = W, and nothing clips
}

void TestLearnedRounding::valuesAreThoseOfTheCodes_data()
{
    QTest::addColumn<QString>("id");
    for (const MethodInfo& info : methodInfos())
        if (info.kind == MethodKind::Rounding && info.needs.gradients)
            QTest::addRow("%s", info.id.c_str()) << QString::fromStdString(info.id);
}

void TestLearnedRounding::valuesAreThoseOfTheCodes()
{
    QFETCH(QString, id);
    at::manual_seed(2);
    const at::Tensor weight = at::randn({31, 48}) * 0.2;
    for (const bool symmetric : {true, false})
        for (const int bits : {2, 4, 8}) {
            const WeightGrid grid{.bits = bits, .group = 16, .symmetric = symmetric};
            const auto method = makeRounding(id.toStdString());
            const auto* learned = dynamic_cast<const LearnedRounding*>(method.get());
            QVERIFY(learned != nullptr);
            const auto state = learned->learn({.linear = "linear", .weight = weight, .grid = grid, .seed = 7}, defaultChoice(MethodKind::Rounding, id.toStdString()));
            for (Leaf& leaf : state->leaves())
                leaf.value.detach().add_(at::randn(leaf.value.sizes()) * 0.05);
            QVERIFY(at::equal(state->codes(weight).dequantize(), state->weight(weight).detach()));
        }
}

void TestLearnedRounding::ranksFollowTheirRule()
{
    QCOMPARE(lrqRank("ratio", 0.4, 576, 576), std::int64_t{115});
    QCOMPARE(lrqRank("ratio", 0.4, 192, 576), std::int64_t{58});
    QCOMPARE(lrqRank("ratio", 0.4, 1536, 576), std::int64_t{168});
    QCOMPARE(lrqRank("ratio", 0.0, 16, 16), std::int64_t{1});
    QCOMPARE(lrqRank("ratio", 1.0, 1, 900), std::int64_t{1});
    // The paper's shares of learnable parameters: 39.51 % for a 7B, 31.57 % for a 13B, 48.60 % for a 33B, 39.51 % for a 65B.
    struct Size { std::int64_t hidden, middle; double percent; };
    for (const Size& size : {Size{4096, 11008, 39.51}, Size{5120, 13824, 31.57}, Size{6656, 17920, 48.60}, Size{8192, 22016, 39.51}}) {
        double learned = 0, weights = 0;
        const auto add = [&](std::int64_t out, std::int64_t in, int times) {
            learned += times * static_cast<double>((lrqRank("paper", 0, out, in) + 1) * (out + in));   // L, U, r, c
            weights += times * static_cast<double>(out * in);
        };
        add(size.hidden, size.hidden, 4);
        add(size.middle, size.hidden, 2);
        add(size.hidden, size.middle, 1);
        QVERIFY2(std::abs(100 * learned / weights - size.percent) < 0.06, qPrintable(QString::number(100 * learned / weights)));
    }
    QCOMPARE(lrqRank("released", 0, 11008, 4096), std::int64_t{0});
    QCOMPARE(lrqRank("released", 0, 8192, 8192), std::int64_t{0});
    QCOMPARE(lrqRank("released", 0, 4096, 4096), std::int64_t{1024});
    QCOMPARE(lrqRank("released", 0, 28672, 8192), std::int64_t{2048});
    QCOMPARE(lrqRank("released", 0, 576, 1536), std::int64_t{576});
}

void TestLearnedRounding::lrqStartsWithAGradientOnOneFactorOnly()
{
    at::manual_seed(2);
    const at::Tensor weight = at::randn({31, 48});
    const auto method = makeRounding("lrq");
    const auto state = dynamic_cast<const LearnedRounding&>(*method).learn({.linear = "linear", .weight = weight, .grid = {.bits = 3}, .seed = 7},
                                                                           defaultChoice(MethodKind::Rounding, "lrq"));
    state->weight(weight).backward(at::randn({31, 48}));
    for (const Leaf& leaf : state->leaves()) {
        QVERIFY2(leaf.value.grad().defined(), leaf.name.c_str());
        const double size = leaf.value.grad().abs().max().item<double>();
        if (leaf.name == "U")
            QCOMPARE(size, 0.0);
        else
            QVERIFY2(size > 0, leaf.name.c_str());
    }
}

void TestLearnedRounding::lrqDrawsItsFactorFromItsSeed()
{
    const at::Tensor weight = at::ones({8, 16}).cumsum(1);
    const auto method = makeRounding("lrq");
    const auto factor = [&](std::uint64_t seed) {
        const auto state = dynamic_cast<const LearnedRounding&>(*method).learn({.linear = "linear", .weight = weight, .grid = {.bits = 3}, .seed = seed},
                                                                               defaultChoice(MethodKind::Rounding, "lrq"));
        return state->leaves().back().value.detach();
    };
    QVERIFY(at::equal(factor(1), factor(1)));
    QVERIFY(!at::equal(factor(1), factor(2)));
    QVERIFY(factor(1).abs().max().item<double>() <= 0.25 && factor(1).abs().max().item<double>() > 0.1);
}

void TestLearnedRounding::lrqOfFullRankIsFlexRound()
{
    at::manual_seed(2);
    const at::Tensor weight = at::randn({12, 8}), divisors = at::randn({12, 8}) * 0.3;
    const WeightGrid grid{.bits = 3, .symmetric = false};
    const RoundingInputs in{.linear = "linear", .weight = weight, .grid = grid, .seed = 7};
    const auto lrq = makeRounding("lrq"), flexround = makeRounding("flexround");
    // The paper's rank is above the smaller side of a matrix so small: L is [12, 8] and U [8, 8].
    const auto low = dynamic_cast<const LearnedRounding&>(*lrq).learn(in, choiceOf("lrq", {{"rank_rule", std::string("paper")}}));
    const auto full = dynamic_cast<const LearnedRounding&>(*flexround).learn(in, defaultChoice(MethodKind::Rounding, "flexround"));
    for (Leaf& leaf : low->leaves())
        if (leaf.name == "L")
            leaf.value.detach().copy_(divisors);
        else if (leaf.name == "U")
            leaf.value.detach().copy_(at::eye(8));
    for (Leaf& leaf : full->leaves())
        if (leaf.name == "S2")
            leaf.value.detach().copy_(divisors);
    QVERIFY(at::equal(low->codes(weight).codes, full->codes(weight).codes));
    QVERIFY(!at::equal(low->codes(weight).codes, quantizeToNearest(weight, grid).codes));
}

void TestLearnedRounding::lrqWithoutFactorsHasDivisorsOfRankOneInTheLog()
{
    at::manual_seed(2);
    const at::Tensor weight = at::randn({12, 8}), row = at::randn({12, 1}) * 0.3, column = at::randn({1, 8}) * 0.3;
    const WeightGrid grid{.bits = 3, .symmetric = false};
    const auto lrq = makeRounding("lrq");
    const auto state = dynamic_cast<const LearnedRounding&>(*lrq).learn({.linear = "linear", .weight = weight, .grid = grid, .seed = 7}, defaultChoice(MethodKind::Rounding, "lrq"));
    for (Leaf& leaf : state->leaves())
        if (leaf.name == "r")
            leaf.value.detach().copy_(row);
        else if (leaf.name == "c")
            leaf.value.detach().copy_(column);
    const WeightScales scales = weightScales(weight, grid);
    const at::Tensor divided = weight / (row.exp() * column.exp());
    const at::Tensor expected = ((divided / scales.scale).round() + scales.zero).clamp(0, 7).to(at::kByte);
    const at::Tensor differing = state->codes(weight).codes != expected;
    QVERIFY(differing.sum().item<std::int64_t>() <= 1);   // a tie at most
}

void TestLearnedRounding::stepsByThemselvesKeepRowsApart_data()
{
    QTest::addColumn<QString>("id");
    QTest::newRow("flexround") << "flexround";
    QTest::newRow("lrq") << "lrq";
}

void TestLearnedRounding::stepsByThemselvesKeepRowsApart()
{
    QFETCH(QString, id);
    at::manual_seed(2);
    const at::Tensor weight = at::randn({12, 16});
    const auto method = makeRounding(id.toStdString());
    const auto state = dynamic_cast<const LearnedRounding&>(*method).learn({.linear = "linear", .weight = weight, .grid = {.bits = 3, .symmetric = false}, .seed = 7},
                                                                           defaultChoice(MethodKind::Rounding, id.toStdString()));
    const at::Tensor before = state->weight(weight).detach();
    Leaf step = state->leaves().front();
    QCOMPARE(step.name, std::string("step"));
    step.value.detach()[5] += 0.2;
    const at::Tensor moved = (state->weight(weight).detach() != before).any(1);
    for (std::int64_t r = 0; r < 12; ++r)
        QCOMPARE(moved[r].item<bool>(), r == 5);
    at::Tensor upstream = at::zeros({12, 16});
    upstream[5].fill_(1.0);
    state->weight(weight).backward(upstream);
    for (std::int64_t r = 0; r < 12; ++r)
        QCOMPARE(step.value.grad()[r].abs().sum().item<double>() > 0, r == 5);
}

void TestLearnedRounding::clippedWeightsGiveTheirDivisorsNoGradient()
{
    at::manual_seed(4);
    const WeightGrid grid{.bits = 3, .symmetric = false};
    const at::Tensor weight = at::randn({9, 16});
    WeightScales scales = weightScales(weight, grid);
    scales.scale = scales.scale * 0.5;   // the ends of the range are beyond the grid
    at::Tensor delta = leafOf(at::zeros({9, 16}));
    roundScaled(weight, scales.scale, delta, scales.zero, grid).backward(at::ones({9, 16}));
    const at::Tensor q = (weight / scales.scale).round() + scales.zero;
    const at::Tensor clipped = (q < 0).logical_or(q > 7);
    QVERIFY(clipped.any().item<bool>() && !clipped.all().item<bool>());
    QCOMPARE(delta.grad().masked_select(clipped).abs().max().item<double>(), 0.0);
    QVERIFY(relative(delta.grad().masked_select(clipped.logical_not()), -weight.masked_select(clipped.logical_not())) < 1e-6);
}

void TestLearnedRounding::globalDistillationOfALoneLinearIsLocalDistillation()
{
    at::manual_seed(8);
    const at::Tensor x = at::randn({256, 24}).matmul(at::eye(24) + at::randn({24, 24}) * 0.2), weight = at::randn({10, 24}) * 0.1;
    HessianAccumulator accumulator(24);
    accumulator.add(x);
    SiteHessian site;
    site.h = accumulator.finish();
    site.site = "block";
    const WeightGrid grid{.bits = 3, .symmetric = false};
    const MethodChoice local = choiceOf("zeroquant-local", {{"steps", std::int64_t{40}}}), global = choiceOf("zeroquant-global", {{"rate", local.real("rate")}});
    const RoundingResult alone = makeRounding("zeroquant-local")->round({"linear", weight, grid, &site}, local, {});

    /// The linear as a whole block: the mean squared error of its output.
    class Block final : public Objective {
    public:
        Block(LearnedWeight& learned, at::Tensor x, at::Tensor weight) : m_learned(learned), m_x(std::move(x)), m_weight(std::move(weight)) {}
        std::vector<Leaf> leaves() override { return m_learned.leaves(); }
        double step(int) override
        {
            const at::Tensor loss = this->loss();
            (loss * m_weight.size(0)).backward();   // only AdamW's epsilon sees the factor
            return loss.item<double>();
        }
        double judge() override { return loss().item<double>(); }

    private:
        at::Tensor loss() { return m_x.matmul((m_learned.weight(m_weight) - m_weight).t()).square().mean(); }
        LearnedWeight& m_learned;
        at::Tensor m_x, m_weight;
    };
    const auto method = makeRounding("zeroquant-global");
    const auto state = dynamic_cast<const LearnedRounding&>(*method).learn({.linear = "linear", .weight = weight, .grid = grid, .seed = 7}, global);
    Block block(*state, x, weight);
    const LossCurve curve = train(block, {.what = "block", .steps = 40}, {});
    QVERIFY(std::abs(curve.start - alone.curve->start) < 1e-4 * curve.start);
    QVERIFY2(std::abs(curve.end - alone.curve->end) < 0.02 * curve.end, qPrintable(QString("%1, %2").arg(curve.end).arg(alone.curve->end)));
    QVERIFY(curve.end < 0.95 * curve.start);
    const double differing = (state->codes(weight).codes != alone.weight.codes).to(at::kFloat).mean().item<double>();
    QVERIFY2(differing < 0.03, qPrintable(QString::number(differing)));   // a step that crosses half a code in the last bit
}

/// Where rounding loses nothing (as with 16 bits), the loss is zero, and so is every step.
void TestLearnedRounding::distillationLeavesWeightsThatTheGridHolds()
{
    at::manual_seed(8);
    const WeightGrid grid{.bits = 8, .symmetric = false};
    const QuantizedWeight held = quantizeToNearest(at::randn({10, 24}), grid);
    const at::Tensor weight = held.dequantize();
    HessianAccumulator accumulator(24);
    accumulator.add(at::randn({256, 24}));
    SiteHessian site;
    site.h = accumulator.finish();
    site.site = "block";
    const RoundingResult made = makeRounding("zeroquant-local")->round({"linear", weight, grid, &site}, choiceOf("zeroquant-local", {{"steps", std::int64_t{40}}}), {});
    // The grid is found again from the weights; its float steps differ in the last bits at most.
    QVERIFY2(made.curve->start < 1e-9 && made.curve->end <= made.curve->start, qPrintable(QString("%1, %2").arg(made.curve->start).arg(made.curve->end)));
    QVERIFY(at::equal(made.weight.codes, held.codes));
    QVERIFY(relative(made.weight.dequantize(), weight) < 1e-6);
}

void TestLearnedRounding::aStateThatWentWrongIsRolledBack()
{
    Planted clean(1.0, {}), planted(1.0, {30, 31});
    const LossCurve good = train(clean, {.what = "x", .steps = 100}, {});
    const LossCurve bad = train(planted, {.what = "x", .steps = 100}, {});
    QCOMPARE(good.rollbacks, 0);
    QCOMPARE(bad.rollbacks, 2);
    QCOMPARE(bad.notes.size(), std::size_t{2});
    QVERIFY(bad.notes.front().find("step 30") != std::string::npos);
    QVERIFY(good.end < 0.01 * good.start);
    QVERIFY(std::isfinite(planted.x()));
    QVERIFY(bad.end < bad.start);
    QVERIFY(std::abs((planted.x() - 1) * (planted.x() - 1) - bad.end) < 1e-6);
}

void TestLearnedRounding::trainingThatKeepsFailingEndsWhereItStarted()
{
    std::set<int> all;
    for (int i = 0; i < 100; ++i)
        all.insert(i);
    Planted planted(1.0, all);
    const LossCurve curve = train(planted, {.what = "x", .steps = 100}, {});
    QCOMPARE(planted.x(), 5.0);
    QCOMPARE(curve.end, curve.start);
    QCOMPARE(curve.losses.size(), std::size_t{4});
}

void TestLearnedRounding::everyPassVisitsEveryWindowOnce()
{
    std::vector<std::vector<std::size_t>> passes;
    for (int pass = 0; pass < 3; ++pass) {
        std::vector<std::size_t> seen;
        for (int step = 0; step < 5; ++step)
            for (const std::size_t window : miniBatch(10, 2, 7, pass * 5 + step))
                seen.push_back(window);
        passes.push_back(seen);
        std::sort(seen.begin(), seen.end());
        for (std::size_t i = 0; i < 10; ++i)
            QCOMPARE(seen[i], i);
    }
    QVERIFY(passes[0] != passes[1] && passes[1] != passes[2]);
    QCOMPARE(miniBatch(10, 3, 7, 11), miniBatch(10, 3, 7, 11));
    QVERIFY(miniBatch(10, 10, 7, 0) != miniBatch(10, 10, 8, 0));
}

QTEST_APPLESS_MAIN(TestLearnedRounding)
#include "tst_learned_rounding.moc"
