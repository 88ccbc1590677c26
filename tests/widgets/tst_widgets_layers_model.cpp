#include "gui_test.h"
#include "sample_values.h"
#include "widgets/layer_texts.h"
#include "widgets/layers_filter.h"
#include "widgets/layers_model.h"
#include "widgets/layers_proxy.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QtTest>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

class TestLayersModel : public QObject {
    Q_OBJECT

    static QModelIndex cell(const LayersModel& model, const char* linear, LayersModel::Column column)
    {
        return model.indexOf(linear).siblingAtColumn(column);
    }

private Q_SLOTS:
    void init() { failOnAnyWarning(); }

    void theModelKeepsQtsRules()
    {
        LayersModel model;
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        const ModelDescription small = sample::model(3);
        model.setModel(small);
        model.setPlans(sample::plans(small));
        model.setSites(sample::sites(small, 1));
        model.setResults(sample::results(small));
        model.setModel(sample::model(1));
        model.clear();
        QCOMPARE(model.rowCount(), 0);
        model.setModel(small);
        QCOMPARE(model.rowCount(), 3);
        QCOMPARE(model.rowCount(model.index(2, 0)), 7);
        for (const auto grouping : {LayersModel::Grouping::Kinds, LayersModel::Grouping::Sites, LayersModel::Grouping::None, LayersModel::Grouping::Blocks}) {
            model.setGrouping(grouping);
            model.setPlans(sample::plans(small));
        }
    }

    void whatStaysFloatStandsBelowTheLinears()
    {
        LayersModel model;
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        ModelDescription small = sample::model(2);
        small.others = {{"model.embed_tokens.weight", {1000, 576}, "F32"}, {"model.norm.weight", {576}, "F32"}, {"model.layers.0.input_layernorm.weight", {576}, "F32"},
                        {"lm_head.weight", {1000, 576}, "F32"}};
        small.parameters = 2 * 1000 * 576 + 2 * 576;
        for (const LinearInfo& linear : small.linears)
            small.parameters += linear.weights();
        model.setModel(small);
        const std::vector<ResolvedPlan> plans = sample::plans(small);
        model.setPlans(plans);
        QCOMPARE(model.floatParts(), 3);
        for (const auto grouping : {LayersModel::Grouping::Kinds, LayersModel::Grouping::Sites, LayersModel::Grouping::None, LayersModel::Grouping::Blocks}) {
            model.setGrouping(grouping);
            const int first = model.rowCount() - 3;
            QStringList titles;
            for (int row = first; row < model.rowCount(); ++row) {
                const QModelIndex part = model.index(row, 0);
                titles << part.data().toString();
                QVERIFY(model.linearsAt(part).isEmpty() && !model.factsAt(part) && model.blockAt(part) == -1 && model.rowCount(part) == 0);
                QVERIFY(!(model.flags(part.siblingAtColumn(LayersModel::Bits)) & Qt::ItemIsEditable));
            }
            QCOMPARE(titles, (QStringList{u"Embedding"_s, u"Head"_s, u"Norms and biases"_s}));
            QCOMPARE(model.index(first, LayersModel::Size).data().toString(), u"1.15 MB"_s);   // 1000 × 576 in bf16
        }
        // Sizes of all rows together are the export's, packed and dense.
        double packed = 0, dense = 0;
        for (int row = 0; row < model.rowCount(); ++row)
            packed += model.index(row, LayersModel::Size).data(LayersModel::SortRole).toDouble();
        QCOMPARE(packed, double(estimateSize(plans, small).bytes));
        model.setDense(true);
        for (int row = 0; row < model.rowCount(); ++row)
            dense += model.index(row, LayersModel::Size).data(LayersModel::SortRole).toDouble();
        QCOMPARE(dense, double(estimateSize(plans, small).denseBytes));
        // A filter is about linears; sorted by size they take their place.
        LayersProxy proxy;
        proxy.setSourceModel(&model);
        QCOMPARE(proxy.rowCount(), 5);
        proxy.setFilter(LayersFilter::parse(u"down_proj"_s));
        QCOMPARE(proxy.rowCount(), 2);
    }

