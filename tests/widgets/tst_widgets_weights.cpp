#include "gui_test.h"
#include "sample_values.h"
#include "widgets/heatmap_view.h"
#include "widgets/histogram_plot.h"
#include "widgets/segmented_control.h"
#include "widgets/weights_view.h"

#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QToolButton>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace halftone;
using namespace Qt::StringLiterals;

namespace {

const QString kLinear = u"model.layers.4.mlp.down_proj"_s;

/// 24 × 40, groups of 8, quantized to halves.
std::shared_ptr<const WeightMap> makeMap()
{
    auto map = std::make_shared<WeightMap>();
    map->linear = kLinear.toStdString();
    map->rows = 24;
    map->columns = 40;
    std::mt19937 random(9);
    std::normal_distribution<float> normal;
    std::vector<float> weight, quantized;
    for (int i = 0; i < 24 * 40; ++i) {
        weight.push_back(normal(random));
        quantized.push_back(std::round(weight.back() * 2) / 2);
    }
    map->weight = std::make_shared<const std::vector<float>>(weight);
    map->quantized = std::make_shared<const std::vector<float>>(quantized);
    map->grid.bits = 4;
    map->grid.group = 8;
    map->groups = 5;
    map->scale = std::make_shared<const std::vector<float>>(24 * 5, 0.5F);
    map->rowError.assign(24, 0.1F);
    map->columnError.assign(40, 0.1F);
    map->columnError[13] = 0.4F;
    map->groupError.assign(5, 0.1F);
    map->sqnrDb = 17;
    map->method = "rtn";
    map->low = -8.5;
    map->high = 7.5;
    map->inSteps = true;
    map->counts.assign(16, 60);
    for (int code = -8; code <= 7; ++code)
        map->levels.push_back(code);
    return map;
}

void answer(WeightsView& view, const std::shared_ptr<const WeightMap>& map) { view.setPicture(WeightsPicture::make(view.request(), map)); }

} // namespace

