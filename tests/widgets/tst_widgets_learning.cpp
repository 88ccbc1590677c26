#include "gui_test.h"
#include "sample_values.h"
#include "widgets/channels_plot.h"
#include "widgets/channels_view.h"
#include "widgets/heatmap_view.h"
#include "widgets/learned_view.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/spectrum_view.h"
#include "widgets/training_view.h"

#include <QComboBox>
#include <QDir>
#include <QElapsedTimer>
#include <QSet>
#include <QSignalSpy>
#include <QSlider>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <limits>
#include <random>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

namespace {

LossCurve curve(int block, int steps, double start, unsigned seed = 1)
{
    std::mt19937 random(seed + static_cast<unsigned>(block));
    std::normal_distribution<double> noise(0, 0.2);
    LossCurve made;
    made.what = "block " + std::to_string(block);
    made.start = start;
    for (int i = 0; i < steps; ++i)
        made.losses.push_back(static_cast<float>(start * (0.3 + 0.7 * std::exp(-4.0 * i / steps)) * std::exp(noise(random))));
    made.end = 0.3 * start;
    made.bestStep = steps;
    return made;
}

Selection select(int block, const char* linear = "", SiteKind site = SiteKind::MlpMiddle)
{
    Selection selection;
    selection.block = block;
    selection.site = site;
    selection.linear = linear;
    return selection;
}

WeightEvidence divisor(const std::string& linear)
{
    WeightEvidence evidence{linear, "divisor", 64, 96, {}, 576, 1536, 169, 0.4};
    std::mt19937 random(3);
    std::normal_distribution<float> normal(0, 0.05F);
    for (int i = 0; i < 64 * 96; ++i)
        evidence.values.push_back(normal(random));
    evidence.values[5 * 96 + 7] = -0.9F;
    return evidence;
}

/// Two heads of 8 × 8: the mask opened one diagonal an epoch.
TransformEvidence affine(int epochs = 4)
{
    TransformEvidence evidence{"affinequant", std::string(label(SiteKind::AttentionOutput)), "matrix", 2, 8, 8, {}, {1.5, 2.5}, 0.1, {}};
    for (int head = 0; head < 2; ++head)
        for (int r = 0; r < 8; ++r)
            for (int c = 0; c < 8; ++c)
                evidence.values.push_back(r == c ? 1.0F + 0.1F * static_cast<float>(head) : 0.01F * static_cast<float>(r - c) * static_cast<float>(head + 1));
    for (int e = 0; e < epochs; ++e)
        evidence.epochs.push_back({e * 16, 1 + 7 * e / std::max(1, epochs - 1), 1.0 + 0.5 * e});
    return evidence;
}

SiteChange change(SiteKind site, std::size_t channels)
{
    SiteChange made;
    made.site = site;
    made.method = "smoothquant";
    made.tokens = 512;
    made.grid.scheme = ActivationScheme::PerToken;
    for (std::size_t c = 0; c < channels; ++c) {
        made.before.push_back(c == 3 ? 400.0F : 1.0F + static_cast<float>(c % 7));
        made.after.push_back(c == 3 ? 8.0F : 2.0F);
    }
    made.kernelBefore = 0.25;
    made.kernelAfter = 0.0625;
    return made;
}

std::vector<BlockResult> compensated(int blocks)
{
    std::vector<BlockResult> results(static_cast<std::size_t>(blocks));
    for (int b = 0; b < blocks; ++b) {
        results[static_cast<std::size_t>(b)].block = b;
        for (const char* kind : {"self_attn.q_proj", "mlp.up_proj", "mlp.down_proj"}) {
            LinearResult r;
            r.linear = "model.layers." + std::to_string(b) + "." + kind;
            r.method = "gptq";
            r.compensation = "lorc";
            r.rank = 8;
            r.compensated = 0.05 + 0.01 * (b % 5);
            for (int i = 0; i < 40; ++i)
                r.errorSpectrum.push_back(static_cast<float>(3.0 / (1 + 0.2 * i) + 0.1 * b));
            results[static_cast<std::size_t>(b)].linears.push_back(r);
        }
    }
    return results;
}

QCPGraph* graphNamed(QCustomPlot* plot, const QString& name)
{
    for (int i = 0; i < plot->graphCount(); ++i)
        if (plot->graph(i)->name() == name)
            return plot->graph(i);
    return nullptr;
}

} // namespace

