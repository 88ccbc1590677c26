#include "widgets/kernel_view.h"

#include "core/model/family_traits.h"
#include "widgets/colour_map.h"
#include "widgets/grid_controls.h"
#include "widgets/kernel_strips.h"

#include <QHBoxLayout>
#include <QStringList>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

int indexOf(ActivationScheme scheme)
{
    for (int i = 0; i < kKernelSchemes; ++i)
        if (kernelScheme(i) == scheme)
            return i;
    return 0;
}

bool usesAlpha(ActivationScheme scheme)
{
    return scheme == ActivationScheme::Cross || scheme == ActivationScheme::CrossStatic;
}

bool sameGrid(const ActivationGrid& a, const ActivationGrid& b)
{
    return a.scheme == b.scheme && a.bits == b.bits && (!usesAlpha(a.scheme) || a.alpha == b.alpha);
}

} // namespace

KernelView::KernelView(QWidget* parent) : ViewFrame(u"kernel"_s, tr("Kernel"), parent)
{
    m_controls = new GridControls(u"kernel"_s, GridControls::Form::Wide, this);
    controls()->addWidget(m_controls, 1);

    m_strips = new KernelStrips(this);
    m_strips->setObjectName(u"kernelStrips"_s);
    m_strips->setReadout([this](int block, SiteKind kind) { return readout(block, kind); });
    setContent(m_strips, m_strips);
    setFocusProxy(m_strips);
    connect(m_controls, &GridControls::gridChosen, this, [this](const ActivationGrid& grid) {
        follow();
        Q_EMIT gridChosen(grid);
    });
    connect(m_strips, &KernelStrips::cellClicked, this, [this](int block, SiteKind kind) {
        Selection wish = m_selection;
        if (wish.block != block || wish.site != kind) {
            wish.linear.clear();
            wish.setChannel(-1);
        }
        wish.block = block;
        wish.site = kind;
        Q_EMIT selectionRequested(wish);
    });
    m_scheme = scheme();
    setFamily({});
    clear();
}

void KernelView::clear()
{
    m_blocks = 0;
    m_sampled = m_total = 0;
    m_preview.reset();
    m_cells.clear();
    setEmptyState(tr("Open a model to see how much of its activations a grid would round to zero."), {});
    refresh();
}

void KernelView::setBlocks(int blocks)
{
    m_blocks = std::max(0, blocks);
    m_preview.reset();
    m_cells.clear();
    setEmptyState(tr("Analyze counts, for every block and activation, the share of elements that each grid rounds to zero: the quantization kernel."),
        tr("Analyze…"));
    refresh();
}

void KernelView::setSites(int block, const std::vector<SiteStatistics>& sites)
{
    if (block < 0 || block >= m_blocks)
        return;
    for (const SiteStatistics& site : sites) {
        std::vector<Cell>& row = m_cells[site.site.kind];
        row.resize(static_cast<std::size_t>(m_blocks));
        row[static_cast<std::size_t>(block)] = {true, site.kernel};
    }
    refresh();
}

void KernelView::setSettings(const AnalysisSettings& settings)
{
    m_settings = settings;
    m_preview.reset();
    ActivationGrid grid = m_controls->grid();
    grid.bits = settings.bits;
    grid.alpha = settings.alpha;
    m_controls->setGrid(grid);
    refresh();
}

void KernelView::setFamily(const std::string& architecture)
{
    if (const FamilyTraits& traits = familyTraits(architecture); traits.kernelMark > 0) {
        const QString name = QString::fromStdString(traits.kernelMarkName);
        m_strips->setMarks({{traits.kernelMark, tr("%1 % %2").arg(std::lround(100 * traits.kernelMark)).arg(name)}}, tr("the CrossQuant paper's mark at 8 bits, not a law"));
        return;
    }
    QStringList marked;
    for (const FamilyTraits& traits : allFamilyTraits())
        if (traits.kernelMark > 0)
            marked.append(QString::fromStdString(traits.kernelMarkName));
    m_strips->setMarks({}, tr("the paper has marks for %1 only").arg(marked.join(tr(" and "))));
}

