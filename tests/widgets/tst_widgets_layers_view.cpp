#include "gui_test.h"
#include "sample_values.h"
#include "widgets/layers_model.h"
#include "widgets/layers_view.h"
#include "widgets/palette.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTreeView>
#include <QtTest>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

class TestLayersView : public QObject {
    Q_OBJECT

    LayersModel m_model;
    std::unique_ptr<LayersView> m_view;
    ModelDescription m_description;

    QModelIndex row(const QString& linear) const
    {
        const auto found = m_view->tree()->model()->match(m_view->tree()->model()->index(0, 0), LayersModel::LinearsRole, QStringList{linear}, 1,
            Qt::MatchExactly | Qt::MatchRecursive);
        return found.value(0);
    }
    void clickRow(const QString& linear, Qt::KeyboardModifiers modifiers = Qt::NoModifier) const
    {
        const QModelIndex at = row(linear);
        QVERIFY(at.isValid());
        m_view->tree()->scrollTo(at);
        QTest::mouseClick(m_view->tree()->viewport(), Qt::LeftButton, modifiers, m_view->tree()->visualRect(at).center());
    }
    static PlanPatch patch(const QSignalSpy& spy) { return spy.last().at(1).value<PlanPatch>(); }

private Q_SLOTS:
    void init()
    {
        failOnAnyWarning();
        m_description = sample::model(4);
        m_model.setGrouping(LayersModel::Grouping::Blocks);
        m_model.setModel(m_description);
        m_model.setPlans(sample::plans(m_description));
        m_view = std::make_unique<LayersView>(&m_model);
        m_view->resize(640, 600);
        m_view->tree()->expandAll();
        m_view->show();
        QVERIFY(QTest::qWaitForWindowExposed(m_view.get()));
    }
    void cleanup() { m_view.reset(); }

    void aDigitSetsTheBitsOfTheSelection()
    {
        QSignalSpy wishes(m_view.get(), &LayersView::editRequested);
        clickRow(u"model.layers.1.self_attn.q_proj"_s);
        clickRow(u"model.layers.1.mlp.down_proj"_s, Qt::ControlModifier);
        QTest::keyClick(m_view->tree(), Qt::Key_3);
        QCOMPARE(wishes.count(), 1);
        QCOMPARE(wishes.last().at(0).toStringList(), (QStringList{u"model.layers.1.self_attn.q_proj"_s, u"model.layers.1.mlp.down_proj"_s}));
        PlanPatch three;
        three.bits = 3;
        QVERIFY(patch(wishes) == three);
        QTest::keyClick(m_view->tree(), Qt::Key_6);
        QCOMPARE(*patch(wishes).bits, 6);
        QTest::keyClick(m_view->tree(), Qt::Key_1);       // 1 alone is no width
        QCOMPARE(wishes.count(), 2);
        QTest::keyClick(m_view->tree(), Qt::Key_6);
        QCOMPARE(wishes.count(), 3);
        QCOMPARE(*patch(wishes).bits, 16);
    }

    void doubleClickOffersTheChoicesAndTheChoiceIsAWish()
    {
        QSignalSpy wishes(m_view.get(), &LayersView::editRequested);
        const QModelIndex at = row(u"model.layers.0.mlp.down_proj"_s).siblingAtColumn(LayersModel::Bits);
        const QPoint place = m_view->tree()->visualRect(at).center();
        QTest::mouseClick(m_view->tree()->viewport(), Qt::LeftButton, Qt::NoModifier, place);
        QTest::mouseDClick(m_view->tree()->viewport(), Qt::LeftButton, Qt::NoModifier, place);
        QComboBox* box = nullptr;
        QTRY_VERIFY((box = m_view->tree()->findChild<QComboBox*>(u"layersEditor"_s)) != nullptr);
        QCOMPARE(box->currentText(), u"8"_s);
        QTRY_VERIFY(box->view()->isVisible());
        QTest::keyClick(box->view(), Qt::Key_Home);
        QTest::keyClick(box->view(), Qt::Key_Return);
        QTRY_COMPARE(wishes.count(), 1);
        QCOMPARE(*patch(wishes).bits, 2);
        QCOMPARE(wishes.last().at(0).toStringList(), QStringList{u"model.layers.0.mlp.down_proj"_s});
        QTRY_VERIFY(!m_view->tree()->findChild<QComboBox*>(u"layersEditor"_s));
    }

