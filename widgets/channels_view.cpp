#include "widgets/channels_view.h"

#include "widgets/channels_plot.h"
#include "widgets/colour_map.h"
#include "widgets/grid_controls.h"
#include "widgets/segmented_control.h"

#include <QHBoxLayout>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

ChannelsView::ChannelsView(QWidget* parent) : ViewFrame(u"channels"_s, tr("Channels"), parent)
{
    m_order = new SegmentedControl(this);
    m_order->setObjectName(u"channelsOrder"_s);
    m_order->setAccessibleName(tr("Order of channels"));
    m_order->setSegments({tr("sorted"), tr("by index")}, {tr("Largest channel first"), tr("As the channels lie in the model")});
    m_after = new QPushButton(tr("after &grid"), this);
    m_after->setCheckable(true);
    m_after->setStyleSheet(u"padding: 2px 8px;"_s);
    m_after->setObjectName(u"channelsAfter"_s);
    m_after->setToolTip(tr("Also what this grid leaves of each channel, over the sampled tokens"));
    m_controls = new GridControls(u"channels"_s, GridControls::Form::Compact, this);
    auto* rows = new QVBoxLayout;
    rows->setSpacing(4);
    auto* first = new QHBoxLayout;
    first->setSpacing(12);
    first->addWidget(m_order);
    first->addWidget(m_after);
    first->addStretch();
    rows->addLayout(first);
    rows->addWidget(m_controls);
    controls()->addLayout(rows, 1);
    m_controls->hide();
    m_plot = new ChannelsPlot(this);
    setContent(m_plot, m_plot);
    setFocusProxy(m_plot);
    connect(m_order, &SegmentedControl::chosen, this, [this] { refresh(); });
    connect(m_after, &QPushButton::toggled, this, [this](bool on) {
        m_controls->setVisible(on);
        request();
        m_plot->setSummary(m_summary, on);
        updateSubtitle();
    });
    connect(m_controls, &GridControls::gridChosen, this, [this](const ActivationGrid& grid) {
        request();
        Q_EMIT gridChosen(grid);
    });
    connect(m_plot, &ChannelsPlot::channelsChosen, this, [this](std::int64_t channel, std::int64_t channels) {
        if (!m_site)
            return;
        Selection wish = m_selection;   // its token stays
        if (wish.block != m_site->site.block || wish.site != m_site->site.kind)
            wish.linear.clear();
        wish.block = m_site->site.block;
        wish.site = m_site->site.kind;
        wish.setChannel(channel, channels);
        Q_EMIT selectionRequested(wish);
    });
    clear();
}

ChannelsView::~ChannelsView() = default;

void ChannelsView::clear()
{
    m_site.reset();
    m_summary.reset();
    m_channel = -1;
    setEmptyState(tr("Analyze, then choose an activation in another view to see its channels here."), {});
    setSubtitle({});
    setHasData(false);
}

void ChannelsView::setSite(const SiteStatistics& site)
{
    const bool same = m_site && m_site->site.name == site.site.name && m_site->sample == site.sample;
    m_site = site;
    if (!same) {
        m_summary.reset();
        m_plot->setSummary({}, false);
    }
    m_after->setEnabled(site.sample != nullptr);
    m_after->setToolTip(site.sample ? tr("Also what this grid leaves of each channel, over the sampled tokens")
                                    : tr("This analysis kept no sample; analyze again to see what a grid leaves"));
    refresh();
    if (!same)
        request();
}

ActivationGrid ChannelsView::grid() const
{
    return m_controls->grid();
}

void ChannelsView::setGrid(const ActivationGrid& grid)
{
    if (grid == m_controls->grid())
        return;
    m_controls->setGrid(grid);
    if (isGridShown())
        request();
}

void ChannelsView::setGridShown(bool shown)
{
    m_after->setChecked(shown);
}

bool ChannelsView::isGridShown() const
{
    return m_after->isChecked();
}

void ChannelsView::request()
{
    if (m_site && m_site->sample && !(m_summary && m_summaryGrid == grid()))
        Q_EMIT summaryRequested(m_site->sample, grid());
}

void ChannelsView::setSummary(const SiteSample& sample, const ActivationGrid& grid, std::shared_ptr<const ChannelSummary> summary)
{
    if (!m_site || m_site->sample.get() != &sample || !(grid == this->grid()) || !summary)
        return;
    m_summary = std::move(summary);
    m_summaryGrid = grid;
    m_plot->setSummary(m_summary, isGridShown());
    updateSubtitle();
}

void ChannelsView::setSorted(bool sorted)
{
    m_order->setCurrent(sorted ? 0 : 1);
    refresh();
}

bool ChannelsView::isSorted() const
{
    return m_order->current() == 0;
}

void ChannelsView::setSelection(const Selection& selection)
{
    const bool here = m_site && selection.block == m_site->site.block && selection.site == m_site->site.kind;
    m_selection = selection;
    m_channel = here ? selection.channel : -1;
    m_plot->setMarked(m_channel, selection.channels);
}

void ChannelsView::refresh()
{
    if (!m_site)
        return;
    m_plot->setChannels(m_site->channelAbsmax, m_site->medianChannelAbsmax(), isSorted());
    m_plot->setSummary(m_summary, isGridShown());
    m_plot->setMarked(m_channel, m_selection.channels);
    updateSubtitle();
    setHasData(!m_site->channelAbsmax.empty());
}

void ChannelsView::updateSubtitle()
{
    if (!m_site)
        return;
    const std::string_view kind = label(m_site->site.kind);
    QString text = tr("block %1 · %2 · outlier ratio %3").arg(m_site->site.block).arg(QString::fromUtf8(kind.data(), static_cast<qsizetype>(kind.size())),
        formatValue(m_site->outlierRatio(), 3));
    if (m_summary && isGridShown()) {
        const auto gone = std::count(m_summary->roundedAbsmax.begin(), m_summary->roundedAbsmax.end(), 0.0F);
        text += tr(" · %1: %2 of %3 channels all zero at %4 sampled tokens").arg(gridText(m_summaryGrid)).arg(gone).arg(m_summary->roundedAbsmax.size())
                    .arg(m_site->sample->rows());
    } else if (m_summary) {
        text += tr(" · band: 8 of 10 tokens");
    }
    setSubtitle(text);
}

} // namespace halftone
