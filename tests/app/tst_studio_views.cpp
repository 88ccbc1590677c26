#include "app/studio/view_feeds.h"
#include "widgets/channels_plot.h"
#include "widgets/channels_view.h"
#include "widgets/grid_controls.h"
#include "widgets/heatmap_view.h"
#include "widgets/kernel_strips.h"
#include "widgets/kernel_view.h"
#include "widgets/layers_view.h"
#include "widgets/outliers_view.h"
#include "widgets/segmented_control.h"
#include "widgets/tokens_view.h"
#include "widgets/weights_view.h"
#include "window_fixture.h"

#include <QDockWidget>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLabel>
#include <QPushButton>
#include <QSlider>
#include <QtEndian>
#include <QtTest>

#include <algorithm>
#include <bit>
#include <cstring>

using namespace halftone;
using namespace Qt::StringLiterals;

namespace {

const std::string kDown = "model.layers.1.mlp.down_proj";

/// A float32 or bfloat16 tensor straight from the model's only safetensors file.
std::vector<float> valuesInFile(const QString& folder, const QString& tensor)
{
    QFile file(folder + u"/model.safetensors"_s);
    if (!file.open(QIODevice::ReadOnly))
        return {};
    const QByteArray bytes = file.readAll();
    const auto length = qFromLittleEndian<quint64>(bytes.constData());
    const QJsonObject entry = QJsonDocument::fromJson(bytes.mid(8, static_cast<qsizetype>(length))).object()[tensor].toObject();
    const QJsonArray offsets = entry[u"data_offsets"_s].toArray();
    const char* data = bytes.constData() + 8 + length + static_cast<qsizetype>(offsets[0].toDouble());
    const auto size = static_cast<std::size_t>(offsets[1].toDouble() - offsets[0].toDouble());
    std::vector<float> values;
    if (entry[u"dtype"_s].toString() == u"F32"_s) {
        values.resize(size / 4);
        std::memcpy(values.data(), data, size);
    } else {
        for (std::size_t i = 0; i < size; i += 2)
            values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(qFromLittleEndian<quint16>(data + i)) << 16));
    }
    return values;
}

/// Not behind another tab.
bool onScreen(const QWidget* view) { return view->isVisible() && !view->visibleRegion().isEmpty(); }

} // namespace

/// The five views of the real window, driven on a real tiny model.
class TestStudioViews : public WindowFixture {
    Q_OBJECT

private:
    KernelView* kernel() { return m_window->findChild<KernelView*>(); }
    TokensView* tokens() { return m_window->findChild<TokensView*>(); }
    WeightsView* weights() { return m_window->findChild<WeightsView*>(); }
    ChannelsView* channels() { return m_window->findChild<ChannelsView*>(); }
    OutliersView* outliers() { return m_window->findChild<OutliersView*>(); }
    bool settled() { return !m_window->jobs().busy() && m_window->findChild<ViewFeeds*>()->isSettled(); }

    void show(const QString& view)
    {
        auto* dock = m_window->findChild<QDockWidget*>(view + u"Dock"_s);
        QVERIFY(dock);
        dock->show();
        dock->raise();
        QTRY_VERIFY(onScreen(dock->widget()));
        QTRY_VERIFY(settled());
    }

    void segment(QWidget* inside, const QString& control, int index)
    {
        auto* button = inside->findChild<SegmentedControl*>(control)->findChild<QPushButton*>(u"segment%1"_s.arg(index));
        QVERIFY(button && button->isEnabled());
        QTest::mouseClick(button, Qt::LeftButton);
    }

    void analyzedModel()
    {
        STEP(openModel());
        STEP(analyze());
        QTRY_VERIFY(settled());
    }

private Q_SLOTS:
    void init() { begin(); }
    void cleanup() { end(); }

    void viewsWithoutASelectionSayHowFarTheAnalysisIs()
    {
        STEP(openModel());
        document().select({});
        QStringList said;
        const QObject listening;
        const auto look = [&] {
            for (const QString& empty : {u"channelsEmpty"_s, u"tokensEmpty"_s})
                for (const QLabel* label : m_window->findChild<QWidget*>(empty)->findChildren<QLabel*>())
                    said << label->text();
        };
        connect(&document(), &Document::analysisStarted, &listening, look);
        connect(&document(), &Document::analysisBlockAdded, &listening, look);
        STEP(analyze());
        QVERIFY(said.filter(u"2 of %1 blocks"_s.arg(document().model().config.blocks)).size() >= 2);
        QVERIFY2(said.filter(u"Nothing is measured"_s).isEmpty(), qPrintable(said.join(u'\n')));
        for (const QLabel* label : m_window->findChild<QWidget*>(u"channelsEmpty"_s)->findChildren<QLabel*>())
            QVERIFY2(!label->text().contains(u"at work"_s), qPrintable(label->text()));   // it is done
    }

