#include "widgets/plain_labels.h"

#include "core/base/shown_text.h"

#include <QEvent>
#include <QLabel>
#include <QTextDocument>

namespace halftone {

bool PlainLabels::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() == QEvent::Polish)
        // Tool tips are labels too; what they show is escaped where it is set.
        if (auto* label = qobject_cast<QLabel*>(watched); label && label->textFormat() == Qt::AutoText && !label->inherits("QTipLabel"))
            label->setTextFormat(Qt::PlainText);
    return QObject::eventFilter(watched, event);
}

QString plainText(const QString& text, std::size_t most)
{
    return QString::fromStdString(shownText(text.toStdString(), most));
}

QString plainLines(const QString& text)
{
    constexpr std::size_t kMost = 4000;
    return QString::fromStdString(shownText(text.toStdString(), kMost, true));
}

QString plainTip(const QString& text)
{
    const QString shown = plainLines(text);
    return Qt::mightBeRichText(shown) ? shown.toHtmlEscaped().replace(u'\n', QStringLiteral("<br>")) : shown;
}

} // namespace halftone
