// What mouse, wheel and keys do to a heatmap.

#include "widgets/heatmap_view.h"

#include <QApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QWheelEvent>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

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
    const bool middle = event->button() == Qt::MiddleButton;
    if (event->button() != Qt::LeftButton && !middle)
        return;
    const QRect map = mapRect();
    const QPointF at = event->position();
    if (cellAt(at)) {
        const bool brushes = m_brush != Brush::None && event->modifiers().testFlag(Qt::ControlModifier) && !middle;
        m_gesture = middle || event->modifiers().testFlag(Qt::ShiftModifier) ? Gesture::Pan : brushes ? Gesture::Cells : Gesture::Zoom;
    } else if (m_brush == Brush::Both && !middle && !m_data.isEmpty() && at.x() < map.left() && at.y() >= map.top() && at.y() < map.bottom()) {
        m_gesture = Gesture::Rows;      // along the texts of the rows
    } else if (m_brush != Brush::None && !middle && !m_data.isEmpty() && at.y() > map.bottom() && at.x() >= map.left() && at.x() < map.right()) {
        m_gesture = Gesture::Columns;
    } else {
        return;
    }
    m_press = m_drag = at.toPoint();
    m_dragging = false;
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
    if (m_dragging && m_gesture == Gesture::Pan) {
        const QRect map = mapRect();
        const QPoint moved = now - m_drag;
        setVisibleCells(m_visible.translated(-moved.x() * m_visible.width() / map.width(), -moved.y() * m_visible.height() / map.height()));
    }
    m_drag = now;
    update();
}

QRectF HeatmapView::bandCells(const QPointF& from, const QPointF& to) const
{
    const QRect map = mapRect();
    const QRectF band = QRectF(from, to).normalized();
    const double sx = m_visible.width() / map.width(), sy = m_visible.height() / map.height();
    const auto x = [&](double pixel) { return m_visible.left() + (std::clamp<double>(pixel, map.left(), map.left() + map.width()) - map.left()) * sx; };
    const auto y = [&](double pixel) { return m_visible.top() + (std::clamp<double>(pixel, map.top(), map.top() + map.height()) - map.top()) * sy; };
    const double left = std::clamp<double>(std::floor(x(band.left())), 0, m_data.columns() - 1), top = std::clamp<double>(std::floor(y(band.top())), 0, m_data.rows() - 1);
    return {left, top, std::max(1.0, std::min<double>(std::ceil(x(band.right())), m_data.columns()) - left),
            std::max(1.0, std::min<double>(std::ceil(y(band.bottom())), m_data.rows()) - top)};
}

void HeatmapView::endBrush(const QPointF& end)
{
    const QRect cells = bandCells(QPointF(*m_press), end).toRect();
    const std::optional<QPoint> pressed = strongestCell(QPointF(*m_press), 0, 0);
    const bool rows = m_gesture != Gesture::Columns && m_brush == Brush::Both, columns = m_gesture != Gesture::Rows;
    const int row = rows ? cells.top() : pressed ? pressed->y() : -1;
    const int column = columns ? cells.left() : -1;
    m_brushEnd = {-1, -1};
    Q_EMIT cellsBrushed(row, column, rows ? cells.height() : 1, columns ? cells.width() : 1);
}

void HeatmapView::extendBrush(int dx, int dy)
{
    if (m_brush == Brush::None || m_selectedColumn < 0 || m_selectedRow < 0)
        return;
    QRect cells = selectedCells();
    if (m_brushEnd.x() < 0)
        m_brushEnd = cells.bottomRight();
    const QPoint anchor(m_brushEnd.x() == cells.left() ? cells.right() : cells.left(), m_brushEnd.y() == cells.top() ? cells.bottom() : cells.top());
    m_brushEnd.setX(std::clamp(m_brushEnd.x() + dx, 0, m_data.columns() - 1));
    if (m_brush == Brush::Both)
        m_brushEnd.setY(std::clamp(m_brushEnd.y() + dy, 0, m_data.rows() - 1));
    const QPoint end = m_brushEnd;
    cells = QRect(QPoint(std::min(anchor.x(), end.x()), std::min(anchor.y(), end.y())), QPoint(std::max(anchor.x(), end.x()), std::max(anchor.y(), end.y())));
    setSelectedCells(cells.top(), cells.left(), cells.height(), cells.width());
    m_brushEnd = end;
    setAccessibleDescription(tr("%1 %2 to %3, %4 %5 to %6").arg(m_axes.rows).arg(cells.top()).arg(cells.bottom()).arg(m_axes.columns).arg(cells.left()).arg(cells.right()));
    Q_EMIT cellsBrushed(cells.top(), cells.left(), cells.height(), cells.width());
}

void HeatmapView::mouseReleaseEvent(QMouseEvent* event)
{
    if ((event->button() != Qt::LeftButton && event->button() != Qt::MiddleButton) || !m_press)
        return;
    const bool dragged = m_dragging, click = !m_dragging && event->button() == Qt::LeftButton;
    if (m_gesture == Gesture::Rows || m_gesture == Gesture::Columns || (dragged && m_gesture == Gesture::Cells)) {
        endBrush(event->position());
    } else if (dragged && m_gesture == Gesture::Zoom) {
        setVisibleCells(bandCells(QPointF(*m_press), event->position()));
    } else if (click) {
        if (const std::optional<QPoint> cell = cellAt(event->position())) {
            setSelectedCell(cell->y(), cell->x());
            Q_EMIT cellClicked(cell->y(), cell->x());
        }
    }
    m_press.reset();
    m_dragging = false;
    m_gesture = Gesture::Zoom;
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
    if (event->modifiers().testFlag(Qt::ShiftModifier) && m_brush != Brush::None) {
        extendBrush(dx, dy);
        return;
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

} // namespace halftone