/// What a run learned, as the views draw it.
class TestLearning : public QObject {
    Q_OBJECT

    static void show(QWidget& widget, const QSize& size = {760, 360})
    {
        widget.resize(size);
        widget.setAutoFillBackground(true);
        widget.show();
        QVERIFY(QTest::qWaitForWindowExposed(&widget));
    }

    /// Kept to be looked at, where HALFTONE_PICTURES names a folder.
    static void keep(QWidget& widget, const QString& name)
    {
        if (const QString folder = qEnvironmentVariable("HALFTONE_PICTURES"); !folder.isEmpty())
        {
            QTest::qWait(50);   // plots draw when the loop comes by
            QVERIFY(widget.grab().save(folder + u'/' + name + (currentTheme() == Theme::Dark ? u"-dark.png"_s : u"-light.png"_s)));
        }
    }

private Q_SLOTS:
    void initTestCase()
    {
        failOnAnyWarning();
        applyTheme(*qApp, Theme::Dark);
    }
    void cleanup() { applyTheme(*qApp, Theme::Dark); }

    void trainingDrawsWhatWasLearned()
    {
        TrainingView view;
        show(view);
        QVERIFY(view.isEmptyStateShown());
        view.setRun(u"run-003"_s);
        for (int b = 0; b < 5; ++b)
            view.setBlock(b, {curve(b, 128, 0.02 * (b + 1))});
        view.setSelection(select(2));
        QVERIFY(!view.isEmptyStateShown());
        QCOMPARE(view.front(), 2);
        QVERIFY2(view.subtitle().contains(u"run-003"_s) && view.subtitle().contains(u"block 2"_s) && view.subtitle().contains(u"judged"_s), qPrintable(view.subtitle()));
        // The judged losses stand at the start and at the state kept.
        QCPGraph* judged = graphNamed(view.plot(), u"judged: start and kept"_s);
        QVERIFY(judged);
        QCOMPARE(judged->data()->size(), 2);
        QCOMPARE(judged->data()->at(0)->key, 0.0);
        QVERIFY(std::abs(judged->data()->at(0)->value - 0.06) < 1e-12);
        QCOMPARE(judged->data()->at(1)->key, 128.0);
        QVERIFY(std::abs(judged->data()->at(1)->value - 0.018) < 1e-12);
        // Means of neighbours: their mean is the mean of all losses.
        QCPGraph* mean = graphNamed(view.plot(), u"block 2"_s);
        QVERIFY(mean && mean->data()->size() <= 64);
        double drawn = 0, all = 0;
        for (int i = 0; i < mean->data()->size(); ++i)
            drawn += mean->data()->at(i)->value / mean->data()->size();
        const std::vector<LossCurve> curves = view.curves(2);
        for (const float loss : curves.front().losses)
            all += static_cast<double>(loss) / 128;
        QVERIFY2(std::abs(drawn / all - 1) < 1e-9, qPrintable(u"%1 %2 %3"_s.arg(drawn, 0, 'g', 12).arg(all, 0, 'g', 12).arg(mean->data()->size())));
        keep(view, u"training"_s);

        view.setFigure(TrainingView::Figure::Relative);
        judged = graphNamed(view.plot(), u"judged: start and kept"_s);
        QVERIFY(std::abs(judged->data()->at(0)->value - 1) < 1e-12 && std::abs(judged->data()->at(1)->value - 0.3) < 1e-12);
        applyTheme(*qApp, Theme::Light);
        keep(view, u"training-relative"_s);
    }

