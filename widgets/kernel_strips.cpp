#include "widgets/kernel_strips.h"

#include "widgets/palette.h"
#include "widgets/read_card.h"
#include "widgets/site_text.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr double kGap = 4, kTallest = 44;   ///< pixels; of a row of cells, however much room there is

QColor inkOn(QRgb ground)
{
    return contrast(QColor(ground), Qt::white) >= contrast(QColor(ground), Qt::black) ? QColor(Qt::white) : QColor(Qt::black);
}

} // namespace

KernelStrips::KernelStrips(QWidget* parent) : QWidget(parent)
{
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("Kernel: activation by block"));
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
}

void KernelStrips::setShares(int blocks, const PerSite<std::vector<double>>& shares, const QString& summary, double mean, bool estimate)
{
    m_blocks = blocks;
    m_shares = shares;
    m_summary = summary;
    m_mean = mean;
    m_estimate = estimate;
    double highest = 0.05;
    for (const auto& [kind, row] : shares)
        for (const double share : row)
            highest = std::max(highest, share);
    m_scale = {ValueScale::Kind::Linear, 0, highest};
    if (m_hover && m_hover->first >= blocks)
        m_hover.reset();
    setAccessibleDescription(summary);
    update();
}

int KernelStrips::strip(SiteKind kind) const
{
    return static_cast<int>(std::distance(m_shares.begin(), m_shares.find(kind)));
}

SiteKind KernelStrips::kindOf(int strip) const
{
    return std::next(m_shares.begin(), strip)->first;
}

void KernelStrips::setMarks(std::vector<Mark> marks, const QString& note)
{
    m_marks = std::move(marks);
    m_marksNote = note;
    update();
}

void KernelStrips::setSelected(int block, std::optional<SiteKind> kind)
{
    m_selectedBlock = block;
    m_selectedKind = kind;
    update();
}

KernelStrips::Layout KernelStrips::layoutFor(const QRect& area) const
{
    const QFontMetrics metrics(tabularFont(font(), false, 1));
    Layout layout;
    layout.line = metrics.height();
    int widest = 0;
    for (const auto& [kind, row] : m_shares)
        widest = std::max(widest, metrics.horizontalAdvance(siteText(kind)));
    const double left = area.left() + widest + 2 * kGap;
    const double right = area.right() - 12 - metrics.horizontalAdvance(u"00.0 %"_s) - 4 * kGap;
    const QFontMetrics spoken(font());
    const int summaryWidth = static_cast<int>(area.right() - left);
    layout.summaryLines = spoken.horizontalAdvance(m_summary) > summaryWidth ? 2 : 1;
    const double foot = 5 * layout.line + (layout.summaryLines - 1) * spoken.height() + 24 + 3 * kGap;     // block numbers, summary, bar, its numbers and names
    const double height = std::clamp(area.height() - foot, 48.0, kTallest * std::max(1, strips()));
    layout.strips = QRectF(left, area.top() + layout.line / 2, std::max(40.0, right - left), height);
    layout.bar = QRectF(layout.strips.right() + 2 * kGap, layout.strips.top(), 12, height);
    layout.summaryTop = layout.strips.bottom() + kGap + layout.line + kGap;
    layout.marks = QRectF(left, layout.summaryTop + layout.line + (layout.summaryLines - 1) * spoken.height() + 12, layout.strips.width(), 8);
    return layout;
}

QRectF KernelStrips::cellRect(const Layout& layout, int block, SiteKind kind) const
{
    const double width = layout.strips.width() / std::max(1, m_blocks), height = layout.strips.height() / std::max(1, strips());
    const double top = layout.strips.top() + strip(kind) * height;
    if (width < 12) {   // without gaps, of which there would be more than cells to see: on whole pixels, so that none opens by rounding
        const double left = std::round(layout.strips.left() + block * width), right = std::round(layout.strips.left() + (block + 1) * width);
        return {left, top, std::max(1.0, right - left), height - kGap};
    }
    return {layout.strips.left() + block * width, top, width - 1, height - kGap};
}

std::optional<std::pair<int, SiteKind>> KernelStrips::cellAt(const QPointF& position) const
{
    const Layout layout = layoutFor(rect());
    if (m_blocks == 0 || m_shares.empty() || !layout.strips.contains(position))
        return std::nullopt;
    const int block = std::min(m_blocks - 1, static_cast<int>((position.x() - layout.strips.left()) / layout.strips.width() * m_blocks));
    const int kind = std::min(strips() - 1, static_cast<int>((position.y() - layout.strips.top()) / layout.strips.height() * strips()));
    return std::pair{block, kindOf(kind)};
}

