#include "driven_model.h"

#include <QtTest>

#include <cmath>

using namespace halftone;
using namespace halftone::testing;

// Methods at their neutral settings, through the whole block driver: LLaMA (grouped key-value heads, rotary positions), OPT and BLOOM.

namespace {

void addModels(const std::function<void(const char* model)>& add)
{
    for (const char* model : {"llama", "opt", "bloom"})
        add(model);
}

void addModelsAndRoundings(const std::function<bool(const MethodInfo&)>& wanted)
{
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("id");
    addModels([&](const char* model) {
        for (const MethodInfo& info : methodInfos())
            if (info.kind == MethodKind::Rounding && wanted(info))
                QTest::addRow("%s, %s", model, info.id.c_str()) << model << QString::fromStdString(info.id);
    });
}

Plan planWith(MethodChoice rounding, int bits = 3)
{
    Plan plan;
    plan.rounding = std::move(rounding);
    plan.weights = {.bits = bits, .symmetric = false};
    return plan;
}

std::vector<Plan> everywhere(const std::string& model, const Plan& plan) { return std::vector<Plan>(linearsOf(model), plan); }

MethodChoice nearest() { return defaultChoice(MethodKind::Rounding, "rtn"); }

MethodChoice learned(const std::string& id, std::int64_t steps, std::vector<std::pair<std::string, ParameterValue>> more = {})
{
    more.emplace_back("steps", steps);
    return changed(MethodKind::Rounding, id, more);
}

bool sameCodes(const Driven& a, const Driven& b)
{
    for (std::size_t i = 0; i < a.stored.size(); ++i)
        for (std::size_t k = 0; k < a.stored[i].linears.size(); ++k) {
            const auto &x = a.stored[i].linears[k].weight, &y = b.stored[i].linears[k].weight;
            if (!at::equal(x->codes, y->codes) || !at::equal(x->scales.scale, y->scales.scale) || !at::equal(x->scales.zero, y->scales.zero))
                return false;
        }
    return true;
}

/// Starts at the grid of the largest weights: all that learn but clipping, which starts clipped.
bool startsAtNearest(const MethodInfo& info) { return info.needs.gradients && info.id != "lwc"; }

} // namespace

class TestIdentities : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void learnedRoundingsWithoutStepsAreRoundingToNearest_data() { addModelsAndRoundings(startsAtNearest); }
    void learnedRoundingsWithoutStepsAreRoundingToNearest();
    void learnedRoundingsAtRateZeroAreRoundingToNearest_data() { addModelsAndRoundings(startsAtNearest); }
    void learnedRoundingsAtRateZeroAreRoundingToNearest();
    void clippingThatDoesNotClipIsRoundingToNearest_data() { addModelsOnly(); }
    void clippingThatDoesNotClipIsRoundingToNearest();
    void theLossNeverEndsAboveItsStart_data()
    {
        addModelsAndRoundings([](const MethodInfo& info) { return info.needs.gradients; });
    }
    void theLossNeverEndsAboveItsStart();
    void linearsOfSixteenBitsStayBitForBit_data()
    {
        addModelsAndRoundings([](const MethodInfo&) { return true; });
    }
    void linearsOfSixteenBitsStayBitForBit();
    void everyRoundingGivesTheSameCodesTwice_data()
    {
        addModelsAndRoundings([](const MethodInfo&) { return true; });
    }
    void everyRoundingGivesTheSameCodesTwice();
    void lorcOfRankZeroIsTheRoundingAlone_data()
    {
        addModelsAndRoundings([](const MethodInfo& info) { return !info.needs.gradients; });
    }
    void lorcOfRankZeroIsTheRoundingAlone();
    void lorcOfFullRankIsTheFloatModel_data() { addModelsOnly(); }
    void lorcOfFullRankIsTheFloatModel();
    void awqIsNoWorseThanRoundingOnTheCalibration_data() { addModelsOnly(); }
    void awqIsNoWorseThanRoundingOnTheCalibration();
    void moreBitsLeaveLessError_data()
    {
        addModelsAndRoundings([](const MethodInfo&) { return true; });
    }
    void moreBitsLeaveLessError();
    void crossQuantWithAlphaOneIsPerToken_data() { addModelsOnly(); }
    void crossQuantWithAlphaOneIsPerToken();

private:
    static void addModelsOnly()
    {
        QTest::addColumn<QString>("model");
        addModels([](const char* model) { QTest::newRow(model) << model; });
    }
};

void TestIdentities::learnedRoundingsWithoutStepsAreRoundingToNearest()
{
    QFETCH(QString, model);
    QFETCH(QString, id);
    const std::string name = model.toStdString();
    const Driven expected = drive(name, everywhere(name, planWith(nearest())));
    QVERIFY(sameCodes(drive(name, everywhere(name, planWith(learned(id.toStdString(), 0)))), expected));
}

void TestIdentities::learnedRoundingsAtRateZeroAreRoundingToNearest()
{
    QFETCH(QString, model);
    QFETCH(QString, id);
    const std::string name = model.toStdString();
    const Driven expected = drive(name, everywhere(name, planWith(nearest())));
    const Driven found = drive(name, everywhere(name, planWith(learned(id.toStdString(), 6, {{"rate", 0.0}}))));
    QVERIFY(sameCodes(found, expected));
    QVERIFY(!found.stored.front().result.curves.empty());
    QCOMPARE(found.stored.front().result.curves.front().losses.size(), std::size_t{6});
}

