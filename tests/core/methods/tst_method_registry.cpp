#include "core/base/error.h"
#include "core/methods/hessian.h"
#include "core/methods/rounding.h"

#include <QtTest>

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

using namespace halftone;

/// Runs over the registry, so that a new method is tested the day it is listed.
class TestMethodRegistry : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyMethodDeclaresItself();
    void tablesCallMethodsAsPeopleDo();
    void everyMethodSaysWhatOfItFolds();
    void defaultsAreCompleteAndInRange();
    void unknownNamesAreRefused();
    void choicesAreReadByTheirType();
    void everyRoundingBoundsItsError_data();
    void everyRoundingBoundsItsError();
    void everyRoundingGivesTheSameTwice_data() { addRoundings(); }
    void everyRoundingGivesTheSameTwice();
    void everyRoundingStopsWhenAsked_data() { addRoundings(); }
    void everyRoundingStopsWhenAsked();
    void everyRoundingRefusesWhatIsNotFinite_data() { addRoundings(); }
    void everyRoundingRefusesWhatIsNotFinite();
    void everyRoundingRefusesSixteenBits_data() { addRoundings(); }
    void everyRoundingRefusesSixteenBits();

private:
    static void addRoundings()
    {
        QTest::addColumn<QString>("id");
        for (const MethodInfo& info : methodInfos())
            if (info.kind == MethodKind::Rounding)
                QTest::addRow("%s", info.id.c_str()) << QString::fromStdString(info.id);
    }
    static SiteHessian hessian(std::int64_t n)
    {
        at::manual_seed(8);
        HessianAccumulator accumulator(n);
        accumulator.add(at::randn({4 * n, n}).matmul(at::eye(n) + at::randn({n, n}) * 0.2));
        SiteHessian result;
        result.h = accumulator.finish();
        result.site = "block";
        return result;
    }
};

void TestMethodRegistry::tablesCallMethodsAsPeopleDo()
{
    for (const auto& [kind, id, label] : {std::tuple{MethodKind::Rounding, "rtn", "RTN"}, {MethodKind::Rounding, "gptq", "GPTQ"}, {MethodKind::Rounding, "lrq", "LRQ"},
             {MethodKind::Rounding, "lwc", "LWC"}, {MethodKind::Transform, "awq", "AWQ"}, {MethodKind::Transform, "smoothquant", "SmoothQuant"},
             {MethodKind::Compensation, "lorc", "LoRC"}, {MethodKind::Compensation, "none", "none"}, {MethodKind::Rounding, "of a later version", "of a later version"}})
        QCOMPARE(methodLabel(kind, id), std::string(label));
}

void TestMethodRegistry::everyMethodDeclaresItself()
{
    std::set<std::pair<int, std::string>> seen;
    for (const MethodInfo& info : methodInfos()) {
        QVERIFY(!info.id.empty() && !info.name.empty() && !info.summary.empty());
        QVERIFY2(seen.insert({static_cast<int>(info.kind), info.id}).second, info.id.c_str());
        QVERIFY(findMethod(info.kind, info.id) != nullptr);
        std::set<std::string> keys;
        for (const ParameterInfo& parameter : info.parameters) {
            QVERIFY2(keys.insert(parameter.key).second, parameter.key.c_str());
            QVERIFY2(!parameter.help.empty(), parameter.key.c_str());
        }
    }
    for (const char* id : {"rtn", "gptq", "flexround", "lrq", "lwc", "zeroquant-local", "zeroquant-global"})
        QVERIFY(findMethod(MethodKind::Rounding, id) != nullptr);
    for (const char* id : {"per_tensor", "per_token", "per_channel", "cross", "cross_static"})
        QVERIFY(findMethod(MethodKind::Activation, id) != nullptr);
    QVERIFY(findMethod(MethodKind::Activation, "gptq") == nullptr);
    for (const MethodEntry& entry : methods())
        QCOMPARE(static_cast<bool>(entry.makeRounding), entry.info.kind == MethodKind::Rounding);
    for (const MethodEntry& entry : methods())
        QCOMPARE(entry.makeCompensation && entry.compensationBits, entry.info.kind == MethodKind::Compensation);
}

