#pragma once

#include <QStringList>

class QPainter;
class QFont;
class QPointF;
class QRect;

namespace halftone {

/// The read-out beside the cursor: a small card of lines, kept inside `bounds`. The last of three or more lines is drawn in the accent colour.
void drawReadCard(QPainter& painter, const QFont& base, const QStringList& lines, const QPointF& cursor, const QRect& bounds);

} // namespace halftone
