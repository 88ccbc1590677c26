#pragma once

#include <QString>
#include <QWidget>

class QLabel;
class QPushButton;

namespace halftone {

/// Nothing to show yet: what one click will show, and what it costs.
class EmptyState : public QWidget {
    Q_OBJECT

public:
    explicit EmptyState(QWidget* parent = nullptr);
    /// An empty `button` hides it.
    void setTexts(const QString& sentence, const QString& button, const QString& cost = {});

Q_SIGNALS:
    void clicked();

private:
    QLabel* m_sentence = nullptr;
    QLabel* m_cost = nullptr;
    QPushButton* m_button = nullptr;
};

} // namespace halftone