    void aSliderMoveRedrawsTheKernelFromTheSample()
    {
        STEP(analyzedModel());
        auto* strips = kernel()->findChild<KernelStrips*>();
        const double before = strips->share(1, SiteKind::MlpMiddle);
        QVERIFY(!strips->isEstimate());
        STEP(segment(kernel(), u"kernelBits"_s, 2));   // 4 bits
        QTRY_VERIFY(kernel()->isCurrent());
        QVERIFY(strips->isEstimate());
        QVERIFY(strips->share(1, SiteKind::MlpMiddle) > before);
        // The sample is the whole of so short a text: the estimate is the figure itself.
        ActivationGrid grid{ActivationScheme::PerToken, 4, true, 0.15};
        const SiteStatistics* site = document().statistics(1, SiteKind::MlpMiddle);
        QVERIFY(site && site->sample && site->sample->tokens->whole());
        QCOMPARE(strips->share(1, SiteKind::MlpMiddle), estimateKernel(*site->sample, grid).share);
        // Dragging: every step asks, the last one is what stands.
        STEP(segment(kernel(), u"kernelScheme"_s, 3));
        auto* alpha = kernel()->findChild<QSlider*>(u"kernelAlpha"_s);
        QVERIFY(alpha->isEnabled());
        for (int step = 0; step <= 100; step += 4)
            alpha->setValue(step);
        QTRY_VERIFY(kernel()->isCurrent() && settled());
        grid = {ActivationScheme::Cross, 4, true, 1.0};
        QCOMPARE(kernel()->grid(), grid);
        QCOMPARE(strips->share(1, SiteKind::MlpMiddle), estimateKernel(*site->sample, grid).share);
        keepPicture(m_window.get(), u"views-kernel-live"_s);
        // One grid for all views.
        QCOMPARE(tokens()->grid(), grid);
        QCOMPARE(channels()->grid(), grid);
        // Back at what the analysis counted, the exact figures stand again.
        STEP(segment(kernel(), u"kernelScheme"_s, 1));
        STEP(segment(kernel(), u"kernelBits"_s, 6));
        QTRY_VERIFY(kernel()->isExact());
        QCOMPARE(strips->share(1, SiteKind::MlpMiddle), before);
    }

    void spaceOnAnOutlierOpensItsTokens()
    {
        STEP(analyzedModel());
        STEP(show(u"outliers"_s));
        outliers()->setSiteKind(SiteKind::MlpMiddle);
        HeatmapView* map = outliers()->map();
        const QRect area = map->mapRect();
        QTest::mouseClick(map, Qt::LeftButton, Qt::NoModifier, QPoint(area.center().x(), area.top() + area.height() * 3 / 8));   // block 1 of 4
        QCOMPARE(document().selection().block, 1);
        const std::int64_t channel = document().selection().channel;
        QVERIFY(channel >= 0);
        QVERIFY(!onScreen(tokens()));
        map->setFocus();
        STEP(press(Qt::Key_Space));
        QTRY_VERIFY(onScreen(tokens()));
        QTRY_VERIFY(settled());
        QVERIFY(tokens()->site().has_value());
        QCOMPARE(tokens()->site()->name, std::string("model.layers.1.mlp_mid"));
        QCOMPARE(tokens()->map()->selectedCell(), QPoint(static_cast<int>(channel), -1));
        // The values and the text are those of the analysis.
        const SiteStatistics* site = document().statistics(1, SiteKind::MlpMiddle);
        QCOMPARE(tokens()->map()->data().rows(), 128);
        QCOMPARE(tokens()->map()->data().at(77, static_cast<int>(channel)), std::abs(site->sample->row(77)[static_cast<std::size_t>(channel)]));
        QString text;
        for (int r = 0; r < 128; ++r)
            text += QString::fromStdString(site->sample->tokens->texts[static_cast<std::size_t>(r)]);
        QFile file(textFile());
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QString original = QString::fromUtf8(file.readAll());
        QVERIFY2(original.startsWith(text) || original.simplified().startsWith(text.simplified().left(80)), qPrintable(text.left(80)));
        keepPicture(m_window.get(), u"views-tokens"_s);
        // Clicking an element selects token and channel everywhere.
        const QRect cells = tokens()->map()->mapRect();
        QTest::mouseClick(tokens()->map(), Qt::LeftButton, Qt::NoModifier, cells.center());
        QVERIFY(document().selection().token > 0);
        QCOMPARE(outliers()->map()->selectedCell(), QPoint(static_cast<int>(document().selection().channel), 1));
        STEP(segment(tokens(), u"tokensMode"_s, 1));
        QTRY_VERIFY(tokens()->isCurrent() && tokens()->map()->data().anyMeasured());
        keepPicture(m_window.get(), u"views-tokens-kernel"_s);
    }

