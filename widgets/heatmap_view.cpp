#include "widgets/heatmap_view.h"

#include "widgets/palette.h"
#include "widgets/read_card.h"

#include <QApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kGap = 4;
constexpr int kBarWidth = 12;
constexpr int kBarGap = 16;
constexpr int kLeastColumns = 4;

QFont smallFont(const QFont& base)
{
    return tabularFont(base, false, 1);
}

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

HeatmapView::HeatmapView(QWidget* parent) : QWidget(parent), m_map(&ColourMap::cividis())
{
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    setObjectName(u"heatmap"_s);
    setAccessibleName(tr("Heatmap"));
    setCursor(Qt::CrossCursor);
}

void HeatmapView::setData(HeatmapData data)
{
    const bool sameShape = data.rows() == m_data.rows() && data.columns() == m_data.columns();
    m_data = std::move(data);
    if (!sameShape) {
        m_visible = QRectF(0, 0, m_data.columns(), m_data.rows());
        m_selectedRow = m_selectedColumn = -1;
        m_hover = {-1, -1};
        Q_EMIT visibleCellsChanged(m_visible);
    }
    refit();
}

void HeatmapView::setRow(int row, std::span<const float> values)
{
    m_data.setRow(row, values);
    refit();
}

void HeatmapView::setAxes(Axes axes)
{
    m_axes = std::move(axes);
    setAccessibleName(tr("Heatmap: %1 by %2").arg(m_axes.rows, m_axes.columns));
    invalidate();
}

void HeatmapView::setColours(const ColourMap& map, Pooling pooling)
{
    m_map = &map;
    m_pooling = pooling;
    refit();
}

void HeatmapView::setScaleKind(ValueScale::Kind kind)
{
    m_kind = kind;
    refit();
}

void HeatmapView::setScale(const std::optional<ValueScale>& scale)
{
    m_fixedScale = scale;
    refit();
}

void HeatmapView::setReadout(Readout readout)
{
    m_readout = std::move(readout);
    update();
}

void HeatmapView::setRowLabels(QStringList labels)
{
    m_rowLabels = std::move(labels);
    invalidate();
}

void HeatmapView::refit()
{
    if (m_fixedScale)
        m_scale = *m_fixedScale;
    else if (m_pooling == Pooling::FarthestFromZero)
        m_scale = fitSymmetric(m_data.cells());
    else
        m_scale = fitScale(m_data.cells(), m_kind);
    invalidate();
}

void HeatmapView::invalidate()
{
    m_image = QImage();
    update();
}

void HeatmapView::setSelectedCell(int row, int column)
{
    m_selectedRow = row >= 0 && row < m_data.rows() ? row : -1;
    m_selectedColumn = m_selectedRow >= 0 && column >= 0 && column < m_data.columns() ? column : -1;
    update();
}

QRectF HeatmapView::clamped(const QRectF& region) const
{
    const double rows = m_data.rows(), columns = m_data.columns();
    if (m_data.isEmpty())
        return {};
    const double width = std::clamp(region.width(), std::min<double>(kLeastColumns, columns), columns);
    const double height = std::clamp(region.height(), 1.0, rows);
    return {std::clamp(region.left(), 0.0, columns - width), std::clamp(region.top(), 0.0, rows - height), width, height};
}

void HeatmapView::setVisibleCells(const QRectF& region)
{
    const QRectF next = clamped(region);
    if (next == m_visible)
        return;
    m_visible = next;
    invalidate();
    Q_EMIT visibleCellsChanged(m_visible);
}

void HeatmapView::showAll()
{
    setVisibleCells(QRectF(0, 0, m_data.columns(), m_data.rows()));
}

HeatmapView::Layout HeatmapView::layoutFor(const QRect& area) const
{
    const QFontMetrics metrics(smallFont(font()));
    const int line = metrics.height();
    int left = metrics.horizontalAdvance(u"0000"_s) + 2 * kGap + line;
    if (!m_rowLabels.isEmpty()) {
        int widest = 0;
        for (const QString& label : m_rowLabels)
            widest = std::max(widest, metrics.horizontalAdvance(label));
        left = std::min(widest, area.width() / 4) + 2 * kGap + line;
    }
    const int right = kBarGap + kBarWidth + kGap + metrics.horizontalAdvance(u"0 000 000"_s) + line;
    const int bottom = 2 * line + 2 * kGap;
    const QRect map = area.adjusted(left, line / 2, -right, -bottom);
    return {area.left(), map, QRect(map.right() + 1 + kBarGap, map.top(), kBarWidth, map.height())};
}

