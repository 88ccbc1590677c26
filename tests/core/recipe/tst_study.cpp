#include "small_model.h"

#include "core/base/error.h"
#include "core/recipe/study_result.h"

#include <QtTest>

#include <cmath>
#include <limits>

using namespace halftone;

namespace {

Study parse(const std::string& inner) { return Study::parse("{\"halftone_study\": 1, " + inner + "}", "s.json", "/texts"); }

std::vector<std::string> names(const Study& study)
{
    std::vector<std::string> all;
    for (const StudyMember& member : study.members())
        all.push_back(member.name);
    return all;
}

const std::string kGrid = R"("base": {"halftone_recipe": 1, "calibration": {"samples": 4, "length": 64}},
 "axes": {"methods": [{"name": "RTN", "rounding": {"method": "rtn"}}, {"name": "GPTQ", "rounding": {"method": "gptq", "damping": 0.02}}],
          "weight_bits": [16, 4, 3], "groups": [32],
          "activations": [{"scheme": "none"}, {"scheme": "cross", "bits": [8, 6], "alpha": [0.15, 0.5]}]})";

} // namespace

class TestStudy : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void axesMultiplyAndEqualSettingsAreOne();
    void whatHasNothingToDoAtSixteenBitsGoes();
    void membersThatNeedARunAreTold();
    void relativePathsAreRelativeToTheFile();
    void jsonRoundTrips();
    void faultsNameTheirPlace_data();
    void faultsNameTheirPlace();
    void classesIncludeTheirLimits();
    void figuresAreMeansOverTheTexts();
    void csvQuotesAndHasAColumnAText();
    void presetsExpandOnAModel();
};

void TestStudy::axesMultiplyAndEqualSettingsAreOne()
{
    const Study study = parse(kGrid);
    QCOMPARE(study.activations.size(), std::size_t{5});
    const std::vector<std::string> all = names(study);
    // At 16 bits the methods differ in nothing: 5 activation grids once; at 4 and 3 bits 2 methods × 5.
    QCOMPARE(all.size(), std::size_t{5 + 2 * 2 * 5});
    QCOMPARE(all.front(), std::string("W16 A16"));
    QCOMPARE(all[1], std::string("W16 A8 cross α 0.15"));
    QCOMPARE(all[5], std::string("RTN W4 g32 A16"));
    QCOMPARE(all.back(), std::string("GPTQ W3 g32 A6 cross α 0.5"));
    QVERIFY(study.members().front().isFloat());
    const StudyMember last = study.members().back();
    QCOMPARE(*last.recipe.defaults.bits, 3);
    QCOMPARE(*last.recipe.defaults.activationBits, 6);
    QCOMPARE(last.recipe.defaults.rounding->real("damping"), 0.02);
    QCOMPARE(last.recipe.calibration.samples, 4);
}

void TestStudy::whatHasNothingToDoAtSixteenBitsGoes()
{
    const Study study = parse(R"("axes": {"methods": [{"name": "Smooth", "transform": {"method": "smoothquant"}, "rounding": {"method": "gptq"},
        "compensation": {"method": "lorc"}}], "weight_bits": 16, "activations": [{"scheme": "per_token"}, {"scheme": "none"}]})");
    const std::vector<StudyMember> members = study.members();
    QCOMPARE(members.size(), std::size_t{2});
    QCOMPARE(members[0].name, std::string("Smooth W16 A8 per token"));
    QVERIFY(!members[0].recipe.defaults.rounding && !members[0].recipe.defaults.compensation);
    QCOMPARE(members[0].recipe.defaults.transform->method, std::string("smoothquant"));
    QVERIFY(members[1].isFloat());
    QVERIFY(!members[1].recipe.defaults.transform);
    // A rule that rounds weights keeps the method.
    const Study ruled = parse(R"("base": {"halftone_recipe": 1, "rules": [{"match": "*.down_proj", "weights": {"bits": 8}}]},
        "axes": {"methods": [{"name": "GPTQ", "rounding": {"method": "gptq"}}], "weight_bits": [16]})");
    QCOMPARE(ruled.members().front().recipe.defaults.rounding->method, std::string("gptq"));
    QVERIFY(!ruled.members().front().isFloat());
}

