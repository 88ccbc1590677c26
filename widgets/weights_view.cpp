#include "widgets/weights_view.h"

#include "widgets/colour_map.h"
#include "widgets/heatmap_view.h"
#include "widgets/histogram_plot.h"
#include "widgets/segmented_control.h"

#include <QHBoxLayout>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

enum Plot { Distribution, ByOutput, ByInput, ByGroup };

QString gridText(const WeightMap& map)
{
    QString text = WeightsView::tr("%1 bits").arg(map.grid.bits);
    text += map.grid.group > 0 ? WeightsView::tr(", groups of %1").arg(map.grid.group) : map.grid.perTensor ? WeightsView::tr(", one scale") : WeightsView::tr(", per channel");
    return map.grid.symmetric ? text : text + WeightsView::tr(", asymmetric");
}

} // namespace

WeightsPicture WeightsPicture::make(WeightsRequest request, std::shared_ptr<const WeightMap> map)
{
    WeightsPicture picture;
    const int rows = static_cast<int>(map->rows), columns = static_cast<int>(map->columns);
    using Mode = WeightsRequest::Mode;
    if (!map->quantized || request.mode == Mode::Weight) {
        picture.cells = HeatmapData(rows, columns, map->weight);
    } else if (request.mode == Mode::Quantized) {
        picture.cells = HeatmapData(rows, columns, map->quantized);
    } else if (request.mode == Mode::Scale) {
        picture.cells = HeatmapData(rows, static_cast<int>(map->groups), map->scale);
    } else {
        std::vector<float> error(map->weight->size());
        for (std::size_t i = 0; i < error.size(); ++i)
            error[i] = (*map->quantized)[i] - (*map->weight)[i];
        picture.cells = HeatmapData(rows, columns, std::move(error));
    }
    picture.request = std::move(request);
    picture.map = std::move(map);
    picture.cells.prepare(picture.pooling());
    return picture;
}

WeightsView::WeightsView(QWidget* parent) : ViewFrame(u"weights"_s, tr("Weights"), parent)
{
    m_modes = new SegmentedControl(this);
    m_modes->setObjectName(u"weightsMode"_s);
    m_modes->setAccessibleName(tr("What is shown of the matrix"));
    m_modes->setSegments({tr("weight"), tr("quantized"), tr("error"), tr("scale")},
        {tr("The values in the checkpoint"), tr("The values after the grid"), tr("Quantized minus weight"), tr("The step of the grid, by row and group")});
    m_sources = new SegmentedControl(this);
    m_sources->setObjectName(u"weightsSource"_s);
    m_sources->setAccessibleName(tr("Which quantized values"));
    m_sources->setSegments({tr("recipe"), tr("run")}, {tr("Rounded to nearest by the grid that the recipe gives this linear"), tr("The codes that the last run stored")});
    controls()->addWidget(m_modes);
    controls()->addWidget(m_sources);
    controls()->addStretch();

    m_body = new QWidget(this);
    auto* column = new QVBoxLayout(m_body);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    m_map = new HeatmapView(m_body);
    m_map->setObjectName(u"weightsMap"_s);
    m_map->setReadout([this](int row, int cell, float) { return readout(row, cell); });
    m_plots = new SegmentedControl(m_body);
    m_plots->setObjectName(u"weightsPlot"_s);
    m_plots->setAccessibleName(tr("What is plotted below the matrix"));
    m_plots->setSegments({tr("histogram"), tr("error by output"), tr("by input"), tr("by group")},
        {tr("How many weights lie where on the grid"), tr("Root mean square error of each output channel"), tr("Root mean square error of each input channel"),
            tr("Root mean square error of each group of input channels")});
    m_plot = new HistogramPlot(m_body);
    m_plot->setObjectName(u"weightsHistogram"_s);
    m_plot->setReadout([this](int bar, double value) { return plotReadout(bar, value); });
    column->addWidget(m_map, 3);
    auto* below = new QHBoxLayout;
    below->addWidget(m_plots);
    below->addStretch();
    column->addLayout(below);
    column->addWidget(m_plot, 1);
    setContent(m_body, this);
    setFocusProxy(m_map);

    connect(m_modes, &SegmentedControl::chosen, this, [this](int index) { setMode(static_cast<WeightsRequest::Mode>(index)); });
    connect(m_sources, &SegmentedControl::chosen, this, [this](int index) {
        m_request.source = static_cast<WeightsRequest::Source>(index);
        ask();
    });
    connect(m_plots, &SegmentedControl::chosen, this, &WeightsView::showPlot);
    const auto choose = [this](std::int64_t channel, std::int64_t channels) {
        Selection wish = m_selection;
        wish.linear = m_request.linear.toStdString();
        wish.setChannel(channel, channels);
        Q_EMIT selectionRequested(wish);
    };
    // One cell of a scale map stands for a group of channels.
    const auto chooseCells = [this, choose](int first, int count) {
        if (!m_picture || first < 0)
            return;
        const std::int64_t cells = m_picture->cells.columns(), channels = m_picture->map->columns;
        const std::int64_t from = first * channels / cells;
        choose(from, cells == channels || count > 1 ? std::max<std::int64_t>(1, (first + count) * channels / cells - from) : 1);
    };
    m_map->setBrush(HeatmapView::Brush::Columns);
    connect(m_map, &HeatmapView::cellClicked, this, [chooseCells](int, int cell) { chooseCells(cell, 1); });
    connect(m_map, &HeatmapView::cellsBrushed, this, [chooseCells](int, int cell, int, int cells) { chooseCells(cell, cells); });
    connect(m_plot, &HistogramPlot::barClicked, this, [this, choose](int bar) {
        if (m_picture && m_plots->current() == ByInput)
            choose(bar, 1);
    });
    setRun({}, false);
    clear();
}

