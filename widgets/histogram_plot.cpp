#include "widgets/histogram_plot.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/read_card.h"

#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {
constexpr int kGap = 4;
} // namespace

HistogramPlot::HistogramPlot(QWidget* parent) : QWidget(parent)
{
    setMouseTracking(true);
    setObjectName(u"histogram"_s);
    setAccessibleName(tr("Histogram"));
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
}

void HistogramPlot::setBars(Bars bars)
{
    m_bars = std::move(bars);
    m_largest = m_bars.values.empty() ? 0 : *std::max_element(m_bars.values.begin(), m_bars.values.end());
    m_marked = -1;
    m_hover.reset();
    setAccessibleName(tr("%1 by %2").arg(m_bars.value, m_bars.axis));
    update();
}

void HistogramPlot::setMarked(int bar, int count)
{
    m_markedCount = std::max(1, count);
    m_marked = bar >= 0 && bar < static_cast<int>(m_bars.values.size()) ? bar : -1;
    update();
}

QRectF HistogramPlot::layoutFor(const QRect& area) const
{
    const QFontMetrics metrics(tabularFont(font(), false, 1));
    const int left = metrics.horizontalAdvance(u"0 000 000"_s) + 2 * kGap, right = metrics.horizontalAdvance(u"0000"_s);
    return QRectF(area).adjusted(left, metrics.height() + 2.0, -right, -2.0 * metrics.height() - 2 * kGap);
}

double HistogramPlot::heightOf(double value) const
{
    if (m_largest <= 0 || value <= 0)
        return 0;
    return m_bars.logarithmic ? std::log1p(value) / std::log1p(m_largest) : value / m_largest;
}

std::vector<double> HistogramPlot::heights(int pixels) const
{
    std::vector<double> tallest(static_cast<std::size_t>(std::max(0, pixels)), 0.0);
    const auto bars = static_cast<std::int64_t>(m_bars.values.size());
    for (std::int64_t x = 0; x < pixels && bars > 0; ++x) {
        const std::int64_t first = x * bars / pixels, last = std::max(first + 1, ((x + 1) * bars + pixels - 1) / pixels);
        for (std::int64_t b = first; b < std::min(last, bars); ++b)
            tallest[static_cast<std::size_t>(x)] = std::max(tallest[static_cast<std::size_t>(x)], m_bars.values[static_cast<std::size_t>(b)]);
    }
    return tallest;
}

std::optional<int> HistogramPlot::barAt(const QPointF& position) const
{
    const QRectF plot = layoutFor(rect());
    const int bars = static_cast<int>(m_bars.values.size());
    if (bars == 0 || position.x() < plot.left() || position.x() >= plot.right())
        return std::nullopt;
    // Several bars in one pixel: the one that gave it its height.
    const double perPixel = bars / plot.width(), x = position.x() - plot.left();
    const int first = std::clamp(static_cast<int>(x * perPixel), 0, bars - 1);
    const int last = std::clamp(static_cast<int>(std::ceil((x + 1) * perPixel)) - 1, first, bars - 1);
    if (perPixel <= 1)
        return first;
    return static_cast<int>(std::max_element(m_bars.values.begin() + first, m_bars.values.begin() + last + 1) - m_bars.values.begin());
}

