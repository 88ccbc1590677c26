#include "tests/app/window_fixture.h"
#include "widgets/heatmap_view.h"
#include "widgets/layers_model.h"
#include "widgets/layers_view.h"
#include "widgets/outlier_list.h"
#include "widgets/outliers_view.h"

#include <QCheckBox>
#include <QDockWidget>
#include <QHeaderView>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QLineEdit>
#include <QTreeView>
#include <QtEndian>

#include <cstring>

using namespace halftone;
using namespace Qt::StringLiterals;

/// Finding the strongest outlier: the ranked list, the table's columns and filters, the command, and a mouse that need not aim at a pixel.
class TestStudioOutliers : public WindowFixture {
    Q_OBJECT

private:
    static constexpr int kBlock = 2, kChannel = 5;

    /// The tiny Llama with one channel of one norm made a thousand times as large: an outlier where nobody looks first.
    QString planted()
    {
        const QString folder = m_folder->filePath(u"planted"_s);
        QDir().mkpath(folder);
        for (const QString& name : {u"config.json"_s, u"tokenizer.json"_s, u"tokenizer_config.json"_s})
            QFile::copy(QDir(modelFolder()).filePath(name), QDir(folder).filePath(name));
        QFile in(QDir(modelFolder()).filePath(u"model.safetensors"_s));
        if (!in.open(QIODevice::ReadOnly))
            qFatal("no model");
        QByteArray bytes = in.readAll();
        const auto header = static_cast<qsizetype>(qFromLittleEndian<quint64>(bytes.constData()));
        const QJsonObject tensor = QJsonDocument::fromJson(bytes.mid(8, header)).object().value(u"model.layers.%1.input_layernorm.weight"_s.arg(kBlock)).toObject();
        const qint64 at = 8 + header + tensor.value(u"data_offsets"_s).toArray().at(0).toInteger();
        const float large = 1000;
        if (tensor.value(u"dtype"_s).toString() == u"F32"_s)
            std::memcpy(bytes.data() + at + 4 * kChannel, &large, 4);
        else   // bfloat16: the upper half of a float
            std::memcpy(bytes.data() + at + 2 * kChannel, reinterpret_cast<const char*>(&large) + 2, 2);
        write(folder + u"/model.safetensors"_s, bytes);
        return folder;
    }

    OutliersView* view() { return m_window->findChild<OutliersView*>(); }
    OutlierList* list() { return m_window->findChild<OutlierList*>(); }
    QTreeView* tree() { return m_window->findChild<LayersView*>()->tree(); }

