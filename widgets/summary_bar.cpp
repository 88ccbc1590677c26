#include "widgets/summary_bar.h"

#include "widgets/colour_map.h"
#include "widgets/elided_label.h"
#include "widgets/focus_ring.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QVBoxLayout>

#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

SummaryBar::SummaryBar(QWidget* parent) : QWidget(parent)
{
    setObjectName(u"summaryBar"_s);
    setAccessibleName(tr("What the recipe comes to"));
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(8, 4, 12, 4);
    row->setSpacing(24);
    m_size = addCell(u"summarySize"_s, tr("Size"), {});
    m_bits = addCell(u"summaryBits"_s, tr("Bits / weight"), tr("Of the blocks' linears, scales and zero points included"));
    m_cache = addCell(u"summaryCache"_s, tr("KV cache"), {});
    m_figure = addCell(u"summaryFigure"_s, tr("Quality"), {});
    m_contract = addCell(u"summaryContract"_s, tr("Loads in"), {});
    for (const Cell& cell : {m_cache, m_figure, m_contract}) {
        cell.box->setFocusPolicy(Qt::TabFocus);
        cell.box->setCursor(Qt::PointingHandCursor);
        cell.box->installEventFilter(this);
        new FocusRing(cell.box);
    }
    setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
    clear();
}

