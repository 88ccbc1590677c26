#include "widgets/channels_view.h"

#include "widgets/channels_plot.h"
#include "widgets/colour_map.h"
#include "widgets/segmented_control.h"

#include <QHBoxLayout>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

ChannelsView::ChannelsView(QWidget* parent) : ViewFrame(u"channels"_s, tr("Channels"), parent)
{
    m_order = new SegmentedControl(this);
    m_order->setObjectName(u"channelsOrder"_s);
    m_order->setAccessibleName(tr("Order of channels"));
    m_order->setSegments({tr("sorted"), tr("by index")}, {tr("Largest channel first"), tr("As the channels lie in the model")});
    controls()->addWidget(m_order);
    controls()->addStretch();
    m_plot = new ChannelsPlot(this);
    setContent(m_plot, m_plot);
    setFocusProxy(m_plot);
    connect(m_order, &SegmentedControl::chosen, this, [this] { refresh(); });
    connect(m_plot, &ChannelsPlot::channelClicked, this, [this](std::int64_t channel) {
        if (!m_site)
            return;
        Selection wish;
        wish.block = m_site->site.block;
        wish.site = m_site->site.kind;
        wish.channel = channel;
        Q_EMIT selectionRequested(wish);
    });
    clear();
}

ChannelsView::~ChannelsView() = default;

void ChannelsView::clear()
{
    m_site.reset();
    m_channel = -1;
    setEmptyState(tr("Analyze, then choose an activation in another view to see its channels here."), {});
    setSubtitle({});
    setHasData(false);
}

void ChannelsView::setSite(const SiteStatistics& site)
{
    m_site = site;
    refresh();
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
    m_channel = here ? selection.channel : -1;
    m_plot->setMarked(m_channel);
}

void ChannelsView::refresh()
{
    if (!m_site)
        return;
    const std::string_view kind = label(m_site->site.kind);
    m_plot->setChannels(m_site->channelAbsmax, m_site->medianChannelAbsmax(), isSorted());
    m_plot->setMarked(m_channel);
    setSubtitle(tr("block %1 · %2 · outlier ratio %3").arg(m_site->site.block).arg(QString::fromUtf8(kind.data(), static_cast<qsizetype>(kind.size())),
        formatValue(m_site->outlierRatio(), 3)));
    setHasData(!m_site->channelAbsmax.empty());
}

} // namespace halftone
