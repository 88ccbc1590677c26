#pragma once

#include <QMargins>
#include <QObject>
#include <QRect>
#include <QSize>

class QWidget;

namespace halftone {

/// Where a window of that frame's size goes on a screen: as large as it is where there is room, never beyond the room, and all of it inside.
/// @param window without its frame; @param frame title bar and borders; @param room what panels leave of the screen
QRect fitted(const QRect& window, const QMargins& frame, const QRect& room);

/// Keeps a window within the screen that it is on: as it starts (also with a geometry that was saved on a larger screen), when it is first shown and its
/// frame is known, and when it comes to another screen or that one changes. A person may still drag it wherever they like.
class ScreenFit : public QObject {
    Q_OBJECT
public:
    /// @param least the size that the window is designed for at least; a smaller screen lowers it
    ScreenFit(QWidget* window, const QSize& least);
    void fit();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void follow();
    QWidget* m_window;
    QSize m_least;
    bool m_followed = false;   ///< the window stands, and its frame is what it says
};

} // namespace halftone
