#include "window_fixture.h"

#include "app/studio/evidence_feed.h"
#include "app/studio/run_monitor.h"
#include "core/pipeline/transform_preview.h"
#include "core/project/run_evidence.h"
#include "widgets/channels_plot.h"
#include "widgets/channels_view.h"
#include "widgets/heatmap_view.h"
#include "widgets/layers_model.h"
#include "widgets/learned_view.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/run_view.h"
#include "widgets/spectrum_view.h"
#include "widgets/training_view.h"

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QSlider>
#include <QTreeView>

#include <cmath>

using namespace halftone;
using namespace Qt::StringLiterals;

/// What a run learned, in the real window on the tiny model.
class TestStudioEvidence : public WindowFixture {
    Q_OBJECT

private:
    TrainingView* training() { return m_window->findChild<TrainingView*>(); }
    LearnedView* learned() { return m_window->findChild<LearnedView*>(); }
    SpectrumView* spectrum() { return m_window->findChild<SpectrumView*>(); }
    ChannelsView* channels() { return m_window->findChild<ChannelsView*>(); }
    EvidenceFeed* feed() { return m_window->findChild<EvidenceFeed*>(); }
    RunMonitor* monitor() { return m_window->findChild<RunMonitor*>(); }

    void useRecipe(const QByteArray& defaults)
    {
        const QByteArray json = "{\"halftone_recipe\": 1, \"calibration\": {\"samples\": 6, \"length\": 64, \"seed\": 0}, \"defaults\": " + defaults + "}";
        QVERIFY(document().replaceRecipe(Recipe::parse(json.toStdString(), "test"), u"test"_s));
    }

    void quantizeToTheEnd()
    {
        const std::size_t before = document().runs().size();
        m_window->tasks().quantize({textFile(), true, false});
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && document().runs().size() > before, 300000);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && feed()->isSettled(), 60000);
    }

    void select(const char* linear)
    {
        Selection wish;
        wish.linear = linear;
        document().select(wish);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->jobs().busy() && feed()->isSettled(), 60000);
    }

