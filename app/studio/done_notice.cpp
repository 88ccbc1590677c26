#include "app/studio/done_notice.h"

#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

namespace halftone {

using namespace Qt::StringLiterals;

DoneNotice::DoneNotice(QWidget* parent) : QWidget(parent)
{
    setObjectName(u"doneNotice"_s);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(10, 0, 10, 0);
    row->setSpacing(8);
    m_text = new QLabel(this);
    m_text->setObjectName(u"doneNoticeText"_s);
    m_text->setTextFormat(Qt::PlainText);
    m_action = new QToolButton(this);
    m_action->setObjectName(u"doneNoticeAction"_s);
    auto* close = new QToolButton(this);
    close->setObjectName(u"doneNoticeDismiss"_s);
    close->setAccessibleName(tr("Dismiss"));
    close->setToolTip(tr("Dismiss this message"));
    close->setIcon(icon(u"close"_s));
    row->addWidget(m_text);
    row->addWidget(m_action);
    row->addWidget(close);
    connect(m_action, &QToolButton::clicked, this, &DoneNotice::actionRequested);
    connect(close, &QToolButton::clicked, this, &DoneNotice::dismiss);
    hide();
}

void DoneNotice::tell(const QString& sentence, const QString& action, const QString& tip)
{
    m_text->setText(plainText(sentence));
    m_action->setText(action);
    m_action->setAccessibleName(action);
    m_action->setToolTip(plainTip(tip));
    setAccessibleName(m_text->text());
    setAccessibleDescription(tip);
    show();
    Q_EMIT shownChanged(true);
}

void DoneNotice::dismiss()
{
    if (isHidden())
        return;
    hide();
    Q_EMIT shownChanged(false);
}

} // namespace halftone
