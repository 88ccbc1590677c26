#include "gui_test.h"
#include "sample_values.h"
#include "core/base/error.h"
#include "widgets/channels_plot.h"
#include "widgets/channels_view.h"
#include "widgets/heatmap_view.h"
#include "widgets/kernel_strips.h"
#include "widgets/kernel_view.h"
#include "widgets/outliers_view.h"
#include "widgets/palette.h"
#include "widgets/segmented_control.h"

#include <QAbstractButton>
#include <QApplication>
#include <QClipboard>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

class TestViews : public QObject {
    Q_OBJECT

    ModelDescription m_model = sample::model(30);

    static QByteArray bytes(const QString& path)
    {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }

private Q_SLOTS:
    void init() { failOnAnyWarning(); }

    void anEmptyViewSaysWhatOneClickWillShow()
    {
        OutliersView view;
        QVERIFY(view.isEmptyStateShown());
        view.setBlocks(30);
        QVERIFY(view.isEmptyStateShown());
        view.resize(700, 400);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QSignalSpy wishes(&view, &ViewFrame::measureRequested);
        auto* button = view.findChild<QPushButton*>(u"emptyStateButton"_s);
        QVERIFY(button->isVisible());
        QTest::mouseClick(button, Qt::LeftButton);
        QCOMPARE(wishes.count(), 1);
        view.setSites(0, sample::sites(m_model, 0));
        QVERIFY(!view.isEmptyStateShown());
    }

    void outliersFillBlockByBlockAndReadTheStatistics()
    {
        OutliersView view;
        view.setBlocks(30);
        for (int b = 0; b < 12; ++b)
            view.setSites(b, sample::sites(m_model, b));
        QCOMPARE(view.map()->data().rows(), 30);
        QCOMPARE(view.map()->data().columns(), 1536);
        QVERIFY(view.map()->data().measured(11) && !view.map()->data().measured(12));
        const auto sites = sample::sites(m_model, 7);
        QCOMPARE(view.map()->data().at(7, 917), sites[3].channelAbsmax[917]);
        view.setSiteKind(SiteKind::AttentionInput);
        QCOMPARE(view.map()->data().columns(), 576);
        QCOMPARE(view.map()->data().at(7, 12), sites[0].channelAbsmax[12]);
    }

    void clickingAnOutlierSelectsItsSiteAndChannel()
    {
        OutliersView view;
        view.resize(900, 500);
        view.setBlocks(30);
        for (int b = 0; b < 30; ++b)
            view.setSites(b, sample::sites(m_model, b));
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        view.grab();
        QSignalSpy told(&view, &OutliersView::selectionRequested);
        const QRect map = view.map()->mapRect();
        const int channel = (7 * 131) % 1536;
        const QPoint at(map.left() + static_cast<int>((channel + 0.5) / 1536 * map.width()), map.top() + static_cast<int>(7.5 / 30 * map.height()));
        QTest::mouseClick(view.map(), Qt::LeftButton, Qt::NoModifier, at);
        QCOMPARE(told.count(), 1);
        const auto wish = told.last().at(0).value<Selection>();
        QCOMPARE(wish.block, 7);
        QCOMPARE(*wish.site, SiteKind::MlpMiddle);
        QCOMPARE(wish.channel, std::int64_t(channel));
        // A selection made elsewhere switches the activation shown.
        Selection elsewhere;
        elsewhere.block = 3;
        elsewhere.site = SiteKind::MlpInput;
        elsewhere.channel = 44;
        view.setSelection(elsewhere);
        QCOMPARE(view.siteKind(), SiteKind::MlpInput);
        QCOMPARE(view.map()->selectedCell(), QPoint(44, 3));
        QCOMPARE(told.count(), 1);
    }