void TestIdentities::clippingThatDoesNotClipIsRoundingToNearest()
{
    QFETCH(QString, model);
    const std::string name = model.toStdString();
    const Driven expected = drive(name, everywhere(name, planWith(nearest())));
    QVERIFY(sameCodes(drive(name, everywhere(name, planWith(learned("lwc", 0, {{"start", 30.0}})))), expected));
}

void TestIdentities::theLossNeverEndsAboveItsStart()
{
    QFETCH(QString, model);
    QFETCH(QString, id);
    const std::string name = model.toStdString();
    // A rate far too large: what was best is kept, at worst the start.
    for (const double rate : {1e-3, 1.0}) {
        const Driven found = drive(name, everywhere(name, planWith(learned(id.toStdString(), 12, {{"rate", rate}}))));
        for (const StoredBlock& block : found.stored)
            for (const LossCurve& curve : block.result.curves) {
                QVERIFY2(curve.end <= curve.start && std::isfinite(curve.end), curve.what.c_str());
                QVERIFY(curve.end < curve.start || curve.bestStep == 0);
            }
    }
}

void TestIdentities::linearsOfSixteenBitsStayBitForBit()
{
    QFETCH(QString, model);
    QFETCH(QString, id);
    const std::string name = model.toStdString();
    std::vector<Plan> plans = everywhere(name, planWith(learned(id.toStdString(), 4)));
    for (std::size_t i = 0; i < plans.size(); i += 2)
        plans[i].weights.bits = 16;
    const Driven found = drive(name, plans);
    for (std::size_t b = 0; b < found.before.size(); ++b)
        for (std::size_t i = 0; i < plans.size(); ++i) {
            const at::Tensor &before = found.before[b].linears()[i].weight, &after = found.after[b].linears()[i].weight;
            QCOMPARE(at::equal(before, after), plans[i].weights.bits == 16);
            QCOMPARE(found.stored[b].linears[i].weight.has_value(), plans[i].weights.bits != 16);
        }
}

void TestIdentities::everyRoundingGivesTheSameCodesTwice()
{
    QFETCH(QString, model);
    QFETCH(QString, id);
    const std::string name = model.toStdString();
    const std::vector<Plan> plans = everywhere(name, planWith(learned(id.toStdString(), 8)));
    QVERIFY(sameCodes(drive(name, plans, 3), drive(name, plans, 3)));
}

void TestIdentities::lorcOfRankZeroIsTheRoundingAlone()
{
    QFETCH(QString, model);
    QFETCH(QString, id);
    const std::string name = model.toStdString();
    Plan plan = planWith(defaultChoice(MethodKind::Rounding, id.toStdString()));
    const Driven alone = drive(name, everywhere(name, plan));
    plan.compensation = changed(MethodKind::Compensation, "lorc", {{"rank", std::int64_t{0}}});
    const Driven found = drive(name, everywhere(name, plan));
    QVERIFY(sameCodes(found, alone));
    QCOMPARE(found.error, alone.error);
}

void TestIdentities::lorcOfFullRankIsTheFloatModel()
{
    QFETCH(QString, model);
    const std::string name = model.toStdString();
    Plan plan = planWith(nearest());
    const double alone = drive(name, everywhere(name, plan)).error;
    plan.compensation = changed(MethodKind::Compensation, "lorc", {{"rank", std::int64_t{1024}}});
    const double full = drive(name, everywhere(name, plan)).error;
    QVERIFY2(full < 1e-5 * alone, qPrintable(QString("%1 against %2").arg(full).arg(alone)));   // factors are stored in float16
}

void TestIdentities::awqIsNoWorseThanRoundingOnTheCalibration()
{
    QFETCH(QString, model);
    const std::string name = model.toStdString();
    Plan plan = planWith(nearest());
    const Driven alone = drive(name, everywhere(name, plan));
    plan.transform = changed(MethodKind::Transform, "awq", {{"clip", false}});
    const Driven scaled = drive(name, everywhere(name, plan));
    // The search judges halves of the block by themselves, so the whole may be a little worse.
    QVERIFY2(scaled.error <= 1.02 * alone.error, qPrintable(QString("%1 against %2").arg(scaled.error).arg(alone.error)));
}

void TestIdentities::moreBitsLeaveLessError()
{
    QFETCH(QString, model);
    QFETCH(QString, id);
    const std::string name = model.toStdString();
    double last = std::numeric_limits<double>::infinity(), atThree = 0;
    for (const int bits : {2, 3, 4, 8}) {
        const double error = drive(name, everywhere(name, planWith(learned(id.toStdString(), 8), bits))).error;
        QVERIFY2(error < last, qPrintable(QString("%1 bits: %2 against %3").arg(bits).arg(error).arg(last)));
        last = error;
        atThree = bits == 3 ? error : atThree;
    }
    // The widest grid there is: each of five bits more takes about three quarters of the error.
    QVERIFY2(last < atThree / 200, qPrintable(QString("%1 against %2").arg(last).arg(atThree)));
}

void TestIdentities::crossQuantWithAlphaOneIsPerToken()
{
    QFETCH(QString, model);
    const std::string name = model.toStdString();
    Plan plan = planWith(nearest(), 4);
    plan.activations = {.scheme = ActivationScheme::PerToken, .bits = 4};
    const Driven token = drive(name, everywhere(name, plan));
    plan.activations = {.scheme = ActivationScheme::Cross, .bits = 4, .alpha = 1};
    const Driven cross = drive(name, everywhere(name, plan));
    QVERIFY(sameCodes(cross, token));
    QCOMPARE(cross.error, token.error);
}

QTEST_APPLESS_MAIN(TestIdentities)
#include "tst_identities.moc"
