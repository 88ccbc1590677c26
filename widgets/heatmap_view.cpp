#include "widgets/heatmap_view.h"

#include "widgets/palette.h"

#include <QEvent>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kGap = 4;
constexpr int kBarWidth = 12;
constexpr int kBarGap = 16;

} // namespace

namespace {

/// A log scale that begins where the share `inside` of the values lies above it: values next to nothing take the lowest colour, instead of
/// pressing all others into the highest.
ValueScale withoutTheSmallest(ValueScale scale, std::span<const float> values, double inside)
{
    std::vector<float> sample;   // some 100 000 values say it well enough
    const std::size_t step = std::max<std::size_t>(1, values.size() / 100000);
    for (std::size_t i = 0; i < values.size(); i += step)
        if (std::isfinite(values[i]) && values[i] > 0)
            sample.push_back(values[i]);
    if (sample.empty())
        return scale;
    const auto at = sample.begin() + static_cast<std::ptrdiff_t>((1 - inside) * static_cast<double>(sample.size() - 1));
    std::nth_element(sample.begin(), at, sample.end());
    if (static_cast<double>(*at) > scale.low && static_cast<double>(*at) < scale.high)
        scale.low = static_cast<double>(*at);
    return scale;
}

} // namespace

HeatmapView::HeatmapView(QWidget* parent) : QWidget(parent), m_map(&ColourMap::cividis())
{
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    setObjectName(u"heatmap"_s);
    setAccessibleName(tr("Heatmap"));
    setCursor(Qt::CrossCursor);
}

void HeatmapView::setData(HeatmapData data)
{
    const bool sameShape = data.rows() == m_data.rows() && data.columns() == m_data.columns();
    m_data = std::move(data);
    if (!sameShape) {
        m_visible = QRectF(0, 0, m_data.columns(), m_data.rows());
        m_selectedRow = m_selectedColumn = -1;
        m_hover = {-1, -1};
        Q_EMIT visibleCellsChanged(m_visible);
    }
    refit();
}

void HeatmapView::setRow(int row, std::span<const float> values)
{
    m_data.setRow(row, values);
    refit();
}

void HeatmapView::setAxes(Axes axes)
{
    m_axes = std::move(axes);
    setAccessibleName(tr("Heatmap: %1 by %2").arg(m_axes.rows, m_axes.columns));
    invalidate();
}

void HeatmapView::setBarShown(bool shown)
{
    m_barShown = shown;
    invalidate();
}

void HeatmapView::setTitle(const QString& title)
{
    m_title = title;
    invalidate();
}

void HeatmapView::setColours(const ColourMap& map, Pooling pooling, double inside)
{
    m_map = &map;
    m_pooling = pooling;
    m_inside = inside;
    refit();
}

void HeatmapView::setScaleKind(ValueScale::Kind kind)
{
    m_kind = kind;
    refit();
}

void HeatmapView::setScale(const std::optional<ValueScale>& scale)
{
    m_fixedScale = scale;
    refit();
}

void HeatmapView::setReadout(Readout readout)
{
    m_readout = std::move(readout);
    update();
}

void HeatmapView::setBands(int bands)
{
    if (m_bands == bands)
        return;
    m_bands = bands;
    invalidate();
}

void HeatmapView::setRowLabels(QStringList labels)
{
    m_rowLabels = std::move(labels);
    measureLabels();
    invalidate();
}

void HeatmapView::measureLabels()
{
    const QFontMetrics metrics(tabularFont(font(), false, 1));
    m_widestLabel = 0;
    for (const QString& label : m_rowLabels)
        m_widestLabel = std::max(m_widestLabel, metrics.horizontalAdvance(label));
}

void HeatmapView::refit()
{
    m_beyond = 0;
    if (m_fixedScale)
        m_scale = *m_fixedScale;
    else if (m_pooling == Pooling::FarthestFromZero) {
        const std::span<const float> cells = m_data.overview(m_pooling).cells();
        m_scale = fitSymmetric(cells, m_inside);
        if (const double largest = m_inside < 1 ? fitSymmetric(cells).high : 0; largest > m_scale.high)
            m_beyond = largest;
    }
    else
        m_scale = m_kind == ValueScale::Kind::Log && m_inside < 1 ? withoutTheSmallest(fitScale(m_data.overview(m_pooling).cells(), m_kind), m_data.overview(m_pooling).cells(), m_inside)
                                                                  : fitScale(m_data.overview(m_pooling).cells(), m_kind);
    invalidate();
}

void HeatmapView::invalidate()
{
    m_image = QImage();
    update();
}

void HeatmapView::setSelectedCells(int row, int column, int rows, int columns)
{
    m_selectedRow = row >= 0 && row < m_data.rows() ? row : -1;
    m_selectedColumn = column >= 0 && column < m_data.columns() ? column : -1;
    m_selectedRows = m_selectedRow < 0 ? 1 : std::clamp(rows, 1, m_data.rows() - m_selectedRow);
    m_selectedColumns = m_selectedColumn < 0 ? 1 : std::clamp(columns, 1, m_data.columns() - m_selectedColumn);
    if (!selectedCells().contains(m_brushEnd))
        m_brushEnd = {-1, -1};
    update();
}

