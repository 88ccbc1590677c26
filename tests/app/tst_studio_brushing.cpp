#include "app/studio/view_feeds.h"
#include "widgets/channels_plot.h"
#include "widgets/channels_view.h"
#include "widgets/heatmap_view.h"
#include "widgets/histogram_plot.h"
#include "widgets/outliers_view.h"
#include "widgets/tokens_view.h"
#include "widgets/weights_view.h"
#include "window_fixture.h"

#include <QDockWidget>
#include <QLabel>
#include <QtTest>

#include <algorithm>

using namespace halftone;
using namespace Qt::StringLiterals;

/// Ranges of tokens and channels, brushed in one view by mouse or keys and shown in all.
class TestStudioBrushing : public WindowFixture {
    Q_OBJECT

private:
    TokensView* tokens() { return m_window->findChild<TokensView*>(); }
    WeightsView* weights() { return m_window->findChild<WeightsView*>(); }
    ChannelsView* channels() { return m_window->findChild<ChannelsView*>(); }
    OutliersView* outliers() { return m_window->findChild<OutliersView*>(); }
    const Selection& selection() { return document().selection(); }

    void show(const QString& view)
    {
        auto* dock = m_window->findChild<QDockWidget*>(view + u"Dock"_s);
        QVERIFY(dock);
        dock->show();
        dock->raise();
        QTRY_VERIFY(dock->widget()->isVisible() && !dock->widget()->visibleRegion().isEmpty());
        QTRY_VERIFY(!m_window->jobs().busy() && m_window->findChild<ViewFeeds*>()->isSettled());
    }
    static QPoint cellCentre(HeatmapView* map, int row, int column)
    {
        const QRect area = map->mapRect();
        const QRectF seen = map->visibleCells();
        return {area.left() + static_cast<int>((column + 0.5 - seen.left()) / seen.width() * area.width()),
                area.top() + static_cast<int>((row + 0.5 - seen.top()) / seen.height() * area.height())};
    }
    static void drag(QWidget* widget, const QPoint& from, const QPoint& to, Qt::KeyboardModifiers keys = {})
    {
        const auto send = [&](QEvent::Type type, const QPoint& at, Qt::MouseButton button, Qt::MouseButtons held) {
            QMouseEvent event(type, QPointF(at), widget->mapToGlobal(QPointF(at)), button, held, keys);
            QApplication::sendEvent(widget, &event);
        };
        send(QEvent::MouseButtonPress, from, Qt::LeftButton, Qt::LeftButton);
        send(QEvent::MouseMove, (from + to) / 2, Qt::NoButton, Qt::LeftButton);
        send(QEvent::MouseMove, to, Qt::NoButton, Qt::LeftButton);
        widget->grab();   // the band is drawn
        send(QEvent::MouseButtonRelease, to, Qt::LeftButton, Qt::NoButton);
    }

private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { end(); }

    void aBrushInTokensIsSeenInEveryView()
    {
        STEP(openModel());
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", -1, -1});
        STEP(show(u"tokens"_s));
        HeatmapView* map = tokens()->map();
        const QRectF before = map->visibleCells();
        drag(map, cellCentre(map, 20, 30), cellCentre(map, 50, 60), Qt::ControlModifier);
        QCOMPARE(map->visibleCells(), before);   // it did not zoom
        QCOMPARE(selection().channel, std::int64_t(30));
        QCOMPARE(selection().channels, std::int64_t(31));
        QCOMPARE(selection().token, std::int64_t(20));
        QCOMPARE(selection().tokens, std::int64_t(31));
        QCOMPARE(map->selectedCells(), QRect(30, 20, 31, 31));
        QCOMPARE(outliers()->map()->selectedCells(), QRect(30, 1, 31, 1));
        // The line above says what the range holds.
        const SiteStatistics* site = document().statistics(1, SiteKind::MlpMiddle);
        float largest = 0;
        for (std::int64_t t = 20; t <= 50; ++t)
            for (std::size_t c = 30; c <= 60; ++c)
                largest = std::max(largest, std::abs(site->sample->row(t)[c]));
        QVERIFY2(tokens()->subtitle().contains(u"tokens 20–50"_s) && tokens()->subtitle().contains(u"channels 30–60"_s), qPrintable(tokens()->subtitle()));
        QVERIFY2(tokens()->subtitle().contains(formatValue(static_cast<double>(largest))), qPrintable(tokens()->subtitle()));
        keepPicture(m_window.get(), u"brushed-tokens"_s);
        // Weights light up the columns, Channels the channels, the Inspector tells their absmax.
        STEP(show(u"weights"_s));
        QTRY_COMPARE(weights()->map()->selectedCells(), QRect(30, 0, 31, weights()->map()->data().rows()));
        STEP(show(u"channels"_s));
        const auto marked = channels()->plot()->graph(6)->data();
        QCOMPARE(marked->size(), 31);
        const double most = *std::max_element(site->channelAbsmax.begin() + 30, site->channelAbsmax.begin() + 61);
        bool said = false;
        for (const QLabel* label : m_window->findChildren<QLabel*>())
            said = said || label->text() == u"Channels 30–60 absmax"_s;
        QVERIFY(said);
        said = false;
        for (const QLabel* label : m_window->findChildren<QLabel*>())
            said = said || label->text() == formatValue(most);
        QVERIFY(said);
        // A click is one channel again.
        STEP(show(u"tokens"_s));
        QTest::mouseClick(map, Qt::LeftButton, Qt::NoModifier, cellCentre(map, 10, 12));
        QCOMPARE(selection().channels, std::int64_t(1));
        QCOMPARE(selection().tokens, std::int64_t(1));
        QVERIFY(channels()->plot()->graph(6)->data()->isEmpty());
    }

