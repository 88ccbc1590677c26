#pragma once

#include <QWidget>

class QLabel;
class QToolButton;

namespace halftone {

/// What is done, and what comes next: a sentence and one button in the status bar, where nothing moves for it.
class DoneNotice : public QWidget {
    Q_OBJECT
public:
    explicit DoneNotice(QWidget* parent = nullptr);
    void tell(const QString& sentence, const QString& action, const QString& tip);
    void dismiss();

Q_SIGNALS:
    void actionRequested();
    void shownChanged(bool shown);

private:
    QLabel* m_text = nullptr;
    QToolButton* m_action = nullptr;
};

} // namespace halftone