void TestStudy::membersThatNeedARunAreTold()
{
    const auto onTheFly = [](const std::string& defaults) {
        return parse(R"("recipes": [{"name": "x", "recipe": {"halftone_recipe": 1, "defaults": )" + defaults + "}}]").members().front().onTheFly();
    };
    QVERIFY(onTheFly(R"({"weights": {"bits": 4}})"));
    QVERIFY(onTheFly(R"({"rounding": {"method": "rtn"}, "weights": {"bits": 4}, "activations": {"scheme": "per_token"}})"));
    QVERIFY(onTheFly(R"({"activations": {"scheme": "cross", "bits": 4}})"));
    QVERIFY(!onTheFly(R"({"activations": {"scheme": "per_tensor"}})"));
    QVERIFY(!onTheFly(R"({"rounding": {"method": "gptq"}, "weights": {"bits": 4}})"));
    QVERIFY(!onTheFly(R"({"transform": {"method": "smoothquant"}, "activations": {"scheme": "per_token"}})"));
    QVERIFY(!onTheFly(R"({"compensation": {"method": "lorc"}, "weights": {"bits": 4}})"));
}

void TestStudy::relativePathsAreRelativeToTheFile()
{
    const Study study = parse(R"("model": "../m", "calibration_text": "/abs/c.txt", "project": "p.halftone",
        "evaluation": {"texts": ["a.txt", {"name": "B", "file": "sub/b.txt"}], "windows": 3, "length": 128, "divergence": false}, "axes": {"weight_bits": [4]})");
    QCOMPARE(study.model.string(), std::string("/m"));
    QCOMPARE(study.calibrationText.string(), std::string("/abs/c.txt"));
    QCOMPARE(study.project.string(), std::string("/texts/p.halftone"));
    QCOMPARE(study.texts.size(), std::size_t{2});
    QCOMPARE(study.texts[0].name, std::string("a.txt"));
    QCOMPARE(study.texts[1].name, std::string("B"));
    QCOMPARE(study.texts[1].file.string(), std::string("/texts/sub/b.txt"));
    QCOMPARE(study.windows, 3);
    QVERIFY(!study.divergence);
}

void TestStudy::jsonRoundTrips()
{
    const Study study = parse(kGrid + R"(, "name": "grid", "model": "m", "calibration_text": "c.txt", "evaluation": {"texts": ["a.txt"], "length": 256},
        "recipes": [{"name": "own", "recipe": {"halftone_recipe": 1, "defaults": {"weights": {"bits": 8}}, "rules": [{"match": "*.down_proj", "weights": {"bits": 4}}]}}],
        "classes": {"class_1": 0.2, "class_2": 1})");
    const std::string json = study.toJson();
    const Study again = Study::parse(json, "s.json");
    QVERIFY(again == study);
    QCOMPARE(again.toJson(), json);
}

