#include "app/studio/screen_fit.h"

#include <QEvent>
#include <QScreen>
#include <QTimer>
#include <QWidget>
#include <QWindow>

#include <algorithm>

namespace halftone {

namespace {

constexpr QMargins kUsualFrame{2, 32, 2, 2};   ///< until a window manager says its own

} // namespace

QRect fitted(const QRect& window, const QMargins& frame, const QRect& room)
{
    const QRect inside = room.marginsRemoved(frame);
    QRect place(window.topLeft(), window.size().boundedTo(inside.size()));
    place.moveLeft(std::clamp(place.left(), inside.left(), inside.right() + 1 - place.width()));
    place.moveTop(std::clamp(place.top(), inside.top(), inside.bottom() + 1 - place.height()));
    return place;
}

ScreenFit::ScreenFit(QWidget* window, const QSize& least)
    : QObject(window)
    , m_window(window)
    , m_least(least)
{
    window->installEventFilter(this);
}

void ScreenFit::fit()
{
    const QScreen* screen = m_window->screen();
    if (!screen)
        return;
    const QRect room = screen->availableGeometry();
    const QRect inner = m_window->geometry(), outer = m_window->frameGeometry();
    QMargins frame(inner.left() - outer.left(), inner.top() - outer.top(), outer.right() - inner.right(), outer.bottom() - inner.bottom());
    if (frame.isNull() && !m_followed)
        frame = kUsualFrame;
    m_window->setMinimumSize(m_least.boundedTo(room.marginsRemoved(frame).size()));
    if (m_window->windowState() & (Qt::WindowMaximized | Qt::WindowFullScreen))
        return;
    const QRect now = m_window->geometry();   // a new least size may have made it larger
    if (const QRect place = fitted(now, frame, room); place != now)
        m_window->setGeometry(place);
}

void ScreenFit::follow()
{
    fit();
    if (m_followed)
        return;
    if (const QWindow* handle = m_window->windowHandle())
        connect(handle, &QWindow::screenChanged, this, &ScreenFit::fit);
    if (const QScreen* screen = m_window->screen())
        connect(screen, &QScreen::availableGeometryChanged, this, &ScreenFit::fit);
    // A window manager says its frame a little later than the window is there.
    constexpr int kSettled = 250;   // ms
    QTimer::singleShot(kSettled, this, [this] {
        m_followed = true;
        fit();
    });
}

bool ScreenFit::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() == QEvent::Show && !m_followed)
        QMetaObject::invokeMethod(this, &ScreenFit::follow, Qt::QueuedConnection);   // once the frame is known
    return QObject::eventFilter(watched, event);
}

} // namespace halftone