    void theErrorOfAnotherPlanIsSeenToBeStale()
    {
        LayersModel model;
        LayersProxy proxy;
        proxy.setSourceModel(&model);
        const ModelDescription small = sample::model(1);
        model.setModel(small);
        std::vector<ResolvedPlan> plans = sample::plans(small);
        model.setRunPlans(plans);
        model.setResults(sample::results(small));
        model.setPlans(plans);
        const QModelIndex error = cell(model, "model.layers.0.mlp.up_proj", LayersModel::Error);
        const QString fresh = error.data().toString();
        QVERIFY(fresh.endsWith(u'%') && error.data(LayersModel::BarRole).isValid());
        proxy.setFilter(LayersFilter::parse(u"error > 1%"_s));
        QVERIFY(proxy.linears().contains(u"model.layers.0.mlp.up_proj"_s));
        for (ResolvedPlan& plan : plans)
            if (plan.linear == "model.layers.0.mlp.up_proj")
                plan.plan.weights.bits = 8;
        model.setPlans(plans);
        QCOMPARE(error.data().toString(), u'(' + fresh + u')');
        QVERIFY(!error.data(LayersModel::BarRole).isValid());
        QVERIFY2(error.data(Qt::ToolTipRole).toString().startsWith(u"Of the last run, whose plan was 4 bits here"_s), qPrintable(error.data(Qt::ToolTipRole).toString()));
        proxy.setFilter(LayersFilter::parse(u"error > 1%"_s));   // no longer about this plan
        QVERIFY(!proxy.linears().contains(u"model.layers.0.mlp.up_proj"_s) && !proxy.linears().isEmpty());
        proxy.setFilter(LayersFilter::parse(u"output > 0.001"_s));
        QVERIFY(proxy.linears().contains(u"model.layers.0.mlp.down_proj"_s));
    }

    void rowsAreGroupedAsAsked()
    {
        LayersModel model;
        const ModelDescription small = sample::model(3);
        model.setModel(small);
        const std::string up = "model.layers.1.mlp.up_proj";
        model.setGrouping(LayersModel::Grouping::Kinds);
        QCOMPARE(model.rowCount(), 7);
        QCOMPARE(model.index(6, 0).data().toString(), u"down_proj"_s);
        QCOMPARE(model.linearsAt(model.index(6, 0)),
            (QStringList{u"model.layers.0.mlp.down_proj"_s, u"model.layers.1.mlp.down_proj"_s, u"model.layers.2.mlp.down_proj"_s}));
        QCOMPARE(model.indexOf(up).data().toString(), u"block 1"_s);
        model.setGrouping(LayersModel::Grouping::Sites);
        QCOMPARE(model.rowCount(), 4);
        QCOMPARE(model.rowCount(model.index(0, 0)), 9);
        QVERIFY(!model.indexOfBlock(1).isValid());
        model.setGrouping(LayersModel::Grouping::None);
        QCOMPARE(model.rowCount(), 21);
        QVERIFY(!model.indexOf(up).parent().isValid());
        QCOMPARE(model.linearsAt(model.indexOf(up)), QStringList{QString::fromStdString(up)});
        for (const LinearInfo& linear : small.linears)
            QCOMPARE(model.factsAt(model.indexOf(linear.name))->info.name, linear.name);
    }

    void theProxyKeepsQtsRulesAndFiltersAndSorts()
    {
        LayersModel model;
        LayersProxy proxy;
        proxy.setSourceModel(&model);
        QAbstractItemModelTester tester(&proxy, QAbstractItemModelTester::FailureReportingMode::QtTest);
        const ModelDescription small = sample::model(5);
        model.setModel(small);
        model.setPlans(sample::plans(small));
        for (int block = 0; block < 5; ++block)
            model.setSites(sample::sites(small, block));
        proxy.setFilter(LayersFilter::parse(u"bits > 4 and kernel > 0"_s));
        QCOMPARE(proxy.matched(), 5);
        auto plans = sample::plans(small);
        plans[6].plan.weights.bits = 3;
        model.setPlans(plans);                               // what is seen follows the plans
        QCOMPARE(proxy.matched(), 4);
        QCOMPARE(proxy.rowCount(), 4);
        proxy.setFilter(LayersFilter::parse({}));
        QCOMPARE(proxy.matched(), 35);
        for (const auto grouping : {LayersModel::Grouping::None, LayersModel::Grouping::Kinds, LayersModel::Grouping::Blocks}) {
            model.setGrouping(grouping);
            proxy.sort(LayersModel::Kernel, Qt::DescendingOrder);
            const QModelIndex group = grouping == LayersModel::Grouping::None ? QModelIndex() : proxy.index(0, 0);
            for (int row = 1; row < proxy.rowCount(group); ++row)
                QVERIFY(proxy.index(row, LayersModel::Kernel, group).data(LayersModel::SortRole).toDouble()
                    <= proxy.index(row - 1, LayersModel::Kernel, group).data(LayersModel::SortRole).toDouble());
        }
        proxy.sort(-1);
        QCOMPARE(proxy.linears().size(), 35);
        QCOMPARE(proxy.linears().first(), u"model.layers.0.self_attn.q_proj"_s);
    }