void HistogramPlot::drawPicture(QPainter& painter, const QRect& area)
{
    const QRectF plot = layoutFor(area);
    if (m_bars.values.empty() || plot.width() < 8 || plot.height() < 8)
        return;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, false);
    const QFont small = tabularFont(font(), false, 1);
    const QFontMetrics metrics(small);
    const int line = metrics.height();
    painter.setFont(small);
    const auto bars = static_cast<int>(m_bars.values.size());
    const int pixels = static_cast<int>(plot.width());
    if (bars >= pixels) {
        const std::vector<double> tallest = heights(pixels);
        for (int x = 0; x < pixels; ++x) {
            const double h = heightOf(tallest[static_cast<std::size_t>(x)]) * plot.height();
            painter.fillRect(QRectF(plot.left() + x, plot.bottom() - h, 1, h), colours().accent);
        }
    } else {
        const double width = plot.width() / bars;
        for (int b = 0; b < bars; ++b) {
            const double h = heightOf(m_bars.values[static_cast<std::size_t>(b)]) * plot.height();
            // On whole pixels, so that no gap opens between bars by rounding; wide ones have theirs.
            const double left = std::round(plot.left() + b * width), right = std::round(plot.left() + (b + 1) * width);
            painter.fillRect(QRectF(left, plot.bottom() - h, std::max(1.0, right - left - (width >= 4 ? 1 : 0)), h), colours().accent);
        }
    }
    if (m_marked >= 0) {
        const double width = plot.width() / bars, x = plot.left() + (m_marked + 0.5) * width;
        painter.setPen(QPen(colours().outline, 1.5));
        if (m_markedCount > 1) {
            const double right = std::min(plot.right(), plot.left() + (m_marked + m_markedCount) * width);
            painter.setBrush(Qt::NoBrush);
            painter.drawRect(QRectF(QPointF(plot.left() + m_marked * width, plot.top()), QPointF(right, plot.bottom())));
        } else {
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()));
        }
    }
    const auto xOf = [&](double value) { return plot.left() + (value - m_bars.low) / (m_bars.high - m_bars.low) * plot.width(); };
    painter.setPen(QPen(colours().line, 1));
    painter.drawLine(plot.bottomLeft(), plot.bottomRight());
    if (!m_bars.levels.empty() && plot.width() / static_cast<double>(m_bars.levels.size()) >= 3) {
        painter.setPen(QPen(colours().warning, 1));
        for (const double level : m_bars.levels)
            painter.drawLine(QPointF(xOf(level), plot.bottom() + 1), QPointF(xOf(level), plot.bottom() + 4));
    }
    painter.setPen(colours().faint);
    const ValueScale scale{ValueScale::Kind::Linear, m_bars.low, m_bars.high};
    for (const Tick& tick : ticks(scale, std::max(2, static_cast<int>(plot.width() / 70)))) {
        const double x = plot.left() + tick.position * plot.width();
        painter.drawText(QRectF(x - 40, plot.bottom() + kGap, 80, line), Qt::AlignHCenter | Qt::AlignTop, tick.text);
    }
    // Centred under the bars, and wider than they are where it must be.
    const double half = std::min(plot.center().x() - area.left(), area.left() + area.width() - plot.center().x());
    painter.drawText(QRectF(plot.center().x() - half, plot.bottom() + kGap + line, 2 * half, line), Qt::AlignHCenter | Qt::AlignTop,
        metrics.elidedText(m_bars.axis, Qt::ElideMiddle, static_cast<int>(2 * half)));
    painter.drawText(QRectF(area.left(), plot.top() - line / 2.0, plot.left() - area.left() - kGap, line), Qt::AlignRight | Qt::AlignVCenter, formatValue(m_largest, 3));
    painter.drawText(QRectF(area.left(), plot.bottom() - line / 2.0, plot.left() - area.left() - kGap, line), Qt::AlignRight | Qt::AlignVCenter, u"0"_s);
    painter.drawText(QRectF(plot.left() + kGap, plot.top() - line - 1, plot.width() - kGap, line), Qt::AlignRight | Qt::AlignVCenter,
        m_bars.logarithmic ? tr("%1, log scale").arg(m_bars.value) : m_bars.value);
    painter.restore();
}

void HistogramPlot::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    drawPicture(painter, rect());
    if (m_hover && m_readout)
        drawReadCard(painter, font(), m_readout(*m_hover, m_bars.values[static_cast<std::size_t>(*m_hover)]), m_hoverPosition, rect());
}

QString HistogramPlot::csv() const
{
    QString out = u"from,to,value\r\n"_s;
    const double width = m_bars.values.empty() ? 0 : (m_bars.high - m_bars.low) / static_cast<double>(m_bars.values.size());
    for (std::size_t b = 0; b < m_bars.values.size(); ++b)
        out += u"%1,%2,%3\r\n"_s.arg(m_bars.low + width * static_cast<double>(b), 0, 'g', 9).arg(m_bars.low + width * static_cast<double>(b + 1), 0, 'g', 9)
                   .arg(m_bars.values[b], 0, 'g', 9);
    return out;
}

void HistogramPlot::mousePressEvent(QMouseEvent* event)
{
    if (event->button() != Qt::LeftButton)
        return;
    if (const std::optional<int> bar = barAt(event->position()))
        Q_EMIT barClicked(*bar);
}

void HistogramPlot::mouseMoveEvent(QMouseEvent* event)
{
    m_hover = barAt(event->position());
    m_hoverPosition = event->position();
    update();
}

void HistogramPlot::leaveEvent(QEvent*)
{
    m_hover.reset();
    update();
}

} // namespace halftone
