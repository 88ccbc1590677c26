#include "widgets/kernel_view.h"

#include "widgets/colour_map.h"
#include "widgets/kernel_strips.h"
#include "widgets/segmented_control.h"

#include <QHBoxLayout>
#include <QLabel>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

QString schemeText(int index)
{
    switch (kernelScheme(index)) {
    case ActivationScheme::PerTensor: return KernelView::tr("per tensor");
    case ActivationScheme::PerToken: return KernelView::tr("per token");
    case ActivationScheme::PerChannel: return KernelView::tr("per channel");
    case ActivationScheme::Cross: return KernelView::tr("CrossQuant");
    case ActivationScheme::CrossStatic: return KernelView::tr("static cross");
    case ActivationScheme::None: break;
    }
    return {};
}

QString schemeTip(int index)
{
    switch (kernelScheme(index)) {
    case ActivationScheme::PerTensor: return KernelView::tr("One scale for the site, from the whole text");
    case ActivationScheme::PerToken: return KernelView::tr("One scale a token, found while running");
    case ActivationScheme::PerChannel: return KernelView::tr("One scale a channel, from the whole text");
    case ActivationScheme::Cross: return KernelView::tr("Token maximum to the power alpha times channel maximum to the power 1 − alpha");
    case ActivationScheme::CrossStatic: return KernelView::tr("As CrossQuant, with channel maxima of the whole text");
    case ActivationScheme::None: break;
    }
    return {};
}

int indexOf(ActivationScheme scheme)
{
    for (int i = 0; i < kKernelSchemes; ++i)
        if (kernelScheme(i) == scheme)
            return i;
    return 0;
}

} // namespace

KernelView::KernelView(QWidget* parent) : ViewFrame(u"kernel"_s, tr("Kernel"), parent)
{
    m_schemes = new SegmentedControl(this);
    m_schemes->setObjectName(u"kernelScheme"_s);
    m_schemes->setAccessibleName(tr("Activation grid"));
    QStringList texts, tips;
    for (int i = 0; i < kKernelSchemes; ++i) {
        texts << schemeText(i);
        tips << schemeTip(i);
    }
    m_schemes->setSegments(texts, tips);
    m_schemes->setCurrent(indexOf(ActivationScheme::PerToken));
    m_settingsLabel = new QLabel(this);
    m_settingsLabel->setObjectName(u"kernelSettings"_s);
    m_settingsLabel->setTextFormat(Qt::PlainText);
    m_settingsLabel->setForegroundRole(QPalette::PlaceholderText);
    controls()->addWidget(m_schemes);
    controls()->addWidget(m_settingsLabel);
    controls()->addStretch();

    m_strips = new KernelStrips(this);
    m_strips->setObjectName(u"kernelStrips"_s);
    setContent(m_strips, m_strips);
    setFocusProxy(m_strips);
    connect(m_schemes, &SegmentedControl::chosen, this, [this](int index) {
        refresh();
        Q_EMIT schemeChanged(index);
    });
    connect(m_strips, &KernelStrips::cellClicked, this, [this](int block, SiteKind kind) {
        Selection wish = m_selection;
        if (wish.block != block || wish.site != kind) {
            wish.linear.clear();
            wish.channel = -1;
        }
        wish.block = block;
        wish.site = kind;
        Q_EMIT selectionRequested(wish);
    });
    clear();
}

void KernelView::clear()
{
    m_blocks = 0;
    for (auto& kind : m_cells)
        kind.clear();
    setEmptyState(tr("Open a model to see how much of its activations a grid would round to zero."), {});
    refresh();
}

void KernelView::setBlocks(int blocks)
{
    m_blocks = std::max(0, blocks);
    for (auto& kind : m_cells)
        kind.assign(static_cast<std::size_t>(m_blocks), Cell{});
    setEmptyState(tr("Analyze counts, for every block and activation, the share of elements that each grid rounds to zero: the quantization kernel."),
        tr("Analyze…"));
    refresh();
}

