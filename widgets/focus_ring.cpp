#include "widgets/focus_ring.h"

#include "widgets/palette.h"

#include <QEvent>
#include <QPainter>

namespace halftone {

FocusRing::FocusRing(QWidget* on) : QWidget(on)
{
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setFocusPolicy(Qt::NoFocus);
    setGeometry(on->rect());
    setVisible(on->hasFocus());
    on->installEventFilter(this);
}

bool FocusRing::eventFilter(QObject*, QEvent* event)
{
    switch (event->type()) {
    case QEvent::FocusIn:
        show();
        raise();
        break;
    case QEvent::FocusOut: hide(); break;
    case QEvent::Resize: setGeometry(parentWidget()->rect()); break;
    default: break;
    }
    return false;
}

void FocusRing::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colours().accent, 2));
    painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 4, 4);
}

} // namespace halftone