class TestWeights : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { failOnAnyWarning(); }

    void theMapHoldsTheValuesOfItsMode()
    {
        const auto map = makeMap();
        WeightsView view;
        QVERIFY(view.isEmptyStateShown());
        QSignalSpy asked(&view, &WeightsView::pictureRequested);
        view.setLinear(kLinear);
        QCOMPARE(asked.count(), 1);
        QVERIFY(!view.isCurrent());
        answer(view, map);
        QVERIFY(view.isCurrent() && !view.isEmptyStateShown());
        for (const auto mode : {WeightsRequest::Mode::Weight, WeightsRequest::Mode::Quantized, WeightsRequest::Mode::Error}) {
            view.setMode(mode);
            QCOMPARE(view.isCurrent(), mode == WeightsRequest::Mode::Weight);
            answer(view, map);
            QVERIFY(view.isCurrent());
            for (int r = 0; r < 24; ++r)
                for (int c = 0; c < 40; ++c) {
                    const auto i = static_cast<std::size_t>(r * 40 + c);
                    const float w = (*map->weight)[i], q = (*map->quantized)[i];
                    QCOMPARE(view.map()->data().at(r, c), mode == WeightsRequest::Mode::Weight ? w : mode == WeightsRequest::Mode::Quantized ? q : q - w);
                }
        }
        view.setMode(WeightsRequest::Mode::Scale);
        answer(view, map);
        QCOMPARE(view.map()->data().columns(), 5);
        QCOMPARE(view.map()->data().at(3, 4), 0.5F);
        QVERIFY(view.subtitle().contains(u"4 bits, groups of 8"_s));
        QVERIFY(view.subtitle().contains(u"17.0 dB"_s));
    }

    void anAnswerToAnOlderQuestionIsDropped()
    {
        const auto map = makeMap();
        WeightsView view;
        view.setLinear(u"another"_s);
        const WeightsRequest old = view.request();
        view.setLinear(kLinear);
        view.setPicture(WeightsPicture::make(old, map));
        QVERIFY(!view.isCurrent() && view.isEmptyStateShown());
    }

    void theSelectedChannelLightsUpItsColumnAndBack()
    {
        WeightsView view;
        view.resize(700, 560);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        view.setLinear(kLinear);
        answer(view, makeMap());
        view.setSelection({4, SiteKind::MlpMiddle, kLinear.toStdString(), 13, -1});
        QCOMPARE(view.map()->selectedCell(), QPoint(13, -1));
        view.setSelection({4, SiteKind::MlpMiddle, "another", 13, -1});
        QCOMPARE(view.map()->selectedCell(), QPoint(-1, -1));
        QSignalSpy told(&view, &WeightsView::selectionRequested);
        const QRect map = view.map()->mapRect();
        QTest::mouseClick(view.map(), Qt::LeftButton, Qt::NoModifier, QPoint(map.left() + map.width() * 41 / 80, map.center().y()));
        QCOMPARE(told.count(), 1);
        QCOMPARE(told.last().at(0).value<Selection>().channel, std::int64_t(20));
        QCOMPARE(told.last().at(0).value<Selection>().linear, kLinear.toStdString());
        // A bar of the error by input channel is a channel too; a column of the scales is its group's first.
        QTest::mouseClick(view.findChild<SegmentedControl*>(u"weightsPlot"_s)->findChild<QPushButton*>(u"segment2"_s), Qt::LeftButton);
        const QRectF plot = view.plot()->plotRect();
        QCOMPARE(view.plot()->bars().values[13], static_cast<double>(0.4F));
        QTest::mouseClick(view.plot(), Qt::LeftButton, Qt::NoModifier, QPoint(static_cast<int>(plot.left() + plot.width() * 27 / 80), static_cast<int>(plot.bottom()) - 3));
        QCOMPARE(told.last().at(0).value<Selection>().channel, std::int64_t(13));
        view.setMode(WeightsRequest::Mode::Scale);
        answer(view, makeMap());
        QTest::mouseClick(view.map(), Qt::LeftButton, Qt::NoModifier, QPoint(map.left() + map.width() * 7 / 10, map.center().y()));
        QCOMPARE(told.last().at(0).value<Selection>().channel, std::int64_t(24));
    }

    void theRunsCodesCanBeChosenAndGrowStale()
    {
        WeightsView view;
        view.resize(700, 500);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        view.setLinear(kLinear);
        answer(view, makeMap());
        auto* sources = view.findChild<SegmentedControl*>(u"weightsSource"_s);
        QVERIFY(!sources->findChild<QPushButton*>(u"segment1"_s)->isEnabled());
        view.setRun(u"run-002"_s, true);
        QVERIFY(!view.isStale());                              // the recipe's grid is what it says
        QSignalSpy asked(&view, &WeightsView::pictureRequested);
        QTest::mouseClick(sources->findChild<QPushButton*>(u"segment1"_s), Qt::LeftButton);
        QCOMPARE(asked.count(), 1);
        QCOMPARE(asked.last().at(0).value<WeightsRequest>().source, WeightsRequest::Source::Run);
        QVERIFY(view.isStale());
        view.setRun(u"run-003"_s, false);
        QVERIFY(!view.isStale());
        QCOMPARE(asked.count(), 2);
        view.setRun({}, false);
        QCOMPARE(view.request().source, WeightsRequest::Source::Recipe);
    }

    void aLinearLeftFloatShowsItsWeightOnly()
    {
        auto map = std::make_shared<WeightMap>(*makeMap());
        map->quantized.reset();
        map->scale.reset();
        map->inSteps = false;
        map->levels.clear();
        WeightsView view;
        view.setLinear(kLinear);
        view.setMode(WeightsRequest::Mode::Weight);
        answer(view, map);
        QVERIFY(view.subtitle().contains(u"not quantized"_s));
        QVERIFY(!view.findChild<SegmentedControl*>(u"weightsMode"_s)->findChild<QPushButton*>(u"segment2"_s)->isEnabled());
    }

    void histogramsNeverDropATallBar()
    {
        HistogramPlot plot;
        HistogramPlot::Bars bars;
        bars.values.assign(5000, 1);
        bars.values[3127] = 9;
        bars.high = 5000;
        plot.setBars(bars);
        for (const int pixels : {1, 7, 300, 4999, 5000, 9000}) {
            const std::vector<double> heights = plot.heights(pixels);
            QCOMPARE(static_cast<int>(heights.size()), pixels);
            QCOMPARE(*std::max_element(heights.begin(), heights.end()), 9.0);
            QCOMPARE(heights[static_cast<std::size_t>(3127LL * pixels / 5000)], 9.0);
        }
        plot.resize(400, 120);
        const QRectF area = plot.plotRect();
        const auto bar = plot.barAt(QPointF(area.left() + area.width() * 3127.5 / 5000, area.center().y()));
        QCOMPARE(bar.value_or(-1), 3127);                       // the read-out is of the bar that is seen
        QCOMPARE(plot.csv().count(u"\r\n"_s), 5001);
    }

    void itSavesPicturesAndNumbers()
    {
        WeightsView view;
        view.resize(720, 560);
        view.setLinear(kLinear);
        answer(view, makeMap());
        QTemporaryDir folder;
        for (const QString& ending : {u"png"_s, u"svg"_s, u"pdf"_s, u"csv"_s})
            view.saveTo(folder.filePath(u"w."_s + ending));
        QFile csv(folder.filePath(u"w.csv"_s));
        QVERIFY(csv.open(QIODevice::ReadOnly));
        const QList<QByteArray> lines = csv.readAll().split('\n');
        QCOMPARE(lines[1].split(',')[3].toFloat(), (*makeMap()->weight)[2]);
        QVERIFY(QImage(folder.filePath(u"w.png"_s)).width() > 1000);
    }
};

QTEST_MAIN(TestWeights)
#include "tst_widgets_weights.moc"
