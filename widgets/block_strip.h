#pragma once

#include <QString>
#include <QWidget>

#include <vector>

class QPainter;

namespace halftone {

/// One block of a run as the strip shows it.
struct BlockCell {
    enum class State { Waiting, Working, Done, Flagged, Stopped };
    State state = State::Waiting;
    double share = 0;        ///< Working: how much of it is done, 0…1
    QString tip;             ///< what is known of it
};

/// The blocks of a run filling up: one cell each, in as many rows as they need to stay large enough to hit. State is told by fill and by a
/// sign, not by colour alone.
class BlockStrip : public QWidget {
    Q_OBJECT

public:
    explicit BlockStrip(QWidget* parent = nullptr);
    void setCells(std::vector<BlockCell> cells);
    const std::vector<BlockCell>& cells() const { return m_cells; }
    /// −1: none.
    void setSelected(int block);
    int selected() const { return m_selected; }
    /// Its rectangle within `area`; `blocks` share rows evenly. A pure function of its arguments.
    static QRect cellRect(int block, int blocks, const QRect& area);
    static int rowsFor(int blocks, int width);
    int blockAt(const QPoint& position) const;
    /// Draws the cells into any painter (for pictures).
    void draw(QPainter& painter, const QRect& area) const;

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;

Q_SIGNALS:
    void blockClicked(int block);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    bool event(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    std::vector<BlockCell> m_cells;
    int m_selected = -1;
};

} // namespace halftone