void WeightsView::clear()
{
    m_request.linear.clear();
    m_picture.reset();
    setEmptyState(tr("Select a linear in Layers, or a cell of a map, to see its matrix. Nothing needs to be measured first; it is read in a moment."), {});
    present();
}

void WeightsView::setLinear(const QString& linear)
{
    if (linear == m_request.linear)
        return;
    m_request.linear = linear;
    ask();
}

void WeightsView::refresh()
{
    m_outdated = true;
    ask();
}

void WeightsView::setMode(WeightsRequest::Mode mode)
{
    m_modes->setCurrent(static_cast<int>(mode));
    m_request.mode = mode;
    ask();
}

void WeightsView::setRun(const QString& run, bool stale)
{
    const bool changed = run != m_run;
    m_run = run;
    m_runStale = stale;
    m_sources->setSegmentEnabled(1, !run.isEmpty(), tr("No run is finished yet: quantize first"));
    if (run.isEmpty() && m_request.source == WeightsRequest::Source::Run) {
        m_request.source = WeightsRequest::Source::Recipe;
        m_sources->setCurrent(0);
        ask();
    } else if (changed && m_request.source == WeightsRequest::Source::Run) {
        ask();
    }
    setStale(m_runStale && m_request.source == WeightsRequest::Source::Run, tr("The recipe changed since %1; quantize to update").arg(m_run));
}

void WeightsView::ask()
{
    setStale(m_runStale && m_request.source == WeightsRequest::Source::Run, tr("The recipe changed since %1; quantize to update").arg(m_run));
    if (!m_request.linear.isEmpty())
        Q_EMIT pictureRequested(m_request);
}

void WeightsView::setPicture(const WeightsPicture& picture)
{
    if (!(picture.request == m_request))
        return;
    m_picture = picture;
    m_outdated = false;
    present();
}

void WeightsView::setFailed(const QString& sentence)
{
    m_picture.reset();
    setEmptyState(sentence, {});
    present();
}

void WeightsView::setSelection(const Selection& selection)
{
    m_selection = selection;
    int column = -1, columns = 1;
    if (m_picture && selection.linear == m_picture->map->linear && selection.channel >= 0) {
        const WeightMap& map = *m_picture->map;
        column = static_cast<int>(m_picture->cells.columns() == map.columns ? selection.channel : selection.channel * m_picture->cells.columns() / map.columns);
        const std::int64_t last = std::min<std::int64_t>(selection.channel + selection.channels, map.columns) - 1;
        columns = static_cast<int>(last * m_picture->cells.columns() / map.columns) - column + 1;
    }
    m_map->setSelectedCells(-1, column, 1, columns);
    m_plot->setMarked(m_plots->current() == ByInput && m_picture ? static_cast<int>(selection.channel) : -1, static_cast<int>(selection.channels));
}

