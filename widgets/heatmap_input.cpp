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
    if ((event->button() != Qt::LeftButton && !middle) || !cellAt(event->position()))
        return;
    m_press = m_drag = event->position().toPoint();
    m_dragging = false;
    m_panning = middle || event->modifiers().testFlag(Qt::ShiftModifier);
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
    if ((event->button() != Qt::LeftButton && event->button() != Qt::MiddleButton) || !m_press)
        return;
    const QPoint from = *m_press;
    const bool zoom = m_dragging && !m_panning, click = !m_dragging && event->button() == Qt::LeftButton;
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

} // namespace halftone