    /// Colours of other runs would say that they are of other runs.
    void severalCurvesOfOneRunHaveItsColour()
    {
        TrainingView view;
        show(view);
        view.setRun(u"run-002"_s);
        std::vector<LossCurve> several;
        for (int i = 0; i < 7; ++i) {
            several.push_back(curve(0, 64, 0.01 * (i + 1)));
            several.back().what = "model.layers.0.linear_" + std::to_string(i);
        }
        view.setBlock(0, several);
        const QColor run = runLook(u"run-002"_s).colour;
        QSet<QString> looks;
        for (int i = 0; i < 7; ++i) {
            QCPGraph* mean = graphNamed(view.plot(), u"linear_%1"_s.arg(i));
            QVERIFY(mean);
            const QColor colour = mean->pen().color();
            QVERIFY2(std::abs(colour.hslHue() - run.hslHue()) <= 4, qPrintable(colour.name() + u' ' + run.name()));
            looks.insert(u"%1 %2"_s.arg(colour.name()).arg(mean->pen().style()));
        }
        QCOMPARE(looks.size(), qsizetype(7));   // and yet each is told from the others
        keep(view, u"training-several"_s);
        applyTheme(*qApp, Theme::Light);
        keep(view, u"training-several-light"_s);
    }

    void trainingGrowsWhileItRuns()
    {
        TrainingView view;
        show(view);
        view.setBlock(0, {curve(0, 64, 0.02)});
        const std::vector<float> first{0.5F, 0.4F, 0.45F}, second{0.3F, 0.2F};
        view.addLosses(1, "block 1", 0, 64, first);
        view.addLosses(1, "block 1", 4, 64, second);   // step 3 went back
        QCOMPARE(view.working(), 1);
        QCOMPARE(view.front(), 1);
        const std::vector<float> losses = view.curves(1).front().losses;
        QCOMPARE(losses.size(), std::size_t(6));
        QVERIFY(std::isnan(losses[3]));
        QCOMPARE(losses[5], 0.2F);
        QVERIFY2(view.subtitle().contains(u"step 6 of 64"_s), qPrintable(view.subtitle()));
        QVERIFY(graphNamed(view.plot(), u"block 1, at work"_s));
        QVERIFY(graphNamed(view.plot(), u"went back"_s));
        QVERIFY(view.plot()->xAxis->range().upper >= 64);
        keep(view, u"training-live"_s);
        view.setBlock(1, {curve(1, 64, 0.5)});   // the block is done: what its file keeps replaces what was seen
        QCOMPARE(view.curves(1).front().losses.size(), std::size_t(64));
        QCOMPARE(view.working(), -1);
    }

    void trainingIsChosenByMouseAndKeys()
    {
        TrainingView view;
        show(view);
        for (int b = 0; b < 4; b += 1)
            if (b != 2)
                view.setBlock(b, {curve(b, 64, std::pow(10.0, b))});
        view.setSelection(select(1));
        QSignalSpy wished(&view, &TrainingView::selectionRequested);
        view.plot()->setFocus();
        QTest::keyClick(view.plot(), Qt::Key_Right);
        QCOMPARE(wished.count(), 1);
        QCOMPARE(wished.takeFirst().front().value<Selection>().block, 3);   // block 2 was not trained
        QTest::keyClick(view.plot(), Qt::Key_Left);
        QCOMPARE(wished.takeFirst().front().value<Selection>().block, 0);
        view.setSelection(select(0));
        QTest::keyClick(view.plot(), Qt::Key_Left);
        QCOMPARE(wished.count(), 0);
        // A click takes the nearest line.
        view.plot()->replot();
        QCPGraph* other = graphNamed(view.plot(), u"other blocks"_s);
        QVERIFY(other);
        const auto point = other->data()->at(other->data()->size() / 2);
        QTest::mouseClick(view.plot(), Qt::LeftButton, {}, QPoint(int(view.plot()->xAxis->coordToPixel(point->key)), int(view.plot()->yAxis->coordToPixel(point->value))));
        QCOMPARE(wished.count(), 1);
        QCOMPARE(wished.takeFirst().front().value<Selection>().block, 1);
    }