void TestStudy::faultsNameTheirPlace_data()
{
    QTest::addColumn<QString>("inner");
    QTest::addColumn<QString>("pointer");
    QTest::addColumn<QString>("says");
    QTest::addRow("unknown key") << R"("axis": {})" << "/axis" << "unknown key";
    QTest::addRow("no members") << R"("name": "x")" << "/axes" << "no members";
    QTest::addRow("nine bits") << R"("axes": {"weight_bits": [4, 9]})" << "/axes/weight_bits/1" << "9 bits are not possible";
    QTest::addRow("activations of 16 bits") << R"("axes": {"activations": [{"scheme": "cross", "bits": [8, 16]}]})" << "/axes/activations/0/bits/1" << "16 bits are not possible";
    QTest::addRow("alpha beyond 1") << R"("axes": {"activations": [{"scheme": "cross", "alpha": 1.5}]})" << "/axes/activations/0/alpha" << "1.5";
    QTest::addRow("scheme") << R"("axes": {"activations": [{"scheme": "crossed"}]})" << "/axes/activations/0/scheme" << "not known";
    QTest::addRow("asymmetric cross") << R"("axes": {"activations": [{"scheme": "cross", "symmetric": false}]})" << "/axes/activations/0" << "cross";
    QTest::addRow("method without a name") << R"("axes": {"methods": [{"rounding": {"method": "rtn"}}]})" << "/axes/methods/0/name" << "is missing";
    QTest::addRow("unknown method") << R"("axes": {"methods": [{"name": "a", "rounding": {"method": "rtn"}}, {"name": "x", "rounding": {"method": "gpt"}}]})"
                                    << "/axes/methods/1/rounding/method" << "not known";
    QTest::addRow("parameter of a method") << R"("axes": {"methods": [{"name": "x", "rounding": {"method": "gptq", "damping": -1}}]})"
                                           << "/axes/methods/0/rounding/damping" << "allowed is";
    QTest::addRow("base") << R"("base": {"halftone_recipe": 1, "rules": [{"weights": {"bits": 4}}]}, "axes": {"weight_bits": [4]})" << "/base/rules/0/match" << "is missing";
    QTest::addRow("base without its version") << R"("base": {}, "axes": {"weight_bits": [4]})" << "/base/halftone_recipe" << "is missing";
    QTest::addRow("recipe") << R"("recipes": [{"name": "x", "recipe": {"halftone_recipe": 1, "defaults": {"weights": {"bits": 1}}}}])" << "/recipes/0/recipe/defaults/weights/bits"
                            << "not possible";
    QTest::addRow("classes") << R"("axes": {"weight_bits": [4]}, "classes": {"class_1": 0.6})" << "/classes" << "less than";
    QTest::addRow("text") << R"("axes": {"weight_bits": [4]}, "evaluation": {"texts": [{"name": "a"}]})" << "/evaluation/texts/0/file" << "is missing";
    QTest::addRow("length") << R"("axes": {"weight_bits": [4]}, "evaluation": {"length": 1})" << "/evaluation/length" << "allowed is";
    QTest::addRow("too many") << QStringLiteral("\"axes\": {\"weight_bits\": [4], \"groups\": [%1]}").arg(QStringList(1001, QStringLiteral("8")).join(u',')) << "/axes/groups" << "at most";
}

void TestStudy::faultsNameTheirPlace()
{
    QFETCH(QString, inner);
    QFETCH(QString, pointer);
    QFETCH(QString, says);
    try {
        parse(inner.toStdString());
        QFAIL("it was read");
    } catch (const Error& e) {
        QVERIFY(e.kind() == ErrorKind::BadFile);
        QCOMPARE(QString::fromStdString(e.subject()), pointer);
        const QString what = QString::fromUtf8(e.what());
        QVERIFY2(what.startsWith(QStringLiteral("s.json: ") + pointer + QStringLiteral(": ")), e.what());
        QVERIFY2(what.contains(says), e.what());
    }
}

void TestStudy::classesIncludeTheirLimits()
{
    const ClassLimits limits;
    QCOMPARE(sensitivityClass(0, limits), 1);
    QCOMPARE(sensitivityClass(-3, limits), 1);
    QCOMPARE(sensitivityClass(0.1, limits), 1);
    QCOMPARE(sensitivityClass(std::nextafter(0.1, 1), limits), 2);
    QCOMPARE(sensitivityClass(0.5, limits), 2);
    QCOMPARE(sensitivityClass(std::nextafter(0.5, 1), limits), 3);
    QCOMPARE(sensitivityClass(std::numeric_limits<double>::infinity(), limits), 3);
    QCOMPARE(sensitivityClass(std::numeric_limits<double>::quiet_NaN(), limits), 3);
    // The authors' own W4A16 figures.
    QCOMPARE(sensitivityClass(13.44 - 11.90, limits), 3);
    QCOMPARE(sensitivityClass(12.28 - 11.90, limits), 2);
    QCOMPARE(sensitivityClass(10.78 - 10.70, limits), 1);
    QCOMPARE(sensitivityClass(0.4, {0.4, 0.4}), 1);
}