void KernelStrips::drawMarks(QPainter& painter, const Layout& layout) const
{
    const QRectF& bar = layout.marks;
    double top = std::max(0.25, m_mean * 1.1);
    for (const Mark& mark : m_marks)
        top = std::max(top, mark.share * 1.2);
    painter.setPen(Qt::NoPen);
    painter.setBrush(colours().line);
    painter.drawRect(bar);
    painter.setBrush(colours().faint);
    painter.drawRect(QRectF(bar.left(), bar.top(), bar.width() * std::min(1.0, m_mean / top), bar.height()));
    const QFontMetrics metrics(painter.font());
    double taken = bar.left();   // by the names of the marks
    for (const auto& [share, text] : m_marks) {
        const double x = bar.left() + bar.width() * share / top;
        painter.setPen(QPen(colours().warning, 2));
        painter.drawLine(QPointF(x, bar.top() - 4), QPointF(x, bar.bottom() + 4));
        painter.setPen(colours().text);
        const double width = metrics.horizontalAdvance(text);
        const double left = std::clamp(x - width / 2, bar.left(), std::max(bar.left(), bar.right() - width));
        painter.drawText(QRectF(left, bar.bottom() + 5, width + 1, layout.line), Qt::AlignLeft | Qt::AlignTop, text);
        taken = std::max(taken, left + width + 2 * kGap);
    }
    painter.setPen(colours().faint);
    const QString end = formatShare(top);
    if (bar.right() - metrics.horizontalAdvance(end) > taken)
        painter.drawText(QRectF(bar.left(), bar.bottom() + 5, bar.width(), layout.line), Qt::AlignRight | Qt::AlignTop, end);
    const double noteTop = bar.bottom() + 5 + layout.line;   // below the numbers
    const double noteWidth = layout.bar.right() + 6 * kGap - bar.left();
    painter.drawText(QRectF(bar.left(), noteTop, noteWidth, layout.line), Qt::AlignLeft | Qt::AlignTop, metrics.elidedText(m_marksNote, Qt::ElideRight, static_cast<int>(noteWidth)));
}

void KernelStrips::drawPicture(QPainter& painter, const QRect& area)
{
    if (m_blocks == 0 || m_shares.empty())
        return;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing, false);
    const Layout layout = layoutFor(area);
    const QFont small = tabularFont(font(), false, 1), tiny = tabularFont(font(), false, 2);
    const QFontMetrics tinyMetrics(tiny);
    const ColourMap& map = ColourMap::cividis();
    const QBrush hatch = notMeasuredBrush();
    for (const auto& [kind, row] : m_shares) {
        for (int b = 0; b < m_blocks && b < static_cast<int>(row.size()); ++b) {
            const QRectF cell = cellRect(layout, b, kind);
            const double share = row[static_cast<std::size_t>(b)];
            if (share == kNotMeasured) {
                painter.fillRect(cell, hatch);
                continue;
            }
            const QRgb ground = map.at(m_scale.position(share));
            painter.fillRect(cell, QColor(ground));
            const QString text = QString::number(std::lround(share * 100));
            const bool telling = share >= 0.1 || cell.width() >= 3 * tinyMetrics.horizontalAdvance(u"00"_s);   // small ones where there is room
            if (telling && cell.width() >= tinyMetrics.horizontalAdvance(text) && cell.height() >= tinyMetrics.height()) {
                painter.setFont(tiny);
                painter.setPen(inkOn(ground));
                painter.drawText(cell, Qt::AlignCenter, text);
            }
        }
    }
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setFont(small);
    painter.setPen(colours().faint);
    for (const auto& [kind, row] : m_shares) {
        const QRectF cell = cellRect(layout, 0, kind);
        painter.drawText(QRectF(area.left(), cell.top(), cell.left() - area.left() - 2 * kGap, cell.height()), Qt::AlignRight | Qt::AlignVCenter, siteText(kind));
    }
    const QRectF under(layout.strips.left(), layout.strips.bottom() + kGap, layout.strips.width(), layout.line);
    painter.drawText(under, Qt::AlignLeft, tr("block 0"));
    if (m_blocks > 1)
        painter.drawText(under, Qt::AlignRight, QString::number(m_blocks - 1));

    for (int y = 0; y < static_cast<int>(layout.bar.height()); ++y)
        painter.fillRect(QRectF(layout.bar.left(), layout.bar.top() + y, layout.bar.width(), 1.5), QColor(map.at(1 - y / layout.bar.height())));
    for (const Tick& tick : ticks(m_scale, std::max(2, static_cast<int>(layout.bar.height() / (2.5 * layout.line))))) {
        const double y = layout.bar.bottom() - tick.position * layout.bar.height();
        painter.drawLine(QPointF(layout.bar.right(), y), QPointF(layout.bar.right() + 3, y));
        painter.drawText(QRectF(layout.bar.right() + 2 * kGap, y - layout.line / 2, 80, layout.line), Qt::AlignLeft | Qt::AlignVCenter, formatShare(tick.value));
    }
    QFont spoken = font();
    spoken.setItalic(m_estimate);
    painter.setFont(spoken);
    painter.setPen(colours().text);
    painter.drawText(QRectF(layout.strips.left(), layout.summaryTop, area.right() - layout.strips.left(), layout.summaryLines * QFontMetrics(font()).height()),
        Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, m_summary);
    painter.setFont(small);
    drawMarks(painter, layout);

    if (m_selectedBlock >= 0 && m_selectedBlock < m_blocks && m_selectedKind && m_shares.contains(*m_selectedKind)) {
        const QRectF cell = cellRect(layout, m_selectedBlock, *m_selectedKind);
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(colours().window, 3));
        painter.drawRect(cell.adjusted(-1.5, -1.5, 1.5, 1.5));
        painter.setPen(QPen(colours().outline, 1.5));
        painter.drawRect(cell.adjusted(-1, -1, 1, 1));
    }
    painter.restore();
}

