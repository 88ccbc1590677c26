#include "window_fixture.h"

#include "app/studio/preset_menu.h"
#include "app/studio/preset_rows.h"
#include "app/studio/text.h"
#include "core/recipe/bulk_edit.h"
#include "widgets/action_reason.h"
#include "widgets/layers_model.h"
#include "widgets/layers_view.h"

#include <QAbstractItemModelTester>
#include <QAbstractProxyModel>
#include <QDockWidget>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QRandomGenerator>
#include <QTreeView>
#include <QUndoView>

using namespace halftone;
using namespace Qt::StringLiterals;

/// The Layers table in the real window: every way to edit, by mouse and keys, and every way back.
class TestStudioLayers : public WindowFixture {
    Q_OBJECT

    LayersView* layers() { return m_window->findChild<LayersView*>(); }
    QTreeView* tree() { return layers()->tree(); }
    LayersModel* model() { return layers()->model(); }

    static QString name(int block, const char* part) { return u"model.layers.%1.%2"_s.arg(block).arg(QString::fromLatin1(part)); }
    const Plan& plan(const QString& linear) { return *document().plan(linear.toStdString()); }
    int bits(const QString& linear) { return plan(linear).weights.bits; }

    QModelIndex cell(const QString& linear, int column = 0)
    {
        const auto* proxy = qobject_cast<const QAbstractProxyModel*>(tree()->model());
        return proxy->mapFromSource(model()->indexOf(linear.toStdString()).siblingAtColumn(column));
    }

    void click(const QString& linear, Qt::KeyboardModifiers modifiers = {})
    {
        const QModelIndex at = cell(linear);
        QVERIFY2(at.isValid(), qPrintable(linear));
        if (at.parent().isValid())
            tree()->expand(at.parent());
        tree()->scrollTo(at);
        QTest::mouseClick(tree()->viewport(), Qt::LeftButton, modifiers, tree()->visualRect(at).center());
    }

    void typeFilter(const QString& text)
    {
        auto* box = m_window->findChild<QLineEdit*>(u"layersFilter"_s);
        box->clear();
        QTest::keyClicks(box, text);
        QCOMPARE(box->text(), text);
    }

    QString undoText() { return document().undoStack().undoText(); }
    int steps() { return document().undoStack().index(); }

