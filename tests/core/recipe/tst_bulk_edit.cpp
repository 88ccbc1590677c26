#include "core/base/error.h"
#include "core/recipe/bulk_edit.h"
#include "core/recipe/contract_ties.h"
#include "small_model.h"

#include <QTest>

#include <algorithm>
#include <array>
#include <random>
#include <set>

using namespace halftone;

namespace {

std::vector<std::string> ofKind(const ModelDescription& model, std::string_view kind)
{
    std::vector<std::string> names;
    for (const LinearInfo& linear : model.linears)
        if (linear.shortName() == kind)
            names.push_back(linear.name);
    return names;
}

std::vector<std::string> ofBlock(const ModelDescription& model, int block)
{
    std::vector<std::string> names;
    for (const LinearInfo& linear : model.linears)
        if (linear.block == block)
            names.push_back(linear.name);
    return names;
}

std::vector<Plan> plansOf(const Recipe& recipe, const ModelDescription& model)
{
    std::vector<Plan> plans;
    for (const LinearInfo& linear : model.linears)
        plans.push_back(planOf(recipe, linear.name));
    return plans;
}

PlanPatch bits(int width)
{
    PlanPatch patch;
    patch.bits = width;
    return patch;
}

} // namespace

class TestBulkEdit : public QObject {
    Q_OBJECT

    std::mt19937 m_random{11};
    std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(m_random); }

    /// Kinds, blocks and single names mixed: what people select.
    std::vector<std::string> someLinears(const ModelDescription& model)
    {
        std::set<std::string> names;
        for (std::size_t i = pick(3); i-- > 0;)
            for (const std::string& name : ofKind(model, model.linears[pick(model.linears.size())].shortName()))
                names.insert(name);
        for (std::size_t i = pick(3); i-- > 0;)
            for (const std::string& name : ofBlock(model, model.linears[pick(model.linears.size())].block))
                names.insert(name);
        for (std::size_t i = pick(6); i-- > 0;)
            names.insert(model.linears[pick(model.linears.size())].name);
        return {names.begin(), names.end()};
    }

