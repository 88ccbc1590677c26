#pragma once

#include <QFrame>
#include <QList>
#include <QPointer>
#include <QSet>

#include <functional>

class QLabel;
class QPushButton;

namespace halftone {

/// One step of a tour: words beside the part of the window that they are about.
struct TourStep {
    QString title, text;
    std::function<QList<QWidget*>()> targets;   ///< asked when the step is shown: what the ring goes around, and the card never covers
    std::function<QList<QWidget*>()> spare;     ///< what the words speak of besides: the card covers as little of it as may be; null: nothing
    std::function<QWidget*()> hand;             ///< takes the keys while the step is shown, so that what it says to press works; null: the card
};

/// A card beside one part of the window after the other, with a ring around that part, of another look than the frame of what has the focus. The window
/// stays usable, and nothing goes on by itself. Keys: Alt+N and Alt+B anywhere; in the card Return or Right goes on, Left goes back, Escape ends it.
class Tour : public QFrame {
    Q_OBJECT
public:
    Tour(QWidget* window, QList<TourStep> steps);
    void start();
    int step() const { return m_step; }
    /// What step `index` asks for was done: said, if that step is shown.
    void completed(int index);

Q_SIGNALS:
    void finished();   ///< at the end, or dismissed

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

private:
    void show(int step);
    void place();
    void sayPlace();
    int covered(const QRect& card) const;
    QRect about() const;   ///< around the targets, in the window
    void end();
    QWidget* m_window;
    QWidget* m_ring = nullptr;
    QList<TourStep> m_steps;
    QList<QPointer<QWidget>> m_targets, m_spare;
    QSet<int> m_done;
    QLabel* m_place = nullptr;
    QLabel* m_title = nullptr;
    QLabel* m_text = nullptr;
    QPushButton* m_skip = nullptr;
    QPushButton* m_back = nullptr;
    QPushButton* m_next = nullptr;
    int m_step = -1;
};

} // namespace halftone
