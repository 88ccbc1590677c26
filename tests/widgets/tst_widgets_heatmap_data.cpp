#include "core/base/error.h"
#include "widgets/heatmap_data.h"

#include <QtTest>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

using namespace halftone;

namespace {

HeatmapData random(int rows, int columns, unsigned seed)
{
    std::mt19937 engine(seed);
    std::normal_distribution<float> normal;
    std::vector<float> cells(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
    for (float& v : cells)
        v = normal(engine);
    return {rows, columns, std::move(cells)};
}

} // namespace

class TestHeatmapData : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aSingleOutlierSurvivesPoolingFrom28672ColumnsTo300Pixels_data()
    {
        QTest::addColumn<int>("column");
        for (const int column : {0, 1, 95, 96, 14336, 28670, 28671})
            QTest::addRow("column %d", column) << column;
    }
    void aSingleOutlierSurvivesPoolingFrom28672ColumnsTo300Pixels()
    {
        QFETCH(int, column);
        HeatmapData data(126, 28672);
        std::vector<float> row(28672, 1.F);
        for (int r = 0; r < data.rows(); ++r)
            data.setRow(r, row);
        row[static_cast<std::size_t>(column)] = 5000.F;
        data.setRow(77, row);
        const PooledCells pooled = poolCells(data, QRectF(0, 0, 28672, 126), 300, 40, Pooling::Maximum);
        QCOMPARE(std::count(pooled.values.begin(), pooled.values.end(), 5000.F) >= 1, true);
        const int x = column * 300 / 28672, y = 77 * 40 / 126;
        QCOMPARE(pooled.at(x, y), 5000.F);
    }

    void aLargeMapKeepsItsOutlierAtEveryZoom_data()
    {
        QTest::addColumn<bool>("prepared");
        QTest::newRow("cell by cell") << false;
        QTest::newRow("with a smaller map") << true;
    }
    void aLargeMapKeepsItsOutlierAtEveryZoom()
    {
        QFETCH(bool, prepared);
        constexpr int kRows = 2301, kColumns = 4099, kRow = 1777, kColumn = 4098;   // factors do not divide
        std::vector<float> cells(std::size_t(kRows) * kColumns);
        for (std::size_t i = 0; i < cells.size(); ++i)
            cells[i] = static_cast<float>(i % 101) * 0.01F - 0.5F;
        cells[std::size_t(kRow) * kColumns + kColumn] = -70;
        HeatmapData data(kRows, kColumns, std::make_shared<const std::vector<float>>(std::move(cells)));
        if (prepared)
            data.prepare(Pooling::FarthestFromZero);
        QCOMPARE(data.factor(Pooling::FarthestFromZero) > 1, prepared);
        QCOMPARE(data.factor(Pooling::Maximum), 1);
        for (double zoom = 1; zoom < 3000; zoom *= 1.7) {       // ever closer round the outlier
            const double width = std::max(4.0, kColumns / zoom), height = std::max(1.0, kRows / zoom);
            const QRectF region(kColumns - width, std::clamp(kRow - height / 3, 0.0, kRows - height), width, height);
            const PooledCells pooled = poolCells(data, region, 611, 283, Pooling::FarthestFromZero);
            QVERIFY2(std::count(pooled.values.begin(), pooled.values.end(), -70.F) >= 1, qPrintable(QString::number(zoom)));
            const auto x = static_cast<int>((kColumn - region.left()) / width * 611 + 0.5), y = static_cast<int>((kRow + 0.5 - region.top()) / height * 283);
            QCOMPARE(pooled.at(std::min(x, 610), std::min(y, 282)), -70.F);
        }
    }

    void copiesShareTheirCellsUntilOneIsWritten()
    {
        HeatmapData one(2, 3, std::vector<float>{1, 2, 3, 4, 5, 6});
        HeatmapData other = one;
        QCOMPARE(other.cells().data(), one.cells().data());
        other.setRow(1, std::vector<float>{7, 8, 9});
        QCOMPARE(one.at(1, 0), 4.F);
        QCOMPARE(other.at(1, 0), 7.F);
        QCOMPARE(other.at(0, 2), 3.F);
    }

    void aMaskIsPooledByItsMean()
    {
        std::vector<float> cells(20 * 30, 0);
        for (int r = 0; r < 20; ++r)
            for (int c = 0; c < 10; ++c)
                cells[std::size_t(r * 30 + c)] = 1;             // the left third
        const HeatmapData data(20, 30, std::move(cells));
        const PooledCells all = poolCells(data, QRectF(0, 0, 30, 20), 1, 1, Pooling::Mean);
        QVERIFY(std::abs(all.at(0, 0) - 1.F / 3) < 1e-6F);
        const PooledCells thirds = poolCells(data, QRectF(0, 0, 30, 20), 3, 2, Pooling::Mean);
        QCOMPARE(thirds.at(0, 1), 1.F);
        QCOMPARE(thirds.at(2, 0), 0.F);
    }

