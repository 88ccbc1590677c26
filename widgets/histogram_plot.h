#pragma once

#include "widgets/picture.h"

#include <QPointF>
#include <QStringList>
#include <QWidget>

#include <functional>
#include <optional>
#include <vector>

namespace halftone {

/// Values over an axis as bars: a histogram with the levels of a grid, or one value a channel or group. Never more bars than pixels: several
/// values in one pixel show their largest.
class HistogramPlot : public QWidget, public Picture {
    Q_OBJECT

public:
    struct Bars {
        std::vector<double> values;            ///< ≥ 0, finite
        double low = 0, high = 1;              ///< where the axis begins and ends: equal bars between
        QString axis, value;                   ///< "code", "weights"
        std::vector<double> levels;            ///< ticks under the bars: where a grid can put a value
        bool logarithmic = false;              ///< heights; 0 stays 0
    };
    /// Lines of the read-out card of a bar.
    using Readout = std::function<QStringList(int bar, double value)>;

    explicit HistogramPlot(QWidget* parent = nullptr);
    void setBars(Bars bars);
    const Bars& bars() const { return m_bars; }
    void setReadout(Readout readout) { m_readout = std::move(readout); }
    /// A bar to frame; −1: none.
    void setMarked(int bar, int count = 1);
    int marked() const { return m_marked; }
    std::optional<int> barAt(const QPointF& position) const;
    QRectF plotRect() const { return layoutFor(rect()); }
    /// Largest value of each pixel column of a plot so wide.
    std::vector<double> heights(int pixels) const;

    QSize pictureSize() const override { return size(); }
    void drawPicture(QPainter& painter, const QRect& area) override;
    QString csv() const override;
    QSize sizeHint() const override { return {360, 110}; }
    QSize minimumSizeHint() const override { return {160, 72}; }

Q_SIGNALS:
    void barClicked(int bar);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;

private:
    QRectF layoutFor(const QRect& area) const;
    double heightOf(double value) const;

    Bars m_bars;
    double m_largest = 0;
    Readout m_readout;
    int m_marked = -1, m_markedCount = 1;
    std::optional<int> m_hover;
    QPointF m_hoverPosition;
};

} // namespace halftone