    /// Sites are what the model's blocks declare, not four: here five, of which one block lacks one.
    void aModelMayHaveOtherSites()
    {
        const SiteKind extra = SiteKind::declare({"shared_expert_mid", "shared expert's middle", "shared mid", SiteProducer::Activation, BlockHalf::Mlp});
        std::vector<SiteKind> kinds = SiteKind::dense();
        kinds.push_back(extra);
        const auto sitesOf = [&](int block) {
            std::vector<SiteStatistics> sites = sample::sites(m_model, block);
            sites.push_back(sites[3]);
            sites.back().site.kind = extra;
            sites.back().channelAbsmax.resize(96);
            sites.back().channelAbsmax[40] = 5000.F + static_cast<float>(block);
            if (block == 2)
                sites.erase(sites.begin() + 3);
            return sites;
        };
        OutliersView outliers;
        KernelView kernel;
        outliers.resize(900, 500);
        kernel.resize(700, 420);
        outliers.setBlocks(30, kinds);
        kernel.setBlocks(30);
        for (int b = 0; b < 30; ++b) {
            outliers.setSites(b, sitesOf(b));
            kernel.setSites(b, sitesOf(b));
        }
        auto* segments = outliers.findChild<SegmentedControl*>(u"outliersSite"_s);
        QCOMPARE(segments->findChildren<QPushButton*>().size(), qsizetype(5));
        QVERIFY(outliers.largest()->site == extra && outliers.largest()->channel == 40);
        outliers.setSelection(*outliers.largest());
        QCOMPARE(outliers.siteKind(), extra);
        QCOMPARE(outliers.map()->data().columns(), 96);
        Selection middle;
        middle.site = SiteKind::MlpMiddle;
        outliers.setSelection(middle);
        QVERIFY(outliers.map()->data().measured(1) && !outliers.map()->data().measured(2));

        auto* strips = kernel.findChild<KernelStrips*>(u"kernelStrips"_s);
        kernel.show();
        QVERIFY(QTest::qWaitForWindowExposed(&kernel));
        QCOMPARE(strips->share(2, SiteKind::MlpMiddle), KernelStrips::kNotMeasured);
        QVERIFY(strips->share(2, extra) > 0);
        for (const SiteKind kind : kinds) {
            const auto cell = strips->cellAt(strips->cellRect(7, kind).center());
            QVERIFY(cell && cell->first == 7 && cell->second == kind);
        }
        QVERIFY(strips->csv().startsWith(u"block,attn_in,attn_out,mlp_in,mlp_mid,shared_expert_mid"_s));
        QSignalSpy told(&kernel, &KernelView::selectionRequested);
        strips->setSelected(4, SiteKind::MlpMiddle);
        QTest::keyClick(strips, Qt::Key_Down);
        QVERIFY(told.last().at(0).value<Selection>().site == extra);

        outliers.setBlocks(30);   // of another model: what it has
        QCOMPARE(segments->findChildren<QPushButton*>().size(), qsizetype(4));
        QCOMPARE(outliers.siteKind(), SiteKind::MlpMiddle);
    }

    void kernelSharesAreThoseOfTheCounts()
    {
        KernelView view;
        view.setBlocks(30);
        std::int64_t zero = 0, elements = 0;
        for (int b = 0; b < 30; ++b) {
            const auto sites = sample::sites(m_model, b);
            view.setSites(b, sites);
            for (const SiteStatistics& site : sites) {
                zero += site.kernel[1].zero;
                elements += site.kernel[1].elements;
            }
        }
        QCOMPARE(view.scheme(), 1);
        QCOMPARE(view.totals(1).share, double(zero) / double(elements));
        QVERIFY(view.summary().contains(u"CrossQuant α 0.15 would give"_s));
        QVERIFY(view.summary().contains(formatShare(view.totals(3).share)));
        for (int scheme = 0; scheme < kKernelSchemes; ++scheme) {   // a kernel never stands without its clip rate
            view.setScheme(scheme);
            QVERIFY2(view.summary().contains(u"clip rate "_s + formatShare(view.totals(scheme).clipped)), qPrintable(view.summary()));
        }
        view.setScheme(1);
        auto* segments = view.findChild<SegmentedControl*>(u"kernelScheme"_s);
        QCOMPARE(segments->count(), kKernelSchemes);
        QSignalSpy changed(&view, &KernelView::schemeChanged);
        view.resize(700, 400);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QTest::mouseClick(segments->findChild<QAbstractButton*>(u"segment3"_s), Qt::LeftButton);
        QCOMPARE(changed.count(), 1);
        QVERIFY(view.summary().contains(u"per token would give"_s));
    }

    void aKernelCellSelectsItsSite()
    {
        KernelView view;
        view.resize(700, 400);
        view.setBlocks(30);
        for (int b = 0; b < 30; ++b)
            view.setSites(b, sample::sites(m_model, b));
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        auto* strips = view.findChild<KernelStrips*>();
        QSignalSpy told(&view, &KernelView::selectionRequested);
        QTest::mouseClick(strips, Qt::LeftButton, Qt::NoModifier, strips->cellRect(17, SiteKind::AttentionOutput).center().toPoint());
        QCOMPARE(told.count(), 1);
        QCOMPARE(told.last().at(0).value<Selection>().block, 17);
        QCOMPARE(*told.last().at(0).value<Selection>().site, SiteKind::AttentionOutput);
        view.setSelection(told.last().at(0).value<Selection>());
        strips->setFocus();
        QTest::keyClick(strips, Qt::Key_Right);
        QCOMPARE(told.last().at(0).value<Selection>().block, 18);
        QTest::keyClick(strips, Qt::Key_Down);
        QCOMPARE(*told.last().at(0).value<Selection>().site, SiteKind::MlpInput);
    }

