#include "widgets/channels_plot.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/plot_style.h"
#include "widgets/read_card.h"

#include <QApplication>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

enum Graph { Low, High, Absmax, Median, After, Changed, Brushed };   // in the order they are drawn
constexpr int kGraphs = 7;
constexpr int kSamples = 2000;   ///< more points than this are thinned to the largest of each run

class LogTicker final : public QCPAxisTickerLog {
protected:
    QString getTickLabel(double tick, const QLocale&, QChar, int) override { return formatValue(tick, 3); }
};

} // namespace

ChannelsPlot::ChannelsPlot(QWidget* parent) : QCustomPlot(parent)
{
    setObjectName(u"channelsPlot"_s);
    setAccessibleName(tr("Channel absmax of the selected activation"));
    setFocusPolicy(Qt::StrongFocus);
    for (int g = 0; g < kGraphs; ++g)
        addGraph();
    graph(High)->setChannelFillGraph(graph(Low));
    yAxis->setScaleType(QCPAxis::stLogarithmic);
    const QSharedPointer<QCPAxisTicker> ticker(new LogTicker);
    yAxis->setTicker(ticker);
    yAxis->setLabel(tr("channel absmax (log)"));
    m_largestLabel = new QCPItemText(this);
    m_medianLabel = new QCPItemText(this);
    m_changedLabel = new QCPItemText(this);
    m_tracer = new QCPItemTracer(this);
    m_tracer->setStyle(QCPItemTracer::tsCircle);
    m_tracer->setClipToAxisRect(false);
    connect(xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] { label(); });
    m_tracer->setSize(8);
    m_tracer->setVisible(false);
    for (QCPItemText* text : {m_largestLabel, m_medianLabel, m_changedLabel}) {
        text->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
        text->position->setType(QCPItemPosition::ptPlotCoords);
        text->setPadding(QMargins(4, 2, 4, 2));
    }
    m_largestLabel->setPadding(QMargins(8, 1, 8, 1));
    setInteractions(QCP::iRangeZoom | QCP::iRangeDrag);
    axisRect()->setRangeZoom(Qt::Horizontal);
    axisRect()->setRangeDrag(Qt::Horizontal);
    connect(this, &QCustomPlot::mouseDoubleClick, this, [this] {
        xAxis->setRange(0, std::max<double>(1, static_cast<double>(m_absmax.size())));
        replot(rpQueuedReplot);
    });
    m_band = new QCPItemRect(this);
    m_band->setVisible(false);
    connect(this, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) {
        m_press = event->pos();
        m_brushing = event->button() == Qt::LeftButton && event->modifiers().testFlag(Qt::ControlModifier) && !m_sorted && axisRect()->rect().contains(event->pos());
        setInteraction(QCP::iRangeDrag, !m_brushing);
    });
    connect(this, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        const bool dragged = (event->pos() - m_press).manhattanLength() >= QApplication::startDragDistance(), brushed = std::exchange(m_brushing, false);
        setInteraction(QCP::iRangeDrag, true);
        m_band->setVisible(false);
        if (event->button() != Qt::LeftButton || m_absmax.empty())
            return;
        if (dragged && brushed) {
            const auto [first, last] = std::minmax({channelUnder(m_press.x()), channelUnder(event->pos().x())});
            Q_EMIT channelsChosen(first, last - first + 1);
        } else if (!dragged && axisRect()->rect().contains(event->pos())) {
            Q_EMIT channelsChosen(channelUnder(event->pos().x()), 1);
        }
    });
    restyle();
}

std::int64_t ChannelsPlot::channelAt(int place) const
{
    return place >= 0 && place < static_cast<int>(m_order.size()) ? m_order[static_cast<std::size_t>(place)] : -1;
}

int ChannelsPlot::placeOf(std::int64_t channel) const
{
    return channel >= 0 && channel < static_cast<std::int64_t>(m_place.size()) ? static_cast<int>(m_place[static_cast<std::size_t>(channel)]) : -1;
}

/// Its absmax; what is not finite counts as largest.
double ChannelsPlot::value(std::int64_t channel) const
{
    const float v = m_absmax[static_cast<std::size_t>(channel)];
    return std::isfinite(v) ? static_cast<double>(v) : std::numeric_limits<double>::infinity();
}

