#include "app/studio/recent_row.h"

#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QEvent>
#include <QFileInfo>
#include <QPainter>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {
constexpr int kHeight = 42, kPicture = 16, kMargin = 10;
}

QString whenText(const QDateTime& when, const QDateTime& now)
{
    if (!when.isValid())
        return {};
    const qint64 days = when.date().daysTo(now.date());
    if (days == 0)
        return RecentRow::tr("today %1").arg(when.toString(u"HH:mm"_s));
    return days == 1 ? RecentRow::tr("yesterday") : when.date().toString(Qt::ISODate);
}

QString factsText(const RecentFacts& facts, const QDateTime& now)
{
    QStringList parts;
    if (facts.missing)
        parts << RecentRow::tr("not there");
    if (facts.blocks > 0)
        parts << (facts.blocks == 1 ? RecentRow::tr("1 block") : RecentRow::tr("%1 blocks").arg(facts.blocks));
    if (facts.runs >= 0)
        parts << (facts.runs == 0 ? RecentRow::tr("no run yet") : facts.runs == 1 ? RecentRow::tr("1 run") : RecentRow::tr("%1 runs").arg(facts.runs));
    parts << whenText(facts.opened, now);
    parts.removeAll(QString());
    return parts.join(u" · "_s);
}

RecentRow::RecentRow(const QString& path, const RecentFacts& facts, QWidget* parent)
    : QPushButton(parent)
    , m_path(path)
    , m_name(plainText(QFileInfo(path).fileName()))
    , m_below(factsText(facts, QDateTime::currentDateTime()))
    , m_badge(facts.interrupted.isEmpty() || facts.missing ? QString() : tr("interrupted"))
    , m_missing(facts.missing)
{
    setFlat(true);
    setAttribute(Qt::WA_Hover);
    setCursor(Qt::PointingHandCursor);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    QStringList words{m_name, m_below, m_badge};
    words.removeAll(QString());
    setText(words.join(u"   "_s).replace(u'&', u"&&"_s));   // not drawn: what is heard and found
    setAccessibleName(m_missing ? tr("Open %1 again: it is not there").arg(m_name) : tr("Open %1 again").arg(m_name));
    setAccessibleDescription(m_badge.isEmpty() ? m_below : tr("%1; %2 was interrupted").arg(m_below, facts.interrupted));
    QString tip = m_missing ? tr("%1 is not there now; it is tried all the same").arg(plainText(path)) : plainText(path);
    if (!m_badge.isEmpty())
        tip += u'\n' + tr("%1 was interrupted: once it is open, it can go on.").arg(facts.interrupted);
    setToolTip(plainTip(tip));
}

QSize RecentRow::sizeHint() const
{
    return {320, kHeight};
}

bool RecentRow::event(QEvent* event)
{
    if (event->type() == QEvent::HoverEnter || event->type() == QEvent::HoverLeave)
        update();
    return QPushButton::event(event);
}

void RecentRow::paintEvent(QPaintEvent*)
{
    const Colours& c = colours();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QRectF frame = QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5);
    const bool lit = underMouse() || isDown();
    if (lit) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(isDown() ? c.selection : c.raised);
        painter.drawRoundedRect(frame, 4, 4);
    }
    if (hasFocus()) {
        painter.setPen(QPen(c.accent, 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(frame, 4, 4);
    }
    const QFileInfo info(m_path);
    const bool file = info.suffix() == u"gguf"_s || info.suffix() == u"safetensors"_s;
    halftone::icon(file ? u"open"_s : u"folder"_s).paint(&painter, QRect(kMargin, (height() - kPicture) / 2, kPicture, kPicture));

    QFont bold = font();
    bold.setBold(true);
    const QFont small = tabularFont(font(), false, 1);
    const QRect area = rect().adjusted(kMargin * 2 + kPicture, 4, -kMargin, -4);
    int badge = 0;
    if (!m_badge.isEmpty()) {
        painter.setFont(small);
        badge = QFontMetrics(small).horizontalAdvance(m_badge) + 16;
        const QRect pill(area.right() - badge, area.center().y() - 9, badge, 18);
        painter.setPen(QPen(c.warning, 1));
        painter.setBrush(c.warningGround);
        painter.drawRoundedRect(QRectF(pill).adjusted(0.5, 0.5, -0.5, -0.5), 9, 9);
        painter.setPen(c.text);
        painter.drawText(pill, Qt::AlignCenter, m_badge);
    }
    const int width = area.width() - (badge > 0 ? badge + 12 : 0);
    painter.setFont(bold);
    painter.setPen(m_missing ? c.faint : c.text);
    painter.drawText(QRect(area.left(), area.top(), width, area.height() / 2), Qt::AlignLeft | Qt::AlignVCenter, QFontMetrics(bold).elidedText(m_name, Qt::ElideMiddle, width));
    painter.setFont(small);
    painter.setPen(lit ? c.text : c.faint);
    const QFontMetrics metrics(small);
    const QString facts = m_below.isEmpty() ? QString() : m_below + u" · "_s;
    const QString folder = metrics.elidedText(info.path(), Qt::ElideMiddle, std::max(60, width - metrics.horizontalAdvance(facts)));
    painter.drawText(QRect(area.left(), area.center().y() + 1, width, area.height() / 2), Qt::AlignLeft | Qt::AlignVCenter, metrics.elidedText(facts + folder, Qt::ElideRight, width));
}

} // namespace halftone