    void channelsAreSortedOrByIndex()
    {
        ChannelsView view;
        view.resize(500, 320);
        const auto site = sample::sites(m_model, 11)[3];
        view.setSite(site);
        auto* plot = view.findChild<ChannelsPlot*>();
        const std::int64_t outlier = site.outlierChannel();
        QCOMPARE(outlier, std::int64_t((11 * 131) % 1536));
        QCOMPARE(plot->channelAt(0), outlier);
        for (int place = 1; place < 1536; ++place)
            QVERIFY(site.channelAbsmax[size_t(plot->channelAt(place - 1))] >= site.channelAbsmax[size_t(plot->channelAt(place))]);
        QCOMPARE(plot->placeOf(plot->channelAt(100)), 100);
        view.setSorted(false);
        QCOMPARE(plot->channelAt(100), std::int64_t(100));
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QSignalSpy told(&view, &ChannelsView::selectionRequested);
        QTest::qWait(0);
        plot->replot();
        QTest::mouseClick(plot, Qt::LeftButton, Qt::NoModifier,
            QPoint(static_cast<int>(plot->xAxis->coordToPixel(300.5)), plot->axisRect()->rect().center().y()));
        QCOMPARE(told.count(), 1);
        QVERIFY(std::abs(told.last().at(0).value<Selection>().channel - 300) <= 3);
    }

    void everyViewSavesPicturesAndNumbers_data()
    {
        QTest::addColumn<QString>("which");
        for (const QString& which : {u"outliers"_s, u"kernel"_s, u"channels"_s})
            QTest::addRow("%s", qPrintable(which)) << which;
    }
    void everyViewSavesPicturesAndNumbers()
    {
        QFETCH(QString, which);
        OutliersView outliers;
        KernelView kernel;
        ChannelsView channels;
        outliers.setBlocks(30);
        kernel.setBlocks(30);
        for (int b = 0; b < 30; ++b) {
            outliers.setSites(b, sample::sites(m_model, b));
            kernel.setSites(b, sample::sites(m_model, b));
        }
        channels.setSite(sample::sites(m_model, 11)[3]);
        ViewFrame* view = which == u"outliers"_s ? static_cast<ViewFrame*>(&outliers) : which == u"kernel"_s ? static_cast<ViewFrame*>(&kernel) : &channels;
        view->resize(720, 420);
        QTemporaryDir folder;
        for (const QString& ending : {u"png"_s, u"svg"_s, u"pdf"_s, u"csv"_s})
            view->saveTo(folder.filePath(u"picture."_s + ending));
        QImage image(folder.filePath(u"picture.png"_s));
        QVERIFY(image.width() >= 1000);
        QSet<QRgb> colours;
        for (int y = 0; y < image.height(); y += 3)
            for (int x = 0; x < image.width(); x += 3)
                colours << image.pixel(x, y);
        QVERIFY(colours.size() > 10);
        QVERIFY(bytes(folder.filePath(u"picture.svg"_s)).contains("<svg"));
        QVERIFY(bytes(folder.filePath(u"picture.pdf"_s)).startsWith("%PDF"));
        const QByteArray csv = bytes(folder.filePath(u"picture.csv"_s));
        QCOMPARE(csv.count("\r\n"), which == u"channels"_s ? 1537 : 31);
        QVERIFY_EXCEPTION_THROWN(view->saveTo(folder.filePath(u"picture.bmp"_s)), Error);
        QVERIFY_EXCEPTION_THROWN(view->saveTo(folder.filePath(u"no/such/folder/picture.png"_s)), Error);
        view->copyToClipboard();
        QVERIFY(!QApplication::clipboard()->image().isNull());
    }

    void anEmptyViewHasNothingToSave()
    {
        KernelView view;
        QTemporaryDir folder;
        QVERIFY_EXCEPTION_THROWN(view.saveTo(folder.filePath(u"x.png"_s)), Error);
    }

    void oneBlockAndManyBlocksBothWork()
    {
        for (const int blocks : {1, 126}) {
            const ModelDescription model = sample::model(blocks, 64, 96);
            OutliersView outliers;
            KernelView kernel;
            for (ViewFrame* view : {static_cast<ViewFrame*>(&outliers), static_cast<ViewFrame*>(&kernel)})
                view->resize(500, 300);
            outliers.setBlocks(blocks);
            kernel.setBlocks(blocks);
            for (int b = 0; b < blocks; ++b) {
                outliers.setSites(b, sample::sites(model, b));
                kernel.setSites(b, sample::sites(model, b));
            }
            QVERIFY(!outliers.grab().isNull());
            QVERIFY(!kernel.grab().isNull());
            QCOMPARE(outliers.map()->data().rows(), blocks);
        }
    }
};

QTEST_MAIN(TestViews)
#include "tst_widgets_views.moc"