void ChannelsPlot::setChannels(std::vector<float> absmax, double median, bool sorted)
{
    const bool sameAxis = absmax.size() == m_absmax.size() && sorted == m_sorted;
    m_absmax = std::move(absmax);
    m_median = median;
    m_sorted = sorted;
    if (m_summary && m_summary->low.size() != m_absmax.size())
        m_summary.reset();
    if (m_changed.size() != m_absmax.size())
        m_changed.clear();
    m_order.resize(m_absmax.size());
    std::iota(m_order.begin(), m_order.end(), std::int64_t{0});
    if (sorted)
        std::stable_sort(m_order.begin(), m_order.end(), [&](std::int64_t a, std::int64_t b) { return value(a) > value(b); });
    m_place.resize(m_order.size());
    for (std::size_t i = 0; i < m_order.size(); ++i)
        m_place[static_cast<std::size_t>(m_order[i])] = static_cast<std::int64_t>(i);
    if (!sameAxis)
        xAxis->setRange(0, std::max<double>(1, static_cast<double>(m_order.size())));
    xAxis->setLabel(sorted ? tr("channels, sorted by absmax") : tr("channel"));
    draw();
}

void ChannelsPlot::setChanged(std::vector<float> absmax)
{
    if (!absmax.empty() && absmax.size() != m_absmax.size())
        absmax.clear();
    m_changed = std::move(absmax);
    draw();
}

void ChannelsPlot::setSummary(std::shared_ptr<const ChannelSummary> summary, bool grid)
{
    if (summary && summary->low.size() != m_absmax.size())
        return;
    m_summary = std::move(summary);
    m_gridShown = grid && m_summary;
    draw();
}

void ChannelsPlot::draw()
{
    ValueScale scale = fitScale(m_absmax, ValueScale::Kind::Log);
    if (m_summary) {   // room for the band below, three decades of it at most
        double lowest = scale.low;
        for (const float v : m_summary->low)
            if (v > 0)
                lowest = std::min<double>(lowest, v);
        scale.low = std::max(lowest, scale.low / 1000);
    }
    if (!m_changed.empty()) {   // room for what a transform raised or lowered
        const ValueScale other = fitScale(m_changed, ValueScale::Kind::Log);
        scale.low = std::max(std::min(scale.low, other.low), scale.low / 1000);
        scale.high = std::max(scale.high, other.high);
    }
    QVector<double> xs, ys, lows, highs, after, changed;
    const std::size_t run = std::max<std::size_t>(1, (m_order.size() + kSamples - 1) / kSamples);
    for (std::size_t first = 0; first < m_order.size(); first += run) {
        std::size_t best = first;
        for (std::size_t i = first; i < std::min(first + run, m_order.size()); ++i)
            if (value(m_order[i]) > value(m_order[best]))
                best = i;
        const auto channel = static_cast<std::size_t>(m_order[best]);
        xs << static_cast<double>(best) + 0.5;
        ys << std::clamp(value(m_order[best]), scale.low, scale.high);
        if (!m_changed.empty()) {
            const float v = m_changed[channel];
            changed << std::clamp(std::isfinite(v) ? static_cast<double>(v) : scale.high, scale.low, scale.high);
        }
        if (m_summary) {
            lows << std::clamp<double>(m_summary->low[channel], scale.low, scale.high);
            highs << std::clamp<double>(m_summary->high[channel], scale.low, scale.high);
            after << std::clamp<double>(m_summary->roundedAbsmax[channel], scale.low, scale.high);   // gone: at the foot
        }
    }
    const double count = std::max<double>(1, static_cast<double>(m_order.size()));
    graph(Absmax)->setData(xs, ys, true);
    graph(Median)->setData(QVector<double>{0, count}, QVector<double>{m_median, m_median}, true);
    graph(Median)->setVisible(m_median > 0);
    for (const auto& [index, values] : {std::pair{Low, &lows}, std::pair{High, &highs}, std::pair{After, &after}, std::pair{Changed, &changed}})
        graph(index)->setData(values->isEmpty() ? QVector<double>() : xs, *values, true);
    graph(After)->setVisible(m_gridShown);
    yAxis->setRange(scale.low / 1.5, scale.high * std::max(2.0, std::pow(scale.high / scale.low, 0.12)));   // room for the name of the largest
    label();
}

/// The nearest to a place on the screen.
std::int64_t ChannelsPlot::channelUnder(double x) const
{
    return channelAt(std::clamp(static_cast<int>(std::floor(xAxis->pixelToCoord(x))), 0, static_cast<int>(m_order.size()) - 1));
}

void ChannelsPlot::setMarked(std::int64_t channel, std::int64_t count)
{
    m_marked = channel;
    m_markedCount = std::max<std::int64_t>(1, count);
    label();
}