    /// The context menu, opened by its key's event over the current row.
    QMenu* contextMenu()
    {
        QContextMenuEvent event(QContextMenuEvent::Keyboard, QPoint(20, 20), tree()->mapToGlobal(QPoint(20, 20)));
        QCoreApplication::sendEvent(tree(), &event);
        return m_window->findChild<QMenu*>(u"layersMenu"_s);
    }
    QMenu* subMenu(QMenu* menu, const QString& title)
    {
        for (QAction* action : menu->actions())
            if (action->menu() && QString(action->text()).remove(u'&') == title)
                return action->menu();
        return nullptr;
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init()
    {
        STEP(begin());
        STEP(openModel());
    }
    void cleanup() { end(); }

    void whatAContractTiesChangesTogetherWithAChainAndAReason()
    {
        STEP(trigger(u"contract-vllm"_s));
        QCOMPARE(document().recipe().contract, std::string("vllm"));
        for (const char* part : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj"}) {
            const QModelIndex state = cell(name(1, part), LayersModel::State);
            QVERIFY(!state.data(Qt::DecorationRole).isNull());
            QVERIFY2(state.data(Qt::ToolTipRole).toString().contains(u"one matrix"_s), qPrintable(state.data(Qt::ToolTipRole).toString()));
        }
        QVERIFY(cell(name(1, "mlp.down_proj"), LayersModel::State).data(Qt::DecorationRole).isNull());
        const int before = steps();
        STEP(click(name(1, "self_attn.k_proj")));
        QTest::keyClick(tree(), Qt::Key_4);
        QTRY_COMPARE(bits(name(1, "self_attn.q_proj")), 4);
        QCOMPARE(bits(name(1, "self_attn.k_proj")), 4);
        QCOMPARE(bits(name(1, "self_attn.v_proj")), 4);
        QCOMPARE(bits(name(1, "self_attn.o_proj")), 16);
        QCOMPARE(bits(name(0, "self_attn.q_proj")), 16);
        QCOMPARE(steps(), before + 1);
        QTest::keySequence(m_window.get(), QKeySequence::Undo);
        QTRY_COMPARE(bits(name(1, "self_attn.v_proj")), 16);
        QCOMPARE(bits(name(1, "self_attn.k_proj")), 16);
        // What vLLM has no kernel for is refused with a sentence, and the recipe stays.
        STEP(click(name(2, "mlp.down_proj")));
        QTest::keyClick(tree(), Qt::Key_3);
        QTRY_VERIFY(m_window->findChild<QWidget*>(u"message-recipe-rejected"_s));
        QCOMPARE(bits(name(2, "mlp.down_proj")), 16);
        // Without the contract each goes alone again.
        STEP(trigger(u"contract-"_s));
        STEP(click(name(1, "self_attn.k_proj")));
        QTest::keyClick(tree(), Qt::Key_4);
        QTRY_COMPARE(bits(name(1, "self_attn.k_proj")), 4);
        QCOMPARE(bits(name(1, "self_attn.q_proj")), 16);
    }

    void anExpressionFiltersAndBecomesARuleOfOneStep()
    {
        STEP(analyze());
        STEP(typeFilter(u"kernel > 0% and kind = down_proj and block >= 2"_s));
        QCOMPARE(layers()->matchedLinears(), 2);
        QCOMPARE(m_window->findChild<QLabel*>(u"layersMatches"_s)->text(), u"2 of 28"_s);
        // The current row's plan goes to all that is shown.
        STEP(click(name(3, "mlp.down_proj")));
        QTest::keyClick(tree(), Qt::Key_8);
        QTRY_COMPARE(bits(name(3, "mlp.down_proj")), 8);
        const int before = steps();
        STEP(trigger(u"layersMakeRule"_s));
        QTRY_COMPARE(bits(name(2, "mlp.down_proj")), 8);
        QCOMPARE(bits(name(1, "mlp.down_proj")), 16);
        QCOMPARE(steps(), before + 1);
        QVERIFY2(undoText().startsWith(u"Rule"_s), qPrintable(undoText()));
        QCOMPARE(document().recipe().rules.size(), std::size_t(1));
        QCOMPARE(document().recipe().rules[0].match, std::string("model.layers.{2,3}.mlp.down_proj"));
        QVERIFY(document().recipe().defaults.empty());
        // A glob is kept as it was written.
        STEP(typeFilter(u"*.up_proj"_s));
        STEP(trigger(u"layersMakeRule"_s));
        QCOMPARE(document().undoStack().index(), before + 1);   // the same as they are: no rule, no step
        STEP(click(name(0, "mlp.up_proj")));
        QTest::keyClick(tree(), Qt::Key_5);
        STEP(trigger(u"layersMakeRule"_s));
        QCOMPARE(document().recipe().rules.back().match, std::string("*.up_proj"));
        QCOMPARE(bits(name(3, "mlp.up_proj")), 5);
    }

    void keysEditTheSelectionAndEachIsANamedStep()
    {
        STEP(click(name(0, "mlp.gate_proj")));
        STEP(click(name(0, "mlp.down_proj"), Qt::ShiftModifier));
        QCOMPARE(layers()->selectedLinears().size(), 3);
        QTest::keyClick(tree(), Qt::Key_4);
        QTRY_COMPARE(bits(name(0, "mlp.up_proj")), 4);
        QCOMPARE(undoText(), u"4 bits: 3 linears"_s);
        STEP(click(name(1, "self_attn.q_proj")));                 // above it, past the block: down_proj of block 0
        QTest::keyClick(tree(), Qt::Key_D, Qt::ControlModifier);
        QTRY_COMPARE(bits(name(1, "self_attn.q_proj")), 4);
        QVERIFY2(undoText().contains(u"model.layers.1.self_attn.q_proj"_s), qPrintable(undoText()));
        QTest::keyClick(tree(), Qt::Key_C, Qt::ControlModifier);
        STEP(click(name(3, "mlp.down_proj")));
        QTest::keyClick(tree(), Qt::Key_V, Qt::ControlModifier);
        QTRY_COMPARE(bits(name(3, "mlp.down_proj")), 4);
        QCOMPARE(steps(), 3);
        // The history names them, and saving the project takes nothing from it.
        auto* history = m_window->findChild<QUndoView*>(u"history"_s);
        QCOMPARE(history->model()->rowCount(), 4);
        QCOMPARE(history->model()->index(1, 0).data().toString(), u"4 bits: 3 linears"_s);
        document().save();
        QCOMPARE(history->model()->rowCount(), 4);
        QVERIFY(document().project()->recipe() == document().recipe());
        // A click in the history goes there.
        history->setCurrentIndex(history->model()->index(1, 0));
        QTRY_COMPARE(steps(), 1);
        QCOMPARE(bits(name(3, "mlp.down_proj")), 16);
        QCOMPARE(bits(name(0, "mlp.up_proj")), 4);
    }

    /// One foresight for both: what a contract cannot take is off in the rows' menu as in the window's, with the same reason.
    void presetsLookTheSameInBothMenus()
    {
        STEP(trigger(u"contract-vllm"_s));
        m_window->findChild<PresetMenu*>()->refresh(document());
        tree()->setFocus();
        STEP(press(Qt::Key_A, Qt::ControlModifier));
        QMenu* all = subMenu(contextMenu(), u"Preset"_s);
        QVERIFY(all);
        QHash<QString, const QAction*> here;
        for (const QAction* kind : all->actions())
            for (const QAction* one : kind->menu()->actions())
                here.insert(one->text(), one);
        int looked = 0, off = 0;
        for (const Preset& preset : presetRows(document().model())) {
            const QAction* there = action(u"preset-"_s + QString::fromStdString(preset.id));
            const QAction* one = here.value(QString::fromStdString(preset.name));
            QVERIFY2(there && one, preset.name.c_str());
            QVERIFY2(one->isEnabled() == there->isEnabled(), preset.name.c_str());
            QCOMPARE(actionReason(*one), actionReason(*there));
            ++looked;
            off += !one->isEnabled();
        }
        QVERIFY2(looked > 20 && off > 0 && off < looked, qPrintable(u"%1 of %2"_s.arg(off).arg(looked)));
    }

    void theHistorySaysWhatBecameOfEarlierEdits()
    {
        auto* note = m_window->findChild<QLabel*>(u"historyNote"_s);
        auto* dock = m_window->findChild<QDockWidget*>(u"historyDock"_s);
        QVERIFY(note && dock && !dock->isVisible());
        STEP(press(Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier));   // asked for by the palette
        QTest::keyClicks(QApplication::focusWidget(), u"history"_s);
        STEP(press(Qt::Key_Return));
        QTRY_VERIFY(dock->isVisible() && !dock->visibleRegion().isEmpty());   // in front, not behind the Inspector
        QTRY_VERIFY(note->isVisible());
        STEP(click(name(0, "mlp.up_proj")));
        QTest::keyClick(tree(), Qt::Key_4);
        QTRY_VERIFY(!note->isVisible());
        STEP(end());
        STEP(start());
        STEP(openModel());
        QCOMPARE(document().plan("model.layers.0.mlp.up_proj")->weights.bits, 4);   // kept; the step that made it is not
        note = m_window->findChild<QLabel*>(u"historyNote"_s);
        QVERIFY(!note->isHidden());
        QVERIFY2(note->text().contains(u"Take its recipe"_s), qPrintable(note->text()));
    }

    void theContextMenuEditsResetsAndAppliesPresets()
    {
        STEP(click(name(1, "mlp.up_proj")));
        QMenu* menu = contextMenu();
        QVERIFY(menu);
        QMenu* widths = subMenu(menu, u"Weight bits"_s);
        QVERIFY(widths);
        for (QAction* action : widths->actions())
            if (action->text() == u"6"_s)
                action->trigger();
        QTRY_COMPARE(bits(name(1, "mlp.up_proj")), 6);
        menu->close();
        STEP(click(name(1, "mlp.up_proj")));
        QTest::keyClick(tree(), Qt::Key_Delete);
        QTRY_COMPARE(bits(name(1, "mlp.up_proj")), 16);
        QVERIFY(document().recipe() == Recipe{});
        // A preset for what is selected, then one for the whole model.
        const Preset preset = presets().front();
        QTRY_VERIFY(!m_window->findChild<QMenu*>(u"layersMenu"_s));
        menu = contextMenu();
        QVERIFY(menu);
        QMenu* offered = subMenu(menu, u"Preset"_s);
        QVERIFY(offered);
        QVERIFY(offered->actions().front()->menu());   // by kind
        offered->actions().front()->menu()->actions().front()->trigger();
        menu->close();
        const Plan wanted = planOf(presetForModel(preset.id, document().model()), name(1, "mlp.up_proj").toStdString());
        QTRY_VERIFY(plan(name(1, "mlp.up_proj")) == wanted);
        QVERIFY(plan(name(0, "mlp.up_proj")) == Plan{planOf(Recipe{}, "x")});
        STEP(trigger(u"preset-"_s + toQString(preset.id)));
        QTRY_VERIFY(plan(name(0, "mlp.up_proj")) == wanted);
        QCOMPARE(steps(), 4);
    }

    void aRunMarksWhatChangedSince()
    {
        STEP(trigger(u"preset-"_s + toQString(presets().front().id)));
        CalibrationSettings little;
        little.samples = 2;
        little.length = 32;
        QVERIFY(document().setCalibration(little));
        m_window->tasks().quantize({textFile(), true});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().latestRun(), 60000);
        const auto dot = [this](const QString& linear) { return cell(linear, LayersModel::State).data(LayersModel::ChangedRole).toBool(); };
        QVERIFY(!dot(name(2, "mlp.up_proj")));
        QVERIFY(cell(name(2, "mlp.up_proj"), LayersModel::Error).data(LayersModel::BarRole).isValid());
        STEP(click(name(2, "mlp.up_proj")));
        QTest::keyClick(tree(), Qt::Key_8);
        QTRY_VERIFY(dot(name(2, "mlp.up_proj")));
        QVERIFY(!dot(name(1, "mlp.up_proj")));
        STEP(typeFilter(u"changed"_s));
        QCOMPARE(layers()->matchedLinears(), 1);
    }