    void fiftyThousandRowsAreFiltered()
    {
        LayersModel model;
        LayersProxy proxy;
        proxy.setSourceModel(&model);
        const ModelDescription large = sample::model(7200, 64, 64);   // 50,400 linears
        model.setModel(large);
        model.setPlans(sample::plans(large));
        proxy.setFilter(LayersFilter::parse(u"kind = down_proj and bits > 4"_s));
        QCOMPARE(proxy.matched(), 7200);
        proxy.setFilter(LayersFilter::parse(u"block = 7100"_s));
        QCOMPARE(proxy.matched(), 7);
        QVERIFY(model.indexOf("model.layers.7199.mlp.down_proj").isValid());
    }

    void whatTheContractRefusesIsSaidAndWhatItForcesToo()
    {
        LayersModel model;
        const ModelDescription small = sample::model(1);
        model.setModel(small);
        auto plans = sample::plans(small);
        for (ResolvedPlan& plan : plans)
            plan.plan.activations.scheme = ActivationScheme::None;
        model.setPlans(plans);
        const QModelIndex bits = cell(model, "model.layers.0.mlp.up_proj", LayersModel::Bits);
        QCOMPARE(bits.data(LayersModel::RefusalsRole).toStringList().join(QString()), QString());   // no contract: nothing is refused
        model.setContract("vllm", {});
        const QVariantList values = bits.data(LayersModel::ValuesRole).toList();
        const QStringList refusals = bits.data(LayersModel::RefusalsRole).toStringList();
        QCOMPARE(refusals.size(), values.size());
        QVERIFY(refusals[static_cast<int>(values.indexOf(3))].contains(u"3 bits"_s));
        for (const int allowed : {4, 8, 16})
            QVERIFY(refusals[static_cast<int>(values.indexOf(allowed))].isEmpty());
        // Eight-bit weights with eight-bit input: vLLM takes no groups, so that the group is forced.
        for (ResolvedPlan& plan : plans) {
            plan.plan.weights.bits = 8;
            plan.plan.weights.group = 0;
            plan.plan.activations.scheme = ActivationScheme::PerToken;
        }
        model.setPlans(plans);
        const QString tip = cell(model, "model.layers.0.mlp.up_proj", LayersModel::Group).data(Qt::ToolTipRole).toString();
        QVERIFY2(tip.contains(u"Forced by the contract"_s) && tip.contains(u"per channel"_s), qPrintable(tip));
    }

    void cellsShowThePlan()
    {
        LayersModel model;
        const ModelDescription small = sample::model(2);
        model.setModel(small);
        QCOMPARE(cell(model, "model.layers.1.mlp.down_proj", LayersModel::Bits).data().toString(), u"–"_s);
        model.setPlans(sample::plans(small));
        const char* down = "model.layers.1.mlp.down_proj";
        QCOMPARE(cell(model, down, LayersModel::Name).data().toString(), u"down_proj"_s);
        QVERIFY(cell(model, down, LayersModel::Name).data(Qt::ToolTipRole).toString().contains(u"model.layers.1.mlp.down_proj"_s));
        QCOMPARE(cell(model, down, LayersModel::Method).data().toString(), u"RTN"_s);
        QCOMPARE(cell(model, down, LayersModel::Bits).data().toString(), u"8"_s);
        QCOMPARE(cell(model, down, LayersModel::Group).data().toString(), u"64"_s);
        QCOMPARE(cell(model, down, LayersModel::Activations).data().toString(), u"token 8"_s);
        // 576 × 1536 at 8 bits and a float32 scale for each 64 weights.
        QCOMPARE(cell(model, down, LayersModel::Size).data().toString(), u"940 kB"_s);
    }