void KernelStrips::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    drawPicture(painter, rect());
    if (hasFocus()) {
        painter.setPen(QPen(colours().accent, 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(layoutFor(rect()).strips.adjusted(-2, -2, 1, 0));
    }
    if (m_hover && m_readout)
        drawReadCard(painter, font(), m_readout(m_hover->first, m_hover->second), m_hoverPosition, rect());
}

QString KernelStrips::csv() const
{
    QString out = u"block"_s;
    for (const auto& [kind, row] : m_shares) {
        const std::string_view key = name(kind);
        out += u',' + QString::fromUtf8(key.data(), static_cast<qsizetype>(key.size()));
    }
    out += u"\r\n"_s;
    for (int b = 0; b < m_blocks; ++b) {
        out += QString::number(b);
        for (const auto& [kind, row] : m_shares) {
            const double share = row[static_cast<std::size_t>(b)];
            out += u',';
            if (share != kNotMeasured)
                out += QString::number(share, 'g', 9);
        }
        out += u"\r\n"_s;
    }
    return out;
}

void KernelStrips::mousePressEvent(QMouseEvent* event)
{
    if (event->button() != Qt::LeftButton)
        return;
    if (const auto cell = cellAt(event->position()))
        Q_EMIT cellClicked(cell->first, cell->second);
}

void KernelStrips::mouseMoveEvent(QMouseEvent* event)
{
    m_hover = cellAt(event->position());
    m_hoverPosition = event->position();
    update();
}

void KernelStrips::leaveEvent(QEvent*)
{
    m_hover.reset();
    update();
}

void KernelStrips::keyPressEvent(QKeyEvent* event)
{
    int db = 0, dk = 0;
    switch (event->key()) {
    case Qt::Key_Left: db = -1; break;
    case Qt::Key_Right: db = 1; break;
    case Qt::Key_Up: dk = -1; break;
    case Qt::Key_Down: dk = 1; break;
    default: QWidget::keyPressEvent(event); return;
    }
    if (m_blocks == 0 || m_shares.empty())
        return;
    const int block = m_selectedBlock < 0 ? 0 : std::clamp(m_selectedBlock + db, 0, m_blocks - 1);
    const SiteKind kind = kindOf(m_selectedKind && m_shares.contains(*m_selectedKind) ? std::clamp(strip(*m_selectedKind) + dk, 0, strips() - 1) : 0);
    if (m_readout)
        setAccessibleDescription(m_readout(block, kind).join(u", "_s));
    Q_EMIT cellClicked(block, kind);
}

} // namespace halftone
