#include "gui_test.h"
#include "sample_values.h"
#include "widgets/channels_plot.h"
#include "widgets/channels_view.h"
#include "widgets/grid_controls.h"
#include "widgets/heatmap_view.h"
#include "widgets/kernel_strips.h"
#include "widgets/kernel_view.h"
#include "widgets/palette.h"
#include "widgets/segmented_control.h"
#include "widgets/token_text.h"
#include "widgets/tokens_view.h"

#include <QComboBox>
#include <QPushButton>
#include <QSignalSpy>
#include <QSlider>
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>

using namespace halftone;
using namespace Qt::StringLiterals;

namespace {

/// Six tokens of a text of 40 in windows of 8, 96 channels: token 2 of the sample is large, as is channel 5.
std::shared_ptr<const SiteSample> makeSample()
{
    auto tokens = std::make_shared<SampledTokens>(SampledTokens{40, 8, {0, 1, 2, 16, 17, 39}, {"The", " cat", "\n", " sat", "\xE2\x80\xAEx", " mat."}});
    auto sample = std::make_shared<SiteSample>();
    sample->channels = 96;
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    sample->channelAbsmax.assign(96, 0);
    for (int r = 0; r < 6; ++r)
        for (std::size_t c = 0; c < 96; ++c) {
            const float x = normal(random) * (r == 2 ? 30.F : 1.F) * (c == 5 ? 50.F : 1.F);
            sample->values.push_back(x);
            sample->channelAbsmax[c] = std::max(sample->channelAbsmax[c], std::abs(x));
        }
    for (std::size_t w = 0; w < tokens->windows().size(); ++w)
        sample->windowAbsmax.insert(sample->windowAbsmax.end(), sample->channelAbsmax.begin(), sample->channelAbsmax.end());
    sample->tokens = std::move(tokens);
    return sample;
}

SiteStatistics makeSite(const std::shared_ptr<const SiteSample>& sample)
{
    SiteStatistics site;
    site.site = {"model.layers.4.mlp_mid", 4, SiteKind::MlpMiddle, 96, {"model.layers.4.mlp.down_proj"}};
    site.tokens = 40;
    site.channelAbsmax = sample->channelAbsmax;
    site.sample = sample;
    return site;
}

void answer(TokensView& view, const std::shared_ptr<const SiteSample>& sample)
{
    view.setRounded(*sample, view.grid(), std::make_shared<const std::vector<float>>(roundSample(*sample, view.grid())));
}

} // namespace

class TestLiveViews : public QObject {
    Q_OBJECT

private:
    const ModelDescription m_model = sample::model();

    void fill(KernelView& view)
    {
        view.setBlocks(30);
        view.setSettings({8, 0.15});
        for (int b = 0; b < 30; ++b)
            view.setSites(b, sample::sites(m_model, b));
        view.setSample(80, 2048);
    }

private Q_SLOTS:
    void init() { failOnAnyWarning(); }

    void gridControlsTellEveryStep_data()
    {
        QTest::addColumn<bool>("wide");
        QTest::newRow("wide") << true;
        QTest::newRow("compact") << false;
    }
    void gridControlsTellEveryStep()
    {
        QFETCH(bool, wide);
        GridControls controls(u"x"_s, wide ? GridControls::Form::Wide : GridControls::Form::Compact);
        controls.show();
        QVERIFY(QTest::qWaitForWindowExposed(&controls));
        QSignalSpy told(&controls, &GridControls::gridChosen);
        controls.setGrid({ActivationScheme::Cross, 4, true, 0.3});
        QCOMPARE(told.count(), 0);
        QCOMPARE(controls.grid(), (ActivationGrid{ActivationScheme::Cross, 4, true, 0.3}));
        auto* alpha = controls.findChild<QSlider*>(u"xAlpha"_s);
        QVERIFY(alpha->isEnabled());
        alpha->setFocus();
        QTest::keyClick(alpha, Qt::Key_Right);
        QCOMPARE(told.count(), 1);
        QCOMPARE(told.last().at(0).value<ActivationGrid>().alpha, 0.31);
        if (wide) {
            QTest::mouseClick(controls.findChild<SegmentedControl*>(u"xBits"_s)->findChild<QPushButton*>(u"segment0"_s), Qt::LeftButton);
            QTest::mouseClick(controls.findChild<SegmentedControl*>(u"xScheme"_s)->findChild<QPushButton*>(u"segment1"_s), Qt::LeftButton);
        } else {
            auto* bits = controls.findChild<QComboBox*>(u"xBits"_s);
            bits->setFocus();
            QTest::keyClick(bits, Qt::Key_Home);
            auto* scheme = controls.findChild<QComboBox*>(u"xScheme"_s);
            scheme->setFocus();
            QTest::keyClick(scheme, Qt::Key_Home);
            QTest::keyClick(scheme, Qt::Key_Down);
        }
        QCOMPARE(controls.grid().bits, 2);
        QCOMPARE(controls.grid().scheme, ActivationScheme::PerToken);
        QVERIFY(!alpha->isEnabled() && !alpha->toolTip().isEmpty());
    }