    void aBlockShowsWhatItsLinearsShareOrMixed()
    {
        LayersModel model;
        const ModelDescription small = sample::model(2);
        model.setModel(small);
        auto plans = sample::plans(small);
        model.setPlans(plans);
        const QModelIndex block = model.indexOfBlock(1);
        QCOMPARE(block.data().toString(), u"Block 1"_s);
        QCOMPARE(block.siblingAtColumn(LayersModel::Method).data().toString(), u"mixed"_s);
        QCOMPARE(block.siblingAtColumn(LayersModel::Bits).data().toString(), u"4–8"_s);
        QCOMPARE(block.siblingAtColumn(LayersModel::Group).data().toString(), u"64"_s);
        for (ResolvedPlan& plan : plans)
            plan.plan.weights.bits = 3;
        model.setPlans(plans);
        QCOMPARE(block.siblingAtColumn(LayersModel::Bits).data().toString(), u"3"_s);
        QCOMPARE(block.siblingAtColumn(LayersModel::Bits).data(Qt::EditRole).toInt(), 3);
    }

    void editingAsksAndChangesNothing()
    {
        LayersModel model;
        const ModelDescription small = sample::model(2);
        model.setModel(small);
        model.setPlans(sample::plans(small));
        QSignalSpy wishes(&model, &LayersModel::editRequested);
        const QModelIndex bits = cell(model, "model.layers.0.self_attn.q_proj", LayersModel::Bits);
        QVERIFY(bits.flags() & Qt::ItemIsEditable);
        QVERIFY(model.setData(bits, 3));
        QCOMPARE(wishes.count(), 1);
        QCOMPARE(wishes.last().at(0).toStringList(), QStringList{u"model.layers.0.self_attn.q_proj"_s});
        PlanPatch expected;
        expected.bits = 3;
        QVERIFY(wishes.last().at(1).value<PlanPatch>() == expected);
        QCOMPARE(bits.data().toString(), u"4"_s);

        QVERIFY(!model.setData(bits, 4));                 // what it already is
        QVERIFY(!model.setData(bits, 1));
        QVERIFY(!model.setData(bits, 12));
        QVERIFY(!model.setData(bits, u"four"_s));
        QVERIFY(!model.setData(cell(model, "model.layers.0.self_attn.q_proj", LayersModel::Size), 4));
        QCOMPARE(wishes.count(), 1);

        QVERIFY(model.setData(model.indexOfBlock(1).siblingAtColumn(LayersModel::Activations), u"cross:6"_s));
        QCOMPARE(wishes.last().at(0).toStringList().size(), 7);
        PlanPatch cross;
        cross.scheme = ActivationScheme::Cross;
        cross.activationBits = 6;
        QVERIFY(wishes.last().at(1).value<PlanPatch>() == cross);
    }

    void methodsAreCalledAsPeopleCallThem()
    {
        Plan plan;
        plan.weights.bits = 4;
        plan.rounding = defaultChoice(MethodKind::Rounding, "gptq");
        plan.compensation = defaultChoice(MethodKind::Compensation, "lorc");
        QCOMPARE(layer_texts::methods(plan, methodInfos()), u"GPTQ + LoRC"_s);
        plan.rounding = defaultChoice(MethodKind::Rounding, "rtn");
        QCOMPARE(layer_texts::methods(plan, methodInfos()), u"RTN + LoRC"_s);
    }

    void everyChoiceOfAnEditorIsAnEdit()
    {
        LayersModel model;
        const ModelDescription small = sample::model(1);
        model.setModel(small);
        for (const LayersModel::Column column : {LayersModel::Method, LayersModel::Bits, LayersModel::Group, LayersModel::Activations}) {
            const QModelIndex at = cell(model, "model.layers.0.mlp.down_proj", column);
            const QStringList texts = at.data(LayersModel::ChoicesRole).toStringList();
            const QVariantList values = at.data(LayersModel::ValuesRole).toList();
            QVERIFY(texts.size() >= 2);
            QCOMPARE(texts.size(), values.size());
            for (const QVariant& value : values)
                QVERIFY(!(model.patchFor(column, value) == PlanPatch{}));
        }
    }

    void groupsOfferedDivideTheRow()
    {
        LayersModel model;
        model.setModel(sample::model(1, 96, 256));
        const auto groups = [&](const char* linear) { return cell(model, linear, LayersModel::Group).data(LayersModel::ValuesRole).toList(); };
        QCOMPARE(groups("model.layers.0.mlp.up_proj"), (QVariantList{0, 16, 32}));
        QCOMPARE(groups("model.layers.0.mlp.down_proj"), (QVariantList{0, 16, 32, 64, 128}));
        QCOMPARE(model.indexOfBlock(0).siblingAtColumn(LayersModel::Group).data(LayersModel::ValuesRole).toList(), (QVariantList{0, 16, 32}));
    }

