#include "widgets/channels_plot.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"

#include <QApplication>
#include <QHelpEvent>
#include <QToolTip>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

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
    addGraph();
    addGraph();
    yAxis->setScaleType(QCPAxis::stLogarithmic);
    const QSharedPointer<QCPAxisTicker> ticker(new LogTicker);
    yAxis->setTicker(ticker);
    yAxis->setLabel(tr("channel absmax (log)"));
    m_largestLabel = new QCPItemText(this);
    m_medianLabel = new QCPItemText(this);
    m_tracer = new QCPItemTracer(this);
    m_tracer->setStyle(QCPItemTracer::tsCircle);
    m_tracer->setSize(8);
    m_tracer->setVisible(false);
    for (QCPItemText* text : {m_largestLabel, m_medianLabel}) {
        text->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
        text->position->setType(QCPItemPosition::ptPlotCoords);
        text->setPadding(QMargins(4, 2, 4, 2));
    }
    setInteractions(QCP::iRangeZoom | QCP::iRangeDrag);
    axisRect()->setRangeZoom(Qt::Horizontal);
    axisRect()->setRangeDrag(Qt::Horizontal);
    connect(this, &QCustomPlot::mouseDoubleClick, this, [this] {
        xAxis->setRange(0, std::max<double>(1, static_cast<double>(m_absmax.size())));
        replot(rpQueuedReplot);
    });
    connect(this, &QCustomPlot::mousePress, this, [this](QMouseEvent* event) { m_press = event->pos(); });
    connect(this, &QCustomPlot::mouseRelease, this, [this](QMouseEvent* event) {
        const bool dragged = (event->pos() - m_press).manhattanLength() >= QApplication::startDragDistance();
        if (dragged || event->button() != Qt::LeftButton || m_absmax.empty() || !axisRect()->rect().contains(event->pos()))
            return;
        const int place = static_cast<int>(std::floor(xAxis->pixelToCoord(event->pos().x())));
        if (const std::int64_t channel = channelAt(place); channel >= 0)
            Q_EMIT channelClicked(channel);
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

void ChannelsPlot::setChannels(std::vector<float> absmax, double median, bool sorted)
{
    m_absmax = std::move(absmax);
    m_median = median;
    m_sorted = sorted;
    m_order.resize(m_absmax.size());
    std::iota(m_order.begin(), m_order.end(), std::int64_t{0});
    const auto value = [this](std::int64_t c) {
        const float v = m_absmax[static_cast<std::size_t>(c)];
        return std::isfinite(v) ? v : std::numeric_limits<float>::infinity();
    };
    if (sorted)
        std::stable_sort(m_order.begin(), m_order.end(), [&](std::int64_t a, std::int64_t b) { return value(a) > value(b); });
    m_place.resize(m_order.size());
    for (std::size_t i = 0; i < m_order.size(); ++i)
        m_place[static_cast<std::size_t>(m_order[i])] = static_cast<std::int64_t>(i);

    const ValueScale scale = fitScale(m_absmax, ValueScale::Kind::Log);
    QVector<double> xs, ys;
    const std::size_t run = std::max<std::size_t>(1, (m_order.size() + kSamples - 1) / kSamples);
    for (std::size_t first = 0; first < m_order.size(); first += run) {
        std::size_t best = first;
        for (std::size_t i = first; i < std::min(first + run, m_order.size()); ++i)
            if (value(m_order[i]) > value(m_order[best]))
                best = i;
        xs << static_cast<double>(best) + 0.5;
        ys << std::clamp(static_cast<double>(value(m_order[best])), scale.low, scale.high);
    }
    graph(0)->setData(xs, ys, true);
    const double count = std::max<double>(1, static_cast<double>(m_order.size()));
    graph(1)->setData(QVector<double>{0, count}, QVector<double>{median, median}, true);
    graph(1)->setVisible(median > 0);
    xAxis->setRange(0, count);
    xAxis->setLabel(sorted ? tr("channels, sorted by absmax") : tr("channel"));
    yAxis->setRange(scale.low / 1.5, scale.high * std::max(2.0, std::pow(scale.high / scale.low, 0.12)));   // room for the name of the largest
    label();
}

void ChannelsPlot::setMarked(std::int64_t channel)
{
    m_marked = channel;
    label();
}

void ChannelsPlot::label()
{
    const auto largest = std::max_element(m_absmax.begin(), m_absmax.end());
    m_largestLabel->setVisible(largest != m_absmax.end());
    if (largest != m_absmax.end()) {
        const auto channel = static_cast<std::int64_t>(largest - m_absmax.begin());
        m_largestLabel->setText(tr("channel %1 · %2").arg(channel).arg(formatValue(static_cast<double>(*largest))));
        const double x = placeOf(channel) + 0.5;
        const bool leftHalf = x < static_cast<double>(m_absmax.size()) / 2;
        m_largestLabel->setPositionAlignment((leftHalf ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignBottom);
        m_largestLabel->position->setCoords(x, std::max(1e-30, static_cast<double>(*largest)));
    }
    m_medianLabel->setVisible(m_median > 0);
    m_medianLabel->setText(tr("median %1").arg(formatValue(m_median)));
    m_medianLabel->position->setCoords(std::max<double>(1, static_cast<double>(m_absmax.size())), std::max(1e-30, m_median));
    m_medianLabel->setPositionAlignment(Qt::AlignRight | Qt::AlignBottom);
    const int place = placeOf(m_marked);
    m_tracer->setVisible(place >= 0);
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
    setBackground(QBrush(c.window));
    const QFont small = tabularFont(font(), false, 1);
    for (QCPAxis* axis : {xAxis, yAxis}) {
        axis->setBasePen(QPen(c.line));
        axis->setTickPen(QPen(c.line));
        axis->setSubTickPen(QPen(c.line));
        axis->setTickLabelColor(c.faint);
        axis->setLabelColor(c.faint);
        axis->setTickLabelFont(small);
        axis->setLabelFont(small);
        axis->grid()->setPen(QPen(c.line, 1, Qt::SolidLine));
        axis->grid()->setZeroLinePen(Qt::NoPen);
    }
    xAxis->grid()->setVisible(false);
    graph(0)->setPen(QPen(c.accent, 1.5));
    graph(1)->setPen(QPen(c.warning, 1.5, Qt::DashLine));
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

bool ChannelsPlot::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        const std::int64_t channel = channelAt(static_cast<int>(std::floor(xAxis->pixelToCoord(help->pos().x()))));
        if (channel >= 0 && axisRect()->rect().contains(help->pos()))
            QToolTip::showText(help->globalPos(),
                tr("channel %1: absmax %2").arg(channel).arg(formatValue(static_cast<double>(m_absmax[static_cast<std::size_t>(channel)]))), this);
        return true;
    }
    return QCustomPlot::event(event);
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
    QString out = u"channel,absmax\r\n"_s;
    for (const std::int64_t channel : m_order)
        out += QString::number(channel) + u',' + QString::number(static_cast<double>(m_absmax[static_cast<std::size_t>(channel)]), 'g', 9) + u"\r\n"_s;
    return out;
}

} // namespace halftone
