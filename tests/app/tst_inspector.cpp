#include "window_fixture.h"

#include "app/studio/inspector.h"
#include "app/studio/level_histogram.h"
#include "app/studio/text.h"
#include "app/studio/what_if_figures.h"
#include "app/studio/what_if_panel.h"
#include "core/recipe/bulk_edit.h"
#include "widgets/colour_map.h"
#include "widgets/layer_texts.h"
#include "widgets/layers_model.h"
#include "widgets/layers_view.h"

#include <QAbstractProxyModel>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QTreeView>

#include <cmath>
#include <numeric>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The Inspector in the real window: facts, histogram, what-if and the ways to apply it.
class TestInspector : public WindowFixture {
    Q_OBJECT

    const QString m_down = u"model.layers.1.mlp.down_proj"_s;

    Inspector* inspector() { return m_window->findChild<Inspector*>(); }
    WhatIfPanel* panel() { return inspector()->findChild<WhatIfPanel*>(); }
    const Plan& plan(const QString& linear) { return *document().plan(linear.toStdString()); }
    int steps() { return document().undoStack().index(); }

    QString text(const QString& name)
    {
        const auto* label = inspector()->findChild<QLabel*>(name);
        return label ? label->text() : u"(no %1)"_s.arg(name);
    }

    void click(const QString& linear, Qt::KeyboardModifiers modifiers = {})
    {
        auto* layers = m_window->findChild<LayersView*>();
        const auto* proxy = qobject_cast<const QAbstractProxyModel*>(layers->tree()->model());
        const QModelIndex at = proxy->mapFromSource(layers->model()->indexOf(linear.toStdString()));
        QVERIFY(at.isValid());
        if (at.parent().isValid())
            layers->tree()->expand(at.parent());
        layers->tree()->scrollTo(at);
        QTest::mouseClick(layers->tree()->viewport(), Qt::LeftButton, modifiers, layers->tree()->visualRect(at).center());
        // The window follows the click when the events that it made are done.
        QTRY_COMPARE(document().selection().linear, linear.toStdString());
        const auto selected = layers->selectedLinears().size();
        QTRY_COMPARE(text(u"planTitle"_s), selected == 1 ? u"What if"_s : u"What if, of %1 linears"_s.arg(selected));
        QTRY_VERIFY(panel()->isVisible() && m_window->findChild<QComboBox*>(u"planBits"_s)->count() > 0);
    }

    /// A choice, made by keys as in any combo box.
    void choose(const QString& name, const QVariant& value)
    {
        auto* box = inspector()->findChild<QComboBox*>(name);
        QVERIFY2(box && box->isEnabled(), qPrintable(name));
        const int wanted = box->findData(value);
        QVERIFY2(wanted >= 0, qPrintable(value.toString()));
        box->setFocus();
        for (int guard = 0; box->currentIndex() != wanted && guard < 40; ++guard)
            QTest::keyClick(box, box->currentIndex() < wanted ? Qt::Key_Down : Qt::Key_Up);
        QCOMPARE(box->currentData(), value);
    }

    void press(const QString& name)
    {
        auto* button = inspector()->findChild<QPushButton*>(name);
        QVERIFY2(button && button->isVisible() && button->isEnabled(), qPrintable(name));
        inspector()->ensureWidgetVisible(button);
        QTest::mouseClick(button, Qt::LeftButton);
    }