    void kernelFollowsThePlansOwnScheme()
    {
        LayersModel model;
        const ModelDescription small = sample::model(1);
        model.setModel(small);
        auto plans = sample::plans(small);
        auto sites = sample::sites(small, 0);
        for (int s = 0; s < kKernelSchemes; ++s) {
            sites[3].kernel[static_cast<std::size_t>(s)] = {};
            sites[3].kernel[static_cast<std::size_t>(s)].elements = 1000;
            sites[3].kernel[static_cast<std::size_t>(s)].zero = 100 * (s + 1);
        }
        model.setSites(sites);
        const std::string down = "model.layers.0.mlp.down_proj";
        const auto shareOf = [&](ActivationScheme scheme) {
            for (int s = 0; s < kKernelSchemes; ++s)
                if (kernelScheme(s) == scheme)
                    return 0.1 * (s + 1);
            return -1.0;
        };
        plans[6].plan.activations.scheme = ActivationScheme::Cross;
        model.setPlans(plans);
        QCOMPARE(*model.kernelShareOf(down), shareOf(ActivationScheme::Cross));
        plans[6].plan.activations.scheme = ActivationScheme::None;
        model.setPlans(plans);
        model.setKernelScheme(0);
        QCOMPARE(*model.kernelShareOf(down), 0.1);
        QVERIFY(cell(model, down.c_str(), LayersModel::Kernel).data(LayersModel::BarRole).toDouble() > 0);
        model.clearSites();
        QVERIFY(!model.kernelShareOf(down));
    }

    void aPlanThatDiffersFromTheRunIsMarked()
    {
        LayersModel model;
        const ModelDescription small = sample::model(2);
        model.setModel(small);
        auto plans = sample::plans(small);
        model.setPlans(plans);
        const QModelIndex state = cell(model, "model.layers.1.mlp.up_proj", LayersModel::State);
        QVERIFY(!state.data(LayersModel::ChangedRole).toBool());   // no run: nothing to differ from
        model.setRunPlans(plans);
        QVERIFY(!state.data(LayersModel::ChangedRole).toBool());
        for (ResolvedPlan& plan : plans)
            if (plan.linear == "model.layers.1.mlp.up_proj")
                plan.plan.weights.group = 32;
        model.setPlans(plans);
        QVERIFY(state.data(LayersModel::ChangedRole).toBool());
        QVERIFY(model.indexOfBlock(1).siblingAtColumn(LayersModel::State).data(LayersModel::ChangedRole).toBool());
        QVERIFY(!model.indexOfBlock(0).siblingAtColumn(LayersModel::State).data(LayersModel::ChangedRole).toBool());
    }

    void aLockSaysItsReason()
    {
        LayersModel model;
        model.setModel(sample::model(1));
        model.setContract({}, {{"model.layers.0.self_attn.k_proj", "q, k and v share one scheme in <vLLM>.", false}});
        const QModelIndex state = cell(model, "model.layers.0.self_attn.k_proj", LayersModel::State);
        QCOMPARE(state.data(LayersModel::LockRole).toString(), u"q, k and v share one scheme in <vLLM>."_s);
        QVERIFY(state.data(Qt::ToolTipRole).toString().contains(u"&lt;vLLM&gt;"_s));   // never read as mark-up
        QVERIFY(!state.data(Qt::DecorationRole).isNull());
    }

    void errorsComeFromTheRun()
    {
        LayersModel model;
        const ModelDescription small = sample::model(2);
        model.setModel(small);
        QVERIFY(!cell(model, "model.layers.0.mlp.up_proj", LayersModel::Error).data(LayersModel::BarRole).isValid());
        model.setBlockResult(sample::results(small).front());
        QCOMPARE(cell(model, "model.layers.0.mlp.up_proj", LayersModel::Error).data().toString(), u"9.4 %"_s);   // 20.5 dB
        QVERIFY(!cell(model, "model.layers.1.mlp.up_proj", LayersModel::Error).data(LayersModel::BarRole).isValid());
    }
};

QTEST_MAIN(TestLayersModel)
#include "tst_widgets_layers_model.moc"
