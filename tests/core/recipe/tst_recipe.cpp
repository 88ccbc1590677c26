#include "core/base/error.h"
#include "core/recipe/bulk_edit.h"
#include "core/recipe/plan_fields.h"

#include <QTemporaryDir>
#include <QTest>

#include <random>
#include <set>

using namespace halftone;

namespace {

constexpr const char* kExample = R"({ "halftone_recipe": 1,
  "calibration": {"samples": 128, "length": 2048, "seed": 0},
  "defaults": {"transform": {"method": "none"},
               "rounding": {"method": "gptq", "damping": 0.01, "activation_order": true},
               "compensation": {"method": "none"},
               "weights": {"bits": 4, "group": 64, "symmetric": true},
               "activations": {"scheme": "none"}},
  "rules": [ {"match": "*.mlp.down_proj", "weights": {"bits": 8}},
             {"match": "model.layers.{0,1}.*", "activations": {"scheme": "cross", "bits": 8, "alpha": 0.15}} ],
  "kv_cache": {"scheme": "none"} })";

QByteArray recipeWith(const char* rest) { return QByteArray(R"({"halftone_recipe": 1)") + (*rest ? ", " : "") + rest + "}"; }
QByteArray defaultsWith(const char* inside) { return recipeWith((QByteArray("\"defaults\": {") + inside + "}").constData()); }

} // namespace