/// The channels of a brushed range, wherever they stand.
void ChannelsPlot::mark()
{
    QVector<double> xs, ys;
    const auto channels = static_cast<std::int64_t>(m_absmax.size());
    const bool range = m_marked >= 0 && m_markedCount > 1;
    for (std::int64_t c = m_marked; range && c < std::min(channels, m_marked + m_markedCount); ++c) {
        xs << placeOf(c) + 0.5;
        ys << std::clamp(value(c), yAxis->range().lower, yAxis->range().upper);
    }
    graph(Brushed)->setData(xs, ys);
    graph(Brushed)->setVisible(range);
}

void ChannelsPlot::label()
{
    // It names what the ring is on; while there is none, the largest.
    const bool ringed = placeOf(m_marked) >= 0 && m_markedCount == 1;
    const auto largest = ringed ? m_absmax.begin() + m_marked : std::max_element(m_absmax.begin(), m_absmax.end());
    m_largestLabel->setVisible(largest != m_absmax.end());
    if (largest != m_absmax.end()) {
        const auto channel = static_cast<std::int64_t>(largest - m_absmax.begin());
        m_largestLabel->setText(tr("channel %1 · %2").arg(channel).arg(formatValue(static_cast<double>(*largest))));
        const double x = placeOf(channel) + 0.5;
        const bool leftHalf = x < static_cast<double>(m_absmax.size()) / 2;
        m_largestLabel->setPositionAlignment((leftHalf ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);   // above it there may be no room
        m_largestLabel->position->setCoords(x, std::max(1e-30, static_cast<double>(*largest)));
    }
    m_medianLabel->setVisible(m_median > 0);
    m_medianLabel->setText(tr("median %1").arg(formatValue(m_median)));
    m_medianLabel->position->setCoords(std::max<double>(1, static_cast<double>(m_absmax.size())), std::max(1e-30, m_median));
    m_medianLabel->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
    const auto most = std::max_element(m_changed.begin(), m_changed.end());
    m_changedLabel->setVisible(most != m_changed.end());
    if (most != m_changed.end()) {
        const auto channel = static_cast<std::int64_t>(most - m_changed.begin());
        m_changedLabel->setText(tr("after: channel %1 · %2").arg(channel).arg(formatValue(static_cast<double>(*most))));
        const double x = placeOf(channel) + 0.5;
        const bool leftHalf = x < static_cast<double>(m_absmax.size()) / 2;
        m_changedLabel->setPositionAlignment((leftHalf ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignBottom);
        m_changedLabel->position->setCoords(x, std::max(1e-30, static_cast<double>(*most)));
        // Side by side they would cover each other: the one above its point, the other below its own.
        if (m_largestLabel->visible()) {
            const double line = QFontMetrics(m_largestLabel->font()).height();
            const QPointF apart = m_changedLabel->position->pixelPosition() - m_largestLabel->position->pixelPosition();
            if (std::abs(apart.y()) < 2 * line && std::abs(apart.x()) < 200)
                m_largestLabel->setPositionAlignment((m_largestLabel->positionAlignment() & Qt::AlignHorizontal_Mask) | Qt::AlignTop);
        }
    }
    const int place = placeOf(m_marked);
    mark();
    m_tracer->setVisible(place >= 0 && m_markedCount == 1 && xAxis->range().contains(place + 0.5));   // it may reach over the axis, not lie beyond it
    if (place >= 0) {
        m_tracer->position->setCoords(place + 0.5, std::max(yAxis->range().lower, static_cast<double>(m_absmax[static_cast<std::size_t>(m_marked)])));
    }
    replot(rpQueuedReplot);
}

void ChannelsPlot::resizeEvent(QResizeEvent* event)
{
    QCustomPlot::resizeEvent(event);
    xAxis->ticker()->setTickCount(std::clamp(width() / 80, 2, 6));   // tick texts must not touch
}

void ChannelsPlot::restyle()
{
    const Colours& c = colours();
    stylePlot(*this);
    const QFont small = tabularFont(font(), false, 1);
    QColor band = c.accent;
    band.setAlpha(56);
    graph(Low)->setPen(Qt::NoPen);
    graph(High)->setPen(Qt::NoPen);
    graph(High)->setBrush(band);
    graph(Absmax)->setPen(QPen(c.accent, 1.5));
    graph(Median)->setPen(QPen(c.warning, 1.5, Qt::DashLine));
    graph(After)->setLineStyle(QCPGraph::lsNone);
    graph(After)->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, Qt::NoPen, kernelColour(), 2.5));
    graph(Brushed)->setLineStyle(QCPGraph::lsNone);
    graph(Brushed)->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, QPen(c.outline, 1), QBrush(c.outline), 4));
    m_band->setPen(QPen(c.outline, 1));
    QColor brush = c.outline;
    brush.setAlpha(40);
    m_band->setBrush(brush);
    const QColor other = seriesLook(1).colour;
    graph(Changed)->setLineStyle(QCPGraph::lsNone);
    graph(Changed)->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, QPen(other), QBrush(other), 3));
    m_changedLabel->setColor(other);
    m_changedLabel->setFont(small);
    m_largestLabel->setColor(c.text);
    m_medianLabel->setColor(c.warning);
    m_largestLabel->setFont(small);
    m_medianLabel->setFont(small);
    m_tracer->setPen(QPen(c.outline, 2));
    m_tracer->setBrush(Qt::NoBrush);
    replot(rpQueuedReplot);
}