    void theTableIsArrangedAndStaysSo()
    {
        auto* menu = m_window->findChild<QMenu*>(u"layersTableMenu"_s);
        menu->findChild<QAction*>(u"layersGroup%1"_s.arg(int(LayersModel::Grouping::Kinds)))->trigger();
        menu->findChild<QAction*>(u"layersColumn%1"_s.arg(int(LayersModel::Shape)))->trigger();
        QCOMPARE(model()->rowCount(), 7 + model()->floatParts());
        // A row of a kind is all of it.
        QTest::mouseClick(tree()->viewport(), Qt::LeftButton, {}, tree()->visualRect(tree()->model()->index(6, 0)).center());
        QTest::keyClick(tree(), Qt::Key_3);
        QTRY_COMPARE(bits(name(3, "mlp.down_proj")), 3);
        QCOMPARE(undoText(), u"3 bits: all down_proj"_s);
        QCOMPARE(document().recipe().rules.size(), std::size_t(1));
        QCOMPARE(document().recipe().rules[0].match, std::string("*.mlp.down_proj"));
        m_window->quitNow();
        m_window.reset();
        STEP(start());
        STEP(openModel());
        QVERIFY(model()->grouping() == LayersModel::Grouping::Kinds);
        QVERIFY(!tree()->isColumnHidden(LayersModel::Shape));
    }