    void weightsReadOutEqualsTheFile()
    {
        STEP(openModel());                     // nothing measured: none is needed
        STEP(show(u"weights"_s));
        QVERIFY(weights()->isEmptyStateShown());
        document().select({-1, std::nullopt, kDown, -1, -1});
        QTRY_VERIFY(weights()->isCurrent());
        const std::vector<float> expected = valuesInFile(modelFolder(), QString::fromStdString(kDown) + u".weight"_s);
        QVERIFY(!expected.empty());
        const auto cells = weights()->map()->data().cells();
        QVERIFY(std::equal(cells.begin(), cells.end(), expected.begin(), expected.end()));
        QVERIFY(weights()->subtitle().contains(u"not quantized"_s));
        // The plan's grid follows the recipe.
        PlanPatch patch;
        patch.bits = 4;
        patch.group = 32;
        QVERIFY(document().editPlans({QString::fromStdString(kDown)}, patch));
        QTRY_VERIFY(settled() && weights()->subtitle().contains(u"4 bits, groups of 32"_s));
        STEP(segment(weights(), u"weightsMode"_s, 2));
        QTRY_VERIFY(weights()->isCurrent());
        float largest = 0;
        for (const float e : weights()->map()->data().cells())
            largest = std::max(largest, std::abs(e));
        QVERIFY(largest > 0);
        keepPicture(m_window.get(), u"views-weights-error"_s);
        // A channel lights up its column, and a click on a column selects the channel.
        document().select({-1, std::nullopt, kDown, 9, -1});
        QCOMPARE(weights()->map()->selectedCell(), QPoint(9, -1));
        const QRect area = weights()->map()->mapRect();
        QTest::mouseClick(weights()->map(), Qt::LeftButton, Qt::NoModifier, area.center());
        QVERIFY(document().selection().channel > 9);
        QCOMPARE(document().selection().linear, kDown);
    }

    void channelsAndWeightsAreOneSelection()
    {
        STEP(analyzedModel());
        document().select({-1, std::nullopt, kDown, -1, -1});
        STEP(show(u"weights"_s));
        STEP(show(u"channels"_s));
        QTRY_VERIFY(channels()->plot()->summary());
        auto* plot = channels()->plot();
        plot->replot();
        QTest::mouseClick(plot, Qt::LeftButton, Qt::NoModifier,
                          QPoint(static_cast<int>(plot->xAxis->coordToPixel(0.5)), plot->axisRect()->rect().center().y()));
        const std::int64_t channel = document().selection().channel;
        QCOMPARE(channel, document().statistics(1, SiteKind::MlpMiddle)->outlierChannel());
        STEP(show(u"weights"_s));
        QTRY_COMPARE(weights()->map()->selectedCell(), QPoint(static_cast<int>(channel), -1));
    }

    void whatIsHiddenAsksForNothing()
    {
        STEP(analyzedModel());
        STEP(show(u"outliers"_s));
        QVERIFY(!onScreen(weights()));
        document().select({-1, std::nullopt, kDown, -1, -1});
        QTRY_VERIFY(settled());
        QVERIFY(!weights()->isCurrent());
        STEP(show(u"weights"_s));
        QTRY_VERIFY(weights()->isCurrent());
    }

    void closingTheModelEmptiesTheViews()
    {
        STEP(analyzedModel());
        document().select({-1, std::nullopt, kDown, -1, -1});
        STEP(show(u"weights"_s));
        document().close();
        QVERIFY(weights()->isEmptyStateShown());
        QVERIFY(tokens()->isEmptyStateShown());
        QVERIFY(kernel()->isEmptyStateShown());
        QTRY_VERIFY(!m_window->jobs().busy());
    }
};

QTEST_MAIN(TestStudioViews)
#include "tst_studio_views.moc"
