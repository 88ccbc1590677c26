#pragma once

#include <QString>
#include <QWidget>

namespace halftone {

/// One line of plain text that elides (in the middle by default) instead of widening its window; the full text is the tooltip when cut.
class ElidedLabel : public QWidget {
    Q_OBJECT

public:
    explicit ElidedLabel(QWidget* parent = nullptr, Qt::TextElideMode mode = Qt::ElideMiddle);
    void setText(const QString& text);
    QString text() const { return m_text; }
    void setFaint(bool faint);                ///< drawn in the secondary colour
    void setColour(const QColor& colour);     ///< an invalid colour returns to the theme's
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;

private:
    QString m_text;
    Qt::TextElideMode m_mode;
    QColor m_colour;
    bool m_faint = false;
};

} // namespace halftone