    void anyEditsAndAsManyUndosGiveTheRecipeBack()
    {
        QAbstractItemModelTester sourceTester(model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
        QAbstractItemModelTester shownTester(tree()->model(), QAbstractItemModelTester::FailureReportingMode::QtTest);
        QRandomGenerator random(20260303);
        QStringList all;
        for (const LinearInfo& linear : document().model().linears)
            all.append(toQString(linear.name));
        const auto some = [&] {
            switch (random.bounded(4)) {
            case 0: return document().linearsOfKind(all[random.bounded(all.size())].toStdString());
            case 1: return all;
            case 2: return all.mid(7 * random.bounded(4), 7);
            default: {
                QStringList few;
                for (int i = 1 + random.bounded(4); i-- > 0;)
                    few.append(all[random.bounded(all.size())]);
                few.removeDuplicates();
                return few;
            }
            }
        };
        const Recipe first = document().recipe();
        std::vector<Recipe> history{first};
        for (int step = 0; step < 120; ++step) {
            PlanPatch patch;
            switch (random.bounded(9)) {
            case 0: patch.bits = std::array{2, 3, 4, 8, 16}[static_cast<std::size_t>(random.bounded(5))]; break;
            case 1: patch.group = random.bounded(2) ? 32 : 0; break;
            case 2: patch.rounding = MethodChoice{random.bounded(2) ? "gptq" : "rtn", {}}; break;
            case 3: patch.clip = random.bounded(2) ? WeightGrid::Clip::Mse : WeightGrid::Clip::None; break;
            case 4: patch.scheme = random.bounded(2) ? ActivationScheme::PerToken : ActivationScheme::None; break;
            case 5: document().resetPlans(some()); break;
            case 6: {
                const auto list = presets();
                const Preset& preset = list[static_cast<std::size_t>(random.bounded(static_cast<int>(list.size())))];
                random.bounded(2) ? document().applyPreset(preset) : document().applyPreset(preset, some());
                break;
            }
            case 7: document().makeRule({}, some(), all[random.bounded(all.size())]); break;
            default: document().setContract(random.bounded(3) ? QString() : u"vllm"_s); break;
            }
            if (!patch.empty())
                document().editPlans(some(), patch);
            // Steps merge, vanish when they end where they began, or are refused: the stack says how many there are.
            history.resize(static_cast<std::size_t>(steps()) + 1);
            history.back() = document().recipe();
        }
        QVERIFY(steps() > 40);
        const Recipe last = document().recipe();
        while (document().undoStack().canUndo()) {
            QVERIFY(document().recipe() == history[static_cast<std::size_t>(steps())]);
            document().undoStack().undo();
        }
        QVERIFY(document().recipe() == first);
        for (const LinearInfo& linear : document().model().linears)
            QCOMPARE(cell(toQString(linear.name), LayersModel::Bits).data().toString(), u"–"_s);
        while (document().undoStack().canRedo())
            document().undoStack().redo();
        QVERIFY(document().recipe() == last);
    }
};

QTEST_MAIN(TestStudioLayers)
#include "tst_studio_layers.moc"
