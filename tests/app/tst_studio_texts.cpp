#include "app/studio/evaluation_table.h"
#include "app/studio/view_feeds.h"
#include "widgets/colour_map.h"
#include "widgets/curves_view.h"
#include "widgets/differences_view.h"
#include "widgets/heatmap_view.h"
#include "widgets/layers_view.h"
#include "widgets/texts_view.h"
#include "widgets/token_flow.h"
#include "window_fixture.h"

#include <QComboBox>
#include <QDockWidget>
#include <QPushButton>
#include <QTableView>
#include <QWheelEvent>
#include <QtTest>

#include <algorithm>
#include <cmath>

using namespace halftone;
using namespace Qt::StringLiterals;

/// Compare's second half: evaluated texts token by token, and two quantizations weight by weight.
class TestStudioTexts : public WindowFixture {
    Q_OBJECT

private:
    TextsView* texts() { return m_window->findChild<TextsView*>(); }
    DifferencesView* differences() { return m_window->findChild<DifferencesView*>(); }
    EvaluationTable* compare() { return m_window->findChild<EvaluationTable*>(); }

    void show(const QString& view)
    {
        auto* dock = m_window->findChild<QDockWidget*>(view + u"Dock"_s);
        QVERIFY(dock && dock->isVisible());
        dock->raise();
        QTRY_VERIFY(!dock->widget()->visibleRegion().isEmpty());
        QTRY_VERIFY(!m_window->jobs().busy() && m_window->findChild<ViewFeeds*>()->isSettled());
    }
    void quantizeWith(int bits)
    {
        bool applied = false;
        for (const Preset& preset : presets())
            applied = applied || (preset.id.find("rtn") != std::string::npos && document().applyPreset(preset));
        QVERIFY(applied);
        PlanPatch patch;
        patch.bits = bits;
        QStringList all;
        for (const LinearInfo& linear : document().model().linears)
            all << QString::fromStdString(linear.name);
        document().editPlans(all, patch);
        QVERIFY(document().setCalibration({2, 64, 0}));
        const std::size_t before = document().runs().size();
        m_window->tasks().quantize({textFile(), true, false});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy(), 60000);
        const JobStatus job = m_window->jobs().jobs().back();
        QVERIFY2(job.state == JobState::Done, qPrintable(job.error));
        QTRY_COMPARE(document().runs().size(), before + 1);
    }
    void evaluate(EvaluationRecord::Target target, const QString& run = {})
    {
        const std::size_t before = document().evaluations().size();
        m_window->tasks().evaluate({textFile(), 2, 64, target, run, true});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().evaluations().size() == before + 1, 60000);
    }

