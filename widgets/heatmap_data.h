#pragma once

#include "widgets/colour_map.h"

#include <QRectF>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace halftone {

/// How several cells become one pixel: the largest value, (diverging maps) the value farthest from 0, or (masks) the mean. NaN wins over all.
enum class Pooling { Maximum, FarthestFromZero, Mean };

/// rows × columns floats; a row may be not measured yet. Copies share their cells.
class HeatmapData {
public:
    HeatmapData() = default;
    /// All rows not measured.
    HeatmapData(int rows, int columns);
    /// All measured. @throws Error{InvalidArgument} unless cells = rows × columns.
    HeatmapData(int rows, int columns, std::vector<float> cells);
    /// The same with cells that others hold too. @throws as above.
    HeatmapData(int rows, int columns, std::shared_ptr<const std::vector<float>> cells);

    /// For large maps, once and off the GUI thread: a smaller map beside the cells, pooled the same way, so that drawing all of it takes
    /// milliseconds. Does nothing below kLargeMap cells and for means.
    void prepare(Pooling pooling);
    static constexpr std::int64_t kLargeMap = 4'000'000;
    /// The smaller map, or these very cells; `factor` cells of each side are one of its.
    const HeatmapData& overview(Pooling pooling) const { return m_small && m_smallPooling == pooling ? *m_small : *this; }
    int factor(Pooling pooling) const { return m_small && m_smallPooling == pooling ? m_factor : 1; }

    int rows() const { return m_rows; }
    int columns() const { return m_columns; }
    bool isEmpty() const { return m_rows == 0 || m_columns == 0; }
    bool measured(int row) const { return m_measured[static_cast<std::size_t>(row)] != 0; }
    bool anyMeasured() const;
    float at(int row, int column) const { return (*m_cells)[index(row, column)]; }
    std::span<const float> row(int row) const { return {m_cells->data() + index(row, 0), static_cast<std::size_t>(m_columns)}; }
    std::span<const float> cells() const { return m_cells ? std::span<const float>(*m_cells) : std::span<const float>(); }
    /// Marks the row measured. @throws Error{InvalidArgument} unless values.size() = columns.
    void setRow(int row, std::span<const float> values);

private:
    std::size_t index(int row, int column) const
    {
        return static_cast<std::size_t>(row) * static_cast<std::size_t>(m_columns) + static_cast<std::size_t>(column);
    }
    int m_rows = 0, m_columns = 0;
    std::shared_ptr<std::vector<float>> m_cells;   ///< written only while nobody shares them
    std::vector<unsigned char> m_measured;
    std::shared_ptr<const HeatmapData> m_small;
    Pooling m_smallPooling = Pooling::Maximum;
    int m_factor = 1;
};

/// A region of a heatmap at screen resolution.
struct PooledCells {
    int width = 0, height = 0;
    std::vector<float> values;               ///< height × width; quiet NaN also where `state` says not measured
    std::vector<unsigned char> measured;     ///< per pixel row
    float at(int x, int y) const { return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)]; }
};

/// Which source cells pixel `pixel` of `pixels` shows when they span [from, to) in cell units: [first, last], never empty.
struct CellRange { int first = 0, last = 0; };
CellRange cellsOfPixel(double from, double to, int pixel, int pixels, int cells);

/// Draws the cells of `region` (in cells: x = columns, y = rows) into width × height pixels. Every source cell in the region reaches at least
/// one pixel, so that an outlier never vanishes.
PooledCells poolCells(const HeatmapData& data, const QRectF& region, int width, int height, Pooling pooling);

} // namespace halftone