    void filter(const QString& text)
    {
        auto* line = m_window->findChild<QLineEdit*>(u"layersFilter"_s);
        line->setFocus();
        line->clear();
        QTest::keyClicks(line, text);
    }

private Q_SLOTS:
    void initTestCase() { applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), Theme::Dark); }
    void init() { begin(); }
    void cleanup() { end(); }

    void theViewsOpenOnTheWorstSite()
    {
        STEP(openModel(planted()));
        QCOMPARE(view()->siteKind(), SiteKind::MlpMiddle);   // until something is known
        STEP(analyze());
        QTRY_COMPARE(document().selection().block, kBlock);
        QCOMPARE(document().selection().site, SiteKind::AttentionInput);
        QCOMPARE(document().selection().channel, std::int64_t(kChannel));
        QCOMPARE(view()->siteKind(), SiteKind::AttentionInput);
        QCOMPARE(view()->map()->selectedCell(), QPoint(kChannel, kBlock));
        // Whoever chose something keeps it.
        document().select({1, SiteKind::MlpInput, "model.layers.1.mlp.up_proj", -1, -1});
        STEP(analyze());
        QCOMPARE(document().selection().site, SiteKind::MlpInput);
        QCOMPARE(view()->siteKind(), SiteKind::MlpInput);
    }

    void theListRanksTheSitesAndARowSelectsEverywhere()
    {
        STEP(openModel(planted()));
        m_window->resize(1440, 900);
        STEP(analyze());
        auto* table = list();
        QTRY_VERIFY(table && table->isVisible());
        const QAbstractItemModel* rows = table->model();
        QCOMPARE(rows->rowCount(), static_cast<int>(document().analysis().sites.size()));
        for (int row = 1; row < rows->rowCount(); ++row)
            QVERIFY(rows->index(row - 1, OutlierModel::Ratio).data(OutlierModel::kSortRole).toDouble() >= rows->index(row, OutlierModel::Ratio).data(OutlierModel::kSortRole).toDouble());
        QCOMPARE(rows->index(0, OutlierModel::Block).data().toInt(), kBlock);
        QCOMPARE(rows->index(0, OutlierModel::Channel).data().toInt(), kChannel);
        keepPicture(m_window.get(), u"outliers-ranked"_s);

        // A click in the third row: map, table, channels and inspector are there.
        const QModelIndex third = rows->index(2, OutlierModel::Site);
        QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualRect(third).center());
        const int block = rows->index(2, OutlierModel::Block).data().toInt(), channel = rows->index(2, OutlierModel::Channel).data().toInt();
        QTRY_COMPARE(document().selection().block, block);
        QCOMPARE(document().selection().channel, std::int64_t(channel));
        QCOMPARE(view()->map()->selectedCell(), QPoint(channel, block));
        QVERIFY(!m_window->findChild<LayersView*>()->selectedLinears().isEmpty());
        // By keys as well; and what is chosen elsewhere is chosen here.
        table->setFocus();
        STEP(press(Qt::Key_Down));
        QTRY_COMPARE(document().selection().channel, rows->index(3, OutlierModel::Channel).data().toLongLong());
        QCOMPARE(document().selection().block, rows->index(3, OutlierModel::Block).data().toInt());
        document().select({kBlock, SiteKind::AttentionInput, {}, kChannel, -1});
        QTRY_COMPARE(table->currentIndex().row(), 0);

        // Another column sorts.
        QTest::mouseClick(table->horizontalHeader()->viewport(), Qt::LeftButton, {}, QPoint(table->columnViewportPosition(OutlierModel::Block) + 8, 8));
        QTRY_COMPARE(table->horizontalHeader()->sortIndicatorSection(), int(OutlierModel::Block));
        for (int row = 1; row < rows->rowCount(); ++row) {
            const int before = rows->index(row - 1, OutlierModel::Block).data().toInt(), here = rows->index(row, OutlierModel::Block).data().toInt();
            QVERIFY(table->horizontalHeader()->sortIndicatorOrder() == Qt::AscendingOrder ? before <= here : before >= here);
        }
        auto* ranked = m_window->findChild<QCheckBox*>(u"outliersRanked"_s);
        ranked->setFocus();
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY(!table->isVisible());
    }

    void theCommandGoesToTheLargest()
    {
        STEP(openModel(planted()));
        QVERIFY(!action(u"largestOutlier"_s)->isEnabled());
        STEP(analyze());
        QVERIFY(action(u"largestOutlier"_s)->isEnabled());
        document().select({0, SiteKind::MlpMiddle, "model.layers.0.mlp.down_proj", 1, -1});
        m_window->setWorkspace(Workspaces::Compare);
        STEP(press(Qt::Key_L, Qt::ControlModifier));
        QTRY_COMPARE(document().selection().channel, std::int64_t(kChannel));
        QCOMPARE(document().selection().block, kBlock);
        QCOMPARE(m_window->workspaces().current(), Workspaces::Inspect);
        QVERIFY(view()->isVisible() && !view()->visibleRegion().isEmpty());
    }

    void theTableHasColumnsAndFiltersForIt()
    {
        STEP(openModel(planted()));
        STEP(analyze());
        auto* layers = m_window->findChild<LayersView*>();
        for (const int column : {LayersModel::Outlier, LayersModel::Ratio, LayersModel::Channel}) {
            QVERIFY(tree()->isColumnHidden(column));
            STEP(trigger(u"layersColumn%1"_s.arg(column)));
            QVERIFY(!tree()->isColumnHidden(column));
        }
        STEP(filter(u"ratio > 100 and channel = %1"_s.arg(kChannel)));
        QCOMPARE(layers->matchedLinears(), 3);   // q, k and v read that one activation
        for (const QString& linear : layers->filteredLinears())
            QVERIFY2(linear.startsWith(u"model.layers.%1.self_attn."_s.arg(kBlock)), qPrintable(linear));
        STEP(filter(u"outlier > 100"_s));
        QVERIFY(layers->matchedLinears() >= 3);
        STEP(filter(u"outlier < 0"_s));
        QCOMPARE(layers->matchedLinears(), 0);
        STEP(filter(u"outler > 3"_s));
        const QString problem = m_window->findChild<QLabel*>(u"layersFilterProblem"_s)->text();
        for (const QString& name : {u"outlier"_s, u"ratio"_s, u"channel"_s, u"kernel"_s, u"name"_s})
            QVERIFY2(problem.contains(name), qPrintable(problem));
        STEP(filter(QString()));

        // Sorted by the ratio, the worst block and its worst linears come first.
        tree()->header()->setSortIndicator(LayersModel::Ratio, Qt::DescendingOrder);
        const QModelIndex top = tree()->model()->index(0, 0);
        QCOMPARE(top.data().toString(), u"Block %1"_s.arg(kBlock));
        QVERIFY(top.siblingAtColumn(LayersModel::Ratio).data().toString().contains(u'×'));
        keepPicture(m_window.get(), u"outliers-columns"_s);
    }

    void aPixelBesideAnOutlierMeansTheOutlier()
    {
        STEP(openModel(planted()));
        STEP(analyze());
        // 128 channels of MLP middle, on less than 4 pixels each.
        view()->setSiteKind(SiteKind::MlpMiddle);
        HeatmapView* map = view()->map();
        m_window->resize(1180, 720);
        m_window->workspaces().reset();
        QTRY_VERIFY(map->mapRect().width() > 100);
        const double cell = double(map->mapRect().width()) / map->data().columns();
        QVERIFY2(cell < 4, qPrintable(QString::number(cell)));
        map->grab();
        const int row = 1;
        int strongest = 0;
        for (int column = 2; column < map->data().columns() - 2; ++column)
            if (map->data().at(row, column) > map->data().at(row, strongest))
                strongest = column;
        const QRect area = map->mapRect();
        const double x = area.left() + (strongest + 0.5) * cell, y = area.top() + (row + 0.5) * area.height() / map->data().rows();
        for (const int off : {-2, -1, 0, 1, 2}) {
            const QPoint at(static_cast<int>(std::lround(x)) + off, static_cast<int>(y));
            QSignalSpy hovered(map, &HeatmapView::hovered), clicked(map, &HeatmapView::cellClicked);
            QMouseEvent leave(QEvent::MouseMove, QPointF(1, 1), map->mapToGlobal(QPointF(1, 1)), Qt::NoButton, Qt::NoButton, Qt::NoModifier);
            QApplication::sendEvent(map, &leave);
            QMouseEvent move(QEvent::MouseMove, QPointF(at), map->mapToGlobal(QPointF(at)), Qt::NoButton, Qt::NoButton, Qt::NoModifier);
            QApplication::sendEvent(map, &move);
            QCOMPARE(hovered.count(), 1);
            QTest::mouseClick(map, Qt::LeftButton, {}, at);
            QCOMPARE(clicked.count(), 1);
            QCOMPARE(clicked.front().at(1).toInt(), hovered.front().at(1).toInt());   // the read-out named what the click takes
            QCOMPARE(clicked.front().at(0).toInt(), hovered.front().at(0).toInt());
            QVERIFY2(clicked.front().at(1).toInt() == strongest, qPrintable(u"%1 pixels off: %2, not %3"_s.arg(off).arg(clicked.front().at(1).toInt()).arg(strongest)));
            QTRY_COMPARE(document().selection().channel, std::int64_t(strongest));
        }
        // Close up, each cell can be aimed at, and is what it is.
        map->setVisibleCells(QRectF(std::max(0, strongest - 8), 0, 16, map->data().rows()));
        map->grab();
        const QRectF seen = map->visibleCells();
        const int other = strongest > 2 ? strongest - 1 : strongest + 1;
        const QPoint at(static_cast<int>(area.left() + (other + 0.5 - seen.left()) * area.width() / seen.width()), static_cast<int>(y));
        QCOMPARE(map->cellAt(QPointF(at)), std::optional(QPoint(other, row)));
    }
};

QTEST_MAIN(TestStudioOutliers)
#include "tst_studio_outliers.moc"
