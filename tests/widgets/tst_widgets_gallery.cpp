#include "gui_test.h"
#include "sample_values.h"
#include "widgets/channels_view.h"
#include "widgets/heatmap_view.h"
#include "widgets/jobs_view.h"
#include "widgets/kernel_view.h"
#include "widgets/layers_model.h"
#include "widgets/layers_view.h"
#include "widgets/message_banner.h"
#include "widgets/outliers_view.h"
#include "widgets/palette.h"
#include "widgets/summary_bar.h"

#include <QApplication>
#include <QDir>
#include <QTreeView>
#include <QtTest>

using namespace halftone;
using namespace Qt::Literals::StringLiterals;

/// Every view in both themes, kept as pictures in the folder "screenshots" beside the tests, for people to look at; here only what a program can
/// judge: something is drawn, in the colours of its theme, and a change of theme needs no new window.
class TestGallery : public QObject {
    Q_OBJECT

    ModelDescription m_model = sample::model(30);
    LayersModel m_layers;
    std::vector<std::unique_ptr<QWidget>> m_widgets;

    void add(const QString& name, std::unique_ptr<QWidget> widget, const QSize& size)
    {
        widget->setWindowTitle(name);
        widget->resize(size);
        widget->setAutoFillBackground(true);
        widget->show();
        QVERIFY(QTest::qWaitForWindowExposed(widget.get()));
        m_widgets.push_back(std::move(widget));
    }

private Q_SLOTS:
    void initTestCase()
    {
        failOnAnyWarning();
        applyTheme(*qApp, Theme::Dark);
        Selection selection;
        selection.block = 11;
        selection.site = SiteKind::MlpMiddle;
        selection.linear = "model.layers.11.mlp.down_proj";
        selection.channel = (11 * 131) % 1536;

        auto outliers = std::make_unique<OutliersView>();
        auto filling = std::make_unique<OutliersView>();
        auto kernel = std::make_unique<KernelView>();
        auto channels = std::make_unique<ChannelsView>();
        auto empty = std::make_unique<KernelView>();
        outliers->setBlocks(30);
        filling->setBlocks(30);
        kernel->setBlocks(30);
        empty->setBlocks(30);
        empty->setEmptyState(u"Analyze counts, for every block and activation, the share of elements that each grid rounds to zero."_s, u"Analyze…"_s,
            u"about 8 s"_s);
        for (int b = 0; b < 30; ++b) {
            outliers->setSites(b, sample::sites(m_model, b));
            if (b < 17)
                filling->setSites(b, sample::sites(m_model, b));
            kernel->setSites(b, sample::sites(m_model, b));
        }
        outliers->setSource(u"WikiText-2, 8 192 tokens"_s);
        filling->setStale(true);
        outliers->setSelection(selection);
        kernel->setSelection(selection);
        channels->setSite(sample::sites(m_model, 11)[3]);
        channels->setSelection(selection);
        add(u"outliers"_s, std::move(outliers), {736, 360});
        add(u"outliers-measuring-stale"_s, std::move(filling), {560, 300});
        add(u"kernel"_s, std::move(kernel), {560, 330});
        add(u"kernel-empty"_s, std::move(empty), {420, 260});
        add(u"channels"_s, std::move(channels), {360, 300});

        auto weights = std::make_unique<HeatmapView>();
        std::mt19937 random(2);
        std::normal_distribution<float> normal(0, 0.1F);
        std::vector<float> cells(96 * 128);
        for (float& cell : cells)
            cell = normal(random);
        cells[5000] = std::nanf("");
        weights->setColours(ColourMap::blueOrange(), Pooling::FarthestFromZero);
        weights->setAxes({u"output"_s, u"input"_s, u"weight"_s, {}});
        weights->setData({96, 128, cells});
        add(u"weights"_s, std::move(weights), {500, 320});

        m_layers.setModel(m_model);
        auto plans = sample::plans(m_model);
        m_layers.setRunPlans(plans);
        for (ResolvedPlan& plan : plans)
            if (plan.linear == "model.layers.9.mlp.up_proj")
                plan.plan.weights.bits = 16;
        m_layers.setPlans(plans);
        for (int b = 0; b < 30; ++b)
            m_layers.setSites(sample::sites(m_model, b));
        m_layers.setResults(sample::results(m_model));
        m_layers.setContract({}, {{"model.layers.9.self_attn.k_proj", "q, k and v share a scheme.", false}, {"model.layers.9.mlp.up_proj", "gate and up must agree.", true}});
        auto layers = std::make_unique<LayersView>(&m_layers);
        for (const int block : {9, 10, 11})
            layers->tree()->expand(layers->tree()->model()->index(block, 0));
        layers->setSelection(selection);
        add(u"layers"_s, std::move(layers), {480, 640});

        auto jobs = std::make_unique<JobsView>();
        JobRow row;
        row.id = u"a"_s;
        row.title = u"Sensitivity · KL by swap"_s;
        row.state = JobRow::State::Running;
        row.done = 62;
        row.total = 100;
        row.unit = u"settings"_s;
        row.detail = u"block 18 of 30"_s;
        row.elapsed = 20;
        row.remaining = {{130, 160}};
        row.canPause = true;
        jobs->updateJob(row);
        row.id = u"b"_s;
        row.title = u"Quantize run 3 · GPTQ W4 g64"_s;
        row.state = JobRow::State::Waiting;
        row.detail = u"needs 0.5 GiB, 70–90 s"_s;
        row.done = 0;
        jobs->updateJob(row);
        row.id = u"c"_s;
        row.state = JobRow::State::Failed;
        row.error = u"run-002: the disk is full (needed 182 MB, 3 MB free)."_s;
        row.nextStep = u"Free some space, then resume."_s;
        row.canResume = true;
        jobs->updateJob(row);
        jobs->appendLog(u"a"_s, u"block 3: damping raised to 0.02"_s);
        jobs->setFootnote(u"plan 0.52 GiB · now 0.44 GiB · disk 182 MB of 79 GB free"_s);
        add(u"jobs"_s, std::move(jobs), {1100, 140});

        auto bar = std::make_unique<SummaryBar>();
        Summary summary;
        summary.bytes = 84'100'000;
        summary.fileBytes = 269'000'000;
        summary.bitsPerWeight = 4.58;
        summary.figure = Summary::Figure{u"KL"_s, 0.081, 0.006, false, false};
        summary.contract = u"vLLM · transformers"_s;
        bar->setSummary(summary);
        add(u"summary"_s, std::move(bar), {560, 48});

        auto banner = std::make_unique<MessageBanner>();
        banner->showMessage({Message::Kind::Error, u"e"_s, u"model.safetensors: tensor \"lm_head.weight\" ends at byte 912 of 640."_s,
            u"The file is cut short; download it again."_s, u"Open another…"_s, u"offset 912"_s});
        banner->showMessage({Message::Kind::Warning, u"w"_s, u"These weights already sit on a 4-bit grid (blocks of 32)."_s,
            u"4-bit results here look better than on a float model."_s, {}, {}});
        banner->showMessage({Message::Kind::Notice, u"n"_s, u"The project is open elsewhere; this window only reads it."_s, {}, {}, {}});
        add(u"messages"_s, std::move(banner), {760, 190});
    }
    void cleanupTestCase() { m_widgets.clear(); }