void TestStudy::figuresAreMeansOverTheTexts()
{
    StudyResult result;
    result.study.texts = {{"a", "a"}, {"b, \"c\"", "b"}};
    result.floatTexts.resize(2);
    result.floatTexts[0].perplexity.perplexity = 10;
    result.floatTexts[1].perplexity.perplexity = 20;
    StudyMemberResult member;
    member.state = StudyMemberResult::State::Done;
    member.texts = result.floatTexts;
    member.texts[0].perplexity.perplexity = 10.25;
    member.texts[1].perplexity.perplexity = 20.5;
    member.texts[0].hasDivergence = member.texts[1].hasDivergence = true;
    member.texts[0].divergence.klMean = 0.25;
    member.texts[1].divergence.klMean = 0.75;
    member.grids = {1000, 190, 90, 5};
    const StudyFigures f = figuresOf(result, member, {});
    QCOMPARE(f.perplexity, 15.375);
    QCOMPARE(f.degradation, 0.375);
    QCOMPARE(f.ratio, 1.025);
    QCOMPARE(f.sensitivity, 2);
    QCOMPARE(f.klMean, 0.5);
    QCOMPARE(f.kernel, 0.19);
    QCOMPARE(f.lost, 0.09);
    QCOMPARE(f.clipped, 0.005);
    member.texts[1].notFinite = 3;   // a mean without them would look good
    QVERIFY(std::isinf(figuresOf(result, member, {}).perplexity));
    QCOMPARE(figuresOf(result, member, {}).sensitivity, 3);
    member.state = StudyMemberResult::State::Waiting;
    QCOMPARE(figuresOf(result, member, {}).sensitivity, 0);
    QVERIFY(std::isnan(figuresOf(result, member, {}).perplexity));
}

void TestStudy::csvQuotesAndHasAColumnAText()
{
    StudyResult result;
    result.study.texts = {{"b, \"c\"", "b"}};
    result.floatTexts.resize(1);
    result.floatTexts[0].perplexity.perplexity = 20;
    StudyMemberResult member;
    member.name = "say \"x\", y";
    member.state = StudyMemberResult::State::Done;
    member.texts = result.floatTexts;
    result.members = {member};
    const QString csv = QString::fromStdString(studyCsv(result, {}));
    const QStringList lines = csv.split(QStringLiteral("\r\n"));
    QCOMPARE(lines.size(), 3);
    QVERIFY(lines[0].endsWith(QStringLiteral(",\"perplexity b, \"\"c\"\"\",\"degradation b, \"\"c\"\"\"")));
    QVERIFY(lines[1].startsWith(QStringLiteral("\"say \"\"x\"\", y\",")));
    QVERIFY(lines[1].contains(QStringLiteral(",done,20,0,1,1,")));
    QVERIFY(lines[1].endsWith(QStringLiteral(",20,0")));
}

void TestStudy::presetsExpandOnAModel()
{
    const ModelDescription model = llamaDescription();
    for (const StudyPreset& preset : studyPresets()) {
        const Study study = studyForModel(preset.id, model);
        const std::vector<StudyMember> members = study.members();
        QVERIFY2(members.size() >= 6, preset.id.c_str());
        for (const StudyMember& member : members)
            resolve(member.recipe, model);   // throws where a member is impossible
        QVERIFY(Study::parse(study.toJson(), "s.json") == study);
    }
    QVERIFY_THROWS_EXCEPTION(Error, studyForModel("everything", model));
}

QTEST_GUILESS_MAIN(TestStudy)
#include "tst_study.moc"
