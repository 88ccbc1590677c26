#pragma once

#include <QFrame>
#include <QList>
#include <QPointer>

#include <functional>

class QLabel;
class QPushButton;

namespace halftone {

/// One step of a tour: words beside the part of the window that they are about.
struct TourStep {
    QString title, text;
    std::function<QWidget*()> target;   ///< asked when the step is shown; null: the words stand in the middle
};

/// A card beside one part of the window after the other, with a ring around that part. The window stays usable. Keys: Return or Right goes on, Left
/// goes back, Escape ends it.
class Tour : public QFrame {
    Q_OBJECT
public:
    Tour(QWidget* window, QList<TourStep> steps);
    void start();
    int step() const { return m_step; }
    /// What step `index` asks for was done: goes on if that step is shown.
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
    void end();
    QWidget* m_window;
    QWidget* m_ring = nullptr;
    QList<TourStep> m_steps;
    QPointer<QWidget> m_target;
    QLabel* m_place = nullptr;
    QLabel* m_title = nullptr;
    QLabel* m_text = nullptr;
    QPushButton* m_back = nullptr;
    QPushButton* m_next = nullptr;
    int m_step = -1;
};

} // namespace halftone