    void theAnalysisOwnSettingsAreExactAndAskNothing()
    {
        KernelView view;
        QSignalSpy asked(&view, &KernelView::previewRequested);
        fill(view);
        QVERIFY(view.isExact() && view.isCurrent());
        QCOMPARE(asked.count(), 0);
        auto* strips = view.findChild<KernelStrips*>();
        QVERIFY(!strips->isEstimate());
        const auto sites = sample::sites(m_model, 3);
        QCOMPARE(strips->share(3, SiteKind::MlpMiddle), static_cast<double>(sites[3].kernel[1].zero) / 1e6);
        QVERIFY(!view.summary().contains(u'≈'));
    }

    void otherSettingsAreAskedForAndMarkedAsEstimates()
    {
        KernelView view;
        fill(view);
        view.resize(600, 400);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QSignalSpy asked(&view, &KernelView::previewRequested), schemes(&view, &KernelView::schemeChanged);
        QTest::mouseClick(view.findChild<SegmentedControl*>(u"kernelBits"_s)->findChild<QPushButton*>(u"segment2"_s), Qt::LeftButton);
        QCOMPARE(asked.count(), 1);
        const auto grid = asked.last().at(0).value<ActivationGrid>(), other = asked.last().at(1).value<ActivationGrid>();
        QCOMPARE(grid.bits, 4);
        QCOMPARE(grid.scheme, ActivationScheme::PerToken);
        QCOMPARE(other.scheme, ActivationScheme::Cross);
        QVERIFY(!view.isExact() && !view.isCurrent());

        KernelPreview preview{grid, other, {}, {}, 80, 2048};
        for (const SiteKind k : SiteKind::dense())
            for (std::size_t b = 0; b < 30; ++b) {
                preview.cells[k].push_back({0.01 * static_cast<double>(b), 0.005, 0.001});
                preview.otherCells[k].push_back({0.125, 0.1, 0});
            }
        KernelPreview late = preview;
        late.grid.bits = 3;
        view.setPreview(late);                          // of a slider that moved on
        QVERIFY(!view.isCurrent());
        view.setPreview(preview);
        QVERIFY(view.isCurrent());
        auto* strips = view.findChild<KernelStrips*>();
        QVERIFY(strips->isEstimate());
        QCOMPARE(strips->share(7, SiteKind::AttentionInput), 0.07);
        QVERIFY2(view.summary().contains(u"≈ "_s + formatShare(0.145)), qPrintable(view.summary()));
        QVERIFY(view.summary().contains(u"CrossQuant α 0.15 would give ≈ "_s + formatShare(0.125)));
        QVERIFY2(view.subtitle().contains(u"80 of 2048 tokens"_s), qPrintable(view.subtitle()));
        QVERIFY(schemes.isEmpty());
        view.setScheme(0);
        QCOMPARE(schemes.count(), 1);
        view.setGrid({ActivationScheme::PerToken, 8, true, 0.15});
        QVERIFY(view.isExact() && !strips->isEstimate());
    }

    void anAnalysisWithoutASampleSaysSo()
    {
        KernelView view;
        fill(view);
        view.setSample(0, 0);
        QSignalSpy asked(&view, &KernelView::previewRequested);
        view.setGrid({ActivationScheme::PerToken, 3, true, 0.15});
        QCOMPARE(asked.count(), 0);
        QVERIFY2(view.subtitle().contains(u"kept no sample"_s), qPrintable(view.subtitle()));
        QCOMPARE(view.findChild<KernelStrips*>()->share(3, SiteKind::MlpMiddle), KernelStrips::kNotMeasured);
    }

    void thePapersMarksStandOnlyWithTheirFamilies()
    {
        KernelView view;
        auto* strips = view.findChild<KernelStrips*>();
        view.setFamily("llama");
        QCOMPARE(strips->marks().size(), std::size_t(1));
        QCOMPARE(strips->marks()[0].share, 0.01);
        view.setFamily("opt");
        QCOMPARE(strips->marks()[0].share, 0.19);
        view.setFamily("bloom");
        QVERIFY(strips->marks().empty());
    }