/// methods-core §17, and one sentence about it.
void TestMethodRegistry::everyMethodSaysWhatOfItFolds()
{
    const auto how = [](MethodKind kind, const char* id) { return std::string(name(findMethod(kind, id)->folds.how)); };
    for (const MethodInfo& info : methodInfos()) {
        QVERIFY2(info.folds.how != MethodFolds::How::Undeclared, info.id.c_str());
        QVERIFY2(!name(info.folds.how).empty(), info.id.c_str());
        QVERIFY2(info.folds.note.size() > 20 && info.folds.note.ends_with('.'), info.id.c_str());
        if (info.kind == MethodKind::Rounding)
            QCOMPARE(name(info.folds.how), std::string_view("fully"));
    }
    for (const char* id : {"smoothquant", "awq", "omniquant", "crossquant"})
        QCOMPARE(how(MethodKind::Transform, id), std::string("fully"));
    QCOMPARE(how(MethodKind::Compensation, "lorc"), std::string("adapter only"));
    QCOMPARE(how(MethodKind::Activation, "per_token"), std::string("fully"));
    QCOMPARE(how(MethodKind::Activation, "cross"), std::string("analysis only"));
    QCOMPARE(how(MethodKind::Activation, "cross_static"), std::string("partly"));
}

void TestMethodRegistry::defaultsAreCompleteAndInRange()
{
    for (const MethodInfo& info : methodInfos()) {
        const MethodChoice choice = defaultChoice(info.kind, info.id);
        QCOMPARE(choice.method, info.id);
        QCOMPARE(choice.parameters.size(), info.parameters.size());
        QVERIFY(std::is_sorted(choice.parameters.begin(), choice.parameters.end(), [](const auto& a, const auto& b) { return a.first < b.first; }));
        for (const ParameterInfo& parameter : info.parameters) {
            switch (parameter.type) {
            case ParameterInfo::Type::Boolean:
                QVERIFY(std::holds_alternative<bool>(parameter.defaultValue));
                break;
            case ParameterInfo::Type::Integer: {
                const auto value = static_cast<double>(std::get<std::int64_t>(parameter.defaultValue));
                QVERIFY(parameter.minimum <= value && value <= parameter.maximum);
                break;
            }
            case ParameterInfo::Type::Real: {
                const double value = std::get<double>(parameter.defaultValue);
                QVERIFY(parameter.minimum <= value && value <= parameter.maximum);
                break;
            }
            case ParameterInfo::Type::Choice: {
                const auto& value = std::get<std::string>(parameter.defaultValue);
                QVERIFY(std::find(parameter.choices.begin(), parameter.choices.end(), value) != parameter.choices.end());
                break;
            }
            }
        }
    }
    QCOMPARE(defaultChoice(MethodKind::Compensation, "none").method, std::string("none"));
}

void TestMethodRegistry::unknownNamesAreRefused()
{
    try {
        makeRounding("gptqq");
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QCOMPARE(error.kind(), ErrorKind::InvalidArgument);
        QVERIFY2(std::string(error.what()).find("gptqq") != std::string::npos && std::string(error.what()).find("rtn") != std::string::npos, error.what());
    }
    QVERIFY_THROWS_EXCEPTION(Error, defaultChoice(MethodKind::Transform, "spin"));
    QVERIFY_THROWS_EXCEPTION(Error, makeRounding("per_token"));
}

void TestMethodRegistry::choicesAreReadByTheirType()
{
    const MethodChoice choice = defaultChoice(MethodKind::Rounding, "gptq");
    QCOMPARE(choice.real("damping"), 0.01);
    QCOMPARE(choice.integer("block"), std::int64_t{128});
    QVERIFY(choice.boolean("activation_order"));
    QVERIFY_THROWS_EXCEPTION(Error, choice.boolean("damping"));
    QVERIFY_THROWS_EXCEPTION(Error, choice.real("dampening"));
}

void TestMethodRegistry::everyRoundingBoundsItsError_data()
{
    QTest::addColumn<QString>("id");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    for (const MethodInfo& info : methodInfos())
        if (info.kind == MethodKind::Rounding)
            for (const int bits : {2, 3, 4, 8})
                for (const int group : {0, 32})
                    for (const bool symmetric : {true, false})
                        QTest::addRow("%s, %d bits, group %d, %s", info.id.c_str(), bits, group, symmetric ? "symmetric" : "asymmetric")
                            << QString::fromStdString(info.id) << bits << group << symmetric;
}

