#include "gui_test.h"
#include "widgets/heatmap_view.h"
#include "widgets/palette.h"

#include <QApplication>
#include <QSignalSpy>
#include <QWheelEvent>
#include <QtTest>

#include <memory>
#include <random>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

class TestHeatmapView : public QObject {
    Q_OBJECT

    static std::unique_ptr<HeatmapView> shown(int rows, int columns, const QSize& size = {700, 360})
    {
        std::mt19937 engine(5);
        std::lognormal_distribution<float> spread(0, 0.5F);
        std::vector<float> cells(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
        for (float& v : cells)
            v = spread(engine);
        auto view = std::make_unique<HeatmapView>();
        view->resize(size);
        view->setScaleKind(ValueScale::Kind::Log);
        view->setData({rows, columns, std::move(cells)});
        view->show();
        if (!QTest::qWaitForWindowExposed(view.get()))
            return nullptr;
        view->grab();
        return view;
    }
    static QPoint pixelOf(const HeatmapView& view, int row, int column)
    {
        const QRect map = view.mapRect();
        const QRectF seen = view.visibleCells();
        return {map.left() + static_cast<int>((column + 0.5 - seen.left()) / seen.width() * map.width()),
            map.top() + static_cast<int>((row + 0.5 - seen.top()) / seen.height() * map.height())};
    }

private Q_SLOTS:
    void init() { failOnAnyWarning(); }

    void hoverReadsTheDataAlsoWhenZoomed()
    {
        auto view = shown(20, 200);
        QVERIFY(view);
        QSignalSpy spy(view.get(), &HeatmapView::hovered);
        for (const QRectF& region : {QRectF(0, 0, 200, 20), QRectF(50, 5, 40, 10), QRectF(120.5, 3.25, 7, 2)}) {
            view->setVisibleCells(region);
            view->grab();
            const QRect map = view->mapRect();
            for (int i = 1; i < 10; ++i) {
                const QPoint at(map.left() + map.width() * i / 10 + 3, map.top() + map.height() * ((i * 7) % 10) / 10 + 2);
                spy.clear();
                QEvent leave(QEvent::Leave);              // so that the same cell is told again
                QApplication::sendEvent(view.get(), &leave);
                moveMouse(*view, at);
                QCOMPARE(spy.count(), 1);
                const int row = spy.last().at(0).toInt(), column = spy.last().at(1).toInt();
                QCOMPARE(spy.last().at(2).toFloat(), view->data().at(row, column));
                const QPointF place((at.x() + 0.5 - map.left()) / map.width() * view->visibleCells().width() + view->visibleCells().left(),
                    (at.y() + 0.5 - map.top()) / map.height() * view->visibleCells().height() + view->visibleCells().top());
                // Where a hand cannot aim at a cell, the strongest within two pixels.
                const auto slack = [](double cells, int pixels) { return 0.5 + cells / pixels * (pixels / cells < 4 ? 3.5 : 1); };
                QVERIFY(std::abs(place.x() - (column + 0.5)) <= slack(view->visibleCells().width(), map.width()));
                QVERIFY(std::abs(place.y() - (row + 0.5)) <= slack(view->visibleCells().height(), map.height()));
            }
        }
    }

    void anOutlierAmong28672ColumnsIsSeenAndFoundAt300Pixels()
    {
        constexpr int kColumns = 28672, kOutlier = 20011;
        HeatmapData data(60, kColumns);
        std::vector<float> row(kColumns, 1.F);
        for (int r = 0; r < 60; ++r)
            data.setRow(r, row);
        row[kOutlier] = 3000.F;
        data.setRow(31, row);
        HeatmapView view;
        view.resize(520, 360);
        view.setScaleKind(ValueScale::Kind::Log);
        view.setData(std::move(data));
        view.resize(520 + 300 - view.mapRect().width(), 360);
        QCOMPARE(view.mapRect().width(), 300);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        const QImage image = view.grab().toImage();
        const QPoint at = pixelOf(view, 31, kOutlier);
        const double ratio = image.devicePixelRatio();
        QCOMPARE(image.pixel(QPoint(static_cast<int>(at.x() * ratio), static_cast<int>(at.y() * ratio))), ColourMap::cividis().at(1));
        const auto found = view.cellAt(QPointF(at) + QPointF(0.5, 0.5));
        QVERIFY(found);
        QCOMPARE(*found, QPoint(kOutlier, 31));           // pointing at the bright pixel reads the outlier, not its neighbour
    }

    void draggingZoomsAndDoubleClickShowsAll()
    {
        auto view = shown(20, 200);
        QVERIFY(view);
        QSignalSpy clicked(view.get(), &HeatmapView::cellClicked);
        const QPoint from = pixelOf(*view, 4, 40), to = pixelOf(*view, 12, 90);
        QTest::mousePress(view.get(), Qt::LeftButton, Qt::NoModifier, from);
        moveMouse(*view, to, Qt::LeftButton);
        QTest::mouseRelease(view.get(), Qt::LeftButton, Qt::NoModifier, to);
        QCOMPARE(clicked.count(), 0);
        QVERIFY(view->visibleCells().contains(QPointF(41, 5)));
        QVERIFY(view->visibleCells().contains(QPointF(90, 12)));
        QVERIFY(view->visibleCells().width() <= 54 && view->visibleCells().height() <= 11);
        QTest::mouseDClick(view.get(), Qt::LeftButton, Qt::NoModifier, view->mapRect().center());
        QCOMPARE(view->visibleCells(), QRectF(0, 0, 200, 20));
    }

    void theWheelZoomsAtTheCursor()
    {
        auto view = shown(20, 200);
        QVERIFY(view);
        const QPoint at = pixelOf(*view, 15, 150);
        const auto before = view->cellAt(QPointF(at));
        QWheelEvent wheel(QPointF(at), view->mapToGlobal(QPointF(at)), QPoint(), QPoint(0, 480), Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(view.get(), &wheel);
        view->grab();
        QVERIFY(view->visibleCells().width() < 110);
        const auto after = view->cellAt(QPointF(at));
        QVERIFY(before && after);
        QVERIFY(std::abs(before->x() - after->x()) <= 1 && std::abs(before->y() - after->y()) <= 1);
    }

    void keysMoveTheSelectionAndZoom()
    {
        auto view = shown(20, 200);
        QVERIFY(view);
        view->setFocus();
        QSignalSpy clicked(view.get(), &HeatmapView::cellClicked);
        view->setSelectedCell(3, 10);
        QCOMPARE(clicked.count(), 0);                     // setters do not emit
        QTest::keyClick(view.get(), Qt::Key_Right);
        QTest::keyClick(view.get(), Qt::Key_Down);
        QCOMPARE(view->selectedCell(), QPoint(11, 4));
        QCOMPARE(clicked.count(), 2);
        QCOMPARE(clicked.last().at(0).toInt(), 4);
        QCOMPARE(clicked.last().at(1).toInt(), 11);
        QTest::keyClick(view.get(), Qt::Key_Plus);
        QVERIFY(view->visibleCells().width() < 200);
        for (int i = 0; i < 60; ++i)
            QTest::keyClick(view.get(), Qt::Key_Right, Qt::ControlModifier);
        QCOMPARE(view->selectedCell().x(), 199);          // stops at the edge, and stays in sight
        QVERIFY(view->visibleCells().contains(QPointF(199.5, 4.5)));
        QTest::keyClick(view.get(), Qt::Key_Home);
        QCOMPARE(view->visibleCells(), QRectF(0, 0, 200, 20));
    }

    void clickingReportsTheCell()
    {
        auto view = shown(20, 50);
        QVERIFY(view);
        QSignalSpy clicked(view.get(), &HeatmapView::cellClicked);
        QTest::mouseClick(view.get(), Qt::LeftButton, Qt::NoModifier, pixelOf(*view, 7, 33));
        QCOMPARE(clicked.count(), 1);
        QCOMPARE(clicked.last().at(0).toInt(), 7);
        QCOMPARE(clicked.last().at(1).toInt(), 33);
        QTest::mouseClick(view.get(), Qt::LeftButton, Qt::NoModifier, QPoint(2, 2));   // outside of the map
        QCOMPARE(clicked.count(), 1);
    }

    void rowsArriveOneByOneAndTheZoomStays()
    {
        HeatmapView view;
        view.resize(600, 300);
        view.setData(HeatmapData(8, 64));
        view.setVisibleCells(QRectF(10, 2, 20, 4));
        view.setRow(3, std::vector<float>(64, 2.F));
        QCOMPARE(view.visibleCells(), QRectF(10, 2, 20, 4));
        QVERIFY(view.data().measured(3) && !view.data().measured(2));
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QSignalSpy hovered(&view, &HeatmapView::hovered);
        moveMouse(view, pixelOf(view, 4, 20));    // not measured: nothing to read
        moveMouse(view, pixelOf(view, 3, 20));
        QTRY_COMPARE(hovered.count(), 1);
        QCOMPARE(hovered.last().at(2).toFloat(), 2.F);
    }

    void notANumberIsDrawnInItsHue()
    {
        std::vector<float> cells(16, 1.F);
        cells[5] = std::nanf("");
        HeatmapView view;
        view.resize(500, 300);
        view.setData({4, 4, cells});
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        const QImage image = view.grab().toImage();
        const double ratio = image.devicePixelRatio();
        const QPoint at = pixelOf(view, 1, 1);
        QCOMPARE(image.pixelColor(QPoint(static_cast<int>(at.x() * ratio), static_cast<int>(at.y() * ratio))), notANumberColour());
    }

    void csvHoldsTheValuesExactly()
    {
        HeatmapView view;
        HeatmapData data(2, 2);
        data.setRow(1, std::vector<float>{0.1F, 3000.25F});
        view.setAxes({u"block"_s, u"channel, sorted"_s, u"absmax"_s, {}});
        view.setData(std::move(data));
        const QStringList lines = view.csv().split(u"\r\n"_s);
        QCOMPARE(lines.at(0), u"\"block \\ channel, sorted\",0,1"_s);
        QCOMPARE(lines.at(1), u"0,,"_s);
        QCOMPARE(lines.at(2).section(u',', 1, 1).toFloat(), 0.1F);
        QCOMPARE(lines.at(2).section(u',', 2, 2).toFloat(), 3000.25F);
    }

    void redrawingALargeMapIsFast()
    {
        auto view = shown(126, 28672, {1400, 700});
        QVERIFY(view);
        QElapsedTimer timer;
        qint64 best = 1'000'000;
        for (int i = 0; i < 5; ++i) {
            view->setVisibleCells(QRectF(i, 0, 28000, 126));   // a new region each time, so nothing comes from the cache
            timer.start();
            view->grab();
            best = std::min(best, timer.elapsed());
        }
        qInfo("drawing 126 × 28672 at 1400 × 700: %lld ms", static_cast<long long>(best));
        QVERIFY(best < 50);
    }
};

QTEST_MAIN(TestHeatmapView)
#include "tst_widgets_heatmap_view.moc"