QRect HeatmapView::selectedCells() const
{
    if (m_selectedRow < 0 && m_selectedColumn < 0)
        return {};
    return {std::max(0, m_selectedColumn), std::max(0, m_selectedRow), m_selectedColumn < 0 ? m_data.columns() : m_selectedColumns,
            m_selectedRow < 0 ? m_data.rows() : m_selectedRows};
}

void HeatmapView::setBrush(Brush brush)
{
    m_brush = brush;
}

QRectF HeatmapView::clamped(const QRectF& region) const
{
    const double rows = m_data.rows(), columns = m_data.columns();
    if (m_data.isEmpty())
        return {};
    const double width = std::clamp(region.width(), std::min<double>(kLeastColumns, columns), columns);
    const double height = std::clamp(region.height(), 1.0, rows);
    return {std::clamp(region.left(), 0.0, columns - width), std::clamp(region.top(), 0.0, rows - height), width, height};
}

void HeatmapView::setVisibleCells(const QRectF& region)
{
    const QRectF next = clamped(region);
    if (next == m_visible)
        return;
    m_visible = next;
    invalidate();
    Q_EMIT visibleCellsChanged(m_visible);
}

void HeatmapView::showAll()
{
    setVisibleCells(QRectF(0, 0, m_data.columns(), m_data.rows()));
}

int HeatmapView::barRoom() const
{
    const QFontMetrics metrics(tabularFont(font(), false, 1));
    return kBarGap + kBarWidth + metrics.horizontalAdvance(u"0 000 000"_s) + metrics.height();
}

HeatmapView::Layout HeatmapView::layoutFor(const QRect& area) const
{
    const QFontMetrics metrics(tabularFont(font(), false, 1));
    const int line = metrics.height();
    int left = metrics.horizontalAdvance(u"0000"_s) + 2 * kGap + line;
    if (!m_rowLabels.isEmpty())
        left = std::min(m_widestLabel, area.width() / 4) + 2 * kGap + line;
    const int right = kGap + (m_barShown ? barRoom() : 0);
    const int bottom = 2 * line + 2 * kGap;
    const QRect map = area.adjusted(left, m_title.isEmpty() ? line / 2 : line + kGap, -right, -bottom);
    return {area.left(), map, QRect(map.right() + 1 + kBarGap, map.top(), kBarWidth, map.height())};
}

QRect HeatmapView::mapRect() const
{
    return layoutFor(rect()).map;
}

std::optional<QPoint> HeatmapView::cellAt(const QPointF& position) const
{
    const QRect map = mapRect();
    if (m_data.isEmpty() || m_pooling == Pooling::Mean)
        return strongestCell(position, 0, 0);
    const auto around = [](double pixels, double cells) { return pixels / cells < kTarget ? kTarget / 2 : 0; };
    return strongestCell(position, around(map.width(), m_visible.width()), around(map.height(), m_visible.height()));
}

/// Of the cells that the pixel shows, and so many pixels around it: the one that gave its pixel the colour.
std::optional<QPoint> HeatmapView::strongestCell(const QPointF& position, int aroundX, int aroundY) const
{
    const QRect map = mapRect();
    if (m_data.isEmpty() || !QRectF(map).contains(position) || map.width() <= 0 || map.height() <= 0)
        return std::nullopt;
    // The pixels of the drawn image, so that what is pointed at is what is seen.
    const int width = std::max(1, m_pooled.width > 0 ? m_pooled.width : map.width());
    const int height = std::max(1, m_pooled.height > 0 ? m_pooled.height : map.height());
    const auto cells = [](double offset, int pixels, int drawn, int around, double from, double to, int count) {
        const auto pixel = [&](double at) { return std::clamp(static_cast<int>(std::floor(at / pixels * drawn)), 0, drawn - 1); };
        return CellRange{cellsOfPixel(from, to, pixel(offset - around), drawn, count).first, cellsOfPixel(from, to, pixel(offset + around), drawn, count).last};
    };
    const CellRange columns = cells(position.x() - map.left(), map.width(), width, aroundX, m_visible.left(), m_visible.right(), m_data.columns());
    const CellRange rows = cells(position.y() - map.top(), map.height(), height, aroundY, m_visible.top(), m_visible.bottom(), m_data.rows());
    QPoint best(columns.first, rows.first);
    bool started = false;
    for (int r = rows.first; r <= rows.last; ++r) {
        if (!m_data.measured(r))
            continue;
        for (int c = columns.first; c <= columns.last; ++c) {
            const float v = m_data.at(r, c), b = m_data.at(best.y(), best.x());
            if (started && std::isnan(b))
                return best;
            if (!started || std::isnan(v) || (m_pooling == Pooling::FarthestFromZero ? std::abs(v) > std::abs(b) : v > b))
                best = QPoint(c, r);
            started = true;
        }
    }
    return best;
}

QRectF HeatmapView::cellsToPixels(const QRect& map, double column, double row, double columns, double rows) const
{
    const double sx = map.width() / m_visible.width(), sy = map.height() / m_visible.height();
    return {map.left() + (column - m_visible.left()) * sx, map.top() + (row - m_visible.top()) * sy, columns * sx, rows * sy};
}

void HeatmapView::resizeEvent(QResizeEvent*)
{
    invalidate();
}

void HeatmapView::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::FontChange)
        measureLabels();
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange)
        invalidate();
    QWidget::changeEvent(event);
}

} // namespace halftone
