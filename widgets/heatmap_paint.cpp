// How a heatmap is drawn, on the screen and for files.

#include "widgets/heatmap_view.h"

#include "widgets/palette.h"
#include "widgets/read_card.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kGap = 4;

/// A step over whole cells that gives at most `most` labels: 1, 2, 5 × 10^k, or powers of 2 from 64 on (channels come in such counts).
int cellStep(double visible, int most, bool binary)
{
    const double least = std::max(1.0, visible / std::max(1, most));
    if (binary && visible >= 256) {
        int step = 64;
        while (step < least)
            step *= 2;
        return step;
    }
    int step = 1;
    for (;;) {
        for (const int factor : {1, 2, 5})
            if (step * factor >= least)
                return step * factor;
        step *= 10;
    }
}

} // namespace

QImage HeatmapView::render(const QSize& pixels, const QRectF& region, PooledCells* pooledOut) const
{
    PooledCells pooled = poolCells(m_data, region, pixels.width(), pixels.height(), m_pooling);
    QImage image(pixels, QImage::Format_ARGB32_Premultiplied);
    image.fill(Qt::transparent);
    const QRgb bad = notANumberColour().rgb();
    // A colour is one of some 256: one multiplication (and one logarithm) a pixel finds it.
    const std::span<const QRgb> table = m_map->colours();
    const float last = static_cast<float>(table.size() - 1);
    const bool logarithmic = m_scale.kind == ValueScale::Kind::Log;
    const float low = static_cast<float>(logarithmic ? std::log2(m_scale.low) : m_scale.low);
    const float span = static_cast<float>(logarithmic ? std::log2(m_scale.high / m_scale.low) : m_scale.high - m_scale.low);
    const auto colour = [&](float position) { return table[static_cast<std::size_t>(std::clamp(position, 0.F, 1.F) * last + 0.5F)]; };
    const auto beyondBands = [&](int x, int y) {
        const CellRange rows = cellsOfPixel(region.top(), region.bottom(), y, pooled.height, m_data.rows());
        const CellRange columns = cellsOfPixel(region.left(), region.right(), x, pooled.width, m_data.columns());
        return std::max(rows.first - columns.last, columns.first - rows.last) >= m_bands;
    };
    for (int y = 0; y < pooled.height; ++y) {
        if (!pooled.measured[static_cast<std::size_t>(y)])
            continue;
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        for (int x = 0; x < pooled.width; ++x) {
            const float v = pooled.at(x, y);
            if (m_bands > 0 && beyondBands(x, y))
                continue;
            if (!std::isfinite(v))
                line[x] = bad;
            else if (logarithmic)
                line[x] = colour(v > 0 ? (std::log2(v) - low) / span : 0.F);
            else
                line[x] = colour((v - low) / span);
        }
    }
    if (pooledOut)
        *pooledOut = std::move(pooled);
    return image;
}

void HeatmapView::drawAxes(QPainter& painter, const Layout& layout) const
{
    const QFont small = tabularFont(font(), false, 1);
    const QFontMetrics metrics(small);
    const int line = metrics.height();
    const QRect& map = layout.map;
    painter.setFont(small);
    painter.setPen(colours().faint);

    const int rowStep = cellStep(m_visible.height(), map.height() / (line + kGap), false);
    for (int r = static_cast<int>(std::ceil(m_visible.top() / rowStep)) * rowStep; r < m_visible.bottom(); r += rowStep) {
        const double y = cellsToPixels(map, 0, r + 0.5, 1, 1).top();
        if (y < map.top() || y > map.bottom() + 1)
            continue;
        const QRectF box(layout.left + line, y - line / 2.0, map.left() - layout.left - line - kGap, line);
        painter.drawText(box, Qt::AlignRight | Qt::AlignVCenter | Qt::TextSingleLine,
            metrics.elidedText(rowLabel(r), Qt::ElideRight, static_cast<int>(box.width())));
    }
    const int widest = metrics.horizontalAdvance(QString::number(m_data.columns())) + 4 * kGap;
    const int columnStep = cellStep(m_visible.width(), map.width() / widest, true);
    for (int c = static_cast<int>(std::ceil(m_visible.left() / columnStep)) * columnStep; c < m_visible.right(); c += columnStep) {
        const double x = cellsToPixels(map, c + (m_visible.width() < 64 ? 0.5 : 0), 0, 1, 1).left();
        painter.drawText(QRectF(x - widest, map.bottom() + kGap, 2 * widest, line), Qt::AlignHCenter | Qt::AlignTop, QString::number(c));
    }
    if (!m_title.isEmpty())
        painter.drawText(QRectF(map.left(), map.top() - line - kGap / 2, map.width(), line), Qt::AlignHCenter | Qt::AlignTop, metrics.elidedText(m_title, Qt::ElideMiddle, map.width()));
    painter.drawText(QRectF(map.left(), map.bottom() + kGap + line, map.width(), line), Qt::AlignHCenter | Qt::AlignTop,
        metrics.elidedText(m_axes.columns, Qt::ElideMiddle, map.width()));

    painter.save();
    painter.translate(layout.left + line / 2.0, map.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-map.height() / 2.0, -line / 2.0, map.height(), line), Qt::AlignCenter,
        metrics.elidedText(m_axes.rows, Qt::ElideMiddle, map.height()));
    painter.restore();
}