QRect HeatmapView::mapRect() const
{
    return layoutFor(rect()).map;
}

std::optional<QPoint> HeatmapView::cellAt(const QPointF& position) const
{
    const QRect map = mapRect();
    if (m_data.isEmpty() || !QRectF(map).contains(position) || map.width() <= 0 || map.height() <= 0)
        return std::nullopt;
    // The pixels of the drawn image, so that what is pointed at is what is seen: the cell that gave the pixel its colour.
    const int width = std::max(1, m_pooled.width > 0 ? m_pooled.width : map.width());
    const int height = std::max(1, m_pooled.height > 0 ? m_pooled.height : map.height());
    const int x = std::clamp(static_cast<int>((position.x() - map.left()) / map.width() * width), 0, width - 1);
    const int y = std::clamp(static_cast<int>((position.y() - map.top()) / map.height() * height), 0, height - 1);
    const CellRange columns = cellsOfPixel(m_visible.left(), m_visible.right(), x, width, m_data.columns());
    const CellRange rows = cellsOfPixel(m_visible.top(), m_visible.bottom(), y, height, m_data.rows());
    QPoint best(columns.first, rows.first);
    bool started = false;
    for (int r = rows.first; r <= rows.last; ++r) {
        if (!m_data.measured(r))
            continue;
        for (int c = columns.first; c <= columns.last; ++c) {
            const float v = m_data.at(r, c), b = m_data.at(best.y(), best.x());
            if (started && std::isnan(b))
                return best;
            if (!started || std::isnan(v) || (m_pooling == Pooling::Maximum ? v > b : std::abs(v) > std::abs(b)))
                best = QPoint(c, r);
            started = true;
        }
    }
    return best;
}

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
    for (int y = 0; y < pooled.height; ++y) {
        if (!pooled.measured[static_cast<std::size_t>(y)])
            continue;
        auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
        for (int x = 0; x < pooled.width; ++x) {
            const float v = pooled.at(x, y);
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

QRectF HeatmapView::cellsToPixels(const QRect& map, double column, double row, double columns, double rows) const
{
    const double sx = map.width() / m_visible.width(), sy = map.height() / m_visible.height();
    return {map.left() + (column - m_visible.left()) * sx, map.top() + (row - m_visible.top()) * sy, columns * sx, rows * sy};
}

void HeatmapView::drawAxes(QPainter& painter, const Layout& layout) const
{
    const QFont small = smallFont(font());
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
        const QString text = r < m_rowLabels.size() ? m_rowLabels[r] : QString::number(r);
        painter.drawText(box, Qt::AlignRight | Qt::AlignVCenter | Qt::TextSingleLine,
            metrics.elidedText(text, Qt::ElideRight, static_cast<int>(box.width())));
    }
    const int widest = metrics.horizontalAdvance(QString::number(m_data.columns())) + 4 * kGap;
    const int columnStep = cellStep(m_visible.width(), map.width() / widest, true);
    for (int c = static_cast<int>(std::ceil(m_visible.left() / columnStep)) * columnStep; c < m_visible.right(); c += columnStep) {
        const double x = cellsToPixels(map, c + (m_visible.width() < 64 ? 0.5 : 0), 0, 1, 1).left();
        painter.drawText(QRectF(x - widest, map.bottom() + kGap, 2 * widest, line), Qt::AlignHCenter | Qt::AlignTop, QString::number(c));
    }
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
    const QFont small = smallFont(font());
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
    painter.save();
    painter.translate(bar.right() + 2 * kGap + widest + line * 0.75, bar.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-bar.height() / 2.0, -line / 2.0, bar.height(), line), Qt::AlignCenter,
        metrics.elidedText(caption, Qt::ElideMiddle, bar.height()));
    painter.restore();
}