    void aDragAlongTheTextsBrushesTokensAndAlongTheNumbersChannels()
    {
        STEP(openModel());
        STEP(analyze());
        document().select({0, SiteKind::AttentionInput, {}, 7, 3});
        STEP(show(u"tokens"_s));
        HeatmapView* map = tokens()->map();
        const int beside = map->mapRect().left() - 20;
        drag(map, {beside, cellCentre(map, 40, 0).y()}, {beside, cellCentre(map, 60, 0).y()});
        QCOMPARE(selection().token, std::int64_t(40));
        QCOMPARE(selection().tokens, std::int64_t(21));
        QCOMPARE(selection().channel, std::int64_t(7));   // untouched
        const int below = map->mapRect().bottom() + 8;
        drag(map, {cellCentre(map, 0, 10).x(), below}, {cellCentre(map, 0, 19).x(), below});
        QCOMPARE(selection().channel, std::int64_t(10));
        QCOMPARE(selection().channels, std::int64_t(10));
        QCOMPARE(selection().tokens, std::int64_t(21));
    }

    void everyViewOfChannelsBrushes()
    {
        STEP(openModel());
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, "model.layers.1.mlp.down_proj", -1, -1});
        STEP(show(u"outliers"_s));
        HeatmapView* map = outliers()->map();
        drag(map, cellCentre(map, 2, 40), cellCentre(map, 3, 70), Qt::ControlModifier);
        QCOMPARE(selection().block, 2);                   // the row where it began
        QCOMPARE(selection().channel, std::int64_t(40));
        QCOMPARE(selection().channels, std::int64_t(31));
        QCOMPARE(selection().site, SiteKind::MlpMiddle);

        STEP(show(u"weights"_s));
        HeatmapView* matrix = weights()->map();
        drag(matrix, cellCentre(matrix, 5, 20), cellCentre(matrix, 9, 29), Qt::ControlModifier);
        QCOMPARE(selection().channel, std::int64_t(20));
        QCOMPARE(selection().channels, std::int64_t(10));
        QCOMPARE(matrix->selectedCells().height(), matrix->data().rows());

        STEP(show(u"channels"_s));
        channels()->setSorted(false);
        ChannelsPlot* plot = channels()->plot();
        plot->replot();
        const auto at = [&](double channel) { return QPoint(static_cast<int>(plot->xAxis->coordToPixel(channel)), plot->axisRect()->rect().center().y()); };
        const auto under = [&](const QPoint& place) { return static_cast<std::int64_t>(std::floor(plot->xAxis->pixelToCoord(place.x()))); };
        const QCPRange range = plot->xAxis->range();
        const QPoint from = at(50.5), to = at(59.5);      // a pixel may be wider than a channel
        const std::int64_t brushed = under(to) - under(from) + 1;
        QVERIFY(std::abs(under(from) - 50) <= 1 && std::abs(brushed - 10) <= 2);
        drag(plot, from, to, Qt::ControlModifier);
        QCOMPARE(selection().channel, under(from));
        QCOMPARE(selection().channels, brushed);
        QCOMPARE(plot->xAxis->range(), range);            // it did not pan
        drag(plot, at(50.5), at(59.5));                   // without Ctrl it does, and selects nothing
        QVERIFY(plot->xAxis->range() != range);
        QCOMPARE(selection().channels, brushed);
    }

    void shiftAndArrowsGrowAndShrinkTheRange()
    {
        STEP(openModel());
        STEP(analyze());
        document().select({1, SiteKind::MlpMiddle, {}, 30, 20});
        STEP(show(u"tokens"_s));
        tokens()->map()->setFocus();
        for (int i = 0; i < 3; ++i)
            STEP(press(Qt::Key_Right, Qt::ShiftModifier));
        STEP(press(Qt::Key_Down, Qt::ShiftModifier));
        QCOMPARE(tokens()->map()->selectedCells(), QRect(30, 20, 4, 2));
        QCOMPARE(selection().channels, std::int64_t(4));
        QCOMPARE(selection().tokens, std::int64_t(2));
        for (int i = 0; i < 5; ++i)
            STEP(press(Qt::Key_Left, Qt::ShiftModifier));
        QCOMPARE(tokens()->map()->selectedCells(), QRect(28, 20, 3, 2));   // past where it began
        STEP(press(Qt::Key_Right));
        QCOMPARE(selection().channels, std::int64_t(1));
    }
};

QTEST_MAIN(TestStudioBrushing)
#include "tst_studio_brushing.moc"
