#include "widgets/outliers_view.h"

#include "widgets/heatmap_view.h"
#include "widgets/outlier_list.h"
#include "widgets/segmented_control.h"
#include "widgets/site_text.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QSplitter>

#include <algorithm>
#include <limits>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

OutliersView::OutliersView(QWidget* parent) : ViewFrame(u"outliers"_s, tr("Outliers"), parent)
{
    m_sites = new SegmentedControl(this);
    m_sites->setObjectName(u"outliersSite"_s);
    m_sites->setAccessibleName(tr("Activation shown"));
    controls()->addWidget(m_sites);
    controls()->addStretch();
    m_ranked = new QCheckBox(tr("ran&ked"), this);
    m_ranked->setObjectName(u"outliersRanked"_s);
    m_ranked->setAccessibleName(tr("List of the sites, the strongest outlier first"));
    m_ranked->setToolTip(tr("All sites by how far their largest channel stands out"));
    m_ranked->setChecked(true);
    controls()->addWidget(m_ranked);

    m_map = new HeatmapView(this);
    m_map->setObjectName(u"outliersMap"_s);
    m_map->setScaleKind(ValueScale::Kind::Log);
    m_map->setReadout([this](int row, int column, float value) { return readout(row, column, value); });
    m_list = new OutlierList(this);
    m_split = new QSplitter(Qt::Horizontal, this);
    m_split->setObjectName(u"outliersSplit"_s);
    m_split->setChildrenCollapsible(false);
    m_split->setHandleWidth(3);
    m_split->addWidget(m_map);
    m_split->addWidget(m_list);
    m_split->setStretchFactor(0, 1);
    m_split->setStretchFactor(1, 0);
    setContent(m_split, m_map);
    setFocusProxy(m_map);
    connect(m_ranked, &QCheckBox::toggled, this, &OutliersView::shareWidth);
    connect(m_list, &OutlierList::selectionRequested, this, &OutliersView::selectionRequested);

    connect(m_sites, &SegmentedControl::chosen, this, [this](int index) {
        setSiteKind(m_kinds[static_cast<std::size_t>(index)]);
        Selection wish = m_selection;
        wish.site = m_kind;
        wish.setChannel(-1);
        wish.linear.clear();
        Q_EMIT selectionRequested(wish);
    });
    const auto choose = [this](int row, int column, int columns) {
        Selection wish = m_selection;
        if (row >= 0 && (wish.block != row || wish.site != m_kind))
            wish.linear.clear();
        if (row >= 0)
            wish.block = row;
        wish.site = m_kind;
        wish.setChannel(column, columns);
        Q_EMIT selectionRequested(wish);
    };
    m_map->setBrush(HeatmapView::Brush::Columns);
    connect(m_map, &HeatmapView::cellClicked, this, [choose](int row, int column) { choose(row, column, 1); });
    connect(m_map, &HeatmapView::cellsBrushed, this, [choose](int row, int column, int, int columns) { choose(row, column, columns); });
    clear();
}

/// The map keeps what it needs; the list stands beside it where there is room for both.
void OutliersView::shareWidth()
{
    constexpr int kLeastMap = 320;
    m_list->setVisible(m_ranked->isChecked() && width() >= kLeastMap + m_list->sizeHint().width());
    if (m_list->isHidden())
        return;
    const int list = m_list->sizeHint().width();
    m_list->setMinimumWidth(list);
    m_list->setMaximumWidth(list * 2);
}

void OutliersView::resizeEvent(QResizeEvent* event)
{
    ViewFrame::resizeEvent(event);
    shareWidth();
}

std::optional<Selection> OutliersView::largest() const
{
    return m_list->largest();
}

void OutliersView::clear()
{
    m_blocks = 0;
    m_list->clear();
    m_data.clear();
    showKinds(SiteKind::dense());
    m_source.clear();
    setEmptyState(tr("Open a model to see which channels of its activations stand out."), {});
    rebuild();
}

/// One segment each; what was shown stays where it is among them.
void OutliersView::showKinds(const std::vector<SiteKind>& kinds)
{
    if (kinds == m_kinds || kinds.empty())
        return;
    m_kinds = kinds;
    QStringList texts, tips;
    for (const SiteKind kind : m_kinds) {
        texts << siteText(kind);
        tips << tr("Channels of the %1").arg(texts.back());
    }
    m_sites->setSegments(texts, tips);
    if (std::find(m_kinds.begin(), m_kinds.end(), m_kind) == m_kinds.end())
        m_kind = m_kinds.back();
    m_sites->setCurrent(static_cast<int>(std::find(m_kinds.begin(), m_kinds.end(), m_kind) - m_kinds.begin()));
}