    void tokenTextsAreReadable()
    {
        QCOMPARE(tokenLabel(" cat"), u"␣cat"_s);
        QCOMPARE(tokenLabel("a b "), u"a b␣"_s);
        QCOMPARE(tokenLabel("\n\t"), u"↵⇥"_s);
        QCOMPARE(tokenLabel("\xE2\x80\xAEx"), u"·x"_s);          // right-to-left override
        QCOMPARE(tokenLabel("\x01"), u"·"_s);
        QCOMPARE(tokenLabel(std::string(100, 'a')).size(), qsizetype(24));
        QVERIFY(tokenLabel(std::string(100, 'a')).endsWith(u'…'));
    }

    void tokensReadOutTheSample()
    {
        const auto sample = makeSample();
        TokensView view;
        QVERIFY(view.isEmptyStateShown());
        QSignalSpy asked(&view, &TokensView::roundingRequested);
        view.setSite(makeSite(sample).site, sample);
        QVERIFY(!view.isEmptyStateShown());
        QCOMPARE(asked.count(), 1);
        const HeatmapData& data = view.map()->data();
        QCOMPARE(data.rows(), 6);
        QCOMPARE(data.columns(), 96);
        for (int r = 0; r < 6; ++r)
            for (int c = 0; c < 96; ++c)
                QCOMPARE(data.at(r, c), std::abs(sample->row(r)[static_cast<std::size_t>(c)]));
        QCOMPARE(view.map()->rowLabel(1), u"␣cat  1"_s);
        QCOMPARE(view.map()->rowLabel(3), u"␣sat  16"_s);
    }

    void kernelAndErrorAreThoseOfTheGrid()
    {
        const auto sample = makeSample();
        TokensView view;
        view.resize(700, 400);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        view.setSite(makeSite(sample).site, sample);
        QTest::mouseClick(view.findChild<SegmentedControl*>(u"tokensMode"_s)->findChild<QPushButton*>(u"segment1"_s), Qt::LeftButton);
        QVERIFY(!view.isCurrent() && !view.map()->data().anyMeasured());    // hatched until the answer
        QSignalSpy asked(&view, &TokensView::roundingRequested);
        view.setGrid({ActivationScheme::PerToken, 4, true, 0.15});
        QCOMPARE(asked.count(), 1);
        answer(view, sample);
        QVERIFY(view.isCurrent());
        const std::vector<float> rounded = roundSample(*sample, view.grid());
        int inKernel = 0;
        for (int r = 0; r < 6; ++r)
            for (int c = 0; c < 96; ++c) {
                const bool zero = rounded[static_cast<std::size_t>(r * 96 + c)] == 0;
                inKernel += zero ? 1 : 0;
                QCOMPARE(view.map()->data().at(r, c), zero ? 1.F : 0.F);
            }
        QVERIFY(inKernel > 100 && inKernel < 500);
        view.setMode(TokensView::Mode::Error);
        for (int r = 0; r < 6; ++r)
            for (int c = 0; c < 96; ++c) {
                const auto i = static_cast<std::size_t>(r * 96 + c);
                QCOMPARE(view.map()->data().at(r, c), rounded[i] - sample->values[i]);
            }
        // An answer for a grid that is no longer chosen is dropped.
        view.setGrid({ActivationScheme::PerToken, 3, true, 0.15});
        view.setRounded(*sample, {ActivationScheme::PerToken, 5, true, 0.15}, std::make_shared<const std::vector<float>>(sample->values));
        QVERIFY(!view.isCurrent());
    }

    void clickingAnElementSelectsItsTokenAndChannel()
    {
        const auto sample = makeSample();
        TokensView view;
        view.resize(900, 500);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        view.setSite(makeSite(sample).site, sample);
        QSignalSpy told(&view, &TokensView::selectionRequested);
        const QRect map = view.map()->mapRect();
        QTest::mouseClick(view.map(), Qt::LeftButton, Qt::NoModifier, QPoint(map.left() + map.width() * 41 / 192, map.top() + map.height() * 9 / 12));
        QCOMPARE(told.count(), 1);
        const auto wish = told.last().at(0).value<Selection>();
        QCOMPARE(wish.block, 4);
        QCOMPARE(*wish.site, SiteKind::MlpMiddle);
        QCOMPARE(wish.channel, std::int64_t(20));
        QCOMPARE(wish.token, std::int64_t(17));
        // … and shows what others select: a token, a channel, both; those of another site not.
        view.setSelection({4, SiteKind::MlpMiddle, {}, 33, 39});
        QCOMPARE(view.map()->selectedCell(), QPoint(33, 5));
        view.setSelection({4, SiteKind::MlpMiddle, {}, 33, -1});
        QCOMPARE(view.map()->selectedCell(), QPoint(33, -1));
        view.setSelection({4, SiteKind::MlpMiddle, {}, -1, 3});      // not in the sample
        QCOMPARE(view.map()->selectedCell(), QPoint(-1, -1));
        view.setSelection({3, SiteKind::MlpMiddle, {}, 33, 39});
        QCOMPARE(view.map()->selectedCell(), QPoint(-1, -1));
    }

