#include "widgets/tokens_view.h"

#include "widgets/colour_map.h"
#include "widgets/grid_controls.h"
#include "widgets/heatmap_view.h"
#include "widgets/segmented_control.h"
#include "widgets/site_text.h"
#include "widgets/token_text.h"

#include <QHBoxLayout>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

TokensView::TokensView(QWidget* parent) : ViewFrame(u"tokens"_s, tr("Tokens"), parent)
{
    m_modes = new SegmentedControl(this);
    m_modes->setObjectName(u"tokensMode"_s);
    m_modes->setAccessibleName(tr("What is shown of each element"));
    m_modes->setSegments({tr("magnitude"), tr("kernel"), tr("error")},
        {tr("|x| before any grid"), tr("Which elements the grid rounds to zero"), tr("What the grid adds to each element: rounded minus original")});
    m_controls = new GridControls(u"tokens"_s, GridControls::Form::Compact, this);
    controls()->addWidget(m_modes);
    controls()->addWidget(m_controls, 1);

    m_map = new HeatmapView(this);
    m_map->setObjectName(u"tokensMap"_s);
    m_map->setReadout([this](int row, int column, float) { return readout(row, column); });
    setContent(m_map, m_map);
    setFocusProxy(m_map);

    connect(m_modes, &SegmentedControl::chosen, this, &TokensView::rebuild);
    connect(m_controls, &GridControls::gridChosen, this, [this](const ActivationGrid& grid) {
        request();
        updateSubtitle();
        Q_EMIT gridChosen(grid);
    });
    // Rows or columns of −1 stay what they are.
    const auto choose = [this](int row, int column, int rows, int columns) {
        if (!m_site || !m_sample)
            return;
        Selection wish = m_selection;
        if (wish.block != m_site->block || wish.site != m_site->kind)
            wish.linear.clear();
        wish.block = m_site->block;
        wish.site = m_site->kind;
        if (column >= 0)
            wish.setChannel(column, columns);
        if (row >= 0)
            wish.setToken(position(row), position(row + rows - 1) - position(row) + 1);
        Q_EMIT selectionRequested(wish);
    };
    m_map->setBrush(HeatmapView::Brush::Both);
    connect(m_map, &HeatmapView::cellClicked, this, [choose](int row, int column) { choose(row, column, 1, 1); });
    connect(m_map, &HeatmapView::cellsBrushed, this, choose);
    setEmptyState(tr("Analyze, then choose an activation in another view to see it token by token, with the text beside it."), {});
    clear();
}

void TokensView::clear()
{
    m_site.reset();
    m_sample.reset();
    m_rounded.reset();
    rebuild();
}

void TokensView::setSite(const SiteInfo& site, std::shared_ptr<const SiteSample> sample)
{
    if (m_site && m_site->name == site.name && sample == m_sample)
        return;
    m_site = site;
    m_sample = std::move(sample);
    m_rounded.reset();
    if (!m_sample)
        setEmptyState(tr("This analysis kept no activations: it comes from an older version. Analyze again to see them token by token."), tr("Analyze"));
    rebuild();
    request();
}

void TokensView::setMode(Mode mode)
{
    m_modes->setCurrent(static_cast<int>(mode));
    rebuild();
}

TokensView::Mode TokensView::mode() const
{
    return static_cast<Mode>(std::max(0, m_modes->current()));
}

ActivationGrid TokensView::grid() const
{
    return m_controls->grid();
}

void TokensView::setGrid(const ActivationGrid& grid)
{
    if (grid == m_controls->grid())
        return;
    m_controls->setGrid(grid);
    request();
    updateSubtitle();
}

void TokensView::request()
{
    if (m_sample && !(m_rounded && m_roundedGrid == grid()))
        Q_EMIT roundingRequested(m_sample, grid());
}

void TokensView::setRounded(const SiteSample& sample, const ActivationGrid& grid, std::shared_ptr<const std::vector<float>> rounded)
{
    if (&sample != m_sample.get() || !(grid == this->grid()) || !rounded || rounded->size() != m_sample->values.size())
        return;
    m_rounded = std::move(rounded);
    m_roundedGrid = grid;
    if (mode() != Mode::Magnitude)
        rebuild();
    updateSubtitle();
}

bool TokensView::isCurrent() const
{
    return mode() == Mode::Magnitude || (m_rounded && m_roundedGrid == grid());
}

void TokensView::setSelection(const Selection& selection)
{
    m_selection = selection;
    const bool here = m_site && m_sample && selection.block == m_site->block && selection.site == m_site->kind;
    const int row = here ? m_sample->tokens->rowOf(selection.token) : -1;
    int rows = 1;   // those sampled of a brushed range
    while (row >= 0 && row + rows < static_cast<int>(m_sample->rows()) && position(row + rows) < selection.token + selection.tokens)
        ++rows;
    m_map->setSelectedCells(row, here ? static_cast<int>(selection.channel) : -1, rows, static_cast<int>(std::min(selection.channels, m_sample ? m_sample->channels : 1)));
    updateSubtitle();
}

