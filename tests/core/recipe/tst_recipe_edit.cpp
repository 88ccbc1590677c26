#include "core/base/error.h"
#include "core/recipe/recipe.h"
#include "small_model.h"

#include <QTest>

#include <algorithm>
#include <random>

using namespace halftone;

class TestRecipeEdit : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void oneEditIsOneRuleThatSaysOnlyWhatDiffers()
    {
        const ModelDescription model = llamaDescription();
        Recipe recipe;
        recipe.defaults.bits = 4;
        recipe.defaults.group = 64;
        PlanPatch patch;
        patch.bits = 8;
        patch.group = 64;
        setPlan(recipe, model, "model.layers.1.mlp.up_proj", patch);
        QCOMPARE(recipe.rules.size(), std::size_t(1));
        QCOMPARE(recipe.rules[0].match, std::string("model.layers.1.mlp.up_proj"));
        PlanPatch wanted;
        wanted.bits = 8;
        QVERIFY(recipe.rules[0].patch == wanted);
    }

    void goingBackRemovesTheRule()
    {
        const ModelDescription model = llamaDescription();
        Recipe recipe;
        recipe.defaults.bits = 4;
        recipe.rules.push_back({"*.mlp.*", {}});
        recipe.rules[0].patch.bits = 3;
        const Recipe before = recipe;
        PlanPatch patch;
        patch.bits = 8;
        setPlan(recipe, model, "model.layers.1.mlp.up_proj", patch);
        QVERIFY(!(recipe == before));
        patch.bits = 3;
        setPlan(recipe, model, "model.layers.1.mlp.up_proj", patch);
        QVERIFY(recipe == before);
    }

    void anEditWinsOverALaterRule()
    {
        const ModelDescription model = llamaDescription();
        Recipe recipe;
        PlanPatch four, eight, two;
        four.bits = 4;
        eight.bits = 8;
        two.bits = 2;
        recipe.rules = {{"model.layers.1.mlp.up_proj", four}, {"*", eight}};
        QCOMPARE(planOf(recipe, "model.layers.1.mlp.up_proj").weights.bits, 8);
        setPlan(recipe, model, "model.layers.1.mlp.up_proj", two);
        QCOMPARE(planOf(recipe, "model.layers.1.mlp.up_proj").weights.bits, 2);
        QCOMPARE(recipe.rules.size(), std::size_t(2));
        QCOMPARE(recipe.rules[1].match, std::string("model.layers.1.mlp.up_proj"));
    }

    void parametersOfAMethodCanBeSetBackToTheirDefaults()
    {
        const ModelDescription model = llamaDescription();
        Recipe recipe;
        recipe.defaults.rounding = MethodChoice{"gptq", {{"damping", 0.1}}};
        PlanPatch patch;
        patch.rounding = defaultChoice(MethodKind::Rounding, "gptq");
        setPlan(recipe, model, "model.layers.0.self_attn.o_proj", patch);
        QVERIFY(planOf(recipe, "model.layers.0.self_attn.o_proj").rounding == defaultChoice(MethodKind::Rounding, "gptq"));
        QCOMPARE(recipe.rules[0].patch.rounding->parameters.size(), std::size_t(1));
        patch.rounding = MethodChoice{"rtn", {}};
        setPlan(recipe, model, "model.layers.0.self_attn.o_proj", patch);
        QCOMPARE(planOf(recipe, "model.layers.0.self_attn.o_proj").rounding.method, std::string("rtn"));
    }

    void anUnknownLinearIsRefused()
    {
        Recipe recipe;
        QVERIFY_EXCEPTION_THROWN(setPlan(recipe, llamaDescription(), "lm_head", {}), Error);
        QVERIFY(recipe == Recipe{});
    }

    void randomEditsChangeOneLinearAndNothingElse()
    {
        std::mt19937 random(5);
        const auto pick = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
        const ModelDescription model = llamaDescription();
        for (int round = 0; round < 40; ++round) {
            Recipe recipe;
            const auto patch = [&] {
                PlanPatch p;
                const std::size_t what = pick(8);
                if (what == 0)
                    p.bits = std::array{2, 4, 8, 16}[pick(4)];
                else if (what == 1)
                    p.group = std::array{0, 32, 64, 192}[pick(4)];
                else if (what == 2)
                    p.symmetric = pick(2) == 1;
                else if (what == 3)
                    p.scheme = static_cast<ActivationScheme>(pick(6));
                else if (what == 4)
                    p.rounding = pick(2) ? MethodChoice{"rtn", {}} : MethodChoice{"gptq", {{"damping", pick(2) ? 0.01 : 0.2}}};
                else if (what == 5)
                    p.clip = pick(2) ? WeightGrid::Clip::Mse : WeightGrid::Clip::None;
                else if (what == 6)
                    p.alpha = pick(2) ? 0.15 : 0.5;
                else
                    p.activationBits = std::array{4, 8}[pick(2)];
                return p;
            };
            recipe.defaults = patch();
            const char* globs[] = {"*", "*.mlp.*", "*.self_attn.[qkv]_proj", "model.layers.{0,2}.*", "model.layers.1.mlp.up_proj"};
            for (std::size_t i = pick(5); i-- > 0;)
                recipe.rules.push_back({globs[pick(std::size(globs))], patch()});
            const std::size_t rulesBefore = recipe.rules.size();
            for (int edit = 0; edit < 30; ++edit) {
                std::vector<Plan> before;
                for (const LinearInfo& linear : model.linears)
                    before.push_back(planOf(recipe, linear.name));
                const std::size_t chosen = pick(model.linears.size());
                const PlanPatch change = patch();
                PlanPatch wanted = patchOf(recipe, model.linears[chosen].name);
                wanted.merge(change);
                const Recipe old = recipe;
                setPlan(recipe, model, model.linears[chosen].name, change);
                for (std::size_t i = 0; i < model.linears.size(); ++i)
                    QVERIFY2(planOf(recipe, model.linears[i].name) == (i == chosen ? planOf(wanted) : before[i]),
                        (old.toJson() + recipe.toJson()).c_str());
                // Minimal: without its own rule, or without any one key of it, the linear would have another plan.
                const auto own = [&](const Rule& rule) { return rule.match == model.linears[chosen].name; };
                QVERIFY(std::count_if(recipe.rules.begin(), recipe.rules.end(), own) <= 1);
                Recipe without = recipe;
                if (std::erase_if(without.rules, own) > 0)
                    QVERIFY(!(planOf(without, model.linears[chosen].name) == planOf(wanted)));
                Recipe again = recipe;
                setPlan(again, model, model.linears[chosen].name, change);
                QVERIFY(again == recipe);
                QVERIFY(Recipe::parse(recipe.toJson(), "edited") == recipe);
            }
            QVERIFY(recipe.rules.size() <= rulesBefore + model.linears.size());
        }
    }
};

QTEST_APPLESS_MAIN(TestRecipeEdit)
#include "tst_recipe_edit.moc"