void ChannelsPlot::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_tracer)
        restyle();
    QCustomPlot::changeEvent(event);
}

QStringList ChannelsPlot::readout(std::int64_t channel) const
{
    const auto c = static_cast<std::size_t>(channel);
    QStringList lines{tr("channel %1: absmax %2").arg(channel).arg(formatValue(static_cast<double>(m_absmax[c])))};
    if (m_median > 0)
        lines.front() += tr(", %1 × the median").arg(formatValue(static_cast<double>(m_absmax[c]) / m_median, 3));
    if (!m_changed.empty())
        lines << tr("after the transform: %1").arg(formatValue(static_cast<double>(m_changed[c])));
    if (m_summary)
        lines << tr("8 of 10 tokens: %1 … %2, middle %3").arg(formatValue(m_summary->low[c], 3), formatValue(m_summary->high[c], 3), formatValue(m_summary->middle[c], 3));
    if (m_gridShown)
        lines << (m_summary->roundedAbsmax[c] > 0
                ? tr("after the grid: absmax %1, %2 to zero").arg(formatValue(m_summary->roundedAbsmax[c]), formatShare(m_summary->kernelShare[c]))
                : tr("after the grid: all zero"));
    return lines;
}

void ChannelsPlot::mouseMoveEvent(QMouseEvent* event)
{
    QCustomPlot::mouseMoveEvent(event);
    if (m_brushing) {
        m_band->setVisible(true);
        m_band->topLeft->setCoords(xAxis->pixelToCoord(std::min(m_press.x(), event->pos().x())), yAxis->range().upper);
        m_band->bottomRight->setCoords(xAxis->pixelToCoord(std::max(m_press.x(), event->pos().x())), yAxis->range().lower);
        replot(rpQueuedReplot);
    }
    m_hoverPosition = event->position();
    m_hover = axisRect()->rect().contains(event->pos()) ? channelAt(static_cast<int>(std::floor(xAxis->pixelToCoord(event->position().x())))) : -1;
    update();
}

void ChannelsPlot::leaveEvent(QEvent* event)
{
    QCustomPlot::leaveEvent(event);
    m_hover = -1;
    update();
}

void ChannelsPlot::paintEvent(QPaintEvent* event)
{
    QCustomPlot::paintEvent(event);
    if (m_hover < 0 || m_hover >= static_cast<std::int64_t>(m_absmax.size()))
        return;
    QPainter painter(this);
    drawReadCard(painter, font(), readout(m_hover), m_hoverPosition, rect());
}

void ChannelsPlot::drawPicture(QPainter& painter, const QRect& area)
{
    // QCustomPlot paints through its own painter only; the picture passes between them as drawing commands, so that SVG and PDF stay sharp.
    QPicture picture;
    {
        QCPPainter recorder(&picture);
        recorder.setMode(QCPPainter::pmVectorized);
        toPainter(&recorder, area.width(), area.height());
    }
    painter.save();
    painter.translate(area.topLeft());
    picture.play(&painter);
    painter.restore();
}

QString ChannelsPlot::csv() const
{
    QString out = u"channel,absmax"_s;
    if (!m_changed.empty())
        out += u",absmax_after_transform"_s;
    if (m_summary)
        out += u",p10,p50,p90"_s;
    if (m_gridShown)
        out += u",absmax_after,kernel_share"_s;
    out += u"\r\n"_s;
    const auto number = [](float v) { return u',' + QString::number(static_cast<double>(v), 'g', 9); };
    for (const std::int64_t channel : m_order) {
        const auto c = static_cast<std::size_t>(channel);
        out += QString::number(channel) + number(m_absmax[c]);
        if (!m_changed.empty())
            out += number(m_changed[c]);
        if (m_summary)
            out += number(m_summary->low[c]) + number(m_summary->middle[c]) + number(m_summary->high[c]);
        if (m_gridShown)
            out += number(m_summary->roundedAbsmax[c]) + number(m_summary->kernelShare[c]);
        out += u"\r\n"_s;
    }
    return out;
}

} // namespace halftone