    void aChoiceInOneRowOfASelectionGoesToAllOfIt()
    {
        QSignalSpy wishes(m_view.get(), &LayersView::editRequested);
        clickRow(u"model.layers.0.self_attn.q_proj"_s);
        clickRow(u"model.layers.0.self_attn.o_proj"_s, Qt::ShiftModifier);
        QCOMPARE(m_view->selectedLinears().size(), 4);
        const QModelIndex at = row(u"model.layers.0.self_attn.o_proj"_s).siblingAtColumn(LayersModel::Group);
        m_view->tree()->edit(at);
        QComboBox* box = nullptr;
        QTRY_VERIFY((box = m_view->tree()->findChild<QComboBox*>(u"layersEditor"_s)) != nullptr);
        QTRY_VERIFY(box->view()->isVisible());
        QTest::keyClick(box->view(), Qt::Key_Home);
        QTest::keyClick(box->view(), Qt::Key_Return);
        QTRY_COMPARE(wishes.count(), 1);
        QCOMPARE(*patch(wishes).group, 0);
        QCOMPARE(wishes.last().at(0).toStringList().size(), 4);
    }

    void controlDGivesThePlanOfTheRowAbove()
    {
        QSignalSpy wishes(m_view.get(), &LayersView::editRequested);
        clickRow(u"model.layers.2.self_attn.q_proj"_s);   // above it, past the block's row: down_proj of block 1
        QTest::keyClick(m_view->tree(), Qt::Key_D, Qt::ControlModifier);
        QCOMPARE(wishes.count(), 1);
        QCOMPARE(patch(wishes).rounding->method, std::string("rtn"));
        QCOMPARE(*patch(wishes).bits, 8);
        QCOMPARE(wishes.last().at(0).toStringList(), QStringList{u"model.layers.2.self_attn.q_proj"_s});
    }

    void plansAreCopiedAndPastedAsRecipeText()
    {
        QSignalSpy wishes(m_view.get(), &LayersView::editRequested);
        clickRow(u"model.layers.0.mlp.down_proj"_s);
        QTest::keyClick(m_view->tree(), Qt::Key_C, Qt::ControlModifier);
        QVERIFY(QApplication::clipboard()->text().contains(u"halftone_recipe"_s));
        clickRow(u"model.layers.3.mlp.up_proj"_s);
        clickRow(u"model.layers.3.mlp.gate_proj"_s, Qt::ControlModifier);
        QTest::keyClick(m_view->tree(), Qt::Key_V, Qt::ControlModifier);
        QCOMPARE(wishes.count(), 1);
        QCOMPARE(*patch(wishes).bits, 8);
        QCOMPARE(wishes.last().at(0).toStringList(), (QStringList{u"model.layers.3.mlp.gate_proj"_s, u"model.layers.3.mlp.up_proj"_s}));
        QApplication::clipboard()->setText(u"not a plan"_s);
        QTest::keyClick(m_view->tree(), Qt::Key_V, Qt::ControlModifier);
        QCOMPARE(wishes.count(), 1);
    }

