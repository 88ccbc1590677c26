#pragma once

#include "widgets/colour_map.h"

#include <QRectF>

#include <cstdint>
#include <span>
#include <vector>

namespace halftone {

/// rows × columns floats; a row may be not measured yet.
class HeatmapData {
public:
    HeatmapData() = default;
    /// All rows not measured.
    HeatmapData(int rows, int columns);
    /// All measured. @throws Error{InvalidArgument} unless cells = rows × columns.
    HeatmapData(int rows, int columns, std::vector<float> cells);

    int rows() const { return m_rows; }
    int columns() const { return m_columns; }
    bool isEmpty() const { return m_rows == 0 || m_columns == 0; }
    bool measured(int row) const { return m_measured[static_cast<std::size_t>(row)] != 0; }
    bool anyMeasured() const;
    float at(int row, int column) const { return m_cells[index(row, column)]; }
    std::span<const float> row(int row) const { return {m_cells.data() + index(row, 0), static_cast<std::size_t>(m_columns)}; }
    std::span<const float> cells() const { return m_cells; }
    /// Marks the row measured. @throws Error{InvalidArgument} unless values.size() = columns.
    void setRow(int row, std::span<const float> values);

private:
    std::size_t index(int row, int column) const
    {
        return static_cast<std::size_t>(row) * static_cast<std::size_t>(m_columns) + static_cast<std::size_t>(column);
    }
    int m_rows = 0, m_columns = 0;
    std::vector<float> m_cells;
    std::vector<unsigned char> m_measured;
};

/// How several cells become one pixel: the largest value, or (diverging maps) the value farthest from 0. NaN wins over all.
enum class Pooling { Maximum, FarthestFromZero };

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
