#pragma once

#include "widgets/colour_map.h"
#include "widgets/picture.h"

#include <QRectF>
#include <QStringList>
#include <QWidget>

#include <functional>
#include <vector>

namespace halftone {

/// A text token by token, each on the colour of its value, wrapped like prose. Click picks a token, double click opens it; arrows move, Return opens.
class TokenFlow : public QWidget, public Picture {
    Q_OBJECT

public:
    struct Tokens {
        std::vector<std::string> texts;
        std::vector<float> values;               ///< NaN: no value, drawn plain
        ValueScale scale;
        const ColourMap* map = nullptr;
        QString value;                           ///< at the colour bar
    };
    using Readout = std::function<QStringList(int token)>;

    explicit TokenFlow(QWidget* parent = nullptr);
    void setTokens(Tokens tokens);
    const Tokens& tokens() const { return m_tokens; }
    void setReadout(Readout readout) { m_readout = std::move(readout); }
    /// −1: none. Does not emit.
    void setPicked(int token);
    int picked() const { return m_picked; }
    /// Where a token lies in the widget (its first line), and the token under a point (−1: none).
    QRectF tokenRect(int token) const;
    int tokenAt(const QPointF& position) const;
    /// The colour behind a token; invalid where it has no value.
    QColor colourOf(int token) const;

    QSize pictureSize() const override { return size(); }
    void drawPicture(QPainter& painter, const QRect& area) override;
    QString csv() const override;
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override { return {480, heightForWidth(480)}; }
    QSize minimumSizeHint() const override { return {160, 80}; }

Q_SIGNALS:
    void tokenPicked(int token);
    void tokenOpened(int token);

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    struct Laid {
        std::vector<QRectF> places;   ///< one a token
        double height = 0;
    };
    Laid layFor(double width) const;
    void pick(int token);
    void drawBar(QPainter& painter, const QRectF& area) const;

    Tokens m_tokens;
    QStringList m_words;              ///< as drawn
    std::vector<bool> m_breaks;       ///< a line ends after the token
    Readout m_readout;
    Laid m_laid;                      ///< for the widget's width
    int m_picked = -1, m_hover = -1;
    QPointF m_hoverPosition;
};

} // namespace halftone