    void theFilterNarrowsCountsAndMakesRules()
    {
        auto* box = m_view->findChild<QLineEdit*>(u"layersFilter"_s);
        QAction* rule = m_view->editActions().last();
        QVERIFY(!rule->isEnabled());
        QVERIFY(rule->toolTip().contains(u"Filter"_s));
        QTest::keyClicks(box, u"*.down_proj"_s);
        QCOMPARE(m_view->matchedLinears(), 4);
        QCOMPARE(m_view->findChild<QLabel*>(u"layersMatches"_s)->text(), u"4 of 28"_s);
        QVERIFY(row(u"model.layers.2.mlp.down_proj"_s).isValid());
        QVERIFY(!row(u"model.layers.2.mlp.up_proj"_s).isValid());
        QSignalSpy rules(m_view.get(), &LayersView::ruleRequested);
        clickRow(u"model.layers.3.mlp.down_proj"_s);
        rule->trigger();
        QCOMPARE(rules.count(), 1);
        QCOMPARE(rules.last().at(0).toString(), u"*.down_proj"_s);
        QCOMPARE(rules.last().at(1).toStringList().size(), 4);
        QCOMPARE(rules.last().at(2).toString(), u"model.layers.3.mlp.down_proj"_s);   // the plan of the current row
        // An edit of a filtered block reaches what is seen, nothing else.
        QSignalSpy wishes(m_view.get(), &LayersView::editRequested);
        m_view->tree()->setFocus();
        m_view->tree()->selectAll();
        QTest::keyClick(m_view->tree(), Qt::Key_5);
        QCOMPARE(wishes.last().at(0).toStringList().size(), 4);
        // An expression makes rules too, of the linears that it shows.
        box->clear();
        QTest::keyClicks(box, u"bits > 4 and block < 2"_s);
        QCOMPARE(m_view->matchedLinears(), 2);
        rule->trigger();
        QCOMPARE(rules.last().at(0).toString(), QString());
        QCOMPARE(rules.last().at(1).toStringList(), (QStringList{u"model.layers.0.mlp.down_proj"_s, u"model.layers.1.mlp.down_proj"_s}));
    }

    void aFilterThatIsNotUnderstoodSaysWhyAndChangesNothing()
    {
        auto* box = m_view->findChild<QLineEdit*>(u"layersFilter"_s);
        auto* problem = m_view->findChild<QLabel*>(u"layersFilterProblem"_s);
        QTest::keyClicks(box, u"bits > 4"_s);
        QCOMPARE(m_view->matchedLinears(), 4);
        m_view->setFilter(u"bits > 4 and heigth > 3"_s);
        QVERIFY(problem->isVisible());
        QVERIFY(problem->text().contains(u"heigth"_s));
        QCOMPARE(m_view->matchedLinears(), 4);
        QVERIFY(!m_view->editActions().last()->isEnabled());
        box->clear();
        QVERIFY(!problem->isVisible());
        QCOMPARE(m_view->matchedLinears(), 28);
    }

    void aClickOnAHeaderSortsAndTheThirdGoesBack()
    {
        for (int block = 0; block < 4; ++block)
            m_model.setSites(sample::sites(m_description, block));
        auto* header = m_view->tree()->header();
        const QAbstractItemModel* shown = m_view->tree()->model();
        const auto click = [&](int column) {
            const QPoint at(header->sectionViewportPosition(column) + header->sectionSize(column) / 2, header->height() / 2);
            QTest::mouseClick(header->viewport(), Qt::LeftButton, {}, at);
        };
        const auto kernel = [&](int row) { return shown->index(row, LayersModel::Kernel, shown->index(0, 0)).data(LayersModel::SortRole).toDouble(); };
        const auto first = [&] { return shown->index(0, 0, shown->index(0, 0)).data().toString(); };
        QCOMPARE(first(), u"q_proj"_s);
        click(LayersModel::Kernel);
        for (int row = 1; row < 7; ++row)
            QVERIFY(kernel(row) <= kernel(row - 1));          // the largest first
        click(LayersModel::Kernel);
        click(LayersModel::Kernel);
        if (header->sortIndicatorSection() >= 0)
            click(LayersModel::Kernel);
        QCOMPARE(header->sortIndicatorSection(), -1);
        QCOMPARE(first(), u"q_proj"_s);
    }