private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { end(); }

    void aTokenOfTheTextLeadsToTheBlockWhereItWentAstray()
    {
        STEP(openModel());
        m_window->setWorkspace(Workspaces::Compare);
        STEP(show(u"texts"_s));
        QVERIFY(texts()->isEmptyStateShown());
        STEP(quantizeWith(3));
        STEP(evaluate(EvaluationRecord::Target::Float));
        QVERIFY(!texts()->isEmptyStateShown() && !texts()->trace().compared());
        STEP(evaluate(EvaluationRecord::Target::Run, u"run-001"_s));
        const TokenTrace& trace = texts()->trace();
        QCOMPARE(trace.texts.size(), std::size_t(128));
        QVERIFY(trace.compared() && trace.blocks == 4 && trace.drift.size() == 128 * 4);
        // The tokens are the text, and their losses its perplexity.
        double nll = 0;
        for (std::size_t i = 0; i < 128; ++i)
            nll += std::isnan(trace.nll[i]) ? 0 : static_cast<double>(trace.nll[i]);
        const Evaluation& measured = document().evaluations().back().result;
        QVERIFY(std::abs(nll / 126 / measured.perplexity.meanNll - 1) < 1e-4);
        QVERIFY(std::isnan(trace.nll[0]) && std::isnan(trace.nll[64]));   // nothing predicts the first of a window

        // Each token wears the colour of its value.
        TokenFlow* flow = texts()->flow();
        const int picked = static_cast<int>(std::max_element(trace.divergence.begin() + 1, trace.divergence.begin() + 64) - trace.divergence.begin());
        const ValueScale& scale = flow->tokens().scale;
        QCOMPARE(flow->colourOf(picked), QColor(ColourMap::blueOrange().at(scale.position(trace.nll[std::size_t(picked)] - trace.referenceNll[std::size_t(picked)]))));
        QVERIFY(!flow->colourOf(0).isValid());
        const QImage drawn = flow->grab().toImage();
        const QRectF place = flow->tokenRect(picked);
        QCOMPARE(drawn.pixelColor(static_cast<int>(place.right()) - 1, static_cast<int>(place.top()) + 1), flow->colourOf(picked));

        // A click jumps to its worst block and the linear whose output is worst there.
        QTest::mouseClick(flow, Qt::LeftButton, Qt::NoModifier, place.center().toPoint());
        QCOMPARE(texts()->picked(), picked);
        const int worst = worstBlock(trace, std::size_t(picked));
        QVERIFY(worst >= 0);
        QCOMPARE(document().selection().block, worst);
        const LinearResult* weakest = nullptr;
        for (const LinearResult& linear : document().results()[std::size_t(worst)].linears)
            if (!weakest || linear.outputMse > weakest->outputMse)
                weakest = &linear;
        QCOMPARE(document().selection().linear, weakest->linear);
        keepPicture(m_window.get(), u"texts"_s);
        // By keys: the next token, then there.
        flow->setFocus();
        STEP(press(Qt::Key_Right));
        QCOMPARE(texts()->picked(), picked + 1);
        QVERIFY(flow->accessibleDescription().contains(u"loss"_s) || flow->accessibleDescription().contains(u"not predicted"_s));
        STEP(press(Qt::Key_Left));
        STEP(press(Qt::Key_Return));
        QCOMPARE(m_window->workspaces().current(), Workspaces::Inspect);
        QCOMPARE(document().selection().block, worst);

        // The row at hand chooses whose tokens these are.
        m_window->setWorkspace(Workspaces::Compare);
        compare()->table()->selectRow(0);
        QVERIFY(!texts()->trace().compared());
        QVERIFY(texts()->subtitle().startsWith(u"float model"_s));
        compare()->table()->selectRow(1);
        QVERIFY(texts()->trace().compared());
        // And it is all there again after a start.
        const std::vector<float> drift = texts()->trace().drift;
        document().close();
        QTRY_VERIFY(!m_window->jobs().busy());
        end();
        STEP(start());
        STEP(openModel());
        QCOMPARE(texts()->trace().texts.size(), std::size_t(128));
        QCOMPARE(texts()->trace().drift.size(), drift.size());
        for (std::size_t i = 0; i < drift.size(); ++i)
            QVERIFY(std::abs(texts()->trace().drift[i] - drift[i]) <= 1e-5F);
    }

    void twoRunsAreComparedUnderOneZoom()
    {
        STEP(openModel());
        STEP(quantizeWith(4));
        STEP(quantizeWith(3));
        m_window->setWorkspace(Workspaces::Compare);
        STEP(show(u"differences"_s));
        QVERIFY(differences()->isEmptyStateShown());
        document().select({-1, std::nullopt, "model.layers.1.mlp.down_proj", -1, -1});
        QTRY_VERIFY(differences()->isCurrent());
        QCOMPARE(differences()->request().first, u"run-001"_s);
        QCOMPARE(differences()->request().second, u"run-002"_s);
        HeatmapView *a = differences()->map(0), *b = differences()->map(1), *difference = differences()->map(2);
        QCOMPARE(a->data().columns(), difference->data().columns());
        for (int r = 0; r < a->data().rows(); r += 7)
            for (int c = 0; c < a->data().columns(); c += 5)
                QVERIFY(std::abs(b->data().at(r, c) - a->data().at(r, c) - difference->data().at(r, c)) < 1e-6F);
        QCOMPARE(a->scale(), b->scale());
        QCOMPARE(a->scale(), difference->scale());
        // One zoom.
        const QPoint centre = b->mapRect().center();
        QWheelEvent wheel(QPointF(centre), b->mapToGlobal(QPointF(centre)), {}, QPoint(0, 480), Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(b, &wheel);
        QVERIFY(b->visibleCells().width() < b->data().columns());
        QCOMPARE(a->visibleCells(), b->visibleCells());
        QCOMPARE(difference->visibleCells(), b->visibleCells());
        // The next difference is the largest there is.
        QTest::mouseClick(differences()->findChild<QPushButton*>(u"differencesNext"_s), Qt::LeftButton);
        const QPoint worst = difference->selectedCell();
        float largest = 0;
        for (const float v : difference->data().cells())
            largest = std::max(largest, std::abs(v));
        QCOMPARE(std::abs(difference->data().at(worst.y(), worst.x())), largest);
        QVERIFY(a->visibleCells().contains(QPointF(worst) + QPointF(0.5, 0.5)));
        keepPicture(m_window.get(), u"differences"_s);
        // A click selects the channel everywhere.
        QTest::mouseClick(a, Qt::LeftButton, Qt::NoModifier, a->mapRect().center());
        QVERIFY(document().selection().channel >= 0);
        QCOMPARE(difference->selectedCell().x(), static_cast<int>(document().selection().channel));
        // Against the recipe, which follows each edit.
        auto* box = differences()->findChild<QComboBox*>(u"differencesFirst"_s);
        box->setFocus();
        STEP(press(Qt::Key_Home));
        QTRY_VERIFY(differences()->isCurrent() && differences()->request().first.isEmpty());
        QTRY_VERIFY(!m_window->jobs().busy());
        const float before = a->data().at(0, 0) + a->data().at(3, 3) + a->data().at(9, 9);
        PlanPatch patch;
        patch.bits = 2;
        QVERIFY(document().editPlans({u"model.layers.1.mlp.down_proj"_s}, patch));
        QTRY_VERIFY(differences()->isCurrent() && a->data().at(0, 0) + a->data().at(3, 3) + a->data().at(9, 9) != before);
        QTRY_VERIFY(!m_window->jobs().busy());
        patch.bits = 16;
        QVERIFY(document().editPlans({u"model.layers.1.mlp.down_proj"_s}, patch));
        QTRY_VERIFY(differences()->isEmptyStateShown());
    }
};

QTEST_MAIN(TestStudioTexts)
#include "tst_studio_texts.moc"