    void manyBlocksAreDrawnFast()
    {
        TrainingView view;
        show(view, {900, 420});
        for (int b = 0; b < 126; ++b)
            view.setBlock(b, {curve(b, 5000, 0.01 * (b + 1))});
        QElapsedTimer clock;
        clock.start();
        const std::vector<float> more(100, 0.5F);
        view.addLosses(125, "block 125", 0, 5000, more);
        view.plot()->replot();
        QVERIFY2(clock.elapsed() < 500, qPrintable(QString::number(clock.elapsed())));   // some 30 ms on an idle machine
        keep(view, u"training-126"_s);
    }

    void trainingIsWrittenAsNumbers()
    {
        TrainingView view;
        view.resize(600, 300);
        view.setRun(u"run-001"_s);
        view.setBlock(7, {curve(7, 3, 0.5)});
        QTemporaryDir folder;
        view.saveTo(folder.filePath(u"t.csv"_s));
        QFile file(folder.filePath(u"t.csv"_s));
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QList<QByteArray> lines = file.readAll().split('\n');
        QCOMPARE(lines[0], QByteArray("block,training,step,loss,judged_start,judged_end,best_step,rollbacks\r"));
        QCOMPARE(lines.size(), 5);
        QCOMPARE(lines[2].split(',')[3].toFloat(), view.curves(7).front().losses[1]);
        for (const char* ending : {"svg", "pdf", "png"})
            view.saveTo(folder.filePath(u"t."_s + QString::fromUtf8(ending)), {400, 240});
    }

    void divisorsAreAMapCentredOnZero()
    {
        LearnedView view;
        show(view);
        view.setEvidence(u"run-002"_s, 3, {divisor("model.layers.3.mlp.down_proj"), {"model.layers.3.mlp.up_proj", "clip", 4, 2, {0.01F, 0.02F, 0.5F, 0.02F, 0, 0, 0.1F, 0.1F}, 4, 2, 0, 0.01}}, {});
        QVERIFY(view.isEmptyStateShown());
        view.setSelection(select(3, "model.layers.3.mlp.down_proj"));
        QVERIFY(!view.isEmptyStateShown());
        QCOMPARE(view.items().size(), 1);
        QCOMPARE(view.map()->data().rows(), 64);
        QCOMPARE(view.map()->data().at(5, 7), -0.9F);
        QCOMPARE(view.map()->scale().low, -view.map()->scale().high);
        QVERIFY2(view.subtitle().contains(u"rank 169"_s) && view.subtitle().contains(u"0.4 learned"_s) && view.subtitle().contains(u"576 × 1536"_s), qPrintable(view.subtitle()));
        keep(view, u"learned-divisor"_s);
        view.setSelection(select(3, "model.layers.3.mlp.up_proj", SiteKind::MlpInput));
        QCOMPARE(view.map()->data().columns(), 2);
        QCOMPARE(view.map()->data().at(1, 0), 0.5F);
        keep(view, u"learned-clip"_s);
        view.setSelection(select(3, "model.layers.3.mlp.gate_proj", SiteKind::MlpInput));
        QVERIFY(view.isEmptyStateShown());
        view.setSelection(select(4, "model.layers.4.mlp.down_proj"));
        QVERIFY(view.isEmptyStateShown());
    }