void WeightsView::present()
{
    if (!m_picture) {
        m_map->setData({});
        m_plot->setBars({});
        setSubtitle({});
        setHasData(false);
        return;
    }
    const WeightMap& map = *m_picture->map;
    using Mode = WeightsRequest::Mode;
    const Mode mode = map.quantized ? m_picture->request.mode : Mode::Weight;
    const QStringList values{tr("weight"), tr("quantized weight"), tr("quantized − weight"), tr("scale")};
    m_map->setAxes({tr("output channel"), mode == Mode::Scale ? tr("group of input channels") : tr("input channel"), values[static_cast<int>(mode)], {}});
    if (mode == Mode::Scale) {
        m_map->setScaleKind(ValueScale::Kind::Log);
        m_map->setColours(ColourMap::cividis(), Pooling::Maximum);
    } else {
        m_map->setScaleKind(ValueScale::Kind::Linear);
        m_map->setColours(ColourMap::blueOrange(), Pooling::FarthestFromZero, 0.9995);
    }
    m_map->setData(m_picture->cells);
    QString text = m_request.linear + u" · %1 × %2"_s.arg(map.rows).arg(map.columns);
    if (map.quantized) {
        text += map.run.empty() ? tr(" · rounded to nearest, %1").arg(gridText(map)) : tr(" · %1 of %2, %3").arg(QString::fromStdString(map.method), QString::fromStdString(map.run), gridText(map));
        text += std::isfinite(map.sqnrDb) ? tr(" · %1 dB").arg(map.sqnrDb, 0, 'f', 1) : tr(" · exact");
        if (!map.note.empty())
            text += u" · "_s + QString::fromStdString(map.note);
    } else {
        text += map.note.empty() ? tr(" · not quantized") : u" · "_s + QString::fromStdString(map.note);
    }
    setSubtitle(text);
    for (int plot : {ByOutput, ByInput, ByGroup})
        m_plots->setSegmentEnabled(plot, map.quantized != nullptr, tr("The recipe leaves this linear float: there is no error"));
    for (int m : {1, 2, 3})
        m_modes->setSegmentEnabled(m, map.quantized != nullptr || m_modes->current() == m, tr("The recipe leaves this linear float: give it bits in Layers to see this"));
    setHasData(true);
    showPlot();
}

void WeightsView::showPlot()
{
    if (!m_picture)
        return;
    const WeightMap& map = *m_picture->map;
    const int which = map.quantized ? std::max(0, m_plots->current()) : Distribution;
    HistogramPlot::Bars bars;
    const auto errors = [&](const std::vector<float>& values, const QString& axis) {
        bars.values.assign(values.begin(), values.end());
        bars.low = 0;
        bars.high = static_cast<double>(values.size());
        bars.axis = axis;
        bars.value = tr("root mean square error");
    };
    switch (which) {
    case ByOutput: errors(map.rowError, tr("output channel")); break;
    case ByInput: errors(map.columnError, tr("input channel")); break;
    case ByGroup: errors(map.groupError, map.groups > 1 ? tr("group of %1 input channels").arg(map.columns / map.groups) : tr("one group: all input channels")); break;
    default:
        bars.values.assign(map.counts.begin(), map.counts.end());
        bars.low = map.low;
        bars.high = map.high;
        bars.axis = map.inSteps ? tr("weight ÷ its scale: the grid's levels are the whole numbers") : tr("weight");
        bars.value = tr("weights");
        bars.levels = map.levels;
        bars.logarithmic = true;
    }
    m_plot->setBars(std::move(bars));
    setSelection(m_selection);
}

QStringList WeightsView::readout(int row, int cell) const
{
    const WeightMap& map = *m_picture->map;
    const bool groups = m_picture->cells.columns() != map.columns;
    if (groups)
        return {tr("output %1 · group %2").arg(row).arg(cell), tr("scale %1").arg(formatValue(m_picture->cells.at(row, cell)))};
    QStringList lines{tr("output %1 · input %2").arg(row).arg(cell), tr("weight %1").arg(formatValue(map.at(row, cell), 6))};
    if (map.quantized) {
        const double after = (*map.quantized)[static_cast<std::size_t>(row * map.columns + cell)];
        lines << tr("quantized %1 · scale %2").arg(formatValue(after, 6), formatValue(map.scaleAt(row, cell)));
        lines << tr("error %1").arg(formatValue(after - map.at(row, cell), 3));
    }
    return lines;
}

QStringList WeightsView::plotReadout(int bar, double value) const
{
    const HistogramPlot::Bars& bars = m_plot->bars();
    const double width = (bars.high - bars.low) / static_cast<double>(bars.values.size());
    if (m_plots->current() > Distribution && m_picture->map->quantized)
        return {u"%1 %2"_s.arg(bars.axis).arg(bar), tr("error %1").arg(formatValue(value))};
    return {tr("%1 … %2").arg(formatValue(bars.low + width * bar), formatValue(bars.low + width * (bar + 1))), tr("%1 weights").arg(formatValue(value, 6))};
}

QSize WeightsView::pictureSize() const
{
    return m_body->size();
}

void WeightsView::drawPicture(QPainter& painter, const QRect& area)
{
    const int below = std::clamp(area.height() * 28 / 100, 90, 240);
    m_map->drawPicture(painter, area.adjusted(0, 0, 0, -below - 8));
    m_plot->drawPicture(painter, QRect(area.left(), area.bottom() - below, area.width(), below));
}

QString WeightsView::csv() const
{
    return m_map->csv();
}

} // namespace halftone
