#include "gui_test.h"
#include "widgets/kernel_perplexity_view.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/qcustomplot_wrapper.h"
#include "widgets/study_model.h"
#include "widgets/study_view.h"

#include <QAbstractItemModelTester>
#include <QMenu>
#include <QSignalSpy>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>

using namespace halftone;
using namespace Qt::StringLiterals;

namespace {

using State = StudyMemberResult::State;

StudyMemberResult member(const char* name, const char* weights, const char* activations, double perplexity, double kernel = -1)
{
    StudyMemberResult m;
    m.name = name;
    m.weights = weights;
    m.activations = activations;
    m.state = State::Done;
    m.texts.resize(1);
    m.texts.front().perplexity.perplexity = perplexity;
    m.texts.front().hasDivergence = true;
    m.texts.front().divergence.klMean = perplexity / 100;
    if (kernel >= 0)
        m.grids = {100000, static_cast<std::int64_t>(kernel * 100000), static_cast<std::int64_t>(kernel * 50000), 10};
    m.bitsPerWeight = 4.25;
    m.bytes = 1'000'000;
    return m;
}

/// The float model at 20; classes 1, 2, 3, one impossible and one waiting.
StudyResult makeStudy()
{
    StudyResult result;
    result.id = "study-001";
    result.study.name = "test";
    result.study.texts = {{"t.txt", "t.txt"}};
    result.floatTexts.resize(1);
    result.floatTexts.front().perplexity.perplexity = 20;
    result.members = {member("bad", "W2", "A4 cross α 0.15", 27, 0.3), member("good", "W16", "A8 cross α 0.15", 20.1 - 1e-9, 0.005), member("fair", "W16", "A8 per token", 20.4, 0.12),
                      member("worse", "W16", "A6 per token", 23, 0.25), member("plain", "W4 g64", "A16", 20.75)};
    StudyMemberResult impossible;
    impossible.name = "no way";
    impossible.state = State::Impossible;
    impossible.reason = "Groups of 7 do not divide 64.";
    result.members.push_back(impossible);
    StudyMemberResult waiting;
    waiting.name = "later";
    result.members.push_back(waiting);
    return result;
}

} // namespace

