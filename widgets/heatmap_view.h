#pragma once

#include "widgets/colour_map.h"
#include "widgets/heatmap_data.h"
#include "widgets/picture.h"

#include <QImage>
#include <QPoint>
#include <QRectF>
#include <QStringList>
#include <QWidget>

#include <functional>
#include <optional>

namespace halftone {

/// A matrix as colours, with axes, colour bar, zoom, selection and read-out. Shows what it is given, says what is pointed at.
///
/// Drag zooms into a rectangle, the wheel zooms at the cursor, double click shows all; arrows move the selected cell, + and − zoom,
/// Home shows all; Shift+drag and the middle button pan. Where ranges can be brushed: Ctrl+drag, a drag along the texts of rows or columns, or
/// Shift+arrows.
class HeatmapView : public QWidget, public Picture {
    Q_OBJECT

public:
    struct Axes {
        QString rows = QStringLiteral("row"), columns = QStringLiteral("column");   ///< under and beside the map
        QString value = QStringLiteral("value"), unit;                              ///< at the colour bar
    };
    /// Lines of the read-out card; the last one is drawn in the accent colour when there are more than two.
    using Readout = std::function<QStringList(int row, int column, float value)>;

    explicit HeatmapView(QWidget* parent = nullptr);

    void setData(HeatmapData data);                            ///< shows all of it when the shape changed, else keeps the zoom
    void setRow(int row, std::span<const float> values);       ///< one more row measured
    const HeatmapData& data() const { return m_data; }

    void setAxes(Axes axes);
    /// Of maps side by side on one scale, one has the bar; each has its title above.
    void setBarShown(bool shown);
    void setTitle(const QString& title);
    int barRoom() const;   ///< pixels that a bar takes beside the map
    /// `inside`: of diverging maps, the share of the values that the colours tell apart, see fitSymmetric(); the bar says where they end.
    void setColours(const ColourMap& map, Pooling pooling = Pooling::Maximum, double inside = 1);
    /// Log or linear, fitted to the data as it comes; diverging maps are symmetric about 0.
    void setScaleKind(ValueScale::Kind kind);
    /// A fixed scale instead (for maps that must compare).
    void setScale(const std::optional<ValueScale>& scale);
    const ValueScale& scale() const { return m_scale; }
    void setReadout(Readout readout);
    /// Of a matrix only so many diagonals on either side are there, 1 being the main one alone; what lies beyond is hatched. 0: all are.
    void setBands(int bands);
    /// Text of row and column ticks where it is not the number (tokens); empty: the number.
    void setRowLabels(QStringList labels);
    QString rowLabel(int row) const { return row >= 0 && row < m_rowLabels.size() ? m_rowLabels[row] : QString::number(row); }

    /// −1, −1: none. column −1: the whole row is framed; row −1: the whole column. Does not emit.
    void setSelectedCell(int row, int column) { setSelectedCells(row, column, 1, 1); }
    /// A brushed range from that cell on.
    void setSelectedCells(int row, int column, int rows, int columns);
    /// In cells; a missing row or column spans all.
    QRect selectedCells() const;
    enum class Brush { None, Columns, Both };   ///< what can be brushed: nothing, ranges of columns of one row, ranges of both
    void setBrush(Brush brush);
    QPoint selectedCell() const { return {m_selectedColumn, m_selectedRow}; }   ///< x = column, y = row

    /// What is visible, in cells.
    QRectF visibleCells() const { return m_visible; }
    void setVisibleCells(const QRectF& region);
    void showAll();

    /// Where the map itself lies in the widget, and the cell that a point means (nullopt outside): the one under it; where cells are too small to
    /// aim at, the strongest of those around it.
    QRect mapRect() const;
    std::optional<QPoint> cellAt(const QPointF& position) const;
    /// The pixels' values as drawn now (tests, linked views).
    const PooledCells& pooled() const { return m_pooled; }

    QSize pictureSize() const override { return size(); }
    void drawPicture(QPainter& painter, const QRect& area) override;
    /// All cells; of a map above HeatmapData::kLargeMap only those visible.
    QString csv() const override;
    QSize sizeHint() const override { return {640, 320}; }
    QSize minimumSizeHint() const override { return {220, 120}; }

Q_SIGNALS:
    void hovered(int row, int column, float value);
    void hoverLeft();
    void cellClicked(int row, int column);                     ///< mouse or keyboard
    void cellsBrushed(int row, int column, int rows, int columns);   ///< row or column −1: it stays what it was
    void visibleCellsChanged(const QRectF& region);

protected:
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    static constexpr int kLeastColumns = 4;   ///< on screen, however far one zooms in
    static constexpr int kTarget = 4;         ///< pixels of a side that a hand can aim at
    std::optional<QPoint> strongestCell(const QPointF& position, int aroundX, int aroundY) const;
    struct Layout { int left = 0; QRect map, bar; };
    Layout layoutFor(const QRect& area) const;
    void measureLabels();
    void refit();
    void invalidate();
    QImage render(const QSize& pixels, const QRectF& region, PooledCells* pooledOut) const;
    void drawAxes(QPainter& painter, const Layout& layout) const;
    void drawBar(QPainter& painter, const QRect& bar) const;
    void drawSelection(QPainter& painter, const QRect& map) const;
    void drawCard(QPainter& painter) const;
    QRectF clamped(const QRectF& region) const;
    QRectF cellsToPixels(const QRect& map, double column, double row, double columns, double rows) const;
    void zoomAt(const QPointF& position, double factor);
    void hoverAt(const QPointF& position);
    void endBrush(const QPointF& end);
    void extendBrush(int dx, int dy);
    QRectF bandCells(const QPointF& from, const QPointF& to) const;   ///< the cells that a rectangle on the map touches

    HeatmapData m_data;
    Axes m_axes;
    const ColourMap* m_map = nullptr;
    Pooling m_pooling = Pooling::Maximum;
    double m_inside = 1, m_beyond = 0;   ///< largest magnitude, where it lies beyond the colours
    ValueScale m_scale;
    ValueScale::Kind m_kind = ValueScale::Kind::Linear;
    std::optional<ValueScale> m_fixedScale;
    Readout m_readout;
    int m_bands = 0;
    bool m_barShown = true;
    QString m_title;
    QStringList m_rowLabels;
    int m_widestLabel = 0;        ///< pixels, of m_rowLabels
    QRectF m_visible;
    int m_selectedRow = -1, m_selectedColumn = -1, m_selectedRows = 1, m_selectedColumns = 1;
    QPoint m_brushEnd{-1, -1};    ///< the cell that Shift+arrows move; x = column
    Brush m_brush = Brush::None;
    enum class Gesture { Zoom, Pan, Cells, Rows, Columns };   ///< what a drag does

    QImage m_image;               ///< the map, cached at device resolution
    PooledCells m_pooled;
    QPoint m_hover{-1, -1};       ///< x = column, y = row
    QPointF m_hoverPosition;
    std::optional<QPoint> m_press;
    QPoint m_drag;
    bool m_dragging = false;
    Gesture m_gesture = Gesture::Zoom;
};

} // namespace halftone
