#pragma once

#include <QApplication>
#include <QMouseEvent>
#include <QRegularExpression>
#include <QTest>
#include <QWidget>

namespace halftone {

/// Every warning of Qt fails the test, but for the one by which the offscreen platform says what it cannot do.
inline void failOnAnyWarning()
{
    QTest::failOnWarning(QRegularExpression(QStringLiteral("^(?!This plugin does not support).*")));
}

/// A real move event at `position`; QTest::mouseMove moves the cursor instead, which an offscreen platform does not report reliably.
inline void moveMouse(QWidget& widget, const QPoint& position, Qt::MouseButtons buttons = Qt::NoButton)
{
    QMouseEvent event(QEvent::MouseMove, QPointF(position), widget.mapToGlobal(QPointF(position)), Qt::NoButton, buttons, Qt::NoModifier);
    QApplication::sendEvent(&widget, &event);
}

} // namespace halftone