void KernelView::setSample(std::int64_t tokens, std::int64_t total)
{
    m_sampled = tokens;
    m_total = total;
    refresh();
    request();
}

void KernelView::setScheme(int index)
{
    ActivationGrid grid = m_controls->grid();
    grid.scheme = kernelScheme(index);
    setGrid(grid);
}

int KernelView::scheme() const
{
    return indexOf(m_controls->grid().scheme);
}

ActivationGrid KernelView::grid() const
{
    return m_controls->grid();
}

void KernelView::setGrid(const ActivationGrid& grid)
{
    if (sameGrid(grid, m_controls->grid()) && grid.alpha == m_controls->grid().alpha)
        return;
    m_controls->setGrid(grid);
    follow();
}

/// The controls stand at another grid than before.
void KernelView::follow()
{
    refresh();
    request();
    if (m_scheme == scheme())
        return;
    m_scheme = scheme();
    Q_EMIT schemeChanged(m_scheme);
}

ActivationGrid KernelView::otherGrid() const
{
    ActivationGrid other = m_controls->grid();
    other.scheme = other.scheme == ActivationScheme::Cross ? ActivationScheme::PerToken : ActivationScheme::Cross;
    return other;
}

bool KernelView::countedBy(const ActivationGrid& grid) const
{
    return grid.bits == m_settings.bits && (!usesAlpha(grid.scheme) || grid.alpha == m_settings.alpha);
}

bool KernelView::isExact() const
{
    return countedBy(m_controls->grid());
}

bool KernelView::isCurrent() const
{
    return isExact() || (m_preview && sameGrid(m_preview->grid, m_controls->grid()));
}

/// Also where only the comparison was not counted.
void KernelView::request()
{
    if (m_sampled > 0 && (!countedBy(grid()) || !countedBy(otherGrid())))
        Q_EMIT previewRequested(grid(), otherGrid());
}

void KernelView::setPreview(const KernelPreview& preview)
{
    if (!sameGrid(preview.grid, grid()))
        return;
    m_preview = preview;
    refresh();
}

void KernelView::setSelection(const Selection& selection)
{
    m_selection = selection;
    m_strips->setSelected(selection.block, selection.site);
}

KernelView::Totals KernelView::totals(int scheme) const
{
    KernelCounts sum;
    for (const auto& [kind, row] : m_cells)
        for (const Cell& cell : row)
            if (cell.measured) {
                const KernelCounts& counts = cell.counts[static_cast<std::size_t>(scheme)];
                sum.elements += counts.elements;
                sum.zero += counts.zero;
                sum.lost += counts.lost;
                sum.clipped += counts.clipped;
            }
    Totals totals;
    totals.elements = sum.elements;
    if (sum.elements > 0) {
        const auto elements = static_cast<double>(sum.elements);
        totals.share = static_cast<double>(sum.zero) / elements;
        totals.lost = static_cast<double>(sum.lost) / elements;
        totals.clipped = static_cast<double>(sum.clipped) / elements;
    }
    return totals;
}

KernelView::Totals KernelView::totals(const PerSite<std::vector<KernelEstimate>>& cells) const
{
    Totals totals;
    for (const auto& [kind, row] : m_cells) {
        const auto estimated = cells.find(kind);
        for (std::size_t b = 0; estimated != cells.end() && b < std::min(estimated->second.size(), row.size()); ++b) {
            const KernelEstimate& estimate = estimated->second[b];
            const std::int64_t elements = row[b].measured ? row[b].counts[0].elements : 0;
            totals.elements += elements;
            totals.share += estimate.share * static_cast<double>(elements);
            totals.lost += estimate.lost * static_cast<double>(elements);
            totals.clipped += estimate.clipped * static_cast<double>(elements);
        }
    }
    if (totals.elements > 0) {
        const auto elements = static_cast<double>(totals.elements);
        totals.share /= elements;
        totals.lost /= elements;
        totals.clipped /= elements;
    }
    return totals;
}

