#include "core/base/error.h"
#include "core/recipe/contract_runtime.h"
#include "core/recipe/recipe.h"
#include "small_model.h"

#include <QTest>

#include <algorithm>

using namespace halftone;

namespace {

Recipe recipeOf(const std::string& rest) { return Recipe::parse("{\"halftone_recipe\": 1, " + rest + "}", "test.json"); }

const ResolvedPlan& planNamed(const std::vector<ResolvedPlan>& plans, std::string_view name)
{
    for (const ResolvedPlan& plan : plans)
        if (plan.linear == name)
            return plan;
    throw Error(ErrorKind::Internal, "no plan " + std::string(name));
}

} // namespace

class TestRecipeResolve : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void laterRulesWinAndTheRestIsInherited()
    {
        const ModelDescription model = llamaDescription();
        const auto plans = resolve(recipeOf(R"("defaults": {"weights": {"bits": 4, "group": 64}, "rounding": {"method": "gptq", "damping": 0.05}},
            "rules": [{"match": "*.mlp.*", "weights": {"bits": 8}}, {"match": "model.layers.1.*",
                "rounding": {"method": "gptq", "activation_order": false}},
                      {"match": "*.down_proj", "weights": {"bits": 3, "group": 0}, "activations": {"scheme": "per_token"}}])"), model);
        QCOMPARE(plans.size(), model.linears.size());
        const ResolvedPlan& q = planNamed(plans, "model.layers.0.self_attn.q_proj");
        QCOMPARE(q.rule, -1);
        QCOMPARE(q.plan.weights.bits, 4);
        QCOMPARE(q.plan.weights.group, 64);
        QCOMPARE(q.plan.rounding.real("damping"), 0.05);
        QCOMPARE(q.plan.rounding.boolean("activation_order"), true);
        const ResolvedPlan& up = planNamed(plans, "model.layers.1.mlp.up_proj");
        QCOMPARE(up.rule, 1);
        QCOMPARE(up.plan.weights.bits, 8);
        QCOMPARE(up.plan.rounding.boolean("activation_order"), false);
        QCOMPARE(up.plan.rounding.real("damping"), 0.05);
        const ResolvedPlan& down = planNamed(plans, "model.layers.2.mlp.down_proj");
        QCOMPARE(down.rule, 2);
        QCOMPARE(down.plan.weights.bits, 3);
        QCOMPARE(down.plan.weights.group, 0);
        QVERIFY(down.plan.activations.scheme == ActivationScheme::PerToken);
        QCOMPARE(down.plan.activations.bits, 8);
    }

    void anEmptyRecipeLeavesEverythingFloat()
    {
        for (const ResolvedPlan& plan : resolve(Recipe{}, llamaDescription())) {
            QCOMPARE(plan.plan.weights.bits, 16);
            QVERIFY(!plan.plan.activations.quantized());
            QCOMPARE(plan.plan.rounding.method, std::string("rtn"));
        }
    }

    void impossiblePlansNameTheirKey_data()
    {
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<QString>("pointer");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* fault, const char* recipe, const char* pointer, const char* says) { QTest::newRow(fault) << recipe
            << pointer << says; };
        row("a rule that matches nothing", R"("rules": [{"match": "*"}, {"match": "*.fc1"}])", "/rules/1/match",
            "model.layers.0.self_attn.q_proj");
        row("a group that does not divide", R"("defaults": {"weights": {"bits": 4, "group": 128}})", "/defaults/weights/group",
            "8, 16, 24, 32, 48, 64, 72, 96, 144, 192, 288, 576");
        row("a group in a rule",
            R"("defaults": {"weights": {"bits": 4, "group": 64}}, "rules": [{"match": "*.v_proj", "weights": {"group": 128}}])",
            "/rules/0/weights/group", "model.layers.0.self_attn.v_proj");
        row("a group inherited by a rule's bits",
            R"("defaults": {"weights": {"group": 128}}, "rules": [{"match": "*.q_proj", "weights": {"bits": 4}}])",
            "/defaults/weights/group", "576 columns");
        row("per tensor with groups",
            R"("defaults": {"weights": {"bits": 8, "group": 64}}, "rules": [{"match": "*.o_proj", "weights": {"per_tensor": true}}])",
            "/rules/0/weights/per_tensor", "group 0");
        row("full range of an asymmetric grid",
            R"("defaults": {"weights": {"bits": 4, "range": "full"}}, "rules": [{"match": "*.o_proj", "weights": {"symmetric": false}}])",
            "/defaults/weights/range", "o_proj");
        row("an asymmetric cross grid", R"("defaults": {"activations": {"scheme": "cross", "symmetric": false}})",
            "/defaults/activations/symmetric", "cross");
        row("weights without rounding", R"("defaults": {"weights": {"bits": 4}, "rounding": {"method": "none"}})",
            "/defaults/rounding/method", "rtn");
        row("GPTQ without calibration",
            R"("calibration": {"samples": 0}, "defaults": {"weights": {"bits": 4}, "rounding": {"method": "gptq"}})",
            "/calibration/samples", "gptq");
        row("a static grid without calibration", R"("calibration": {"samples": 0}, "defaults": {"activations": {"scheme": "per_tensor"}})",
            "/calibration/samples", "per_tensor");
        row("a KV cache block that is not there", R"("kv_cache": {"scheme": "per_token", "float_blocks": [0, 99]})", "/kv_cache/float_blocks", "block 99");
        row("a KV cache that rounds nothing", R"("kv_cache": {"scheme": "per_token", "float_blocks": [2, 1, 0]})", "/kv_cache/float_blocks", "every block");
        row("a KV cache that vLLM refuses", R"("contract": "vllm", "kv_cache": {"scheme": "per_token_head"})", "/kv_cache", "vLLM 0.32 refuses");
        row("a KV cache that transformers has not", R"("contract": "transformers", "kv_cache": {"scheme": "per_token"})", "/kv_cache", "per_token_head");
        row("a breach of the contract", R"("contract": "transformers", "defaults": {"weights": {"bits": 4, "symmetric": false}})",
            "/contract", "zero_point");
    }
    void impossiblePlansNameTheirKey()
    {
        QFETCH(QString, recipe);
        QFETCH(QString, pointer);
        QFETCH(QString, says);
        const Recipe parsed = recipeOf(recipe.toStdString());
        try {
            resolve(parsed, llamaDescription());
        } catch (const Error& e) {
            QVERIFY2(e.kind() == ErrorKind::BadFile, e.what());
            QCOMPARE(QString::fromStdString(e.subject()), pointer);
            QVERIFY2(QString::fromUtf8(e.what()).contains(says), e.what());
            return;
        }
        QFAIL("it was accepted");
    }

    void whatHasNothingToDoIsNoError()
    {
        // Groups that do not divide and methods that need text do not matter for weights that stay float.
        const auto plans = resolve(recipeOf(R"("calibration": {"samples": 0}, "defaults": {"weights": {"bits": 16, "group": 100}, "rounding": {"method": "gptq"}})"), llamaDescription());
        QVERIFY(!plans.front().plan.weights.quantized());
    }

    void sizesAddUp()
    {
        ModelDescription model = llamaDescription();
        model.config.storedDtype = "BF16";
        std::uint64_t weights = 0, shapes = 0;
        for (const LinearInfo& linear : model.linears) {
            weights += static_cast<std::uint64_t>(linear.weights());
            shapes += 16;
        }
        const auto parameters = static_cast<std::uint64_t>(model.parameters);
        const auto sizeOf = [&](const char* defaults, std::string_view dtype = "auto") {
            return estimateSize(resolve(recipeOf(std::string(R"("defaults": )") + defaults), model), model, dtype);
        };
        const auto floatSize = sizeOf("{}");
        QCOMPARE(floatSize.bitsPerWeight, 16.0);
        QCOMPARE(floatSize.bytes, floatSize.originalBytes);
        QCOMPARE(floatSize.denseBytes, floatSize.originalBytes);
        QCOMPARE(floatSize.originalBytes, 2 * parameters);
        QCOMPARE(sizeOf("{}", "f32").bytes, 4 * parameters);
        const auto groups = sizeOf(R"({"weights": {"bits": 4, "group": 64}})");
        QCOMPARE(groups.bitsPerWeight, 4.5);   // a float32 scale for 64 weights
        QCOMPARE(groups.linearBytes, weights * 9 / 16 + shapes);
        QCOMPARE(groups.bytes - groups.linearBytes, 2 * (parameters - weights));
        QCOMPARE(groups.denseBytes, floatSize.bytes);
        QCOMPARE(sizeOf(R"({"weights": {"bits": 4, "group": 64, "symmetric": false}})").bitsPerWeight, 4 + 36.0 / 64);
        for (const char* stored : {"F16", "F32", "F64", "Q4_1"}) {   // an export is never wider than runtimes serve
            model.config.storedDtype = stored;
            QCOMPARE(sizeOf("{}").bytes, 2 * parameters);
            QCOMPARE(exportDTypeName(model.config), std::string(std::string_view(stored) == "F16" ? "f16" : "bf16"));
        }
    }

    void contractsTellFatalFromIgnored_data()
    {
        QTest::addColumn<QString>("contract");
        QTest::addColumn<QString>("recipe");
        QTest::addColumn<int>("fatal");
        QTest::addColumn<int>("said");
        const auto row = [](const char* contract, const char* recipe, int fatal, int said) { QTest::addRow("%s %s", contract, recipe)
            << contract << recipe << fatal << said; };
        const char* w4 = R"("weights": {"bits": 4, "group": 64})";
        const char* w4asym = R"("weights": {"bits": 4, "group": 64, "symmetric": false})";
        const char* w8 = R"("weights": {"bits": 8})";
        const char* w8a8 = R"("weights": {"bits": 8}, "activations": {"scheme": "per_token"})";
        const char* w8a8static = R"("weights": {"bits": 8}, "activations": {"scheme": "per_tensor"})";
        const char* w8g64a8 = R"("weights": {"bits": 8, "group": 64}, "activations": {"scheme": "per_token"})";
        const char* w4a8 = R"("weights": {"bits": 4, "group": 64}, "activations": {"scheme": "per_token"})";
        const char* w3 = R"("weights": {"bits": 3, "group": 64})";
        const char* cross = R"("weights": {"bits": 8}, "activations": {"scheme": "cross"})";
        const char* a8 = R"("activations": {"scheme": "per_token"})";
        const char* w4g192 = R"("weights": {"bits": 4, "group": 192})";
        for (const char* fine : {w4, w8a8, w8a8static})
            for (const char* contract : {"transformers", "vllm", "vllm-cpu"})
                row(contract, fine, 0, 0);
        row("transformers", w8, 0, 0);
        row("vllm", w8, 0, 0);
        row("vllm-cpu", w8, 7, 0);
        row("transformers", w4asym, 7, 0);
        row("vllm", w4asym, 0, 0);
        row("vllm-cpu", w4asym, 0, 0);
        row("transformers", w4a8, 0, 0);
        row("vllm", w4a8, 0, 7);
        row("vllm-cpu", w4a8, 0, 7);
        row("transformers", w3, 7, 0);   // no exporter of ours packs it
        row("vllm", w3, 7, 0);
        row("vllm-cpu", w3, 7, 0);
        row("transformers", w8g64a8, 0, 0);
        row("vllm-cpu", w8g64a8, 7, 0);
        row("transformers", w4g192, 0, 0);
        row("vllm", w4g192, 0, 7);
        for (const char* contract : {"transformers", "vllm", "vllm-cpu"}) {
            row(contract, cross, 7, 0);
            row(contract, a8, 7, 0);
        }
    }
    void contractsTellFatalFromIgnored()
    {
        QFETCH(QString, contract);
        QFETCH(QString, recipe);
        QFETCH(int, fatal);
        QFETCH(int, said);
        const ModelDescription model = llamaDescription(1);
        const auto plans = resolve(recipeOf("\"defaults\": {" + recipe.toStdString() + "}"), model);
        int fatals = 0, others = 0;
        for (const ContractIssue& issue : checkContract(contract.toStdString(), plans, model)) {
            (issue.fatal ? fatals : others) += 1;
            QVERIFY(issue.reason.ends_with('.'));
        }
        QCOMPARE(fatals, fatal);
        QCOMPARE(others, said);
        QVERIFY(checkContract("", plans, model).empty());
    }

    void vllmWantsOneSchemeForFusedLinears()
    {
        const ModelDescription model = llamaDescription(1);
        const Recipe recipe = recipeOf(R"("defaults": {"weights": {"bits": 4, "group": 64}}, "rules": [{"match": "*.v_proj", "weights": {"bits": 16}}])");
        const auto plans = resolve(recipe, model);
        QVERIFY(checkContract("transformers", plans, model).empty());
        const auto issues = checkContract("vllm", plans, model);
        QCOMPARE(issues.size(), std::size_t(1));
        QCOMPARE(issues[0].linear, std::string("model.layers.0.self_attn.v_proj"));
        QVERIFY(issues[0].fatal && issues[0].reason.find("q_proj") != std::string::npos);
        // down and o are alone: they may differ.
        const auto alone = resolve(recipeOf(R"("defaults": {"weights": {"bits": 4, "group": 64}}, "rules": [{"match": "*.{down,o}_proj", "weights": {"bits": 8}}])"), model);
        QVERIFY(checkContract("vllm", alone, model).empty());
        QVERIFY_EXCEPTION_THROWN(checkContract("ollama", plans, model), Error);
    }

    /// One grid of a KV cache is served, by transformers alone; everything else is refused with what would help.
    void kvCachesThatARuntimeCannotServeAreRefused()
    {
        ModelDescription model = llamaDescription(2);
        const auto plans = resolve(recipeOf(R"("defaults": {"weights": {"bits": 4, "group": 64}})"), model);
        KvCacheGrid grid{KvCacheGrid::Scheme::PerTokenHead, 8, false, KvCacheGrid::Position::PostRope, false, {}};
        const auto refused = [&](const char* contract, const KvCacheGrid& cache, const char* says) {
            const std::vector<ContractIssue> issues = checkContract(contract, plans, model, cache);
            return issues.size() == 1 && issues[0].fatal && issues[0].linear.empty() && issues[0].reason.find(says) != std::string::npos && issues[0].reason.ends_with('.');
        };
        QVERIFY(checkContract("transformers", plans, model, {}).empty());
        QVERIFY(checkContract("transformers", plans, model, grid).empty());
        for (const char* vllm : {"vllm", "vllm-cpu"}) {
            QVERIFY(checkContract(vllm, plans, model, {}).empty());
            QVERIFY(refused(vllm, grid, "none"));
        }
        KvCacheGrid other = grid;
        other.scheme = KvCacheGrid::Scheme::PerToken;
        QVERIFY(refused("transformers", other, "per_token_head"));
        other = grid;
        other.position = KvCacheGrid::Position::PreRope;
        QVERIFY(refused("transformers", other, "post_rope"));
        other = grid;
        other.queries = true;
        QVERIFY(refused("transformers", other, "queries"));
        other = grid;
        other.floatBlocks = {0};
        QVERIFY(refused("transformers", other, "float_blocks"));
        other = grid;
        other.bits = 16;   // rounds nothing: nothing to serve
        QVERIFY(checkContract("vllm", plans, model, other).empty());
        model.config.architecture = "opt";   // its config names no num_key_value_heads
        QVERIFY(refused("transformers", grid, "num_key_value_heads"));
        model.config.fusedQkv = true;
        QVERIFY(refused("transformers", grid, "one linear"));
        QVERIFY(checkContract("", plans, model, grid).empty());
    }

    void everyContractSaysWhoseGridsItComputesAndHowItIsServed()
    {
        QCOMPARE(activationGridOf({}), std::string_view("transformers'"));
        for (const std::string& contract : contracts()) {
            QVERIFY2(activationGridOf(contract).ends_with("'") || activationGridOf(contract).ends_with("'s"), contract.c_str());
            const std::vector<std::string> words = serveWords(contract, "a folder");
            QVERIFY2(words.size() > 1 && std::count(words.begin(), words.end(), "a folder") == 1, contract.c_str());
        }
        QCOMPARE(serveWords("vllm", "out"), (std::vector<std::string>{"vllm", "serve", "out"}));
        QCOMPARE(serveWords("transformers", "out").front(), std::string("python3"));
        try {
            activationGridOf("tgi");
            QFAIL("an unknown contract");
        } catch (const Error& e) {
            QCOMPARE(QString::fromUtf8(e.what()), QStringLiteral("There is no contract \"tgi\"; known are transformers, vllm and vllm-cpu."));
        }
    }

    void aRunKeepsItsPlansWhateverItsContractTakesToday()
    {
        Recipe recipe = recipeOf(R"("defaults": {"weights": {"bits": 3, "group": 64}})");
        recipe.contract = "transformers";
        QVERIFY_EXCEPTION_THROWN(resolve(recipe, llamaDescription(1)), Error);
        QCOMPARE(plansOfRun(recipe, llamaDescription(1)).front().plan.weights.bits, 3);
    }

    void aTransformWithoutANormToFoldIntoIsRefused()
    {
        ModelDescription model = llamaDescription();
        const Recipe recipe = recipeOf(R"("defaults": {"weights": {"bits": 4, "group": 0}}, "rules": [{"match": "*.{gate,up}_proj", "transform": {"method": "smoothquant"}}])");
        QCOMPARE(resolve(recipe, model).size(), model.linears.size());
        model.config.preNorm = false;
        try {
            resolve(recipe, model);
            QFAIL("nothing was thrown");
        } catch (const Error& e) {
            QCOMPARE(e.subject(), std::string("/rules/0/transform/method"));
            QVERIFY2(std::string(e.what()).find("norms after") != std::string::npos, e.what());
        }
        // OPT-350m's blocks norm after their sublayers too.
        ModelDescription opt = optDescription();
        opt.config.preNorm = false;
        for (const char* method : {"smoothquant", "awq", "omniquant", "affinequant", "crossquant"}) {
            Recipe whole;
            whole.defaults.transform = MethodChoice{method, {}};
            QVERIFY_EXCEPTION_THROWN(resolve(whole, opt), Error);
        }
    }

    /// A whole model may be given a transform that leaves some of its sites alone; naming it only there is an error.
    void aTransformWithNothingToDoIsRefused()
    {
        const ModelDescription model = llamaDescription();
        Recipe whole;
        whole.defaults.transform = MethodChoice{"smoothquant", {}};
        QVERIFY(!resolve(whole, model).empty());
        Recipe block;
        block.rules.push_back({"model.layers.0.*", whole.defaults});
        QVERIFY(!resolve(block, model).empty());
        const auto refusal = [](const char* method, const char* match, const ModelDescription& of) -> std::string {
            Recipe recipe;
            PlanPatch bits, transform;
            bits.bits = 8;
            transform.transform = MethodChoice{method, {}};
            recipe.rules = {{"*.q_proj", bits}, {match, transform}};
            try {
                resolve(recipe, of);
            } catch (const Error& e) {
                return e.subject() == "/rules/1/transform/method" ? e.what() : "at " + e.subject();
            }
            return {};
        };
        const auto says = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
        for (const char* method : {"smoothquant", "omniquant", "affinequant"})
            QVERIFY(says(refusal(method, "*.down_proj", model), "has nothing to do"));
        QVERIFY(says(refusal("smoothquant", "*.o_proj", model), "no norm stands before it"));
        for (const char* method : {"awq", "crossquant"})   // the up projection takes the scales
            QCOMPARE(refusal(method, "*.down_proj", model), std::string());
        ModelDescription gelu = optDescription();   // nothing folds through GELU
        gelu.config.gatedMlp = false;
        gelu.config.activation = ActivationFunction::GeluTanh;
        QVERIFY(says(refusal("crossquant", "*.fc2", gelu), "has nothing to do"));
    }

    void oneBlockIsLearnedByOneMethod()
    {
        const ModelDescription model = llamaDescription();
        const auto refusal = [&](const char* match, const MethodChoice& rounding, int bits) -> std::pair<std::string, std::string> {
            Recipe recipe;
            recipe.defaults.bits = 4;
            recipe.defaults.rounding = MethodChoice{"lrq", {}};
            PlanPatch patch;
            patch.bits = bits;
            patch.rounding = rounding;
            recipe.rules = {{match, patch}};
            try {
                resolve(recipe, model);
            } catch (const Error& e) {
                return {e.subject(), e.what()};
            }
            return {};
        };
        const auto [where, what] = refusal("*.down_proj", {"flexround", {}}, 4);
        QCOMPARE(where, std::string("/rules/0/rounding/method"));
        QVERIFY2(what.find("flexround") != std::string::npos && what.find("lrq") != std::string::npos && what.find("as a whole") != std::string::npos, what.c_str());
        QCOMPARE(refusal("*.down_proj", {"lrq", {{"steps", std::int64_t{7}}}}, 4).first, std::string("/rules/0/rounding/steps"));
        QCOMPARE(refusal("*.down_proj", {"lrq", {{"batch", std::int64_t{7}}}}, 4).first, std::string("/rules/0/rounding/batch"));
        // What is each linear's own, other blocks, and linears that are not learned stay free.
        QCOMPARE(refusal("*.down_proj", {"lrq", {{"rate", 0.001}, {"ratio", 0.2}}}, 4).second, std::string());
        QCOMPARE(refusal("model.layers.1.*", {"flexround", {{"steps", std::int64_t{9}}}}, 4).second, std::string());
        QCOMPARE(refusal("*.down_proj", {"gptq", {}}, 4).second, std::string());
        QCOMPARE(refusal("*.down_proj", {"flexround", {}}, 16).second, std::string());
    }

    void presetsFitEveryModel_data()
    {
        QTest::addColumn<QString>("id");
        for (const Preset& preset : presets())
            QTest::addRow("%s", preset.id.c_str()) << QString::fromStdString(preset.id);
    }
    void presetsFitEveryModel()
    {
        QFETCH(QString, id);
        for (const ModelDescription& model : {llamaDescription(), llamaDescription(2, 24, 40), llamaDescription(1, 4096, 11008),
            llamaDescription(1, 33, 77),
                 optDescription(), optDescription(1, 80)}) {
            const Recipe recipe = presetForModel(id.toStdString(), model);
            const auto plans = resolve(recipe, model);
            bool anything = false;
            for (std::size_t i = 0; i < plans.size(); ++i) {
                const WeightGrid& grid = plans[i].plan.weights;
                anything = anything || grid.quantized() || plans[i].plan.activations.quantized();
                if (grid.group > 0)
                    QVERIFY(grid.group <= 128 && model.linears[i].in % grid.group == 0);
            }
            QVERIFY(anything);
        }
    }

    void presetsKeepGroupsOf64WhereTheyDivide()
    {
        QCOMPARE(*presetForModel("w4a16-gptq-g64", llamaDescription()).defaults.group, 64);
        QCOMPARE(*presetForModel("w4a16-gptq-g64", llamaDescription(1, 96, 192)).defaults.group, 48);
        const ModelDescription opt = optDescription();
        const auto plans = resolve(presetForModel("w4-down8-gptq-g64", opt), opt);
        QCOMPARE(planNamed(plans, "model.decoder.layers.1.fc2").plan.weights.bits, 8);
        QCOMPARE(planNamed(plans, "model.decoder.layers.1.fc1").plan.weights.bits, 4);
        QVERIFY_EXCEPTION_THROWN(presetForModel("w5", opt), Error);
    }
};

QTEST_APPLESS_MAIN(TestRecipeResolve)
#include "tst_recipe_resolve.moc"