void OutliersView::setBlocks(int blocks, const std::vector<SiteKind>& kinds)
{
    m_blocks = std::max(0, blocks);
    m_list->clear();
    showKinds(kinds);
    m_data.clear();
    for (const SiteKind kind : m_kinds)
        m_data[kind].resize(static_cast<std::size_t>(m_blocks));
    setEmptyState(tr("Analyze shows the largest magnitude of every activation channel, block by block: outliers appear as bright columns."), tr("Analyze…"));
    rebuild();
}

void OutliersView::setSites(int block, const std::vector<SiteStatistics>& sites)
{
    if (block < 0 || block >= m_blocks)
        return;
    for (const SiteStatistics& site : sites) {
        const auto row = m_data.find(site.site.kind);
        if (row == m_data.end())
            continue;   // of no site that the model has
        BlockSite& slot = row->second[static_cast<std::size_t>(block)];
        slot.absmax = site.channelAbsmax;
        slot.median = site.medianChannelAbsmax();
        if (site.site.kind != m_kind)
            continue;
        if (m_map->data().rows() == m_blocks && m_map->data().columns() == static_cast<int>(slot.absmax.size()))
            m_map->setRow(block, slot.absmax);
        else
            rebuild();
    }
    m_list->setSites(sites);
    setHasData(m_map->data().anyMeasured());
    updateSubtitle();
}

void OutliersView::setSiteKind(SiteKind kind)
{
    const auto segment = std::find(m_kinds.begin(), m_kinds.end(), kind);
    if (segment == m_kinds.end())
        return;
    m_sites->setCurrent(static_cast<int>(segment - m_kinds.begin()));
    if (kind == m_kind)
        return;
    m_kind = kind;
    rebuild();
    setSelection(m_selection);
}

void OutliersView::setSource(const QString& source)
{
    m_source = source;
    updateSubtitle();
}

void OutliersView::setSelection(const Selection& selection)
{
    m_selection = selection;
    m_list->setSelection(selection);
    if (selection.site && *selection.site != m_kind && std::find(m_kinds.begin(), m_kinds.end(), *selection.site) != m_kinds.end()) {
        setSiteKind(*selection.site);
        return;
    }
    const auto cell = [](std::int64_t of) { return static_cast<int>(std::min<std::int64_t>(of, std::numeric_limits<int>::max())); };
    m_map->setSelectedCells(selection.block, cell(selection.channel), 1, cell(selection.channels));
}

void OutliersView::rebuild()
{
    const std::vector<BlockSite>& rows = m_data[m_kind];
    std::size_t columns = 0;
    for (const BlockSite& row : rows)
        columns = std::max(columns, row.absmax.size());
    HeatmapData cells(m_blocks, static_cast<int>(columns));
    for (int block = 0; block < m_blocks && columns > 0; ++block)
        if (rows[static_cast<std::size_t>(block)].absmax.size() == columns)
            cells.setRow(block, rows[static_cast<std::size_t>(block)].absmax);
    const bool any = cells.anyMeasured();
    m_map->setAxes({tr("block"), tr("channel of the %1").arg(siteText(m_kind)), tr("channel absmax"), {}});
    m_map->setData(std::move(cells));
    setHasData(any);
    updateSubtitle();
}

void OutliersView::updateSubtitle()
{
    const std::vector<BlockSite>& rows = m_data[m_kind];
    const auto measured = std::count_if(rows.begin(), rows.end(), [](const BlockSite& row) { return !row.absmax.empty(); });
    QString text = tr("block × channel of the %1 · largest |x|, log scale").arg(siteText(m_kind));
    if (!m_source.isEmpty())
        text += u" · "_s + m_source;
    if (measured > 0 && measured < m_blocks)
        text += tr(" · %1 of %2 blocks measured").arg(measured).arg(m_blocks);
    setSubtitle(text);
}

QStringList OutliersView::readout(int row, int column, float value) const
{
    const BlockSite& site = m_data.at(m_kind)[static_cast<std::size_t>(row)];
    QStringList lines{tr("block %1 · %2 · channel %3").arg(row).arg(siteText(m_kind)).arg(column),
        tr("absmax %1   median %2").arg(formatValue(value), formatValue(site.median))};
    if (site.median > 0)
        lines << tr("%1 × the median channel").arg(formatValue(value / site.median));
    return lines;
}

void OutliersView::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Space && m_blocks > 0) {
        Selection wish = m_selection;
        wish.block = std::max(0, wish.block);
        wish.site = m_kind;
        Q_EMIT tokensRequested(wish);
        return;
    }
    ViewFrame::keyPressEvent(event);
}

} // namespace halftone