KernelView::Totals KernelView::shownTotals(bool other) const
{
    const ActivationGrid wanted = other ? otherGrid() : grid();
    if (countedBy(wanted))
        return totals(indexOf(wanted.scheme));
    if (m_preview)
        return totals(other ? m_preview->otherCells : m_preview->cells);
    return {};
}

QString KernelView::summary() const
{
    const Totals shown = shownTotals(false), other = shownTotals(true);
    if (shown.elements == 0)
        return {};
    const ActivationGrid otherGrid = this->otherGrid();
    const QString otherName = usesAlpha(otherGrid.scheme) ? tr("%1 α %2").arg(schemeText(otherGrid.scheme), formatValue(otherGrid.alpha, 3)) : schemeText(otherGrid.scheme);
    const QString about = isExact() ? QString() : u"≈ "_s, otherAbout = countedBy(otherGrid) ? QString() : u"≈ "_s;
    QString text = tr("mean %1").arg(about + formatShare(shown.share));
    if (other.elements > 0)
        text += tr(" · %1 would give %2").arg(otherName, otherAbout + formatShare(other.share));
    text += tr(" · clip rate %1").arg(formatShare(shown.clipped));
    if (shown.share - shown.lost > 5e-4)
        text += tr(" · without exact zeros %1").arg(formatShare(shown.lost));
    return text;
}

KernelEstimate KernelView::cellShares(SiteKind kind, std::size_t block) const
{
    if (!isExact()) {
        if (!m_preview)
            return {};
        const auto row = m_preview->cells.find(kind);
        return row != m_preview->cells.end() && block < row->second.size() ? row->second[block] : KernelEstimate{};
    }
    const KernelCounts& counts = m_cells.at(kind)[block].counts[static_cast<std::size_t>(scheme())];
    const double elements = std::max(1.0, static_cast<double>(counts.elements));
    return {static_cast<double>(counts.zero) / elements, static_cast<double>(counts.lost) / elements, static_cast<double>(counts.clipped) / elements};
}

QStringList KernelView::readout(int block, SiteKind kind) const
{
    const auto b = static_cast<std::size_t>(block);
    const std::string_view site = label(kind);
    QStringList lines{tr("block %1 · %2").arg(block).arg(QString::fromUtf8(site.data(), static_cast<qsizetype>(site.size())))};
    const auto row = m_cells.find(kind);
    if (row == m_cells.end() || !row->second[b].measured)
        return lines << tr("not measured yet");
    if (!isExact() && !m_preview)
        return lines << tr("no estimate for this grid");
    const KernelEstimate shares = cellShares(kind, b);
    const QString about = isExact() ? QString() : u"≈ "_s;
    lines << tr("%1: %2 rounded to zero").arg(gridText(isExact() ? grid() : m_preview->grid), about + formatShare(shares.share));
    lines << tr("lost (was not zero) %1 · clipped %2").arg(about + formatShare(shares.lost), about + formatShare(shares.clipped));
    return lines;
}

void KernelView::refresh()
{
    PerSite<std::vector<double>> shares;
    int measured = 0;
    const bool exact = isExact();
    for (const auto& [kind, row] : m_cells)
        for (std::size_t b = 0; b < row.size(); ++b) {
            const Cell& cell = row[b];
            measured += cell.measured ? 1 : 0;
            const bool known = cell.measured && cell.counts[0].elements > 0 && (exact || m_preview);
            shares[kind].push_back(known ? cellShares(kind, b).share : KernelStrips::kNotMeasured);
        }
    m_strips->setShares(m_blocks, shares, summary(), shownTotals(false).share, !exact);
    QString text = tr("share rounded to zero · %1").arg(gridText(exact || !m_preview ? grid() : m_preview->grid));
    if (!exact)
        text += m_sampled > 0 ? tr(" · estimate from a sample of %1 of %2 tokens").arg(m_sampled).arg(m_total)
                              : tr(" · this analysis kept no sample: analyze again to change bits and alpha");
    setSubtitle(text);
    setHasData(measured > 0);
}

} // namespace halftone