    /// The exact answer for the plan that is tried now.
    void waitForAnswer()
    {
        QTRY_VERIFY(!m_window->jobs().busy() && panel()->answer() && panel()->answer()->final);
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Light); }
    void init()
    {
        STEP(begin());
        STEP(openModel());
    }
    void cleanup() { end(); }

    void theFactsAreThoseOfTheFileAndOfTheAnalysis()
    {
        STEP(click(m_down));
        const LinearInfo* info = document().linear(m_down.toStdString());
        QTRY_VERIFY(text(u"inspectorFacts"_s).contains(u"%1 × %2"_s.arg(info->out).arg(info->in)));
        QVERIFY(text(u"inspectorFacts"_s).contains(toQString(info->dtype)));
        QVERIFY(!inspector()->findChild<QLabel*>(u"coarseGrid"_s)->isVisible());
        QVERIFY(!inspector()->findChild<QWidget*>(u"siteSection"_s)->isVisible());
        STEP(analyze());
        QVERIFY(inspector()->findChild<QWidget*>(u"siteSection"_s)->isVisible());
        const SiteStatistics* site = document().statistics(1, SiteKind::MlpMiddle);
        bool absmax = false;
        for (const auto* label : inspector()->findChild<QWidget*>(u"siteSection"_s)->findChildren<QLabel*>())
            absmax = absmax || label->text() == formatValue(site->absmax());
        QVERIFY(absmax);
        // Beside every kernel share its clip rate.
        QStringList heads;
        for (const auto* label : inspector()->findChild<QWidget*>(u"kernelSection"_s)->findChildren<QLabel*>())
            heads << label->text();
        QVERIFY(heads.contains(u"kernel"_s) && heads.contains(u"clipped"_s));
    }

    /// A body wider than its panel would be cut at the right, with no bar to scroll it by.
    void nothingIsWiderThanTheNarrowestPanel()
    {
        STEP(analyze());
        const auto fits = [this](const char* when) {
            QCoreApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest);
            const QWidget* body = inspector()->findChild<QWidget*>(u"inspectorBody"_s);
            const int room = inspector()->minimumWidth() - inspector()->verticalScrollBar()->sizeHint().width();
            QVERIFY2(body->minimumSizeHint().width() <= room, qPrintable(u"%1: %2 of %3"_s.arg(QLatin1StringView(when)).arg(body->minimumSizeHint().width()).arg(room)));
        };
        STEP(fits("nothing selected"));
        STEP(click(m_down));
        STEP(waitForAnswer());
        STEP(fits("a linear"));
        STEP(choose(u"planTransform"_s, u"smoothquant"_s));
        STEP(choose(u"planBits"_s, 3));
        STEP(choose(u"planMethod"_s, u"lrq"_s));
        STEP(choose(u"planCompensation"_s, u"lorc"_s));
        STEP(waitForAnswer());
        STEP(fits("a transform, a learned method and a compensation"));
        Selection range = document().selection();
        range.setChannel(100, 60);
        document().select(range);
        STEP(fits("a range of channels"));
    }

    void theHistogramHoldsEveryWeightAndTheGridsLevels()
    {
        STEP(click(m_down));
        STEP(waitForAnswer());
        const auto* histogram = inspector()->findChild<LevelHistogram*>();
        QVERIFY(histogram->isVisible());
        const auto& bars = histogram->bars();
        const LinearInfo* info = document().linear(m_down.toStdString());
        QCOMPARE(std::accumulate(bars.values.begin(), bars.values.end(), 0.0), static_cast<double>(info->weights()));
        QVERIFY(bars.levels.empty());                         // left float
        STEP(choose(u"planBits"_s, 3));
        STEP(waitForAnswer());
        QTRY_COMPARE(histogram->bars().levels.size(), std::size_t(7));
        QVERIFY(histogram->bars().levels.front() >= bars.low * 1.0001 && histogram->bars().levels.back() <= bars.high * 1.0001);
    }

    void aWhatIfSaysWhatRoundingCostsAndChangesNothingUntilItIsApplied()
    {
        STEP(click(m_down));
        STEP(waitForAnswer());
        QVERIFY(!inspector()->findChild<QPushButton*>(u"whatIfApply"_s)->isEnabled());
        QVERIFY(inspector()->findChild<QPushButton*>(u"whatIfApply"_s)->toolTip().size() > 10);
        STEP(choose(u"planBits"_s, 4));
        STEP(choose(u"planGroup"_s, 32));
        STEP(waitForAnswer());
        QCOMPARE(plan(m_down).weights.bits, 16);
        QCOMPARE(steps(), 0);
        QCOMPARE(text(u"planBitsNow"_s), u"16"_s);

        // The very figures of the core.
        WeightReader reader(document().model().path);
        WeightGrid grid;
        grid.bits = 4;
        grid.group = 32;
        const LinearPreview wanted = reader.read(m_down.toStdString(), {})->preview(grid, {}, nullptr, 0, {});
        QCOMPARE(panel()->answer()->then.linear.weightError, wanted.weightError);
        QCOMPARE(text(u"whatIf-sqnr-now"_s), u"exact"_s);
        QCOMPARE(text(u"whatIf-sqnr-then"_s), formatValue(decibels(wanted.weightError), 3) + u" dB"_s);
        QVERIFY2(text(u"whatIf-size-change"_s).startsWith(u"▼ −"_s), qPrintable(text(u"whatIf-size-change"_s)));
        QCOMPARE(text(u"whatIf-output-then"_s), u"–"_s);      // nothing is analyzed: not known, and not invented

        STEP(press(u"whatIfApply"_s));
        QTRY_COMPARE(plan(m_down).weights.bits, 4);
        QCOMPARE(plan(m_down).weights.group, 32);
        QCOMPARE(steps(), 1);
        QCOMPARE(plan(u"model.layers.2.mlp.down_proj"_s).weights.bits, 16);
        QVERIFY(!inspector()->findChild<QPushButton*>(u"whatIfApply"_s)->isEnabled());   // it stands now
        QCOMPARE(text(u"planBitsNow"_s), u"4"_s);
        document().undoStack().undo();
        QCOMPARE(plan(m_down).weights.bits, 16);
    }

    void droppingBringsBackWhatStands()
    {
        STEP(click(m_down));
        STEP(choose(u"planBits"_s, 4));
        STEP(press(u"whatIfDrop"_s));
        QCOMPARE(inspector()->findChild<QComboBox*>(u"planBits"_s)->currentData().toInt(), 16);
        STEP(choose(u"planBits"_s, 4));
        STEP(click(u"model.layers.2.mlp.up_proj"_s));         // elsewhere nothing is tried yet
        QTRY_COMPARE(inspector()->findChild<QComboBox*>(u"planBits"_s)->currentData().toInt(), 16);
        QVERIFY(!inspector()->findChild<QPushButton*>(u"whatIfApply"_s)->isEnabled());
    }

    void itGoesToItsKindInOneStep()
    {
        STEP(click(m_down));
        STEP(choose(u"planBits"_s, 8));
        STEP(choose(u"planScheme"_s, int(ActivationScheme::PerToken)));
        QCOMPARE(inspector()->findChild<QPushButton*>(u"whatIfApplyKind"_s)->text().remove(u'&'), u"To all down_proj"_s);
        STEP(press(u"whatIfApplyKind"_s));
        for (int block = 0; block < 4; ++block) {
            QTRY_COMPARE(plan(u"model.layers.%1.mlp.down_proj"_s.arg(block)).weights.bits, 8);
            QVERIFY(plan(u"model.layers.%1.mlp.down_proj"_s.arg(block)).activations.scheme == ActivationScheme::PerToken);
        }
        QCOMPARE(plan(u"model.layers.1.mlp.up_proj"_s).weights.bits, 16);
        QCOMPARE(steps(), 1);
        QVERIFY2(document().undoStack().undoText().endsWith(u"all down_proj"_s), qPrintable(document().undoStack().undoText()));
        QCOMPARE(document().recipe().rules.size(), std::size_t(1));
    }

    void itGoesToTheFiltersRowsInOneStep()
    {
        QVERIFY(!inspector()->findChild<QPushButton*>(u"whatIfApplyFilter"_s)->isVisible());
        QTest::keyClicks(m_window->findChild<QLineEdit*>(u"layersFilter"_s), u"site = mlp_in and block < 2"_s);
        STEP(click(u"model.layers.0.mlp.up_proj"_s));
        STEP(choose(u"planBits"_s, 5));
        QTRY_COMPARE(inspector()->findChild<QPushButton*>(u"whatIfApplyFilter"_s)->text().remove(u'&'), u"To the filter's 4"_s);
        STEP(press(u"whatIfApplyFilter"_s));
        QTRY_COMPARE(plan(u"model.layers.1.mlp.gate_proj"_s).weights.bits, 5);
        QCOMPARE(plan(u"model.layers.0.mlp.gate_proj"_s).weights.bits, 5);
        QCOMPARE(plan(u"model.layers.2.mlp.gate_proj"_s).weights.bits, 16);
        QCOMPARE(steps(), 1);
    }

    void aSelectionIsEditedAtOnceAndMixedIsSaid()
    {
        STEP(click(m_down));
        QTest::keyClick(m_window->findChild<LayersView*>()->tree(), Qt::Key_8);
        QTRY_COMPARE(plan(m_down).weights.bits, 8);
        STEP(click(u"model.layers.1.mlp.up_proj"_s, Qt::ControlModifier));
        QTRY_COMPARE(text(u"planBitsNow"_s), u"mixed"_s);
        QCOMPARE(inspector()->findChild<QComboBox*>(u"planBits"_s)->currentIndex(), -1);
        STEP(choose(u"planClip"_s, int(WeightGrid::Clip::Mse)));
        QCOMPARE(inspector()->findChild<QPushButton*>(u"whatIfApply"_s)->text().remove(u'&'), u"Apply to 2"_s);
        STEP(press(u"whatIfApply"_s));
        QTRY_VERIFY(plan(m_down).weights.clip == WeightGrid::Clip::Mse);
        QCOMPARE(plan(m_down).weights.bits, 8);               // what was not touched stays mixed
        QCOMPARE(plan(u"model.layers.1.mlp.up_proj"_s).weights.bits, 16);
    }

    void theInputsFiguresAreTheCountsOfTheAnalysisOrEstimatesFromItsSample()
    {
        STEP(analyze());
        STEP(click(m_down));
        const SiteStatistics* site = document().statistics(1, SiteKind::MlpMiddle);
        QVERIFY(site && site->sample);
        STEP(choose(u"planScheme"_s, int(ActivationScheme::PerToken)));
        STEP(waitForAnswer());
        for (int scheme = 0; scheme < kKernelSchemes; ++scheme)
            if (kernelScheme(scheme) == ActivationScheme::PerToken) {
                QCOMPARE(panel()->answer()->then.input->kernel, site->kernelShare(scheme));
                QVERIFY(panel()->answer()->then.input->exact);
                QCOMPARE(text(u"whatIf-kernel-then"_s), formatShare(site->kernelShare(scheme)));
            }
        QVERIFY(panel()->answer()->then.linear.outputError);
        QVERIFY(*panel()->answer()->then.linear.outputError > 0);
        STEP(choose(u"planActivationBits"_s, 4));
        STEP(waitForAnswer());
        ActivationGrid grid;
        grid.scheme = ActivationScheme::PerToken;
        grid.bits = 4;
        QCOMPARE(panel()->answer()->then.input->kernel, estimateKernel(*site->sample, grid).share);
        QVERIFY2(text(u"whatIf-kernel-change"_s).startsWith(u"▲ +"_s), qPrintable(text(u"whatIf-kernel-change"_s)));

        STEP(choose(u"planScheme"_s, int(ActivationScheme::Cross)));
        auto* alpha = inspector()->findChild<QDoubleSpinBox*>(u"planAlpha"_s);
        QVERIFY(alpha->isEnabled());
        alpha->setFocus();
        alpha->selectAll();
        QTest::keyClicks(alpha, u"0.5"_s);
        QTest::keyClick(alpha, Qt::Key_Return);
        STEP(waitForAnswer());
        grid.scheme = ActivationScheme::Cross;
        grid.alpha = 0.5;
        QCOMPARE(panel()->answer()->then.plan.activations.alpha, 0.5);
        QCOMPARE(panel()->answer()->then.input->kernel, estimateKernel(*site->sample, grid).share);
    }

    /// CrossQuant's three forms under three names: two grids, and the transform with a grid per token.
    void theThreeFormsOfCrossQuantAreChosenByName()
    {
        STEP(click(m_down));
        auto* box = inspector()->findChild<QComboBox*>(u"planScheme"_s);
        QStringList names;
        for (int i = 0; i < box->count(); ++i)
            if (box->itemText(i).startsWith(u"CrossQuant"_s)) {
                names << box->itemText(i);
                QVERIFY2(box->itemData(i, Qt::ToolTipRole).toString().contains(u"Folds into a plain checkpoint: "_s), qPrintable(names.back()));
            }
        QCOMPARE(names, (QStringList{u"CrossQuant (analysis)"_s, u"CrossQuant, static channels"_s, u"CrossQuant, folded (exports)"_s}));
        QVERIFY(box->itemData(box->findText(names[0]), Qt::ToolTipRole).toString().contains(u"analysis only"_s));
        QVERIFY(box->itemData(box->findText(names[2]), Qt::ToolTipRole).toString().contains(u"fully"_s));
        STEP(choose(u"planScheme"_s, box->itemData(box->findText(names[2]))));
        auto* alpha = inspector()->findChild<QDoubleSpinBox*>(u"planAlpha"_s);
        QVERIFY(alpha->isEnabled());
        QCOMPARE(alpha->value(), 0.15);
        alpha->setFocus();
        alpha->selectAll();
        QTest::keyClicks(alpha, u"0.3"_s);
        QTest::keyClick(alpha, Qt::Key_Return);
        STEP(press(u"whatIfApply"_s));
        QTRY_COMPARE(plan(m_down).transform.method, std::string("crossquant"));
        QCOMPARE(plan(m_down).transform.real("alpha"), 0.3);
        QCOMPARE(plan(m_down).activations.scheme, ActivationScheme::PerToken);
        // Another choice takes the transform away again.
        STEP(choose(u"planScheme"_s, int(ActivationScheme::CrossStatic)));
        STEP(press(u"whatIfApply"_s));
        QTRY_COMPARE(plan(m_down).activations.scheme, ActivationScheme::CrossStatic);
        QCOMPARE(plan(m_down).transform.method, std::string("none"));
        QTest::keySequence(m_window.get(), QKeySequence::Undo);
        QTRY_COMPARE(plan(m_down).transform.method, std::string("crossquant"));
        QTest::keySequence(m_window.get(), QKeySequence::Undo);
        QTRY_COMPARE(plan(m_down).transform.method, std::string("none"));
    }

    void anAsymmetricInputIsChosenWhereThereIsOne()
    {
        STEP(click(m_down));
        auto* box = inspector()->findChild<QComboBox*>(u"planActivationSymmetric"_s);
        QVERIFY(!box->isEnabled() && box->toolTip().contains(u"not quantized"_s));
        for (const ActivationScheme scheme : {ActivationScheme::PerTensor, ActivationScheme::PerToken, ActivationScheme::PerChannel}) {
            STEP(choose(u"planScheme"_s, int(scheme)));
            STEP(choose(u"planActivationSymmetric"_s, false));
            STEP(press(u"whatIfApply"_s));
            QTRY_VERIFY(plan(m_down).activations.scheme == scheme && !plan(m_down).activations.symmetric);
        }
        STEP(choose(u"planScheme"_s, int(ActivationScheme::Cross)));   // which has no zero point
        QVERIFY(!box->isEnabled());
        STEP(press(u"whatIfApply"_s));
        QTRY_VERIFY(plan(m_down).activations.scheme == ActivationScheme::Cross && plan(m_down).activations.symmetric);
    }

    void theLatestRequestWins()
    {
        STEP(click(m_down));
        for (const int bits : {2, 3, 4, 5, 6, 7, 8, 3})
            STEP(choose(u"planBits"_s, bits));
        STEP(waitForAnswer());
        QCOMPARE(panel()->answer()->then.plan.weights.bits, 3);
        // Another linear: neither weights nor figures of the one before are shown.
        STEP(click(u"model.layers.3.self_attn.o_proj"_s));
        QTRY_VERIFY(panel()->answer() && panel()->answer()->linear == "model.layers.3.self_attn.o_proj");
    }

    void whatTheContractRefusesIsOffWithItsReason()
    {
        STEP(click(m_down));
        STEP(trigger(u"contract-vllm"_s));
        auto* box = inspector()->findChild<QComboBox*>(u"planBits"_s);
        const int three = box->findData(3);
        QVERIFY(!(box->model()->flags(box->model()->index(three, 0)) & Qt::ItemIsEnabled));
        QVERIFY(box->itemData(three, Qt::ToolTipRole).toString().contains(u"vLLM"_s));
        QVERIFY(box->model()->flags(box->model()->index(box->findData(4), 0)) & Qt::ItemIsEnabled);
    }

    void aReadOnlyProjectIsLookedAtAndNotChanged()
    {
        MainWindow second(m_folder->filePath(u"projects"_s), m_folder->filePath(u"logs2"_s));
        second.show();
        QVERIFY(QTest::qWaitForWindowExposed(&second));
        second.openPath(modelFolder());
        QTRY_VERIFY(second.document().isOpen() && !second.jobs().busy());
        QVERIFY(second.document().readOnly());
        second.document().select({-1, std::nullopt, m_down.toStdString(), -1, -1});
        auto* apply = second.findChild<QPushButton*>(u"whatIfApplyKind"_s);
        QTRY_VERIFY(apply->isVisible());
        QVERIFY(!apply->isEnabled());
        QVERIFY(apply->toolTip().contains(u"read-only"_s));
        second.quitNow();
    }

    void betterAndWorseAreToldBySignAndArrow()
    {
        LinearInfo linear;
        linear.name = "a.linear";
        linear.out = 64;
        linear.in = 128;
        WhatIfAnswer answer;
        answer.linear = linear.name;
        answer.final = true;
        answer.now.plan.weights.bits = 8;
        answer.then.plan.weights.bits = 4;
        answer.now.linear.weightError = 0.01;
        answer.then.linear.weightError = 0.1;
        answer.now.linear.outputError = 0.02;
        answer.then.linear.outputError = 0.01;
        const auto figure = [&](const QString& id) {
            for (const WhatIfFigure& one : whatIfFigures(answer, {1, layer_texts::storedBytes(linear, answer.now.plan), layer_texts::storedBytes(linear, answer.then.plan)}))
                if (one.id == id)
                    return one;
            return WhatIfFigure{};
        };
        QCOMPARE(figure(u"sqnr"_s).change, u"▼ −20"_s);
        QCOMPARE(figure(u"sqnr"_s).better, -1);
        QCOMPARE(figure(u"output"_s).change, u"▼ −"_s + formatShare(0.01));
        QCOMPARE(figure(u"output"_s).better, 1);
        QCOMPARE(figure(u"size"_s).better, 1);
        QCOMPARE(figure(u"kernel"_s).change, QString());     // input left float before and after
        answer.final = false;
        QVERIFY(figure(u"sqnr"_s).then.startsWith(u"≈"_s));
        answer.final = true;
        answer.then.linear.outputError.reset();
        QCOMPARE(figure(u"output"_s).then, u"–"_s);
        QCOMPARE(figure(u"output"_s).change, QString());
        answer.then = answer.now;
        QCOMPARE(figure(u"sqnr"_s).then, QString());
    }
};

QTEST_MAIN(TestInspector)
#include "tst_inspector.moc"
