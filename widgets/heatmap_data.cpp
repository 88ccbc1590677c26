#include "widgets/heatmap_data.h"

#include "core/base/error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace halftone {

namespace {

void requireCells(int rows, int columns, std::size_t cells)
{
    if (rows < 0 || columns < 0 || cells != static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns))
        throw Error(ErrorKind::InvalidArgument, "a heatmap of " + std::to_string(rows) + " × " + std::to_string(columns) + " cells was given "
            + std::to_string(cells) + " values");
}

/// The larger of two by `pooling`; NaN wins.
float pooled(float a, float b, Pooling pooling)
{
    if (std::isnan(a) || std::isnan(b))
        return std::numeric_limits<float>::quiet_NaN();
    return pooling == Pooling::Maximum ? std::max(a, b) : std::abs(b) > std::abs(a) ? b : a;
}

} // namespace

HeatmapData::HeatmapData(int rows, int columns)
    : m_rows(std::max(0, rows)), m_columns(std::max(0, columns)),
      m_cells(std::make_shared<std::vector<float>>(static_cast<std::size_t>(m_rows) * static_cast<std::size_t>(m_columns),
          std::numeric_limits<float>::quiet_NaN())),
      m_measured(static_cast<std::size_t>(m_rows), 0)
{
}

HeatmapData::HeatmapData(int rows, int columns, std::vector<float> cells)
    : m_rows(rows), m_columns(columns), m_cells(std::make_shared<std::vector<float>>(std::move(cells))),
      m_measured(static_cast<std::size_t>(std::max(0, rows)), 1)
{
    requireCells(rows, columns, m_cells->size());
}

HeatmapData::HeatmapData(int rows, int columns, std::shared_ptr<const std::vector<float>> cells)
    : m_rows(rows), m_columns(columns), m_cells(std::const_pointer_cast<std::vector<float>>(std::move(cells))),   // setRow() takes a copy first
      m_measured(static_cast<std::size_t>(std::max(0, rows)), 1)
{
    requireCells(rows, columns, m_cells ? m_cells->size() : 0);
}

void HeatmapData::prepare(Pooling pooling)
{
    const std::int64_t cells = static_cast<std::int64_t>(m_rows) * m_columns;
    if (cells <= kLargeMap || pooling == Pooling::Mean)
        return;
    int factor = 2;
    while (cells / (static_cast<std::int64_t>(factor) * factor) > kLargeMap)
        factor *= 2;
    const int rows = (m_rows + factor - 1) / factor, columns = (m_columns + factor - 1) / factor;
    auto small = std::make_shared<HeatmapData>(rows, columns);
    std::vector<float> line(static_cast<std::size_t>(columns));
    for (int r = 0; r < rows; ++r) {
        bool started = false;
        for (int y = r * factor; y < std::min(m_rows, (r + 1) * factor); ++y) {
            if (!measured(y))
                continue;
            const std::span<const float> source = row(y);
            for (int c = 0; c < columns; ++c) {
                float best = started ? line[static_cast<std::size_t>(c)] : source[static_cast<std::size_t>(c * factor)];
                for (int x = c * factor; x < std::min(m_columns, (c + 1) * factor); ++x)
                    best = pooled(best, source[static_cast<std::size_t>(x)], pooling);
                line[static_cast<std::size_t>(c)] = best;
            }
            started = true;
        }
        if (started)
            small->setRow(r, line);
    }
    m_small = std::move(small);
    m_smallPooling = pooling;
    m_factor = factor;
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
    if (m_cells.use_count() > 1)
        m_cells = std::make_shared<std::vector<float>>(*m_cells);
    std::copy(values.begin(), values.end(), m_cells->begin() + static_cast<std::ptrdiff_t>(index(row, 0)));
    m_measured[static_cast<std::size_t>(row)] = 1;
    m_small.reset();
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

namespace {

/// Pools the cells of one source row into the pixels of one picture row that others of the same pixel row started.
void poolRow(std::span<const float> cells, const std::vector<CellRange>& columns, bool started, Pooling pooling, float* out)
{
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    for (std::size_t x = 0; x < columns.size(); ++x) {
        const CellRange range = columns[x];
        if (pooling == Pooling::Mean) {
            double sum = 0;
            for (int c = range.first; c <= range.last; ++c)
                sum += static_cast<double>(cells[static_cast<std::size_t>(c)]);
            out[x] = (started ? out[x] : 0) + static_cast<float>(sum / (range.last - range.first + 1));
            continue;
        }
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
}

} // namespace

PooledCells poolCells(const HeatmapData& whole, const QRectF& wholeRegion, int width, int height, Pooling pooling)
{
    PooledCells pooled;
    if (whole.isEmpty() || width <= 0 || height <= 0)
        return pooled;
    // Where a pixel holds a cell of the smaller map or more, that one does: it is pooled the same way.
    const int factor = whole.factor(pooling);
    const bool reduced = factor > 1 && wholeRegion.width() >= static_cast<double>(factor) * width && wholeRegion.height() >= static_cast<double>(factor) * height;
    const HeatmapData& data = reduced ? whole.overview(pooling) : whole;
    const double shrink = reduced ? factor : 1;
    const QRectF region(wholeRegion.topLeft() / shrink, wholeRegion.size() / shrink);

    pooled.width = width;
    pooled.height = height;
    pooled.values.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), std::numeric_limits<float>::quiet_NaN());
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
        int pooledRows = 0;
        for (int r = rows.first; r <= rows.last; ++r)
            if (data.measured(r))
                poolRow(data.row(r), columns, pooledRows++ > 0, pooling, out);
        if (pooling == Pooling::Mean && pooledRows > 1)
            for (int x = 0; x < width; ++x)
                out[x] /= static_cast<float>(pooledRows);
        pooled.measured[static_cast<std::size_t>(y)] = pooledRows > 0 ? 1 : 0;
    }
    return pooled;
}

} // namespace halftone