private Q_SLOTS:
    void wholeKindsAndBlocksReadAsAPersonWouldWriteThem()
    {
        const ModelDescription model = llamaDescription(4);
        std::vector<std::string> all;
        for (const LinearInfo& linear : model.linears)
            all.push_back(linear.name);
        QCOMPARE(globsFor(model, all), std::vector<std::string>{"*"});
        QCOMPARE(globsFor(model, ofKind(model, "down_proj")), std::vector<std::string>{"*.mlp.down_proj"});
        QCOMPARE(globsFor(model, ofBlock(model, 2)), std::vector<std::string>{"model.layers.2.*"});
        auto names = ofBlock(model, 0);
        const auto last = ofBlock(model, 3);
        names.insert(names.end(), last.begin(), last.end());
        QCOMPARE(globsFor(model, names), std::vector<std::string>{"model.layers.{0,3}.*"});
        names = {"model.layers.0.mlp.up_proj", "model.layers.2.mlp.up_proj", "model.layers.0.mlp.gate_proj", "model.layers.2.mlp.gate_proj"};
        QCOMPARE(globsFor(model, names), std::vector<std::string>{"model.layers.{0,2}.{mlp.gate_proj,mlp.up_proj}"});
        QCOMPARE(globsFor(model, std::vector<std::string>{"model.layers.1.mlp.up_proj"}), std::vector<std::string>{"model.layers.1.mlp.up_proj"});
        QVERIFY(globsFor(model, std::vector<std::string>{"lm_head"}).empty());
    }

    void globsMatchTheLinearsAndNoOthers()
    {
        for (const ModelDescription& model : {llamaDescription(12), optDescription(5), llamaDescription(126)})
            for (int round = 0; round < 40; ++round) {
                const std::vector<std::string> names = someLinears(model);
                const std::vector<std::string> globs = globsFor(model, names);
                QVERIFY(globs.size() <= names.size());
                for (const LinearInfo& linear : model.linears) {
                    const bool wanted = std::find(names.begin(), names.end(), linear.name) != names.end();
                    const bool matched = std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return globMatches(glob, linear.name); });
                    QVERIFY2(matched == wanted, linear.name.c_str());
                }
            }
    }

    void anEditOfAKindIsOneRuleAndGoingBackTakesItAway()
    {
        const ModelDescription model = llamaDescription(4);
        Recipe recipe;
        recipe.defaults.bits = 4;
        const Recipe before = recipe;
        setPlans(recipe, model, ofKind(model, "down_proj"), bits(8));
        QCOMPARE(recipe.rules.size(), std::size_t(1));
        QCOMPARE(recipe.rules[0].match, std::string("*.mlp.down_proj"));
        QVERIFY(recipe.rules[0].patch == bits(8));
        setPlans(recipe, model, ofKind(model, "down_proj"), bits(4));
        QVERIFY(recipe == before);
    }

    void anEditOfTheWholeModelIsOneOfTheDefaults()
    {
        const ModelDescription model = llamaDescription(4);
        std::vector<std::string> all;
        for (const LinearInfo& linear : model.linears)
            all.push_back(linear.name);
        Recipe recipe;
        setPlan(recipe, model, "model.layers.1.mlp.up_proj", bits(8));
        PlanPatch keep;
        keep.group = 64;
        setPlan(recipe, model, "model.layers.2.mlp.up_proj", keep);
        setPlans(recipe, model, all, bits(3));
        QVERIFY(recipe.defaults == bits(3));
        QCOMPARE(recipe.rules.size(), std::size_t(1));         // the group of one linear is still its own
        QVERIFY(recipe.rules[0].patch == keep);
        setPlans(recipe, model, all, bits(16));
        QVERIFY(recipe.defaults.empty());
    }

    void randomEditsOfManyChangeTheseAndNothingElse()
    {
        for (const ModelDescription& model : {llamaDescription(5), optDescription(4)})
            for (int round = 0; round < 12; ++round) {
                Recipe recipe;
                if (pick(2))
                    recipe.defaults = bits(4);
                if (pick(2))
                    recipe.rules.push_back({"*.{mlp,self_attn}.*", bits(8)});
                for (int edit = 0; edit < 25; ++edit) {
                    PlanPatch patch;
                    switch (pick(5)) {
                    case 0: patch.bits = std::array{2, 4, 8, 16}[pick(4)]; break;
                    case 1: patch.group = std::array{0, 16, 32}[pick(3)]; break;
                    case 2: patch.rounding = pick(2) ? MethodChoice{"rtn", {}} : MethodChoice{"gptq", {{"damping", pick(2) ? 0.01 : 0.2}}}; break;
                    case 3: patch.scheme = static_cast<ActivationScheme>(pick(6)); break;
                    default:
                        patch.symmetric = pick(2) == 1;
                        patch.clip = pick(2) ? WeightGrid::Clip::Mse : WeightGrid::Clip::None;
                    }
                    const std::vector<std::string> names = someLinears(model);
                    std::vector<Plan> wanted;
                    for (const LinearInfo& linear : model.linears) {
                        PlanPatch said = patchOf(recipe, linear.name);
                        if (std::find(names.begin(), names.end(), linear.name) != names.end())
                            said.merge(patch);
                        wanted.push_back(planOf(said));
                    }
                    setPlans(recipe, model, names, patch);
                    QVERIFY2(plansOf(recipe, model) == wanted, recipe.toJson().c_str());
                    QVERIFY(Recipe::parse(recipe.toJson(), "edited") == recipe);
                }
            }
    }

    void anUnknownLinearAmongThemIsRefused()
    {
        Recipe recipe;
        QVERIFY_THROWS_EXCEPTION(Error, setPlans(recipe, llamaDescription(), std::vector<std::string>{"model.layers.0.mlp.up_proj", "lm_head"}, bits(4)));
    }

    void aRuleHasTheLastWordAndSaysOnlyWhatItChanges()
    {
        const ModelDescription model = llamaDescription(4);
        Recipe recipe;
        recipe.defaults.bits = 4;
        recipe.defaults.group = 64;
        setPlan(recipe, model, "model.layers.1.mlp.up_proj", bits(2));
        setPlan(recipe, model, "model.layers.1.mlp.down_proj", bits(2));
        Plan plan = planOf(recipe, "model.layers.0.mlp.up_proj");
        plan.weights.bits = 6;
        setRule(recipe, model, "*.up_proj", plan);
        for (int block = 0; block < 4; ++block)
            QVERIFY(planOf(recipe, "model.layers." + std::to_string(block) + ".mlp.up_proj") == plan);
        QCOMPARE(planOf(recipe, "model.layers.1.mlp.down_proj").weights.bits, 2);
        QCOMPARE(recipe.rules.size(), std::size_t(2));         // the single name that it covers is gone
        QCOMPARE(recipe.rules.back().match, std::string("*.up_proj"));
        QVERIFY(recipe.rules.back().patch == bits(6));
    }

    void resettingTakesBackWhatWasSetForTheseAlone()
    {
        const ModelDescription model = llamaDescription(4);
        Recipe recipe;
        recipe.defaults.bits = 4;
        setPlans(recipe, model, ofKind(model, "down_proj"), bits(8));
        const Recipe shared = recipe;
        setPlan(recipe, model, "model.layers.1.mlp.down_proj", bits(2));
        resetPlans(recipe, model, std::vector<std::string>{"model.layers.1.mlp.down_proj"});
        QVERIFY(recipe == shared);                             // the rule of all down_proj is not this one's alone
        resetPlans(recipe, model, ofKind(model, "down_proj"));
        QVERIFY(recipe.rules.empty());
    }

    void tiesAreThoseThatTheContractChecks()
    {
        const ModelDescription model = llamaDescription(3);
        QVERIFY(contractTies("", model).empty());
        QVERIFY(contractTies("transformers", model).empty());
        QVERIFY_THROWS_EXCEPTION(Error, contractTies("nothing", model));
        const auto ties = contractTies("vllm", model);
        QCOMPARE(ties.size(), std::size_t(6));                 // q/k/v and gate/up of each block
        QCOMPARE(ties[0].linears, (std::vector<std::string>{"model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj", "model.layers.0.self_attn.v_proj"}));
        QVERIFY(ties[0].reason.find("q_proj, k_proj and v_proj") != std::string::npos);
        // One of a tie alone breaks the contract, all of it keeps it; what is not tied may differ.
        for (const ContractTie& tie : ties) {
            Recipe recipe;
            setPlan(recipe, model, tie.linears.front(), bits(4));
            QVERIFY_THROWS_EXCEPTION(Error, (recipe.contract = "vllm", resolve(recipe, model)));
            recipe.contract.clear();
            setPlans(recipe, model, tie.linears, bits(4));
            PlanPatch own;
            own.rounding = MethodChoice{"gptq", {}};
            own.clip = WeightGrid::Clip::Mse;
            QVERIFY(tiedPart(own).empty());
            setPlan(recipe, model, tie.linears.front(), own);
            recipe.contract = "vllm";
            QCOMPARE(resolve(recipe, model).size(), model.linears.size());
        }
    }

    void aRefusalSaysWhy()
    {
        const LinearInfo linear = llamaDescription().linears.front();
        Plan plan;
        plan.weights.bits = 4;
        QVERIFY(contractRefusal("vllm", linear, plan).empty());
        QVERIFY(contractRefusal("", linear, plan).empty());
        plan.weights.bits = 3;
        QVERIFY(contractRefusal("vllm", linear, plan).find("3 bits") != std::string::npos);
        QVERIFY(contractRefusal("transformers", linear, plan).find("3-bit weights") != std::string::npos);   // no packed format holds them
        plan.weights.bits = 4;
        plan.weights.group = 96;
        QVERIFY(contractRefusal("vllm", linear, plan).empty());   // a warning is no refusal
    }
};

QTEST_APPLESS_MAIN(TestBulkEdit)
#include "tst_bulk_edit.moc"