void TestMethodRegistry::everyRoundingBoundsItsError()
{
    QFETCH(QString, id);
    QFETCH(int, bits);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    SiteHessian site = hessian(64);
    at::manual_seed(9);
    const at::Tensor w = at::randn({70, 64}) * 0.1;
    const WeightGrid grid{.bits = bits, .group = group, .symmetric = symmetric};
    const auto method = makeRounding(id.toStdString());
    const RoundingResult result = method->round({"linear", w, grid, &site}, defaultChoice(MethodKind::Rounding, id.toStdString()), {});
    const at::Tensor value = result.weight.dequantize();
    QVERIFY(value.sizes() == w.sizes());
    QVERIFY(value.isfinite().all().item<bool>());
    // Worse in the output than half of the signal, or twice as bad as rounding to nearest, would be no rounding method.
    const auto outputError = [&](const at::Tensor& v) { return ((v - w).matmul(site.h) * (v - w)).sum().item<double>(); };
    const double error = outputError(value), nearest = outputError(quantizeToNearest(w, grid).dequantize());
    const double signal = (w.matmul(site.h) * w).sum().item<double>();
    QVERIFY2(error <= 2 * nearest, qPrintable(QString("%1 against %2").arg(error).arg(nearest)));
    QVERIFY(error < 0.5 * signal || bits == 2);
    if (bits == 8)
        QVERIFY((value - w).abs().max().item<double>() < 0.02);
}

void TestMethodRegistry::everyRoundingGivesTheSameTwice()
{
    QFETCH(QString, id);
    SiteHessian one = hessian(64), two = hessian(64);
    at::manual_seed(10);
    const at::Tensor w = at::randn({33, 64});
    const auto method = makeRounding(id.toStdString());
    const MethodChoice choice = defaultChoice(MethodKind::Rounding, id.toStdString());
    const RoundingResult a = method->round({"linear", w, {.bits = 3, .group = 16}, &one}, choice, {});
    const RoundingResult b = method->round({"linear", w, {.bits = 3, .group = 16}, &two}, choice, {});
    QVERIFY(at::equal(a.weight.codes, b.weight.codes));
    QVERIFY(at::equal(a.weight.scales.scale, b.weight.scales.scale));
}

void TestMethodRegistry::everyRoundingStopsWhenAsked()
{
    QFETCH(QString, id);
    SiteHessian site = hessian(64);
    std::stop_source stop;
    stop.request_stop();
    const auto method = makeRounding(id.toStdString());
    QVERIFY_THROWS_EXCEPTION(Cancelled,
                             method->round({"linear", at::randn({8, 64}), {.bits = 4}, &site}, defaultChoice(MethodKind::Rounding, id.toStdString()), stop.get_token()));
}

void TestMethodRegistry::everyRoundingRefusesWhatIsNotFinite()
{
    QFETCH(QString, id);
    SiteHessian site = hessian(64);
    at::Tensor w = at::randn({8, 64});
    w[2][3] = std::numeric_limits<float>::quiet_NaN();
    const auto method = makeRounding(id.toStdString());
    try {
        method->round({"model.layers.0.mlp.up_proj", w, {.bits = 4, .group = 16}, &site}, defaultChoice(MethodKind::Rounding, id.toStdString()), {});
        QFAIL("nothing was thrown");
    } catch (const Error& error) {
        QCOMPARE(error.subject(), std::string("model.layers.0.mlp.up_proj"));
    }
}

void TestMethodRegistry::everyRoundingRefusesSixteenBits()
{
    QFETCH(QString, id);
    SiteHessian site = hessian(64);
    const auto method = makeRounding(id.toStdString());
    QVERIFY_THROWS_EXCEPTION(Error, method->round({"linear", at::randn({8, 64}), {}, &site}, defaultChoice(MethodKind::Rounding, id.toStdString()), {}));
}

QTEST_APPLESS_MAIN(TestMethodRegistry)
#include "tst_method_registry.moc"
