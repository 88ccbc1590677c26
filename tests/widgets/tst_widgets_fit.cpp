#include "gui_test.h"
#include "widgets/column_fitter.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"

#include <QHeaderView>
#include <QSet>
#include <QStandardItemModel>
#include <QTableView>
#include <QtTest>

#include <algorithm>

using namespace halftone;
using namespace Qt::StringLiterals;

/// What fits itself into the room there is: the columns of tables, the legends of plots.
class TestWidgetsFit : public QObject {
    Q_OBJECT

private:
    enum Column { Name, Bits, Nothing, Error, Remarks, Columns };

    static void fill(QStandardItemModel& model, const QString& remark)
    {
        model.setHorizontalHeaderLabels({u"Linear"_s, u"Bits"_s, u"Damping"_s, u"Error"_s, u"Remarks"_s});
        for (int row = 0; row < 20; ++row) {
            QList<QStandardItem*> cells;
            for (const QString& text : {u"transformer.h.%1.self_attention.query_key_value"_s.arg(row), u"4"_s, u"–"_s, u"0.0123 ± 0.0011"_s, remark})
                cells << new QStandardItem(text);
            model.appendRow(cells);
        }
    }

    static int total(const QTableView& table)
    {
        int width = 0;
        for (int column = 0; column < Columns; ++column)
            width += table.columnWidth(column);
        return width;
    }

private Q_SLOTS:
    void init() { failOnAnyWarning(); }

    void columnsShareTheRoomAndScrollOnlyWhereNothingElseHelps()
    {
        QStandardItemModel model;
        QTableView table;
        table.setModel(&model);
        auto* fitter = new ColumnFitter(&table, Name, 90, {Nothing});
        fitter->setRest(Remarks);
        fill(model, u"a remark that is longer than any column would ever be, whatever the window"_s);
        table.resize(1000, 300);
        table.show();
        QVERIFY(QTest::qWaitForWindowExposed(&table));
        const auto room = [&] { return table.viewport()->width(); };
        QTRY_COMPARE(total(table), room());                          // the remarks have what is left
        QVERIFY(!table.isColumnHidden(Nothing) && !table.isColumnHidden(Remarks));
        const int whole = table.columnWidth(Name);
        QVERIFY(whole >= table.fontMetrics().horizontalAdvance(u"transformer.h.19.self_attention.query_key_value"_s));

        table.resize(330, 300);                                      // no room: what says nothing goes, the name elides, the figures stay whole
        QTRY_VERIFY(table.isColumnHidden(Nothing));
        QVERIFY(table.isColumnHidden(Remarks));
        QVERIFY(table.columnWidth(Name) >= 90 && table.columnWidth(Name) < whole);
        QVERIFY(table.columnWidth(Error) >= table.fontMetrics().horizontalAdvance(u"0.0123 ± 0.0011"_s));
        QVERIFY2(total(table) <= room(), qPrintable(u"%1 of %2"_s.arg(total(table)).arg(room())));

        table.resize(1000, 300);
        QTRY_VERIFY(!table.isColumnHidden(Nothing) && !table.isColumnHidden(Remarks));
        QTRY_COMPARE(table.columnWidth(Name), whole);
    }

    void aColumnThatAPersonDrewStaysAsItIs()
    {
        QStandardItemModel model;
        QTableView table;
        table.setModel(&model);
        new ColumnFitter(&table, Name, 90, {Nothing});
        fill(model, u"–"_s);
        table.resize(900, 300);
        table.show();
        QVERIFY(QTest::qWaitForWindowExposed(&table));
        QTRY_VERIFY(table.columnWidth(Name) > 200);
        QWidget* header = table.horizontalHeader()->viewport();
        const QPoint edge(table.columnViewportPosition(Bits) + table.columnWidth(Bits) - 1, header->height() / 2);
        QTest::mousePress(header, Qt::LeftButton, {}, edge);
        moveMouse(*header, edge + QPoint(40, 0), Qt::LeftButton);
        QTest::mouseRelease(header, Qt::LeftButton, {}, edge + QPoint(40, 0));
        const int drawn = table.columnWidth(Bits);
        table.resize(700, 300);
        QTest::qWait(30);
        QCOMPARE(table.columnWidth(Bits), drawn);
    }