    void columnsAndGroupingAreChosenAndKept()
    {
        const auto action = [this](const QString& name) { return m_view->findChild<QMenu*>(u"layersTableMenu"_s)->findChild<QAction*>(name); };
        QVERIFY(m_view->tree()->isColumnHidden(LayersModel::Kurtosis));
        action(u"layersColumn%1"_s.arg(int(LayersModel::Kurtosis)))->trigger();
        action(u"layersColumn%1"_s.arg(int(LayersModel::Size)))->trigger();
        QVERIFY(!m_view->tree()->isColumnHidden(LayersModel::Kurtosis));
        QVERIFY(m_view->tree()->isColumnHidden(LayersModel::Size));
        action(u"layersGroup%1"_s.arg(int(LayersModel::Grouping::Kinds)))->trigger();
        QCOMPARE(m_model.rowCount(), 7);
        const QByteArray state = m_view->saveState();
        m_view = std::make_unique<LayersView>(&m_model);
        m_model.setGrouping(LayersModel::Grouping::Blocks);
        m_view->restoreState(state);
        QVERIFY(m_view->tree()->isColumnHidden(LayersModel::Size));
        QVERIFY(!m_view->tree()->isColumnHidden(LayersModel::Kurtosis));
        QVERIFY(m_model.grouping() == LayersModel::Grouping::Kinds);
        m_view->restoreState("no state");                     // changes nothing
        QVERIFY(m_model.grouping() == LayersModel::Grouping::Kinds);
        m_model.setGrouping(LayersModel::Grouping::Blocks);
    }

    void columnsGiveWayAndComeBack()
    {
        for (const int width : {640, 403, 300, 640}) {
            m_view->resize(width, 300);            // low enough for a vertical scroll bar, which takes room too
            QTRY_VERIFY(m_view->tree()->isColumnHidden(LayersModel::Group) == (width < 640));   // the size stays longest
            QTRY_COMPARE(m_view->tree()->horizontalScrollBar()->maximum(), 0);
        }
    }

    void whatTheContractRefusesCannotBeChosen()
    {
        m_model.setContract("vllm", {});
        clickRow(u"model.layers.0.mlp.up_proj"_s);
        m_view->tree()->edit(row(u"model.layers.0.mlp.up_proj"_s).siblingAtColumn(LayersModel::Bits));
        QComboBox* box = nullptr;
        QTRY_VERIFY((box = m_view->tree()->findChild<QComboBox*>(u"layersEditor"_s)) != nullptr);
        const auto flags = [&](int bits) { return box->model()->flags(box->model()->index(box->findData(bits), 0)); };
        QVERIFY(!(flags(3) & Qt::ItemIsEnabled));
        QVERIFY(box->itemData(box->findData(3), Qt::ToolTipRole).toString().contains(u"vLLM"_s));
        QVERIFY(flags(4) & Qt::ItemIsEnabled);
        QTest::keyClick(box->view(), Qt::Key_Escape);
        m_model.setContract({}, {});
    }

    void selectionIsToldAndFollowed()
    {
        QSignalSpy told(m_view.get(), &LayersView::selectionRequested);
        clickRow(u"model.layers.1.mlp.up_proj"_s);
        QVERIFY(told.count() >= 1);
        const auto wish = told.last().at(0).value<Selection>();
        QCOMPARE(wish.block, 1);
        QCOMPARE(wish.linear, std::string("model.layers.1.mlp.up_proj"));
        QCOMPARE(*wish.site, SiteKind::MlpInput);
        told.clear();
        Selection elsewhere;
        elsewhere.block = 3;
        elsewhere.site = SiteKind::MlpMiddle;
        m_view->setSelection(elsewhere);
        QCOMPARE(m_view->selectedLinears(), QStringList{u"model.layers.3.mlp.down_proj"_s});
        QCOMPARE(told.count(), 0);                        // following is not asking
    }

    void thePlanIsShownOnceItIsSet()
    {
        auto plans = sample::plans(m_description);
        plans[0].plan.weights.bits = 2;
        m_model.setPlans(plans);
        QCOMPARE(row(u"model.layers.0.self_attn.q_proj"_s).siblingAtColumn(LayersModel::Bits).data().toString(), u"2"_s);
    }

    void rowsAreTwentyPixelsHigh()
    {
        QVERIFY(m_view->tree()->visualRect(row(u"model.layers.0.mlp.up_proj"_s)).height() >= 20);
        QVERIFY(m_view->tree()->visualRect(row(u"model.layers.0.mlp.up_proj"_s)).height() <= 24);
    }
};

QTEST_MAIN(TestLayersView)
#include "tst_widgets_layers_view.moc"