    void theMaskGrowsWithTheEpochs()
    {
        LearnedView view;
        show(view);
        TransformEvidence scale{"affinequant", std::string(label(SiteKind::AttentionOutput)), "scale", 1, 1, 16, std::vector<float>(16, 0.5F), {}, 0, {}};
        view.setEvidence(u"run-002"_s, 0, {}, {affine(), scale});
        view.setSelection(select(0, "model.layers.0.self_attn.o_proj", SiteKind::AttentionOutput));
        QCOMPARE(view.items().size(), 2);
        auto* slider = view.findChild<QSlider*>(u"learnedEpoch"_s);
        QVERIFY(slider && slider->isVisible());
        QCOMPARE(view.epoch(), 3);
        QCOMPARE(view.bands(), 8);
        slider->setFocus();
        QTest::keyClick(slider, Qt::Key_Home);
        QCOMPARE(view.epoch(), 0);
        QCOMPARE(view.bands(), 1);
        QVERIFY2(view.subtitle().contains(u"1 of 8 diagonals"_s), qPrintable(view.subtitle()));
        // Only the diagonal is drawn, what the mask holds is hatched; seen in pixels.
        const auto pixel = [&](int row, int column) {
            const QImage picture = view.map()->grab().toImage();
            const QRectF map = view.map()->mapRect();
            const qreal ratio = picture.devicePixelRatio();
            return picture.pixelColor(int((map.left() + (column + 0.5) * map.width() / 8) * ratio), int((map.top() + (row + 0.5) * map.height() / 8) * ratio));
        };
        const QColor closed = pixel(1, 6), diagonal = pixel(3, 3);
        keep(view, u"learned-mask-first"_s);
        QVERIFY(closed != diagonal);
        QTest::keyClick(slider, Qt::Key_End);
        QCOMPARE(view.bands(), 8);
        QVERIFY(pixel(1, 6) != closed || pixel(0, 7) != closed);
        QCOMPARE(pixel(3, 3), diagonal);
        keep(view, u"learned-mask-last"_s);
        auto* head = view.findChild<QSpinBox*>(u"learnedHead"_s);
        QVERIFY(head->isVisible());
        QCOMPARE(view.map()->data().at(0, 7), -0.07F);
        head->setValue(1);
        QCOMPARE(view.map()->data().at(0, 7), -0.14F);
        // The scale: one row, by channel; a click selects it.
        view.setCurrent(1);
        QVERIFY(!slider->isVisible() && !head->isVisible());
        QCOMPARE(view.map()->data().rows(), 1);
        QSignalSpy wished(&view, &LearnedView::selectionRequested);
        QTest::mouseClick(view.map(), Qt::LeftButton, {}, QPoint(view.map()->mapRect().left() + view.map()->mapRect().width() * 5 / 32, view.map()->mapRect().center().y()));
        QCOMPARE(wished.count(), 1);
        QCOMPARE(wished.front().front().value<Selection>().channel, 2);
    }

