#include "widgets/plain_labels.h"

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

QString plainTip(const QString& text)
{
    return Qt::mightBeRichText(text) ? text.toHtmlEscaped().replace(u'\n', QStringLiteral("<br>")) : text;
}

} // namespace halftone
