#pragma once

#include <QDateTime>
#include <QPushButton>
#include <QString>

namespace halftone {

/// What the welcome page tells of a model or project that was open before.
struct RecentFacts {
    bool missing = false;
    int blocks = 0;            ///< 0: not known
    int runs = -1;             ///< −1: no project was found
    QString interrupted;       ///< "run-001 at block 11 of 30"; empty: no run was
    QDateTime opened;          ///< last; invalid: not known
    friend bool operator==(const RecentFacts&, const RecentFacts&) = default;
};

/// "today 21:40", "yesterday", "2026-11-28".
QString whenText(const QDateTime& when, const QDateTime& now);
/// "30 blocks · 2 runs · today 21:40".
QString factsText(const RecentFacts& facts, const QDateTime& now);

/// A row of the Recent list: the name, below it what is known and where it lies, at the right a badge where a run waits to go on.
class RecentRow : public QPushButton {
    Q_OBJECT
public:
    RecentRow(const QString& path, const RecentFacts& facts, QWidget* parent);
    QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;

private:
    QString m_path, m_name, m_below, m_badge;
    bool m_missing;
};

} // namespace halftone