void HeatmapView::drawSelection(QPainter& painter, const QRect& map) const
{
    if (m_selectedRow < 0)
        return;
    QRectF box = m_selectedColumn < 0 ? cellsToPixels(map, m_visible.left(), m_selectedRow, m_visible.width(), 1)
                                      : cellsToPixels(map, m_selectedColumn, m_selectedRow, 1, 1);
    const QRectF row = cellsToPixels(map, m_visible.left(), m_selectedRow, m_visible.width(), 1);
    painter.setBrush(Qt::NoBrush);
    painter.save();
    painter.setClipRect(QRectF(map).adjusted(-2, -2, 2, 2));
    const auto frame = [&](QRectF r, const QColor& colour, double width) {
        painter.setPen(QPen(colour, width));
        painter.drawRect(r);
    };
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
    const double ratio = onScreen ? devicePixelRatioF() : 2;
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
    drawBar(painter, layout.bar);
    drawSelection(painter, layout.map);
    painter.restore();
}

void HeatmapView::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    drawPicture(painter, rect());
    const QRect map = mapRect();
    if (m_dragging && !m_panning && m_press) {
        const QRect band = QRect(*m_press, m_drag).normalized().intersected(map);
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
    QString out = quoted(m_axes.rows + u" \\ "_s + m_axes.columns);
    for (int c = 0; c < m_data.columns(); ++c)
        out += u',' + QString::number(c);
    out += u"\r\n"_s;
    for (int r = 0; r < m_data.rows(); ++r) {
        out += r < m_rowLabels.size() ? quoted(m_rowLabels[r]) : QString::number(r);
        for (int c = 0; c < m_data.columns(); ++c) {
            out += u',';
            if (m_data.measured(r))
                out += QString::number(static_cast<double>(m_data.at(r, c)), 'g', 9);
        }
        out += u"\r\n"_s;
    }
    return out;
}

void HeatmapView::zoomAt(const QPointF& position, double factor)
{
    const QRect map = mapRect();
    if (m_data.isEmpty() || map.width() <= 0 || map.height() <= 0)
        return;
    const double fx = std::clamp((position.x() - map.left()) / map.width(), 0.0, 1.0);
    const double fy = std::clamp((position.y() - map.top()) / map.height(), 0.0, 1.0);
    const double width = std::clamp(m_visible.width() / factor, std::min<double>(kLeastColumns, m_data.columns()), double(m_data.columns()));
    const double height = std::clamp(m_visible.height() / factor, 1.0, double(m_data.rows()));
    setVisibleCells({m_visible.left() + fx * (m_visible.width() - width), m_visible.top() + fy * (m_visible.height() - height), width, height});
}

void HeatmapView::hoverAt(const QPointF& position)
{
    m_hoverPosition = position;
    const std::optional<QPoint> cell = cellAt(position);
    const QPoint next = cell.value_or(QPoint(-1, -1));
    if (next != m_hover) {
        m_hover = next;
        if (!cell)
            Q_EMIT hoverLeft();
        else if (m_data.measured(next.y()))
            Q_EMIT hovered(next.y(), next.x(), m_data.at(next.y(), next.x()));
    }
    update();
}

void HeatmapView::mousePressEvent(QMouseEvent* event)
{
    if (event->button() != Qt::LeftButton || !cellAt(event->position()))
        return;
    m_press = m_drag = event->position().toPoint();
    m_dragging = false;
    m_panning = event->modifiers().testFlag(Qt::ShiftModifier);
}

void HeatmapView::mouseMoveEvent(QMouseEvent* event)
{
    const QPoint now = event->position().toPoint();
    if (!m_press) {
        hoverAt(event->position());
        return;
    }
    if (!m_dragging && (now - *m_press).manhattanLength() >= QApplication::startDragDistance())
        m_dragging = true;
    if (m_dragging && m_panning) {
        const QRect map = mapRect();
        const QPoint moved = now - m_drag;
        setVisibleCells(m_visible.translated(-moved.x() * m_visible.width() / map.width(), -moved.y() * m_visible.height() / map.height()));
    }
    m_drag = now;
    update();
}