SummaryBar::Cell SummaryBar::addCell(const QString& name, const QString& caption, const QString& tip)
{
    Cell cell;
    cell.box = new QWidget(this);
    cell.box->setObjectName(name);
    cell.box->setToolTip(tip);
    auto* column = new QVBoxLayout(cell.box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    cell.caption = new ElidedLabel(cell.box);
    cell.caption->setText(caption);
    cell.caption->setFaint(true);
    cell.caption->setFont(tabularFont(font(), false, 1));
    cell.value = new ElidedLabel(cell.box);
    cell.value->setObjectName(name + u"Value"_s);
    cell.value->setFont(tabularFont(font(), true));
    column->addWidget(cell.caption);
    column->addWidget(cell.value);
    layout()->addWidget(cell.box);
    return cell;
}

void SummaryBar::setSummary(const Summary& summary)
{
    m_summary = summary;
    refresh();
}

void SummaryBar::clear()
{
    setSummary({});
}

void SummaryBar::refresh()
{
    const Colours& c = colours();
    const auto put = [](const Cell& cell, const QString& text) {
        cell.value->setText(text);
        cell.box->setAccessibleName(cell.caption->text() + u": "_s + text);
    };
    QString size = u"–"_s;
    if (m_summary.bytes > 0) {
        size = formatBytes(m_summary.bytes);
        if (m_summary.fileBytes > 0) {
            const double change = (static_cast<double>(m_summary.bytes) / static_cast<double>(m_summary.fileBytes) - 1) * 100;
            const long percent = std::lround(change);
            size += percent == 0 ? u" (±0 %)"_s : u" (%1%2 %)"_s.arg(percent < 0 ? QChar(0x2212) : QChar(u'+')).arg(std::labs(percent));
        }
    }
    put(m_size, size);
    QString sizeTip = tr("Of the whole export: linears as planned, everything else in bf16 (f16 where the model is stored so), unless the export is told another type, whose size its dialog says.");
    if (m_summary.fileBytes > 0)
        sizeTip += u' ' + tr("In brackets: against the model's file, %1.").arg(formatBytes(m_summary.fileBytes));
    if (!m_summary.fileNote.isEmpty())
        sizeTip += u' ' + m_summary.fileNote;
    m_size.box->setToolTip(plainTip(sizeTip));
    put(m_bits, m_summary.bitsPerWeight > 0 ? formatValue(m_summary.bitsPerWeight, 3) : u"–"_s);

    m_cache.box->setHidden(m_summary.cache.isEmpty());   // first: a hidden cell's text makes no room for itself
    put(m_cache, m_summary.cache);
    m_cache.box->setToolTip(m_summary.cacheTip);
    m_cache.box->updateGeometry();

    QFont font = tabularFont(this->font(), true);
    if (m_summary.figure) {
        const Summary::Figure& figure = *m_summary.figure;
        m_figure.caption->setText(figure.measured ? (figure.stale ? tr("%1, of an older recipe").arg(figure.name) : tr("%1, measured").arg(figure.name))
                                                  : tr("%1, predicted").arg(figure.name));
        font.setItalic(!figure.measured);
        const QString text = figure.error > 0 ? formatWithError(figure.value, figure.error) : formatValue(figure.value, 4);
        put(m_figure, text);
        m_figure.value->setColour(figure.stale ? c.faint : QColor());
        m_figure.box->setToolTip(figure.measured ? (figure.source.isEmpty() ? tr("Measured by Evaluate; click for the whole table")
                                                                   : tr("Measured by Evaluate on %1; click for the whole table").arg(plainText(figure.source)).toHtmlEscaped())
                                                     + (figure.activationGrid.isEmpty() ? QString() : u"<br>"_s + tr("Activation grid: %1").arg(figure.activationGrid).toHtmlEscaped())
                                                 : tr("Predicted from sensitivities, not measured; click to evaluate"));
    } else {
        m_figure.caption->setText(tr("Quality"));
        m_figure.value->setColour(c.faint);
        put(m_figure, tr("not measured"));
        m_figure.box->setToolTip(tr("Evaluate measures what quantizing costs; click to do so"));
    }
    m_figure.value->setFont(font);

    if (m_summary.denseOnly && m_summary.contractIssue.isEmpty()) {
        put(m_contract, m_summary.contract.isEmpty() ? tr("dense only") : tr("%1, dense only").arg(m_summary.contract));
        m_contract.value->setColour(c.warning);
        m_contract.box->setToolTip(tr("No packed format holds this recipe, so an export is as large as the float model. %1").arg(m_summary.denseReason).toHtmlEscaped());
    } else if (m_summary.contract.isEmpty()) {
        put(m_contract, m_summary.activationGrid.isEmpty() ? tr("any") : tr("any, %1 grid").arg(m_summary.activationGrid));
        m_contract.value->setColour(c.faint);
        m_contract.box->setToolTip(m_summary.activationGrid.isEmpty() ? tr("No target runtime is chosen, so nothing is forbidden; which runtimes load an export is up to its format, and the Export dialog says it. Click to choose one")
                                                                      : tr("No target runtime is chosen: activations are rounded with %1 formulas; click to choose one").arg(m_summary.activationGrid));
    } else if (!m_summary.contractIssue.isEmpty()) {
        put(m_contract, u"✕ "_s + m_summary.contract);
        m_contract.value->setColour(c.bad);
        m_contract.box->setToolTip(m_summary.contractIssue.toHtmlEscaped());
    } else {
        put(m_contract, m_summary.contract);
        m_contract.value->setColour(c.accentText);
        m_contract.box->setToolTip(m_summary.activationGrid.isEmpty() ? tr("Every plan keeps to what this runtime loads; click to change it")
                                                                      : tr("Every plan keeps to what this runtime loads, and activations are rounded with %1 formulas; click to change it").arg(m_summary.activationGrid));
    }
}

bool SummaryBar::eventFilter(QObject* watched, QEvent* event)
{
    bool pressed = event->type() == QEvent::MouseButtonRelease && static_cast<QMouseEvent*>(event)->button() == Qt::LeftButton;
    if (event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        pressed = key == Qt::Key_Return || key == Qt::Key_Enter || key == Qt::Key_Space;
    }
    if (pressed && watched == m_figure.box) {
        Q_EMIT figureClicked();
        return true;
    }
    if (pressed && watched == m_cache.box) {
        Q_EMIT cacheClicked();
        return true;
    }
    if (pressed && watched == m_contract.box) {
        Q_EMIT contractClicked();
        return true;
    }
    return QWidget::eventFilter(watched, event);
}

void SummaryBar::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_contract.box)
        refresh();
    QWidget::changeEvent(event);
}

} // namespace halftone
