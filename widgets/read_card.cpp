#include "widgets/read_card.h"

#include "widgets/palette.h"

#include <QFontMetrics>
#include <QPainter>

#include <algorithm>

namespace halftone {

void drawReadCard(QPainter& painter, const QFont& base, const QStringList& lines, const QPointF& cursor, const QRect& bounds)
{
    if (lines.isEmpty())
        return;
    const QFont font = tabularFont(base);
    const QFontMetrics metrics(font);
    int width = 0;
    for (const QString& line : lines)
        width = std::max(width, metrics.horizontalAdvance(line));
    const int step = metrics.height() + 2;
    const QSize size(width + 16, static_cast<int>(lines.size()) * step + 12);
    constexpr int kAway = 14;
    QPoint corner = cursor.toPoint() + QPoint(kAway, kAway);
    if (corner.x() + size.width() > bounds.right())
        corner.setX(std::max(bounds.left(), cursor.toPoint().x() - kAway - size.width()));
    if (corner.y() + size.height() > bounds.bottom())
        corner.setY(std::max(bounds.top(), cursor.toPoint().y() - kAway - size.height()));
    const QRectF card(corner, size);
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colours().line, 1));
    painter.setBrush(colours().card);
    painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
    painter.setFont(font);
    for (int i = 0; i < lines.size(); ++i) {
        painter.setPen(lines.size() > 2 && i == lines.size() - 1 ? colours().accentText : colours().text);
        painter.drawText(QRectF(card.left() + 8, card.top() + 6 + i * step, width + 1, step), Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine, lines[i]);
    }
    painter.restore();
}

} // namespace halftone