void TokensView::rebuild()
{
    if (!m_sample) {
        m_map->setData({});
        updateSubtitle();
        setHasData(false);
        return;
    }
    const std::vector<float>& x = m_sample->values;
    const bool rounded = mode() != Mode::Magnitude && m_rounded;
    std::vector<float> cells(x.size(), std::numeric_limits<float>::quiet_NaN());
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (mode() == Mode::Magnitude)
            cells[i] = std::abs(x[i]);
        else if (rounded && !std::isnan(x[i]))
            cells[i] = mode() == Mode::Error ? (*m_rounded)[i] - x[i] : (*m_rounded)[i] == 0 ? 1.0F : 0.0F;
    }
    const int rows = static_cast<int>(m_sample->rows()), columns = static_cast<int>(m_sample->channels);
    HeatmapData shown(rows, columns);
    if (mode() == Mode::Magnitude || rounded)   // else it is on its way, and the map says so
        shown = HeatmapData(rows, columns, std::move(cells));

    QStringList labels;
    const SampledTokens& tokens = *m_sample->tokens;
    for (std::size_t r = 0; r < tokens.positions.size(); ++r)
        labels << (r < tokens.texts.size() ? u"%1  %2"_s.arg(tokenLabel(tokens.texts[r])).arg(tokens.positions[r]) : QString::number(tokens.positions[r]));
    m_map->setRowLabels(labels);
    const QString channels = tr("channel of the %1").arg(siteText(m_site->kind));
    switch (mode()) {
    case Mode::Magnitude:
        m_map->setAxes({tr("token"), channels, tr("|x|"), {}});
        m_map->setScale(std::nullopt);
        m_map->setScaleKind(ValueScale::Kind::Log);
        m_map->setColours(ColourMap::cividis(), Pooling::Maximum, 0.98);
        break;
    case Mode::Kernel:
        m_map->setAxes({tr("token"), channels, tr("share rounded to zero"), {}});
        m_map->setColours(ColourMap::kernelMask(), Pooling::Mean);
        m_map->setScale(ValueScale{ValueScale::Kind::Linear, 0, 1});
        break;
    case Mode::Error:
        m_map->setAxes({tr("token"), channels, tr("rounded − original"), {}});
        m_map->setScale(std::nullopt);
        m_map->setScaleKind(ValueScale::Kind::Linear);
        m_map->setColours(ColourMap::blueOrange(), Pooling::FarthestFromZero, 0.995);
        break;
    }
    m_map->setData(std::move(shown));
    setSelection(m_selection);
    setHasData(true);
    updateSubtitle();
}

void TokensView::updateSubtitle()
{
    if (!m_site || !m_sample) {
        setSubtitle({});
        return;
    }
    QString text = tr("block %1 · %2").arg(m_site->block).arg(siteText(m_site->kind));
    if (mode() != Mode::Magnitude)
        text += u" · "_s + gridText(m_rounded ? m_roundedGrid : grid());
    if (const QString brushed = brushedText(); !brushed.isEmpty()) {
        setSubtitle(text + u" · "_s + brushed);
        return;
    }
    const SampledTokens& tokens = *m_sample->tokens;
    text += tokens.whole() ? tr(" · all %1 tokens").arg(tokens.total) : tr(" · %1 of %2 tokens").arg(tokens.positions.size()).arg(tokens.total);
    setSubtitle(text);
}

/// What is brushed, and what the grid makes of it; empty for a single cell.
QString TokensView::brushedText() const
{
    const QRect cells = m_map->selectedCells();
    const bool here = m_site && m_selection.block == m_site->block && m_selection.site == m_site->kind;
    if (!here || (m_selection.channels <= 1 && m_selection.tokens <= 1) || cells.isEmpty() || cells.right() >= m_sample->channels)
        return {};
    QStringList parts;
    if (m_selection.tokens > 1 && m_selection.token >= 0)
        parts << tr("tokens %1–%2").arg(m_selection.token).arg(m_selection.token + m_selection.tokens - 1);
    if (m_selection.channels > 1 && m_selection.channel >= 0)
        parts << tr("channels %1–%2").arg(m_selection.channel).arg(m_selection.channel + m_selection.channels - 1);
    double largest = 0;
    std::int64_t zero = 0, count = 0;
    for (int r = cells.top(); r <= cells.bottom(); ++r)
        for (int c = cells.left(); c <= cells.right(); ++c) {
            const std::size_t at = static_cast<std::size_t>(r) * static_cast<std::size_t>(m_sample->channels) + static_cast<std::size_t>(c);
            if (std::isnan(m_sample->values[at]))
                continue;
            ++count;
            largest = std::max<double>(largest, std::abs(m_sample->values[at]));
            zero += m_rounded && (*m_rounded)[at] == 0;
        }
    parts << tr("largest |x| %1").arg(formatValue(largest));
    if (m_rounded && count > 0)
        parts << tr("%1 to zero at %2").arg(formatShare(static_cast<double>(zero) / static_cast<double>(count)), gridText(m_roundedGrid));
    return parts.join(u" · "_s);
}

QStringList TokensView::readout(int row, int column) const
{
    const SampledTokens& tokens = *m_sample->tokens;
    const auto r = static_cast<std::size_t>(row);
    const std::size_t at = r * static_cast<std::size_t>(m_sample->channels) + static_cast<std::size_t>(column);
    const double x = m_sample->values[at];
    QStringList lines{r < tokens.texts.size() ? tr("token %1 “%2” · channel %3").arg(tokens.positions[r]).arg(tokenLabel(tokens.texts[r])).arg(column)
                                              : tr("token %1 · channel %2").arg(tokens.positions[r]).arg(column)};
    if (!m_rounded)
        return lines << tr("x %1").arg(formatValue(x));
    const double after = (*m_rounded)[at];
    lines << tr("x %1, after %2: %3").arg(formatValue(x), gridText(m_roundedGrid), formatValue(after));
    if (after == 0 && x != 0)
        lines << tr("in the kernel: lost");
    else if (after == 0)
        lines << tr("was zero already");
    else
        lines << tr("error %1").arg(formatValue(after - x, 3));
    return lines;
}

} // namespace halftone