class TestRecipe : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyFieldOfAPlanStandsInTheOneListOfThem()
    {
        Plan plan;
        plan.transform = defaultChoice(MethodKind::Transform, "smoothquant");
        plan.rounding = defaultChoice(MethodKind::Rounding, "gptq");
        plan.compensation = defaultChoice(MethodKind::Compensation, "lorc");
        plan.weights = {3, 32, false, true, WeightGrid::Range::Full, WeightGrid::Clip::Mse};
        plan.activations = {ActivationScheme::Cross, 6, false, 0.25};
        const PlanPatch whole = wholePatch(plan);
        QVERIFY(planOf(whole) == plan);
        // Counted by the members themselves: a new one does not compile here before it is counted.
        const auto& [transform, rounding, compensation, bits, group, symmetric, perTensor, range, clip, scheme, activationBits, activationSymmetric, alpha] = whole;
        std::size_t members = 0;
        const auto count = [&](const auto&... each) { ((members += each.has_value()), ...); };
        count(transform, rounding, compensation, bits, group, symmetric, perTensor, range, clip, scheme, activationBits, activationSymmetric, alpha);
        QCOMPARE(members, std::size_t(13));
        std::size_t fields = 0;
        std::set<std::string_view> paths;
        eachPlanField([&](const auto& field) {
            ++fields;
            paths.insert(field.path);
            // Each alone is written, read, merged, named and taken away.
            Recipe recipe;
            recipe.defaults.*field.key = whole.*field.key;
            QVERIFY(Recipe::parse(recipe.toJson(), "one.json") == recipe);
            PlanPatch merged;
            merged.merge(recipe.defaults);
            QVERIFY(merged == recipe.defaults && !merged.empty());
            QVERIFY(field.of(plan) == *(whole.*field.key));
            QVERIFY(!field.label.empty());
            (merged.*field.key).reset();
            QVERIFY(merged.empty());
        });
        QCOMPARE(fields, members);
        QCOMPARE(paths.size(), members);
    }

    void theExampleOfTheDesignIsUnderstood()
    {
        const Recipe recipe = Recipe::parse(kExample, "example.json");
        QCOMPARE(recipe.calibration.samples, 128);
        QCOMPARE(recipe.calibration.length, 2048);
        QCOMPARE(recipe.defaults.bits, std::optional<int>(4));
        QCOMPARE(recipe.defaults.group, std::optional<int>(64));
        QVERIFY(!recipe.defaults.range.has_value());
        QCOMPARE(recipe.defaults.rounding->method, std::string("gptq"));
        QCOMPARE(recipe.defaults.rounding->real("damping"), 0.01);
        QCOMPARE(recipe.defaults.rounding->boolean("activation_order"), true);
        QCOMPARE(recipe.rules.size(), std::size_t(2));
        QCOMPARE(recipe.rules[0].match, std::string("*.mlp.down_proj"));
        QCOMPARE(recipe.rules[0].patch.bits, std::optional<int>(8));
        QVERIFY(recipe.rules[1].patch.scheme == ActivationScheme::Cross);
        QCOMPARE(recipe.rules[1].patch.alpha, std::optional<double>(0.15));
        QVERIFY(recipe.contract.empty());
    }

    void everyFaultNamesItsKey_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QString>("pointer");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* fault, const QByteArray& json, const char* pointer, const char* says) {
            QTest::newRow(fault) << json << QString(pointer) << QString(says);
        };
        row("not an object", "[1]", "", "object");
        row("version missing", "{}", "/halftone_recipe", "\"halftone_recipe\": 1");
        row("version of the future", R"({"halftone_recipe": 2})", "/halftone_recipe", "version 1");
        row("version as text", R"({"halftone_recipe": "1"})", "/halftone_recipe", "version 1");
        row("unknown top key", recipeWith(R"("default": {})"), "/default", "defaults");
        row("key with a slash", recipeWith(R"("a/b~c": 1)"), "/a~1b~0c", "unknown key");
        row("calibration is a list", recipeWith(R"("calibration": [])"), "/calibration", "object");
        row("unknown calibration key", recipeWith(R"("calibration": {"sample": 1})"), "/calibration/sample", "samples");
        row("negative samples", recipeWith(R"("calibration": {"samples": -1})"), "/calibration/samples", "from 0");
        row("samples as text", recipeWith(R"("calibration": {"samples": "128"})"), "/calibration/samples", "whole number");
        row("length too short", recipeWith(R"("calibration": {"length": 1})"), "/calibration/length", "from 2");
        row("length not whole", recipeWith(R"("calibration": {"length": 12.5})"), "/calibration/length", "whole number");
        row("seed too large", recipeWith(R"("calibration": {"seed": 18446744073709551615})"), "/calibration/seed", "from 0");
        row("unknown key in defaults", defaultsWith(R"("weight": {})"), "/defaults/weight", "weights");
        row("match in defaults", defaultsWith(R"("match": "*")"), "/defaults/match", "unknown key");
        row("weights is a number", defaultsWith(R"("weights": 4)"), "/defaults/weights", "object");
        row("unknown weights key", defaultsWith(R"("weights": {"bit": 4})"), "/defaults/weights/bit", "bits");
        row("one bit", defaultsWith(R"("weights": {"bits": 1})"), "/defaults/weights/bits", "2 to 8");
        row("nine bits", defaultsWith(R"("weights": {"bits": 9})"), "/defaults/weights/bits", "16");
        row("negative bits", defaultsWith(R"("weights": {"bits": -4})"), "/defaults/weights/bits", "2 to 8");
        row("huge bits", defaultsWith(R"("weights": {"bits": 18446744073709551615})"), "/defaults/weights/bits", "2 to 8");
        row("fractional bits", defaultsWith(R"("weights": {"bits": 4.5})"), "/defaults/weights/bits", "whole number");
        row("group of minus one", defaultsWith(R"("weights": {"group": -1})"), "/defaults/weights/group", "from 0");
        row("group as text", defaultsWith(R"("weights": {"group": "64"})"), "/defaults/weights/group", "whole number");
        row("symmetric as a number", defaultsWith(R"("weights": {"symmetric": 1})"), "/defaults/weights/symmetric", "true or false");
        row("unknown range", defaultsWith(R"("weights": {"range": "wide"})"), "/defaults/weights/range", "narrow");
        row("unknown clip", defaultsWith(R"("weights": {"clip": "lwc"})"), "/defaults/weights/clip", "mse");
        row("per_tensor as text", defaultsWith(R"("weights": {"per_tensor": "yes"})"), "/defaults/weights/per_tensor", "true or false");
        row("unknown rounding", defaultsWith(R"("rounding": {"method": "gptqq"})"), "/defaults/rounding/method", "gptq");
        row("unknown transform", defaultsWith(R"("transform": {"method": "teleport"})"), "/defaults/transform/method", "none");
        row("unknown compensation", defaultsWith(R"("compensation": {"method": "prayer"})"), "/defaults/compensation/method", "none");
        row("rounding as text", defaultsWith(R"("rounding": "gptq")"), "/defaults/rounding", "\"method\"");
        row("rounding without method", defaultsWith(R"("rounding": {"damping": 0.1})"), "/defaults/rounding/method", "missing");
        row("unknown parameter", defaultsWith(R"("rounding": {"method": "gptq", "dampening": 0.1})"), "/defaults/rounding/dampening",
            "damping");
        row("parameter of another method", defaultsWith(R"("rounding": {"method": "rtn", "damping": 0.1})"), "/defaults/rounding/damping",
            "unknown key");
        row("parameter out of range", defaultsWith(R"("rounding": {"method": "gptq", "damping": -1})"), "/defaults/rounding/damping",
            "from");
        row("parameter of wrong type", defaultsWith(R"("rounding": {"method": "gptq", "activation_order": "yes"})"),
            "/defaults/rounding/activation_order", "true or false");
        row("unknown scheme", defaultsWith(R"("activations": {"scheme": "token"})"), "/defaults/activations/scheme", "per_token");
        row("activations of 16 bits", defaultsWith(R"("activations": {"bits": 16})"), "/defaults/activations/bits", "2 to 8");
        row("alpha above one", defaultsWith(R"("activations": {"alpha": 1.5})"), "/defaults/activations/alpha", "from 0 to 1");
        row("alpha as text", defaultsWith(R"("activations": {"alpha": "0.15"})"), "/defaults/activations/alpha", "number");
        row("unknown activations key", defaultsWith(R"("activations": {"granularity": "token"})"), "/defaults/activations/granularity",
            "scheme");
        row("rules is an object", recipeWith(R"("rules": {})"), "/rules", "list");
        row("rule is text", recipeWith(R"("rules": ["*"])"), "/rules/0", "object");
        row("rule without match", recipeWith(R"("rules": [{"match": "*"}, {"weights": {"bits": 4}}])"), "/rules/1/match", "missing");
        row("empty match", recipeWith(R"("rules": [{"match": ""}])"), "/rules/0/match", "empty");
        row("match is a number", recipeWith(R"("rules": [{"match": 3}])"), "/rules/0/match", "string");
        row("broken glob", recipeWith("\"rules\": [{\"match\": \"a.{b\"}]"), "/rules/0/match", "never closed");
        row("bits in the third rule", recipeWith(R"("rules": [{"match": "a"}, {"match": "b"}, {"match": "c", "weights": {"bits": 12}}])"),
            "/rules/2/weights/bits", "2 to 8");
        row("KV cache is text", recipeWith(R"("kv_cache": "int8")"), "/kv_cache", "object");
        row("KV cache scheme", recipeWith(R"("kv_cache": {"scheme": "int8"})"), "/kv_cache/scheme", "per_token_head");
        row("KV cache key", recipeWith(R"("kv_cache": {"group": 8})"), "/kv_cache/group", "float_blocks");
        row("KV cache of one bit", recipeWith(R"("kv_cache": {"scheme": "per_token", "bits": 1})"), "/kv_cache/bits", "2 to 8, or 16");
        row("KV cache bits as text", recipeWith(R"("kv_cache": {"scheme": "per_token", "bits": "8"})"), "/kv_cache/bits", "whole number");
        row("KV cache position", recipeWith(R"("kv_cache": {"scheme": "per_token", "position": "rope"})"), "/kv_cache/position", "pre_rope");
        row("KV cache symmetric", recipeWith(R"("kv_cache": {"scheme": "per_token", "symmetric": "no"})"), "/kv_cache/symmetric", "true or false");
        row("KV cache queries", recipeWith(R"("kv_cache": {"scheme": "per_token", "queries": 1})"), "/kv_cache/queries", "true or false");
        row("KV cache blocks", recipeWith(R"("kv_cache": {"scheme": "per_token", "float_blocks": 3})"), "/kv_cache/float_blocks", "list of block numbers");
        row("KV cache block", recipeWith(R"("kv_cache": {"scheme": "per_token", "float_blocks": [0, -1]})"), "/kv_cache/float_blocks/1", "from 0");
        row("unknown contract", recipeWith(R"("contract": "ollama")"), "/contract", "vllm-cpu");
        row("empty contract", recipeWith(R"("contract": "")"), "/contract", "transformers");
    }
    void everyFaultNamesItsKey()
    {
        QFETCH(QByteArray, json);
        QFETCH(QString, pointer);
        QFETCH(QString, says);
        try {
            Recipe::parse(json.toStdString(), "faulty.json");
        } catch (const Error& e) {
            const QString message = QString::fromUtf8(e.what());
            QVERIFY2(e.kind() == ErrorKind::BadFile, e.what());
            QCOMPARE(QString::fromStdString(e.subject()), pointer);
            QVERIFY2(message.contains("faulty.json"), e.what());
            QVERIFY2(message.contains(pointer), e.what());
            QVERIFY2(message.contains(says), e.what());
            return;
        }
        QFAIL("it was accepted");
    }

    void brokenJsonIsABadFile_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("cut") << QByteArray(R"({"halftone_recipe": 1)");
        QTest::newRow("duplicate key") << QByteArray(R"({"halftone_recipe": 1, "rules": [], "rules": []})");
        QTest::newRow("trailing text") << QByteArray(R"({"halftone_recipe": 1} x)");
        QTest::newRow("deep") << QByteArray(200, '[') + QByteArray(200, ']');
        QTest::newRow("not UTF-8") << QByteArray("{\"halftone_recipe\": 1, \"contract\": \"\xff\"}");
    }
    void brokenJsonIsABadFile()
    {
        QFETCH(QByteArray, json);
        try {
            Recipe::parse(json.toStdString(), "broken.json");
            QFAIL("it was accepted");
        } catch (const Error& e) {
            QVERIFY2(e.kind() == ErrorKind::BadFile, e.what());
            QVERIFY2(QString(e.what()).contains("broken.json"), e.what());
        }
    }

    void writingAndReadingIsTheIdentityForRandomRecipes()
    {
        std::mt19937 random(11);
        const auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
        const auto maybe = [&](auto value) { return pick(2) ? std::optional(value) : std::nullopt; };
        const auto patch = [&] {
            PlanPatch p;
            if (pick(2))
                p.transform = MethodChoice{"none", {}};
            if (pick(2))
                p.compensation = MethodChoice{"none", {}};
            if (pick(2))
                p.rounding = pick(2) ? MethodChoice{"rtn", {}}
                                     : MethodChoice{"gptq", {{"activation_order", pick(2) == 1}, {"damping", pick(2) ? 1.0 : 0.1 / 3}}};
            p.bits = maybe(pick(2) ? 16 : 2 + pick(7));
            p.group = maybe(pick(200));
            p.symmetric = maybe(pick(2) == 1);
            p.perTensor = maybe(pick(2) == 1);
            p.range = maybe(pick(2) ? WeightGrid::Range::Full : WeightGrid::Range::Narrow);
            p.clip = maybe(pick(2) ? WeightGrid::Clip::Mse : WeightGrid::Clip::None);
            p.scheme = maybe(static_cast<ActivationScheme>(pick(6)));
            p.activationBits = maybe(2 + pick(7));
            p.activationSymmetric = maybe(pick(2) == 1);
            p.alpha = maybe(std::uniform_real_distribution<double>(0, 1)(random));
            return p;
        };
        const std::vector<std::string> known = contracts();
        for (int round = 0; round < 500; ++round) {
            Recipe recipe;
            recipe.calibration = {pick(1000), 2 + pick(4000), static_cast<std::uint64_t>(random())};
            recipe.defaults = patch();
            for (int i = pick(5); i-- > 0;)
                recipe.rules.push_back({std::string("*.") + "qk\"/é"[0] + "_{a,b}[x-z]?" + std::to_string(pick(99)), patch()});
            if (pick(2))
                recipe.kvCache = {static_cast<KvCacheGrid::Scheme>(pick(3)), pick(4) ? 2 + pick(7) : 16, pick(2) == 1, static_cast<KvCacheGrid::Position>(pick(2)),
                                  pick(2) == 1, pick(2) ? std::vector<int>{} : std::vector<int>{1, 3 + pick(9)}};
            if (pick(2))
                recipe.contract = known[static_cast<std::size_t>(pick(static_cast<int>(known.size())))];
            const std::string json = recipe.toJson();
            const Recipe again = Recipe::parse(json, "round trip");
            QVERIFY2(again == recipe, json.c_str());
            QCOMPARE(again.toJson(), json);
        }
    }

    void savedRecipesLoadAgain()
    {
        const QTemporaryDir folder;
        const std::filesystem::path file = folder.filePath("r.json").toStdString();
        const Recipe recipe = Recipe::parse(kExample, "example.json");
        recipe.save(file);
        QVERIFY(Recipe::load(file) == recipe);
        QVERIFY_EXCEPTION_THROWN(Recipe::load(folder.filePath("missing.json").toStdString()), Error);
    }

    void everyPresetIsAValidRecipeOfItsOwn()
    {
        std::set<std::string> ids;
        for (const Preset& preset : presets()) {
            QVERIFY2(ids.insert(preset.id).second, preset.id.c_str());
            QVERIFY(!preset.name.empty() && !preset.summary.empty());
            QVERIFY(Recipe::parse(preset.recipe.toJson(), preset.id) == preset.recipe);
        }
        QVERIFY(ids.size() >= 6);
    }
};

QTEST_APPLESS_MAIN(TestRecipe)
#include "tst_recipe.moc"