    void everyCellReachesAPixelAndNoPixelInventsAValue_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("columns");
        QTest::addColumn<int>("width");
        QTest::addColumn<int>("height");
        QTest::newRow("one cell") << 1 << 1 << 7 << 3;
        QTest::newRow("fewer cells than pixels") << 3 << 7 << 65 << 63;
        QTest::newRow("as many") << 16 << 64 << 64 << 16;
        QTest::newRow("awkward") << 63 << 65 << 64 << 7;
        QTest::newRow("many") << 30 << 1536 << 611 << 289;
    }
    void everyCellReachesAPixelAndNoPixelInventsAValue()
    {
        QFETCH(int, rows);
        QFETCH(int, columns);
        QFETCH(int, width);
        QFETCH(int, height);
        std::vector<char> seenColumn(static_cast<std::size_t>(columns), 0), seenRow(static_cast<std::size_t>(rows), 0);
        for (int x = 0; x < width; ++x) {
            const CellRange range = cellsOfPixel(0, columns, x, width, columns);
            QVERIFY(range.first >= 0 && range.last < columns && range.first <= range.last);
            for (int c = range.first; c <= range.last; ++c)
                seenColumn[static_cast<std::size_t>(c)] = 1;
        }
        for (int y = 0; y < height; ++y) {
            const CellRange range = cellsOfPixel(0, rows, y, height, rows);
            for (int r = range.first; r <= range.last; ++r)
                seenRow[static_cast<std::size_t>(r)] = 1;
        }
        QVERIFY(std::all_of(seenColumn.begin(), seenColumn.end(), [](char s) { return s; }));
        QVERIFY(std::all_of(seenRow.begin(), seenRow.end(), [](char s) { return s; }));

        const HeatmapData data = random(rows, columns, 7);
        const PooledCells pooled = poolCells(data, QRectF(0, 0, columns, rows), width, height, Pooling::Maximum);
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x) {
                const CellRange cs = cellsOfPixel(0, columns, x, width, columns), rs = cellsOfPixel(0, rows, y, height, rows);
                float best = -INFINITY;                   // the naive loop
                for (int r = rs.first; r <= rs.last; ++r)
                    for (int c = cs.first; c <= cs.last; ++c)
                        best = std::max(best, data.at(r, c));
                QCOMPARE(pooled.at(x, y), best);
            }
    }

    void aZoomedRegionShowsItsOwnCells()
    {
        const HeatmapData data = random(12, 200, 3);
        const PooledCells pooled = poolCells(data, QRectF(40, 2, 8, 4), 80, 40, Pooling::Maximum);
        for (int y = 0; y < 40; ++y)
            for (int x = 0; x < 80; ++x)
                QCOMPARE(pooled.at(x, y), data.at(2 + y / 10, 40 + x / 10));
    }

    void divergingMapsKeepTheValueFarthestFromZero()
    {
        std::vector<float> cells(1000, 0.1F);
        cells[500] = -9.F;
        cells[10] = 3.F;
        const PooledCells pooled = poolCells(HeatmapData(1, 1000, cells), QRectF(0, 0, 1000, 1), 10, 1, Pooling::FarthestFromZero);
        QCOMPARE(pooled.at(5, 0), -9.F);
        QCOMPARE(pooled.at(0, 0), 3.F);
    }

    void notANumberWinsOverAll()
    {
        std::vector<float> cells(1000, 1.F);
        cells[123] = std::nanf("");
        cells[124] = INFINITY;
        const PooledCells pooled = poolCells(HeatmapData(1, 1000, cells), QRectF(0, 0, 1000, 1), 10, 1, Pooling::Maximum);
        QVERIFY(std::isnan(pooled.at(1, 0)));
        QCOMPARE(pooled.at(2, 0), 1.F);
    }

    void rowsNotMeasuredStayApart()
    {
        HeatmapData data(4, 3);
        QVERIFY(!data.anyMeasured());
        data.setRow(2, std::vector<float>{1, 2, 3});
        const PooledCells pooled = poolCells(data, QRectF(0, 0, 3, 4), 3, 4, Pooling::Maximum);
        QCOMPARE(pooled.measured, (std::vector<unsigned char>{0, 0, 1, 0}));
        // When several rows share a pixel, the measured one is seen.
        const PooledCells one = poolCells(data, QRectF(0, 0, 3, 4), 3, 1, Pooling::Maximum);
        QCOMPARE(one.at(2, 0), 3.F);
    }

    void whatDoesNotFitIsRefused()
    {
        QVERIFY_EXCEPTION_THROWN(HeatmapData(2, 3, std::vector<float>(5)), Error);
        HeatmapData data(2, 3);
        QVERIFY_EXCEPTION_THROWN(data.setRow(2, std::vector<float>(3)), Error);
        QVERIFY_EXCEPTION_THROWN(data.setRow(0, std::vector<float>(4)), Error);
    }

    void poolingALargeMapIsFast()
    {
        const HeatmapData data = random(126, 28672, 1);
        QElapsedTimer timer;
        qint64 best = 1'000'000;
        for (int i = 0; i < 5; ++i) {                     // the best of five: other programs share this machine
            timer.start();
            poolCells(data, QRectF(0, 0, 28672, 126), 1200, 600, Pooling::Maximum);
            best = std::min(best, timer.elapsed());
        }
        qInfo("pooling 126 × 28672 into 1200 × 600: %lld ms", static_cast<long long>(best));
        QVERIFY(best < 50);
    }
};

QTEST_GUILESS_MAIN(TestHeatmapData)
#include "tst_widgets_heatmap_data.moc"