class TestWidgetsStudy : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { failOnAnyWarning(); }

    void theModelIsSoundAsItGrows()
    {
        StudyModel model;
        QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        StudyResult result = makeStudy();
        model.setResult(result);
        QCOMPARE(model.rowCount(), 7);
        QSignalSpy reset(&model, &QAbstractItemModel::modelReset), changed(&model, &QAbstractItemModel::dataChanged);
        result.members.back() = member("later", "W3", "A16", 21);
        model.setResult(result);
        QCOMPARE(reset.count(), 0);   // rows keep their places
        QCOMPARE(changed.count(), 1);
        QCOMPARE(model.index(6, StudyModel::Class).data().toString(), u"Class-3"_s);
        result.id = "study-002";
        result.members.resize(2);
        model.setResult(result);
        QCOMPARE(reset.count(), 1);
        model.setResult({});
        QCOMPARE(model.rowCount(), 0);
    }

    void cellsSayTheFigures()
    {
        StudyModel model;
        model.setResult(makeStudy());
        const auto cell = [&](int row, StudyModel::Column column) { return model.index(row, column).data().toString(); };
        QCOMPARE(cell(1, StudyModel::Class), u"Class-1"_s);
        QCOMPARE(cell(2, StudyModel::Class), u"Class-2"_s);
        QCOMPARE(cell(0, StudyModel::Class), u"Class-3"_s);
        QCOMPARE(cell(5, StudyModel::Class), u"impossible"_s);
        QCOMPARE(cell(6, StudyModel::Class), u"waiting"_s);
        QCOMPARE(cell(2, StudyModel::Degradation), u"▲ +0.4"_s);
        QCOMPARE(cell(2, StudyModel::Ratio), u"1.02"_s);
        QVERIFY(cell(2, StudyModel::Kernel).startsWith(u"12"_s));
        QCOMPARE(cell(4, StudyModel::Kernel), u"–"_s);
        QCOMPARE(model.index(5, StudyModel::Setting).data(Qt::ToolTipRole).toString(), u"Groups of 7 do not divide 64."_s);
        QVERIFY(model.index(2, StudyModel::Perplexity).data(Qt::ToolTipRole).toString().contains(u"t.txt"_s));
    }

    void limitsMoveTheClasses()
    {
        StudyModel model;
        model.setResult(makeStudy());
        model.setLimits({0.5, 5});
        QCOMPARE(model.index(2, StudyModel::Class).data().toString(), u"Class-1"_s);
        QCOMPARE(model.index(4, StudyModel::Class).data().toString(), u"Class-2"_s);
        QCOMPARE(model.index(0, StudyModel::Class).data().toString(), u"Class-3"_s);
    }

    void columnsSortByNumberAndWhatIsNotMeasuredComesLast()
    {
        StudyModel model;
        model.setResult(makeStudy());
        QSortFilterProxyModel sorted;
        sorted.setSourceModel(&model);
        sorted.setSortRole(StudyModel::kSortRole);
        const auto order = [&](StudyModel::Column column) {
            sorted.sort(column);
            QStringList names;
            for (int row = 0; row < sorted.rowCount(); ++row)
                names << sorted.index(row, StudyModel::Setting).data().toString();
            return names;
        };
        QCOMPARE(order(StudyModel::Perplexity).mid(0, 5), (QStringList{u"good"_s, u"fair"_s, u"plain"_s, u"worse"_s, u"bad"_s}));
        QCOMPARE(order(StudyModel::Kernel).mid(0, 4), (QStringList{u"good"_s, u"fair"_s, u"worse"_s, u"bad"_s}));
        QCOMPARE(order(StudyModel::Class).first(), u"good"_s);
        QCOMPARE(order(StudyModel::Class).last(), u"no way"_s);
        QCOMPARE(order(StudyModel::Setting).first(), u"bad"_s);
    }

    void badgesAreDrawnAndTellTheClassesApart()
    {
        StudyModel model;
        model.setResult(makeStudy());
        QTableView table;
        table.setModel(&model);
        table.setItemDelegateForColumn(StudyModel::Class, new ClassDelegate(&table));
        table.resize(900, 300);
        table.resizeColumnsToContents();
        table.show();
        QVERIFY(QTest::qWaitForWindowExposed(&table));
        const QImage picture = table.viewport()->grab().toImage();
        const auto colourful = [&](int row) {
            const QRect cell = table.visualRect(model.index(row, StudyModel::Class));
            const QColor wanted = classLook(model.index(row, StudyModel::Class).data(StudyModel::kClassRole).toInt()).colour;
            int hits = 0;
            for (int y = cell.top(); y < cell.bottom(); ++y)
                for (int x = cell.left(); x < cell.right(); ++x) {
                    const QColor pixel = picture.pixelColor(QPoint(x, y) * picture.devicePixelRatio());
                    hits += std::abs(pixel.red() - wanted.red()) + std::abs(pixel.green() - wanted.green()) + std::abs(pixel.blue() - wanted.blue()) < 60;
                }
            return hits;
        };
        for (int row = 0; row < 3; ++row)
            QVERIFY2(colourful(row) > 40, qPrintable(QString::number(row)));
        QCOMPARE(picture.pixelColor(table.visualRect(model.index(5, StudyModel::Class)).topLeft() * picture.devicePixelRatio()).isValid(), true);
    }

    void theKernelPlotHasAPointASettingThatRoundsActivations()
    {
        KernelPerplexityView view;
        view.setResult(makeStudy());
        view.resize(700, 420);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QCOMPARE(view.points().size(), std::size_t{4});
        const auto fair = std::find_if(view.points().begin(), view.points().end(), [](const auto& p) { return p.name == u"fair"_s; });
        QCOMPARE(fair->kernel, 0.12);
        QCOMPARE(fair->lost, 0.06);
        QCOMPARE(fair->perplexity, 20.4);
        QCOMPARE(fair->series, u"per token"_s);
        // A click at the point chooses its member.
        QSignalSpy chosen(&view, &KernelPerplexityView::memberChosen);
        QTRY_VERIFY(view.plot()->xAxis->range().upper > 0.3);
        const QPoint at(static_cast<int>(view.plot()->xAxis->coordToPixel(0.12)), static_cast<int>(view.plot()->yAxis->coordToPixel(20.4)));
        QTest::mouseClick(view.plot(), Qt::LeftButton, {}, at);
        QCOMPARE(chosen.count(), 1);
        QCOMPARE(chosen[0][0].toInt(), 2);
        // On "lost" the points move to the left, and the range follows.
        view.setLost(true);
        QVERIFY(view.plot()->xAxis->range().upper < 0.2);
        // The paper's marks are drawn where they are within the range.
        const auto marks = [&] {
            QStringList texts;
            for (int i = 0; i < view.plot()->itemCount(); ++i)
                if (auto* text = qobject_cast<QCPItemText*>(view.plot()->item(i)))
                    texts << text->text();
            return texts.filter(u"paper"_s).size();
        };
        QCOMPARE(marks(), qsizetype{1});
        view.setLost(false);
        QCOMPARE(marks(), qsizetype{2});
    }

    void theStudyPlotFollowsTheTablesOrder()
    {
        StudyView view;
        view.setResult(makeStudy(), {});
        view.resize(700, 420);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QSignalSpy chosen(&view, &StudyView::memberChosen);
        const auto clickRow = [&](int row) {
            QTest::mouseClick(view.plot(), Qt::LeftButton, {}, QPoint(static_cast<int>(view.plot()->xAxis->coordToPixel(22)), static_cast<int>(view.plot()->yAxis->coordToPixel(-row))));
        };
        clickRow(0);
        QCOMPARE(chosen.last()[0].toInt(), 0);
        view.setOrder({5, 1, 6, 2, 3, 4, 0});   // the two that are not measured have no row
        clickRow(0);
        QCOMPARE(chosen.last()[0].toInt(), 1);
        clickRow(4);
        QCOMPARE(chosen.last()[0].toInt(), 0);
        view.setResult(makeStudy(), {1, 2});
        QVERIFY(!view.isEmptyStateShown());
        view.setResult({}, {});
        QVERIFY(view.isEmptyStateShown());
    }

    /// A run is known by its colour and marker, in a study's table and plots too.
    void aSettingThatARunQuantizedHasTheRunsLook()
    {
        StudyResult result = makeStudy();
        result.members[1].run = "run-003";
        const SeriesLook look = runLook(u"run-003"_s);
        StudyModel model;
        model.setResult(result);
        const QImage mark = runMark(u"run-003"_s, qApp->devicePixelRatio()).toImage();
        QCOMPARE(model.index(1, StudyModel::Setting).data(Qt::DecorationRole).value<QPixmap>().toImage(), mark);
        QVERIFY(!model.index(0, StudyModel::Setting).data(Qt::DecorationRole).isValid());
        StudyView study;
        study.setResult(result, {});
        KernelPerplexityView kernel;
        kernel.setResult(result);
        for (QCustomPlot* plot : {study.plot(), kernel.plot()}) {
            int marked = 0;
            for (int i = 0; i < plot->graphCount(); ++i)
                if (plot->graph(i)->name() == u"run-003"_s) {
                    ++marked;
                    QCOMPARE(plot->graph(i)->scatterStyle().shape(), look.marker);
                    QCOMPARE(plot->graph(i)->scatterStyle().brush().color(), look.colour);
                }
            QCOMPARE(marked, 1);
        }
    }

    void bothAreSavedAsPicturesAndNumbers()
    {
        QTemporaryDir folder;
        StudyView study;
        KernelPerplexityView kernel;
        study.setResult(makeStudy(), {});
        kernel.setResult(makeStudy());
        for (ViewFrame* view : {static_cast<ViewFrame*>(&study), static_cast<ViewFrame*>(&kernel)})
            for (const QString& ending : {u"png"_s, u"svg"_s, u"pdf"_s, u"csv"_s}) {
                const QString file = folder.filePath(view->id() + u'.' + ending);
                view->saveTo(file, {800, 500});
                QVERIFY2(QFileInfo(file).size() > 100, qPrintable(file));
            }
        const auto read = [&](const QString& name) {
            QFile file(folder.filePath(name));
            return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
        };
        QCOMPARE(read(u"studies.csv"_s), QString::fromStdString(studyCsv(makeStudy(), {})));
        const QStringList lines = read(u"kernel-perplexity.csv"_s).split(u"\r\n"_s, Qt::SkipEmptyParts);
        QCOMPARE(lines.size(), qsizetype{5});
        QVERIFY(lines.filter(u"\"fair\",\"per token\",0.12,0.06,20.4,20"_s).size() == 1);
        QVERIFY(read(u"studies.svg"_s).contains(u"float"_s));
    }
};

QTEST_MAIN(TestWidgetsStudy)
#include "tst_widgets_study.moc"