    void theSpectrumShowsItsCut()
    {
        SpectrumView view;
        show(view);
        QVERIFY(view.isEmptyStateShown());
        view.setResults(u"run-004"_s, compensated(6));
        view.setSelection(select(3, "model.layers.3.mlp.up_proj", SiteKind::MlpInput));
        QVERIFY(!view.isEmptyStateShown());
        QCOMPARE(view.shown()->linear, std::string("model.layers.3.mlp.up_proj"));
        QCPGraph* graph = graphNamed(view.spectrum(), u"block 3"_s);
        QVERIFY(graph);
        QCOMPARE(graph->data()->size(), 40);
        QCOMPARE(graph->data()->at(0)->value, static_cast<double>(view.shown()->errorSpectrum[0]));
        QVERIFY(view.spectrum()->yAxis->scaleType() == QCPAxis::stLogarithmic);
        bool cut = false;
        for (int i = 0; i < view.spectrum()->itemCount(); ++i)
            if (auto* line = qobject_cast<QCPItemStraightLine*>(view.spectrum()->item(i)))
                cut = line->point1->key() == 8.5;
        QVERIFY(cut);
        QVERIFY2(view.subtitle().contains(u"rank 8 holds"_s), qPrintable(view.subtitle()));
        keep(view, u"spectrum"_s);
        QSignalSpy wished(&view, &SpectrumView::selectionRequested);
        view.shares()->setFocus();
        QTest::keyClick(view.shares(), Qt::Key_Right);
        QCOMPARE(wished.takeFirst().front().value<Selection>().linear, std::string("model.layers.4.mlp.up_proj"));
        QTest::mouseClick(view.shares(), Qt::LeftButton, {}, QPoint(int(view.shares()->xAxis->coordToPixel(1)), int(view.shares()->yAxis->coordToPixel(0.02))));
        QCOMPARE(wished.takeFirst().front().value<Selection>().linear, std::string("model.layers.1.mlp.up_proj"));
        // What is not compensated falls back to its block's first, and says so.
        view.setSelection(select(2, "model.layers.2.self_attn.o_proj", SiteKind::AttentionOutput));
        QCOMPARE(view.shown()->linear, std::string("model.layers.2.self_attn.q_proj"));
        QVERIFY(view.subtitle().contains(u"o_proj was not compensated"_s));
        view.setResults(u"run-005"_s, sample::results(sample::model(2)));
        QVERIFY(view.isEmptyStateShown());
        applyTheme(*qApp, Theme::Light);
        view.setResults(u"run-004"_s, compensated(30));
        keep(view, u"spectrum"_s);
    }

    void channelsAreDrawnBeforeAndAfterATransform()
    {
        const ModelDescription model = sample::model(2);
        ChannelsView view;
        show(view);
        const SiteStatistics site = sample::sites(model, 1)[0];
        view.setSite(site);
        auto* box = view.findChild<QComboBox*>(u"channelsTransform"_s);
        QVERIFY(box);
        QCOMPARE(box->count(), 1);
        view.setTrials({{u"smoothquant"_s, u"SmoothQuant"_s, {}}, {u"awq"_s, u"AWQ"_s, u"cannot be folded"_s}});
        QCOMPARE(box->count(), 3);
        view.setRunChange(u"run-001"_s, change(SiteKind::AttentionInput, site.channelAbsmax.size()));
        QCOMPARE(box->count(), 4);
        QCOMPARE(view.change(), nullptr);
        view.setTransform(u"run"_s);
        QVERIFY(view.change());
        QCOMPARE(view.plot()->changed()[3], 8.0F);
        QVERIFY2(view.subtitle().contains(u"rounded to zero"_s) && view.subtitle().contains(u"25"_s) && view.subtitle().contains(u"6.3"_s), qPrintable(view.subtitle()));
        keep(view, u"channels-before-after"_s);
        view.setTransform(u"awq"_s);   // off: stays
        QSignalSpy asked(&view, &ChannelsView::trialRequested);
        view.setTransform(u"smoothquant"_s);
        QVERIFY(asked.isEmpty());   // these statistics hold no sample
        QVERIFY(view.subtitle().contains(u"analyze again"_s));
        SiteStatistics sampled = site;
        auto kept = std::make_shared<SiteSample>();
        kept->tokens = std::make_shared<SampledTokens>();
        kept->channels = site.site.channels;
        sampled.sample = kept;
        view.setSite(sampled);
        QCOMPARE(asked.count(), 1);
        QCOMPARE(asked.front()[2].toString(), u"smoothquant"_s);
        view.setTrial(u"crossquant"_s, change(SiteKind::AttentionInput, site.channelAbsmax.size()));   // no longer asked for
        QCOMPARE(view.change(), nullptr);
        view.setTrial(u"smoothquant"_s, change(SiteKind::AttentionInput, site.channelAbsmax.size()));
        QVERIFY(view.change());
        view.setRunChange({}, {});
        QVERIFY(view.change());   // a trial is not the run's
        view.setTransform({});
        QVERIFY(view.plot()->changed().empty());
    }
};

QTEST_MAIN(TestLearning)
#include "tst_widgets_learning.moc"