void KernelView::setSites(int block, const std::vector<SiteStatistics>& sites)
{
    if (block < 0 || block >= m_blocks)
        return;
    for (const SiteStatistics& site : sites)
        m_cells[static_cast<std::size_t>(site.site.kind)][static_cast<std::size_t>(block)] = {true, site.kernel};
    refresh();
}

void KernelView::setSettings(const AnalysisSettings& settings)
{
    m_settings = settings;
    refresh();
}

void KernelView::setScheme(int index)
{
    m_schemes->setCurrent(index);
    refresh();
}

int KernelView::scheme() const
{
    return std::max(0, m_schemes->current());
}

void KernelView::setSelection(const Selection& selection)
{
    m_selection = selection;
    m_strips->setSelected(selection.block, selection.site);
}

KernelView::Totals KernelView::totals(int scheme) const
{
    KernelCounts sum;
    for (const auto& kind : m_cells)
        for (const Cell& cell : kind)
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

QString KernelView::summary() const
{
    const Totals shown = totals(scheme());
    if (shown.elements == 0)
        return {};
    const bool isCross = kernelScheme(scheme()) == ActivationScheme::Cross;
    const int other = indexOf(isCross ? ActivationScheme::PerToken : ActivationScheme::Cross);
    const QString otherName = isCross ? tr("per token") : tr("CrossQuant α %1").arg(formatValue(m_settings.alpha, 3));
    QString text = tr("mean %1 · %2 would give %3 · clip rate %4").arg(formatShare(shown.share), otherName, formatShare(totals(other).share),
        formatShare(shown.clipped));
    if (shown.share - shown.lost > 5e-4)
        text += tr(" · without exact zeros %1").arg(formatShare(shown.lost));
    return text;
}

void KernelView::refresh()
{
    const int index = scheme();
    std::array<std::vector<double>, kSiteKinds> shares;
    int measured = 0;
    for (std::size_t k = 0; k < shares.size(); ++k)
        for (const Cell& cell : m_cells[k]) {
            const KernelCounts& counts = cell.counts[static_cast<std::size_t>(index)];
            const bool known = cell.measured && counts.elements > 0;
            shares[k].push_back(known ? static_cast<double>(counts.zero) / static_cast<double>(counts.elements) : KernelStrips::kNotMeasured);
            measured += known ? 1 : 0;
        }
    m_strips->setShares(m_blocks, shares, summary(), totals(index).share);
    m_strips->setReadout([this, index](int block, SiteKind kind) {
        const Cell& cell = m_cells[static_cast<std::size_t>(kind)][static_cast<std::size_t>(block)];
        const std::string_view site = label(kind);
        QStringList lines{tr("block %1 · %2").arg(block).arg(QString::fromUtf8(site.data(), static_cast<qsizetype>(site.size())))};
        if (!cell.measured)
            return lines << tr("not measured yet");
        const KernelCounts& counts = cell.counts[static_cast<std::size_t>(index)];
        const double elements = std::max<double>(1, static_cast<double>(counts.elements));
        lines << tr("%1: %2 rounded to zero").arg(schemeText(index), formatShare(static_cast<double>(counts.zero) / elements));
        lines << tr("lost (was not zero) %1 · clipped %2").arg(formatShare(static_cast<double>(counts.lost) / elements),
            formatShare(static_cast<double>(counts.clipped) / elements));
        return lines;
    });
    m_settingsLabel->setText(tr("bits %1  α %2").arg(m_settings.bits).arg(formatValue(m_settings.alpha, 3)));
    m_settingsLabel->setToolTip(tr("What these shares were counted with; Analyze can count them anew"));
    setSubtitle(tr("share rounded to zero, activation × block · %1, %2 bits").arg(schemeText(index)).arg(m_settings.bits));
    setHasData(measured > 0);
}

} // namespace halftone