void HeatmapView::drawBar(QPainter& painter, const QRect& bar) const
{
    const QFont small = tabularFont(font(), false, 1);
    const QFontMetrics metrics(small);
    QImage strip(1, 256, QImage::Format_RGB32);
    for (int y = 0; y < 256; ++y)
        strip.setPixel(0, y, m_map->at(1 - y / 255.0));
    painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
    painter.drawImage(QRectF(bar), strip);
    painter.setFont(small);
    painter.setPen(colours().faint);
    const int line = metrics.height();
    int widest = 0;
    for (const Tick& tick : ticks(m_scale, std::max(2, bar.height() / (2 * line)))) {
        const double y = bar.bottom() + 1 - tick.position * bar.height();
        painter.drawLine(QPointF(bar.right() + 1, y), QPointF(bar.right() + 3, y));
        painter.drawText(QRectF(bar.right() + 2 + kGap, y - line / 2.0, 100, line), Qt::AlignLeft | Qt::AlignVCenter, tick.text);
        widest = std::max(widest, metrics.horizontalAdvance(tick.text));
    }
    const QString kind = m_scale.kind == ValueScale::Kind::Log ? tr("log scale") : tr("linear scale");
    QString caption = m_axes.value;
    if (!m_axes.unit.isEmpty())
        caption += u" ["_s + m_axes.unit + u']';
    caption += u", "_s + kind;
    if (m_beyond > 0)
        caption += tr(", ends for up to ±%1").arg(formatValue(m_beyond, 3));
    painter.save();
    painter.translate(bar.right() + 2 * kGap + widest + line * 0.75, bar.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-bar.height() / 2.0, -line / 2.0, bar.height(), line), Qt::AlignCenter,
        metrics.elidedText(caption, Qt::ElideMiddle, bar.height()));
    painter.restore();
}

void HeatmapView::drawSelection(QPainter& painter, const QRect& map) const
{
    if (m_selectedRow < 0 && m_selectedColumn < 0)
        return;
    const bool wholeColumn = m_selectedRow < 0;
    const QRect cells = selectedCells();
    QRectF box = cellsToPixels(map, m_selectedColumn < 0 ? m_visible.left() : cells.left(), wholeColumn ? m_visible.top() : cells.top(),
        m_selectedColumn < 0 ? m_visible.width() : cells.width(), wholeColumn ? m_visible.height() : cells.height());
    const QRectF row = cellsToPixels(map, m_visible.left(), m_selectedRow, m_visible.width(), m_selectedRows);
    painter.setBrush(Qt::NoBrush);
    painter.save();
    painter.setClipRect(QRectF(map).adjusted(-2, -2, 2, 2));
    const auto frame = [&](QRectF r, const QColor& colour, double width) {
        painter.setPen(QPen(colour, width));
        painter.drawRect(r);
    };
    if (!wholeColumn)
        frame(row.adjusted(-0.5, -0.5, 0.5, 0.5), colours().outline, 1.5);
    if (m_selectedColumn >= 0) {
        if (box.width() < 6)                                // a sliver of a cell would be hidden by its own frame
            box = QRectF(box.center().x() - 3, box.top(), 6, box.height());
        frame(box.adjusted(-2, -2, 2, 2), colours().window, 3);
        frame(box.adjusted(-1.5, -1.5, 1.5, 1.5), colours().outline, 1.5);
    }
    painter.restore();
}