    void everyViewIsDrawnInBothThemes_data()
    {
        QTest::addColumn<int>("theme");
        QTest::addRow("dark") << int(Theme::Dark);
        QTest::addRow("light") << int(Theme::Light);
    }
    void everyViewIsDrawnInBothThemes()
    {
        QFETCH(int, theme);
        const QString folder = QCoreApplication::applicationDirPath() + u"/../screenshots"_s;
        QVERIFY(QDir().mkpath(folder));
        applyTheme(*qApp, static_cast<Theme>(theme));
        QTest::qWait(50);
        for (const auto& widget : m_widgets) {
            const QImage image = widget->grab().toImage();
            image.save(folder + u'/' + widget->windowTitle() + (theme == int(Theme::Dark) ? u"-dark.png"_s : u"-light.png"_s));
            QHash<QRgb, int> counts;
            for (int y = 0; y < image.height(); ++y)
                for (int x = 0; x < image.width(); ++x)
                    ++counts[image.pixel(x, y)];
            QVERIFY2(counts.size() > 8, qPrintable(widget->windowTitle()));
            QVERIFY2(counts.value(colours().window.rgb()) > image.width(), qPrintable(widget->windowTitle() + u": the theme's ground is missing"_s));
            const Colours& other = colours(theme == int(Theme::Dark) ? Theme::Light : Theme::Dark);
            QVERIFY2(counts.value(other.window.rgb()) < image.width(), qPrintable(widget->windowTitle() + u": the other theme's ground is left over"_s));
        }
    }
};

QTEST_MAIN(TestGallery)
#include "tst_widgets_gallery.moc"
