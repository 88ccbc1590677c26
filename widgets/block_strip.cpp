#include "widgets/block_strip.h"

#include "widgets/palette.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kLeast = 16, kLeastOfThree = 24, kMost = 44;   // width of a cell; numbers of three digits want more
constexpr int kRow = 24, kGap = 2;

} // namespace

BlockStrip::BlockStrip(QWidget* parent) : QWidget(parent)
{
    setObjectName(u"runStrip"_s);
    setAccessibleName(tr("Blocks of the run"));
    setFocusPolicy(Qt::StrongFocus);
    QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
}

int BlockStrip::rowsFor(int blocks, int width)
{
    const int fit = std::max(1, width / (blocks > 100 ? kLeastOfThree : kLeast));
    return std::max(1, (blocks + fit - 1) / fit);
}

QRect BlockStrip::cellRect(int block, int blocks, const QRect& area)
{
    if (blocks <= 0)
        return {};
    const int rows = rowsFor(blocks, area.width());
    const int columns = (blocks + rows - 1) / rows;
    const int width = std::min(area.width(), columns * kMost);
    const int row = block / columns, column = block % columns;
    const int left = width * column / columns, right = width * (column + 1) / columns;
    return {area.left() + left, area.top() + row * kRow, right - left - kGap, kRow - kGap};
}

void BlockStrip::setCells(std::vector<BlockCell> cells)
{
    const bool other = cells.size() != m_cells.size();
    m_cells = std::move(cells);
    const auto done = std::count_if(m_cells.begin(), m_cells.end(), [](const BlockCell& cell) { return cell.state == BlockCell::State::Done || cell.state == BlockCell::State::Flagged; });
    const auto flagged = std::count_if(m_cells.begin(), m_cells.end(), [](const BlockCell& cell) { return cell.state == BlockCell::State::Flagged; });
    setAccessibleDescription(tr("%1 of %2 blocks are done, %3 are flagged").arg(done).arg(m_cells.size()).arg(flagged));
    if (other)
        updateGeometry();
    update();
}

void BlockStrip::setSelected(int block)
{
    if (m_selected == block)
        return;
    m_selected = block;
    update();
}

int BlockStrip::blockAt(const QPoint& position) const
{
    const int blocks = static_cast<int>(m_cells.size());
    for (int b = 0; b < blocks; ++b)
        if (cellRect(b, blocks, rect()).adjusted(0, 0, kGap, kGap).contains(position))
            return b;
    return -1;
}

void BlockStrip::draw(QPainter& painter, const QRect& area) const
{
    const Colours& c = colours();
    const int blocks = static_cast<int>(m_cells.size());
    painter.setFont(tabularFont(font(), false, 2));
    const QFontMetrics metrics(painter.font());
    for (int b = 0; b < blocks; ++b) {
        const BlockCell& cell = m_cells[static_cast<std::size_t>(b)];
        const QRect r = cellRect(b, blocks, area);
        QColor ground = c.field, text = c.faint;
        switch (cell.state) {
        case BlockCell::State::Done: ground = c.accent; text = c.onAccent; break;
        case BlockCell::State::Flagged: ground = c.warning; text = c.window; break;
        case BlockCell::State::Stopped: ground = c.bad; text = c.window; break;
        default: break;
        }
        painter.fillRect(r, ground);
        if (cell.state == BlockCell::State::Working) {
            QRect part = r;
            part.setTop(r.bottom() - static_cast<int>(r.height() * std::clamp(cell.share, 0.0, 1.0)) + 1);
            QColor fill = c.accent;
            fill.setAlpha(120);
            painter.fillRect(part, fill);
            painter.setPen(QPen(c.accent, 1));
            painter.drawRect(r.adjusted(0, 0, -1, -1));
            text = c.text;
        }
        const QString sign = cell.state == BlockCell::State::Flagged ? u"!"_s : cell.state == BlockCell::State::Stopped ? u"×"_s : QString();
        QString number = QString::number(b);
        if (!sign.isEmpty() && metrics.horizontalAdvance(number + sign) + 2 <= r.width())
            number += sign;
        else if (!sign.isEmpty())
            number = sign;
        if (metrics.horizontalAdvance(number) <= r.width()) {
            painter.setPen(text);
            painter.drawText(r, Qt::AlignCenter, number);
        }
        if (b == m_selected) {
            painter.setPen(QPen(c.outline, 2));
            painter.drawRect(r.adjusted(1, 1, -1, -1));
        }
    }
}

void BlockStrip::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    draw(painter, rect());
    if (hasFocus() && m_selected < 0) {
        painter.setPen(QPen(colours().accent, 1, Qt::DotLine));
        painter.drawRect(rect().adjusted(0, 0, -1, -1));
    }
}

void BlockStrip::mousePressEvent(QMouseEvent* event)
{
    if (const int block = blockAt(event->position().toPoint()); block >= 0 && event->button() == Qt::LeftButton)
        Q_EMIT blockClicked(block);
}

void BlockStrip::keyPressEvent(QKeyEvent* event)
{
    const int last = static_cast<int>(m_cells.size()) - 1;
    int to = -2;
    switch (event->key()) {
    case Qt::Key_Left: to = m_selected < 0 ? last : m_selected - 1; break;
    case Qt::Key_Right: to = m_selected + 1; break;
    case Qt::Key_Home: to = 0; break;
    case Qt::Key_End: to = last; break;
    default: break;
    }
    if (to == -2 || last < 0) {
        QWidget::keyPressEvent(event);
        return;
    }
    Q_EMIT blockClicked(std::clamp(to, 0, last));
}

bool BlockStrip::event(QEvent* event)
{
    if (event->type() == QEvent::ToolTip) {
        const auto* help = static_cast<QHelpEvent*>(event);
        if (const int block = blockAt(help->pos()); block >= 0)
            QToolTip::showText(help->globalPos(), m_cells[static_cast<std::size_t>(block)].tip, this);
        else
            QToolTip::hideText();
        return true;
    }
    return QWidget::event(event);
}

void BlockStrip::resizeEvent(QResizeEvent* event)
{
    QWidget::resizeEvent(event);
    setMinimumHeight(heightForWidth(width()));   // layouts of docks forget the height for a width
}

int BlockStrip::heightForWidth(int width) const
{
    return rowsFor(static_cast<int>(m_cells.size()), width) * kRow;
}

QSize BlockStrip::sizeHint() const
{
    return {480, heightForWidth(std::max(480, width()))};
}

QSize BlockStrip::minimumSizeHint() const
{
    return {160, kRow};
}

} // namespace halftone