void HeatmapView::mouseReleaseEvent(QMouseEvent* event)
{
    if (event->button() != Qt::LeftButton || !m_press)
        return;
    const QPoint from = *m_press;
    const bool zoom = m_dragging && !m_panning, click = !m_dragging;
    m_press.reset();
    m_dragging = m_panning = false;
    const QRect map = mapRect();
    if (zoom) {
        const QRectF band = QRectF(QPointF(from), QPointF(event->position())).normalized().intersected(QRectF(map));
        const double sx = m_visible.width() / map.width(), sy = m_visible.height() / map.height();
        const double left = std::floor(m_visible.left() + (band.left() - map.left()) * sx);
        const double right = std::ceil(m_visible.left() + (band.right() - map.left()) * sx);
        const double top = std::floor(m_visible.top() + (band.top() - map.top()) * sy);
        const double bottom = std::ceil(m_visible.top() + (band.bottom() - map.top()) * sy);
        setVisibleCells({left, top, right - left, bottom - top});
    } else if (click) {
        if (const std::optional<QPoint> cell = cellAt(event->position())) {
            setSelectedCell(cell->y(), cell->x());
            Q_EMIT cellClicked(cell->y(), cell->x());
        }
    }
    update();
}

void HeatmapView::mouseDoubleClickEvent(QMouseEvent* event)
{
    if (event->button() == Qt::LeftButton)
        showAll();
}

void HeatmapView::wheelEvent(QWheelEvent* event)
{
    const QPoint delta = event->angleDelta();
    const int turn = delta.y() != 0 ? delta.y() : delta.x();
    if (turn == 0 || !cellAt(event->position())) {
        event->ignore();
        return;
    }
    zoomAt(event->position(), std::pow(1.2, turn / 120.0));
    hoverAt(event->position());
    event->accept();
}

void HeatmapView::keyPressEvent(QKeyEvent* event)
{
    if (m_data.isEmpty()) {
        QWidget::keyPressEvent(event);
        return;
    }
    const int stride = event->modifiers().testFlag(Qt::ControlModifier) ? 16 : 1;
    const QPointF centre = m_selectedRow >= 0 && m_selectedColumn >= 0
        ? cellsToPixels(mapRect(), m_selectedColumn, m_selectedRow, 1, 1).center()
        : QRectF(mapRect()).center();
    int dx = 0, dy = 0;
    switch (event->key()) {
    case Qt::Key_Left: dx = -stride; break;
    case Qt::Key_Right: dx = stride; break;
    case Qt::Key_Up: dy = -1; break;
    case Qt::Key_Down: dy = 1; break;
    case Qt::Key_Plus:
    case Qt::Key_Equal: zoomAt(centre, 1.5); return;
    case Qt::Key_Minus: zoomAt(centre, 1 / 1.5); return;
    case Qt::Key_Home: showAll(); return;
    default: QWidget::keyPressEvent(event); return;
    }
    const int row = m_selectedRow < 0 ? static_cast<int>(m_visible.top()) : std::clamp(m_selectedRow + dy, 0, m_data.rows() - 1);
    const int column = m_selectedColumn < 0 ? static_cast<int>(m_visible.left()) : std::clamp(m_selectedColumn + dx, 0, m_data.columns() - 1);
    setSelectedCell(row, column);
    QRectF seen = m_visible;
    if (column < seen.left())
        seen.moveLeft(column);
    if (column + 1 > seen.right())
        seen.moveRight(column + 1);
    if (row < seen.top())
        seen.moveTop(row);
    if (row + 1 > seen.bottom())
        seen.moveBottom(row + 1);
    setVisibleCells(seen);
    if (m_data.measured(row))
        setAccessibleDescription(m_readout ? m_readout(row, column, m_data.at(row, column)).join(u", "_s) : formatValue(m_data.at(row, column)));
    Q_EMIT cellClicked(row, column);
}

void HeatmapView::leaveEvent(QEvent*)
{
    if (m_hover.x() >= 0) {
        m_hover = {-1, -1};
        Q_EMIT hoverLeft();
    }
    update();
}

void HeatmapView::resizeEvent(QResizeEvent*)
{
    invalidate();
}

void HeatmapView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange)
        invalidate();
    QWidget::changeEvent(event);
}

} // namespace halftone