void HeatmapView::drawCard(QPainter& painter) const
{
    if (m_hover.x() < 0 || m_dragging || m_hover.y() >= m_data.rows() || m_hover.x() >= m_data.columns())
        return;
    const int row = m_hover.y(), column = m_hover.x();
    QStringList lines;
    if (!m_data.measured(row))
        lines = QStringList{tr("%1 %2 is not measured yet").arg(m_axes.rows).arg(row)};
    else if (m_readout)
        lines = m_readout(row, column, m_data.at(row, column));
    else
        lines = QStringList{u"%1 %2 · %3 %4"_s.arg(m_axes.rows).arg(row).arg(m_axes.columns).arg(column),
            u"%1 %2 %3"_s.arg(m_axes.value, formatValue(m_data.at(row, column)), m_axes.unit).trimmed()};
    drawReadCard(painter, font(), lines, m_hoverPosition, rect());
}

void HeatmapView::drawPicture(QPainter& painter, const QRect& area)
{
    const Layout layout = layoutFor(area);
    if (m_data.isEmpty() || layout.map.width() < 8 || layout.map.height() < 8)
        return;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, false);
    painter.fillRect(layout.map, notMeasuredBrush());
    const bool onScreen = painter.device() == this && area == rect();
    const double ratio = onScreen ? devicePixelRatioF() : std::max(2.0, painter.device()->devicePixelRatioF());
    const QSize pixels(std::max(1, static_cast<int>(std::lround(layout.map.width() * ratio))),
        std::max(1, static_cast<int>(std::lround(layout.map.height() * ratio))));
    painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
    if (onScreen) {
        if (m_image.size() != pixels)
            m_image = render(pixels, m_visible, &m_pooled);
        painter.drawImage(QRectF(layout.map), m_image);
    } else {
        painter.drawImage(QRectF(layout.map), render(pixels, m_visible, nullptr));
    }
    painter.setRenderHint(QPainter::Antialiasing);
    drawAxes(painter, layout);
    if (m_barShown)
        drawBar(painter, layout.bar);
    drawSelection(painter, layout.map);
    painter.restore();
}

void HeatmapView::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    drawPicture(painter, rect());
    const QRect map = mapRect();
    if (m_dragging && m_gesture != Gesture::Pan && m_press) {
        QRect band = QRect(*m_press, m_drag).normalized();
        if (m_gesture == Gesture::Rows)
            band = QRect(map.left(), band.top(), map.width(), band.height());
        else if (m_gesture == Gesture::Columns)
            band = QRect(band.left(), map.top(), band.width(), map.height());
        band = band.intersected(map);
        painter.setPen(QPen(colours().outline, 1));
        QColor fill = colours().outline;
        fill.setAlpha(40);
        painter.setBrush(fill);
        painter.drawRect(band);
    }
    if (hasFocus()) {
        painter.setPen(QPen(colours().accent, 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(QRectF(map).adjusted(-1.5, -1.5, 1.5, 1.5));
    }
    drawCard(painter);
}

QString HeatmapView::csv() const
{
    const auto quoted = [](QString text) {
        if (text.contains(u',') || text.contains(u'"') || text.contains(u'\n') || text.contains(u'\r'))
            text = u'"' + text.replace(u'"', u"\"\""_s) + u'"';
        return text;
    };
    const bool large = static_cast<std::int64_t>(m_data.rows()) * m_data.columns() > HeatmapData::kLargeMap;
    const QRectF region = large ? m_visible : QRectF(0, 0, m_data.columns(), m_data.rows());
    const int left = static_cast<int>(region.left()), right = std::min(m_data.columns(), static_cast<int>(std::ceil(region.right())));
    const int top = static_cast<int>(region.top()), bottom = std::min(m_data.rows(), static_cast<int>(std::ceil(region.bottom())));
    QString out = quoted(m_axes.rows + u" \\ "_s + m_axes.columns);
    for (int c = left; c < right; ++c)
        out += u',' + QString::number(c);
    out += u"\r\n"_s;
    for (int r = top; r < bottom; ++r) {
        out += quoted(rowLabel(r));
        for (int c = left; c < right; ++c) {
            out += u',';
            if (m_data.measured(r) && (m_bands == 0 || std::abs(r - c) < m_bands))
                out += QString::number(static_cast<double>(m_data.at(r, c)), 'g', 9);
        }
        out += u"\r\n"_s;
    }
    return out;
}

} // namespace halftone
