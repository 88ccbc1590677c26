#include "widgets/heatmap_data.h"

#include "core/base/error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace halftone {

HeatmapData::HeatmapData(int rows, int columns)
    : m_rows(std::max(0, rows)), m_columns(std::max(0, columns)),
      m_cells(static_cast<std::size_t>(m_rows) * static_cast<std::size_t>(m_columns), std::numeric_limits<float>::quiet_NaN()),
      m_measured(static_cast<std::size_t>(m_rows), 0)
{
}

HeatmapData::HeatmapData(int rows, int columns, std::vector<float> cells)
    : m_rows(rows), m_columns(columns), m_cells(std::move(cells)), m_measured(static_cast<std::size_t>(std::max(0, rows)), 1)
{
    if (rows < 0 || columns < 0 || m_cells.size() != static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns))
        throw Error(ErrorKind::InvalidArgument, "a heatmap of " + std::to_string(rows) + " × " + std::to_string(columns) + " cells was given "
            + std::to_string(m_cells.size()) + " values");
}

bool HeatmapData::anyMeasured() const
{
    return std::any_of(m_measured.begin(), m_measured.end(), [](unsigned char m) { return m != 0; });
}

void HeatmapData::setRow(int row, std::span<const float> values)
{
    if (row < 0 || row >= m_rows || values.size() != static_cast<std::size_t>(m_columns))
        throw Error(ErrorKind::InvalidArgument, "row " + std::to_string(row) + " with " + std::to_string(values.size()) + " values does not fit a heatmap of "
            + std::to_string(m_rows) + " × " + std::to_string(m_columns) + " cells");
    std::copy(values.begin(), values.end(), m_cells.begin() + static_cast<std::ptrdiff_t>(index(row, 0)));
    m_measured[static_cast<std::size_t>(row)] = 1;
}

CellRange cellsOfPixel(double from, double to, int pixel, int pixels, int cells)
{
    const double step = (to - from) / pixels;
    if (step <= 1) {                                       // a cell is a pixel or more: the cell at the pixel's centre
        const int cell = static_cast<int>(std::floor(from + (pixel + 0.5) * step));
        const int inside = std::clamp(cell, 0, cells - 1);
        return {inside, inside};
    }
    const int first = std::clamp(static_cast<int>(std::floor(from + pixel * step + 1e-9)), 0, cells - 1);
    const int last = static_cast<int>(std::ceil(from + (pixel + 1) * step - 1e-9)) - 1;
    return {first, std::clamp(last, first, cells - 1)};
}

PooledCells poolCells(const HeatmapData& data, const QRectF& region, int width, int height, Pooling pooling)
{
    PooledCells pooled;
    if (data.isEmpty() || width <= 0 || height <= 0)
        return pooled;
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    pooled.width = width;
    pooled.height = height;
    pooled.values.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), kNan);
    pooled.measured.assign(static_cast<std::size_t>(height), 0);

    std::vector<CellRange> columns(static_cast<std::size_t>(width));
    for (int x = 0; x < width; ++x)
        columns[static_cast<std::size_t>(x)] = cellsOfPixel(region.left(), region.right(), x, width, data.columns());

    CellRange before{-1, -1};
    for (int y = 0; y < height; ++y) {
        const CellRange rows = cellsOfPixel(region.top(), region.bottom(), y, height, data.rows());
        float* out = pooled.values.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width);
        if (rows.first == before.first && rows.last == before.last) {
            std::copy(out - width, out, out);
            pooled.measured[static_cast<std::size_t>(y)] = pooled.measured[static_cast<std::size_t>(y - 1)];
            continue;
        }
        before = rows;
        bool started = false;
        for (int r = rows.first; r <= rows.last; ++r) {
            if (!data.measured(r))
                continue;
            const std::span<const float> cells = data.row(r);
            for (int x = 0; x < width; ++x) {
                const CellRange range = columns[static_cast<std::size_t>(x)];
                float best = started ? out[x] : cells[static_cast<std::size_t>(range.first)];
                bool notANumber = std::isnan(best);
                if (pooling == Pooling::Maximum) {
                    for (int c = range.first; c <= range.last; ++c) {
                        const float v = cells[static_cast<std::size_t>(c)];
                        best = v > best ? v : best;
                        notANumber |= v != v;
                    }
                } else {
                    for (int c = range.first; c <= range.last; ++c) {
                        const float v = cells[static_cast<std::size_t>(c)];
                        best = std::abs(v) > std::abs(best) ? v : best;
                        notANumber |= v != v;
                    }
                }
                out[x] = notANumber ? kNan : best;
            }
            started = true;
        }
        pooled.measured[static_cast<std::size_t>(y)] = started ? 1 : 0;
    }
    return pooled;
}

} // namespace halftone