    /// Of a run of 126 blocks the table has a thousand rows, and seven more come with every block while the window is to answer.
    void aRowMoreIsNeverTheWorkOfTheWholeTable()
    {
        class Counted : public QAbstractTableModel {
        public:
            int rowCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : rows; }
            int columnCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : Columns; }
            QVariant data(const QModelIndex& index, int role) const override
            {
                asked.insert(index.row());
                return role != Qt::DisplayRole ? QVariant() : index.row() == widest && index.column() == Error ? QVariant(u"0.0123 ± 0.0011 of all"_s) : QVariant(u"4"_s);
            }
            void grow(int by)
            {
                beginInsertRows({}, rows, rows + by - 1);
                rows += by;
                endInsertRows();
            }
            void reset()
            {
                beginResetModel();
                endResetModel();
            }
            int rows = 0, widest = -1;
            mutable QSet<int> asked;
        } model;
        QTableView table;
        table.setModel(&model);
        new ColumnFitter(&table, Name, 90, {Nothing});
        table.resize(1000, 100);
        table.show();
        QVERIFY(QTest::qWaitForWindowExposed(&table));
        model.grow(2000);
        QTest::qWait(50);
        model.asked.clear();
        model.reset();
        QTest::qWait(50);
        QVERIFY2(model.asked.size() < 400, qPrintable(QString::number(model.asked.size())));   // of all over, and those that are painted
        QVERIFY(std::any_of(model.asked.cbegin(), model.asked.cend(), [](int row) { return row > 1900; }));

        const int narrow = table.columnWidth(Error);
        model.asked.clear();
        model.widest = model.rows + 3;
        model.grow(7);
        QTest::qWait(50);
        QVERIFY2(model.asked.size() < 30, qPrintable(QString::number(model.asked.size())));
        QVERIFY2(table.columnWidth(Error) > narrow, "and yet its text has its room");
        model.asked.clear();
        table.resize(1100, 100);
        QTest::qWait(50);
        QVERIFY2(model.asked.size() < 30, "what the texts take does not hang on the room");
    }

    void aLegendStaysInsideItsPlotOrGoes()
    {
        QCustomPlot plot;
        for (int i = 0; i < 7; ++i) {
            plot.addGraph()->setName(u"linear number %1"_s.arg(i));
            plot.graph(i)->setData(QVector<double>{0, 1}, QVector<double>{0.0, 0.1 * i});
        }
        plot.xAxis->setRange(0, 1);
        plot.yAxis->setRange(0, 1);
        plot.legend->setVisible(true);
        plot.axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignTop | Qt::AlignRight);
        fitLegend(plot);
        plot.show();
        QVERIFY(QTest::qWaitForWindowExposed(&plot));
        for (const QSize& size : {QSize(1200, 300), QSize(520, 300), QSize(300, 400)}) {
            plot.resize(size);
            plot.replot();
            QVERIFY(plot.legend->item(0)->visible());
            QVERIFY2(plot.axisRect()->rect().contains(plot.legend->outerRect()), qPrintable(u"%1"_s.arg(size.width())));
        }
        plot.resize(150, 110);
        plot.replot();
        QVERIFY(!plot.legend->item(0)->visible());
        plot.resize(1200, 300);
        plot.replot();
        QVERIFY(plot.legend->item(0)->visible());
    }

    void aLegendTakesTheCornerThatIsEmpty()
    {
        const auto corner = [](const QVector<double>& ys) {
            QCustomPlot plot;
            plot.resize(500, 300);
            plot.addGraph()->setName(u"a curve"_s);
            plot.graph(0)->setData(QVector<double>{0, 0.5, 1}, ys);
            plot.xAxis->setRange(0, 1);
            plot.yAxis->setRange(0, 1);
            plot.legend->setVisible(true);
            fitLegend(plot, LegendPlace::Clear);
            plot.replot();
            return plot.axisRect()->insetLayout()->insetAlignment(0);
        };
        QCOMPARE(corner({0, 0.5, 1}), Qt::Alignment(Qt::AlignLeft | Qt::AlignTop));
        QCOMPARE(corner({1, 0.5, 0}), Qt::Alignment(Qt::AlignRight | Qt::AlignTop));
        QCOMPARE(corner({0.9, 0.9, 0.9}), Qt::Alignment(Qt::AlignRight | Qt::AlignBottom));
    }

    void everySeriesIsSeenOnBothGroundsAndToldFromTheOthers()
    {
        for (const Theme theme : {Theme::Dark, Theme::Light}) {
            applyTheme(*qApp, theme);
            QColor faint = colours().faint;   // of lines that are no series: other blocks
            const double share = 190 / 255.0;
            const QColor& ground = colours().window;
            const auto mixed = [&](int over, int under) { return static_cast<int>(over * share + under * (1 - share)); };
            faint = QColor(mixed(faint.red(), ground.red()), mixed(faint.green(), ground.green()), mixed(faint.blue(), ground.blue()));
            QVERIFY(contrast(faint, ground) >= 3);
            for (int i = 0; i < 6; ++i) {
                const QColor colour = seriesLook(i).colour;
                QVERIFY2(contrast(colour, ground) >= 3, qPrintable(colour.name()));
                for (int k = 0; k < i; ++k) {
                    const QColor other = seriesLook(k).colour;
                    const int apart = std::abs(colour.red() - other.red()) + std::abs(colour.green() - other.green()) + std::abs(colour.blue() - other.blue());
                    QVERIFY2(apart > 60, qPrintable(colour.name() + other.name()));
                }
            }
        }
    }

    void logarithmicAxesHaveRoundTicksHoweverFewDecadesTheyShow()
    {
        for (const auto& [low, high] : {std::pair{50.0, 600.0}, std::pair{2.0, 18.0}, std::pair{9.0, 14.0}, std::pair{1e-5, 1e3}}) {
            QCustomPlot plot;
            plot.resize(400, 300);
            plot.yAxis->setScaleType(QCPAxis::stLogarithmic);
            plot.yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new LogValueTicker));
            plot.yAxis->setRange(low, high);
            plot.replot();
            const QVector<double> ticks = plot.yAxis->tickVector();
            const auto shown = std::count_if(ticks.begin(), ticks.end(), [&](double tick) { return tick >= low && tick <= high; });
            QVERIFY2(shown >= 2 && shown <= 10, qPrintable(u"%1 … %2: %3"_s.arg(low).arg(high).arg(shown)));
        }
    }
};

QTEST_MAIN(TestWidgetsFit)
#include "tst_widgets_fit.moc"