private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { end(); }

    void lossesStreamWhileABlockTrains()
    {
        STEP(openModel());
        QVERIFY(training()->isEmptyStateShown());
        STEP(useRecipe("{\"rounding\": {\"method\": \"lrq\", \"steps\": 120}, \"weights\": {\"bits\": 3, \"symmetric\": false}, \"compensation\": {\"method\": \"lorc\", \"rank\": 4}}"));
        m_window->setWorkspace(Workspaces::Run);
        QTRY_VERIFY(training()->isVisible());
        int told = 0, most = 0;
        connect(&document(), &Document::trainingAdvanced, this, [&](const TrainingProgress& progress) {
            ++told;
            most = std::max(most, static_cast<int>(progress.losses.size()));
            // The signal reached the view before this test.
            QCOMPARE(training()->working(), progress.block);
            const auto curves = training()->curves(progress.block);
            QCOMPARE(curves.size(), std::size_t(1));
            QVERIFY(curves.front().losses.size() >= std::size_t(progress.first) + progress.losses.size());
        });
        STEP(quantizeToTheEnd());
        const int blocks = document().model().config.blocks;
        QVERIFY2(told >= blocks && told < 120 * blocks, qPrintable(QString::number(told)));
        QVERIFY(most > 1);   // bundled
        // The finished run's curves come from its files, those of all blocks.
        QCOMPARE(training()->working(), -1);
        const std::string run = document().runs().back().id;
        for (int b = 0; b < blocks; ++b) {
            QTRY_COMPARE(training()->curves(b).size(), std::size_t(1));
            const LossCurve stored = loadEvidence(*document().project(), run, b).curves.front(), drawn = training()->curves(b).front();
            QCOMPARE(drawn.losses, stored.losses);
            QCOMPARE(drawn.end, stored.end);
        }
        QVERIFY2(training()->subtitle().contains(u"run-001"_s), qPrintable(training()->subtitle()));
        STEP(select("model.layers.1.mlp.down_proj"));
        QCOMPARE(training()->front(), 1);
        STEP(keepPicture(m_window.get(), u"evidence-training"_s));

        // The learned divisors of the selected linear, and its spectrum.
        QCOMPARE(learned()->block(), 1);
        QVERIFY(!learned()->isEmptyStateShown());
        const BlockEvidence kept = loadEvidence(*document().project(), run, 1);
        const auto evidence = std::find_if(kept.weights.begin(), kept.weights.end(), [](const WeightEvidence& w) { return w.linear == "model.layers.1.mlp.down_proj"; });
        QVERIFY(evidence != kept.weights.end());
        QCOMPARE(learned()->map()->data().rows(), int(evidence->rows));
        QCOMPARE(learned()->map()->data().at(1, 2), evidence->values[std::size_t(evidence->columns) + 2]);
        QVERIFY(!spectrum()->isEmptyStateShown());
        QCOMPARE(spectrum()->shown()->linear, std::string("model.layers.1.mlp.down_proj"));
        QCOMPARE(spectrum()->shown()->rank, std::int64_t(4));
        for (const char* dock : {"learnedDock", "spectrumDock", "trainingDock"}) {
            auto* panel = m_window->findChild<QDockWidget*>(QString::fromUtf8(dock));
            panel->raise();
            QTRY_VERIFY(!panel->widget()->visibleRegion().isEmpty());
            STEP(keepPicture(m_window.get(), u"evidence-"_s + QString::fromUtf8(dock)));
        }

        // Left and right go from block to block, and everything follows.
        training()->plot()->setFocus();
        STEP(press(Qt::Key_Right));
        QCOMPARE(document().selection().block, 2);
        QTRY_COMPARE(learned()->block(), 2);
    }

    void aRunThatLearnedNothingSaysSo()
    {
        STEP(openModel());
        STEP(useRecipe("{\"rounding\": {\"method\": \"rtn\"}, \"weights\": {\"bits\": 4}}"));
        STEP(quantizeToTheEnd());
        m_window->setWorkspace(Workspaces::Run);
        STEP(select("model.layers.0.mlp.up_proj"));
        QVERIFY(training()->isEmptyStateShown() && learned()->isEmptyStateShown() && spectrum()->isEmptyStateShown());
        STEP(keepPicture(m_window.get(), u"evidence-nothing"_s));
        // A second run that learned; going back to the first in the table empties the views again.
        STEP(useRecipe("{\"rounding\": {\"method\": \"lwc\", \"steps\": 8}, \"weights\": {\"bits\": 4, \"symmetric\": false}}"));
        STEP(quantizeToTheEnd());
        QTRY_VERIFY(!training()->isEmptyStateShown());
        QTRY_VERIFY(!learned()->isEmptyStateShown());
        monitor()->show(u"run-001"_s);
        QTRY_VERIFY(training()->isEmptyStateShown() && learned()->isEmptyStateShown());
        monitor()->show(u"run-002"_s);
        QTRY_VERIFY(!training()->isEmptyStateShown() && !learned()->isEmptyStateShown());
    }

    void evidenceIsThereAfterTheWindowWasClosed()
    {
        STEP(openModel());
        STEP(useRecipe("{\"rounding\": {\"method\": \"flexround\", \"steps\": 8}, \"weights\": {\"bits\": 4, \"symmetric\": false}}"));
        STEP(quantizeToTheEnd());
        const std::vector<float> losses = training()->curves(0).front().losses;
        end();
        STEP(start());
        STEP(openModel());
        m_window->setWorkspace(Workspaces::Run);
        QTRY_VERIFY_WITH_TIMEOUT(!training()->isEmptyStateShown() && feed()->isSettled(), 30000);
        QCOMPARE(training()->curves(0).front().losses, losses);
    }

    void aSiteIsShownBeforeAndAfterTheRunsTransform()
    {
        STEP(openModel());
        STEP(analyze());
        STEP(useRecipe("{\"rounding\": {\"method\": \"rtn\"}, \"weights\": {\"bits\": 8}, \"activations\": {\"scheme\": \"per_token\", \"bits\": 8}, \"transform\": {\"method\": \"smoothquant\"}}"));
        STEP(quantizeToTheEnd());
        m_window->setWorkspace(Workspaces::Inspect);
        STEP(select("model.layers.2.self_attn.q_proj"));
        auto* box = channels()->findChild<QComboBox*>(u"channelsTransform"_s);
        QTRY_VERIFY(box->findData(u"run"_s) > 0);
        channels()->setTransform(u"run"_s);
        const SiteChange* shown = channels()->change();
        QVERIFY(shown);
        const BlockEvidence kept = loadEvidence(*document().project(), "run-001", 2);
        QCOMPARE(shown->after, kept.sites.front().after);
        QCOMPARE(channels()->plot()->changed(), kept.sites.front().after);
        STEP(keepPicture(m_window.get(), u"evidence-channels"_s));
        // Another site has its own; one without a transform has none.
        STEP(select("model.layers.2.mlp.up_proj"));
        channels()->setTransform(u"run"_s);
        QVERIFY(channels()->change() && channels()->change()->site == SiteKind::MlpInput);
    }

    void transformsAreTriedWithoutARun_data()
    {
        QTest::addColumn<QString>("id");
        for (const MethodInfo& info : methodInfos())
            if (info.kind == MethodKind::Transform && info.id != "none")
                QTest::newRow(info.id.c_str()) << QString::fromStdString(info.id);
    }
    void transformsAreTriedWithoutARun()
    {
        QFETCH(QString, id);
        STEP(openModel());
        STEP(analyze());
        STEP(select("model.layers.1.self_attn.q_proj"));
        m_window->setWorkspace(Workspaces::Inspect);
        auto* box = channels()->findChild<QComboBox*>(u"channelsTransform"_s);
        const int index = box->findData(id);
        QVERIFY2(index > 0, qPrintable(id));
        QElapsedTimer clock;
        clock.start();
        channels()->setTransform(id);
        QTRY_VERIFY2_WITH_TIMEOUT(channels()->change(), qPrintable(channels()->subtitle()), 20000);
        qInfo("%s: %lld ms", qPrintable(id), static_cast<long long>(clock.elapsed()));
        const SiteChange& change = *channels()->change();
        QCOMPARE(change.method, id.toStdString());
        const SiteStatistics* site = document().statistics(1, SiteKind::AttentionInput);
        QCOMPARE(change.before, site->channelAbsmax);
        QVERIFY(change.kernelBefore >= 0 && change.kernelAfter >= 0 && change.tokens > 0);
        if (id == u"smoothquant") {
            // s = a^0.5 / w^0.5 with the columns of q, k and v: what is left is the root of a · w.
            bool moved = false;
            for (std::size_t c = 0; c < change.after.size(); ++c)
                moved = moved || std::abs(change.after[c] - change.before[c]) > 1e-3F * change.before[c];
            QVERIFY(moved);
        }
        if (id == u"crossquant") {   // x / c^0.85 leaves c^0.15
            for (std::size_t c = 0; c < change.after.size(); ++c)
                QVERIFY2(std::abs(change.after[c] - std::pow(change.before[c], 0.15F)) < 2e-3F * std::pow(change.before[c], 0.15F), qPrintable(QString::number(c)));
            QVERIFY(change.kernelAfter <= change.kernelBefore);
        }
    }

    void everyPanelHasItsPageAndItsMenu()
    {
        STEP(openModel());
        m_window->setWorkspace(Workspaces::Run);
        for (ViewFrame* view : std::initializer_list<ViewFrame*>{training(), learned(), spectrum()}) {
            QVERIFY(view->cornerMenu());
            QVERIFY(QFileInfo::exists(QStringLiteral(HALFTONE_SOURCE_DIR "/resources/help/") + view->id() + u".md"_s));
            QVERIFY(!view->accessibleName().isEmpty());
        }
    }

    void aTransformOnQueriesIsOneOnKeysAndValues()
    {
        STEP(openModel());
        const QStringList site{u"model.layers.0.self_attn.q_proj"_s, u"model.layers.0.self_attn.k_proj"_s, u"model.layers.0.self_attn.v_proj"_s};
        const auto methodOf = [this](const QString& linear) { return document().plan(linear.toStdString())->transform.method; };
        m_window->setWorkspace(Workspaces::Tune);
        STEP(select("model.layers.0.self_attn.q_proj"));
        auto* box = m_window->findChild<QComboBox*>(u"planTransform"_s);
        auto* shared = m_window->findChild<QLabel*>(u"planShared"_s);
        auto* apply = m_window->findChild<QPushButton*>(u"whatIfApply"_s);
        QVERIFY(box && shared && apply);
        QVERIFY(!shared->isVisible());
        // Chosen by keys: the panel says at once whose it is too, before anything is applied.
        box->setFocus();
        while (box->currentData().toString() != u"smoothquant"_s && box->currentIndex() + 1 < box->count())
            QTest::keyClick(box, Qt::Key_Down);
        QCOMPARE(box->currentData().toString(), u"smoothquant"_s);
        QTRY_VERIFY(shared->isVisible());
        QVERIFY2(shared->text().contains(u"k_proj and v_proj"_s), qPrintable(shared->text()));
        QCOMPARE(methodOf(site[0]), std::string("none"));
        const int steps = document().undoStack().count();
        QSignalSpy said(&document(), &Document::transformShared);
        QTRY_VERIFY(apply->isEnabled());
        QTest::mouseClick(apply, Qt::LeftButton);
        for (const QString& linear : site)
            QCOMPARE(methodOf(linear), std::string("smoothquant"));
        QCOMPARE(methodOf(u"model.layers.0.self_attn.o_proj"_s), std::string("none"));
        QCOMPARE(methodOf(u"model.layers.1.self_attn.q_proj"_s), std::string("none"));
        QCOMPARE(document().undoStack().count(), steps + 1);
        QCOMPARE(said.count(), 1);
        QVERIFY(said.front().front().toString().contains(u"k_proj"_s));
        // The chain sign stands at all three, with the reason.
        auto* layers = m_window->findChild<LayersModel*>();
        QVERIFY(layers);
        int chained = 0;
        const std::function<void(const QModelIndex&)> walk = [&](const QModelIndex& parent) {
            for (int row = 0; row < layers->rowCount(parent); ++row) {
                const QModelIndex index = layers->index(row, LayersModel::State, parent);
                const QString lock = index.data(LayersModel::LockRole).toString();
                if (!lock.isEmpty() && !layers->hasChildren(layers->index(row, 0, parent))) {
                    ++chained;
                    QVERIFY2(lock.contains(u"q_proj, k_proj, v_proj"_s) && lock.contains(u"SmoothQuant"_s), qPrintable(lock));
                }
                walk(layers->index(row, 0, parent));
            }
        };
        walk({});
        QCOMPARE(chained, 3);
        STEP(keepPicture(m_window.get(), u"evidence-tied"_s));
        document().undoStack().undo();
        for (const QString& linear : site)
            QCOMPARE(methodOf(linear), std::string("none"));
    }
};

QTEST_MAIN(TestStudioEvidence)
#include "tst_studio_evidence.moc"