    void anOldAnalysisHasNoTokens()
    {
        TokensView view;
        view.setSite(makeSite(makeSample()).site, nullptr);
        QVERIFY(view.isEmptyStateShown());
        auto* button = view.findChild<QPushButton*>(u"emptyStateButton"_s);
        QVERIFY(button && !button->isHidden());
    }

    void channelsShowTheBandAndWhatAGridLeaves()
    {
        const auto sample = makeSample();
        ChannelsView view;
        view.resize(520, 380);
        view.show();
        QVERIFY(QTest::qWaitForWindowExposed(&view));
        QSignalSpy asked(&view, &ChannelsView::summaryRequested);
        view.setSite(makeSite(sample));
        QCOMPARE(asked.count(), 1);
        view.setGrid({ActivationScheme::PerTensor, 4, true, 0.15});
        const auto summary = std::make_shared<const ChannelSummary>(summarizeChannels(*sample, view.grid()));
        view.setSummary(*sample, view.grid(), summary);
        QCOMPARE(view.plot()->summary(), summary.get());
        QVERIFY(!view.plot()->isGridShown());
        QTest::mouseClick(view.findChild<QCheckBox*>(u"channelsAfter"_s), Qt::LeftButton);
        QVERIFY(view.plot()->isGridShown());
        QVERIFY(view.findChild<GridControls*>()->isVisible());
        const auto gone = std::count(summary->roundedAbsmax.begin(), summary->roundedAbsmax.end(), 0.F);
        QVERIFY(gone > 0);
        QVERIFY2(view.subtitle().contains(u"%1 of 96 channels all zero"_s.arg(gone)), qPrintable(view.subtitle()));
        const QStringList rows = view.plot()->csv().split(u"\r\n"_s, Qt::SkipEmptyParts);
        QCOMPARE(rows.size(), qsizetype(97));
        const QStringList fields = rows[1].split(u',');
        QCOMPARE(fields[0], u"5"_s);                          // the outlier channel comes first
        QCOMPARE(fields[1].toFloat(), sample->channelAbsmax[5]);
        QCOMPARE(fields[3].toFloat(), summary->middle[5]);
        QCOMPARE(fields[6].toFloat(), summary->kernelShare[5]);
    }

    void everyLiveViewDrawsInBothThemes()
    {
        const auto sample = makeSample();
        for (const Theme theme : {Theme::Light, Theme::Dark}) {
            applyTheme(*qobject_cast<QApplication*>(QCoreApplication::instance()), theme);
            TokensView tokens;
            ChannelsView channels;
            tokens.resize(700, 420);
            channels.resize(500, 380);
            tokens.setSite(makeSite(sample).site, sample);
            answer(tokens, sample);
            tokens.setMode(TokensView::Mode::Kernel);
            channels.setSite(makeSite(sample));
            channels.setSummary(*sample, channels.grid(), std::make_shared<const ChannelSummary>(summarizeChannels(*sample, channels.grid())));
            channels.setGridShown(true);
            QTemporaryDir folder;
            for (ViewFrame* view : {static_cast<ViewFrame*>(&tokens), static_cast<ViewFrame*>(&channels)}) {
                for (const QString& ending : {u"png"_s, u"svg"_s, u"pdf"_s, u"csv"_s})
                    view->saveTo(folder.filePath(u"view."_s + ending));
                QImage image(folder.filePath(u"view.png"_s));
                QSet<QRgb> seen;
                for (int y = 0; y < image.height(); y += 3)
                    for (int x = 0; x < image.width(); x += 3)
                        seen << image.pixel(x, y);
                QVERIFY(seen.size() > 10);
            }
        }
    }
};

QTEST_MAIN(TestLiveViews)
#include "tst_widgets_live_views.moc"
