#include "app/studio/job_dialog.h"

#include "widgets/focus_way.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QApplication>
#include <QClipboard>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include <utility>

namespace halftone {

using namespace Qt::StringLiterals;

JobDialog::JobDialog(const QString& name, const QString& title, const QString& explanation, const QString& start, QWidget* parent)
    : QDialog(parent)
{
    setObjectName(name);
    setWindowTitle(title);
    setAttribute(Qt::WA_DeleteOnClose);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 16, 20, 16);
    layout->setSpacing(12);
    auto* text = new QLabel(plainLines(explanation), this);
    text->setWordWrap(true);
    text->setMinimumWidth(520);
    layout->addWidget(text);
    m_body = new QVBoxLayout;
    m_body->setSpacing(12);
    layout->addLayout(m_body);
    m_form = new QFormLayout;
    m_form->setHorizontalSpacing(16);
    m_form->setVerticalSpacing(8);
    m_form->setFieldGrowthPolicy(QFormLayout::FieldsStayAtSizeHint);
    m_body->addLayout(m_form);
    m_note = new QLabel(this);
    m_note->setObjectName(u"note"_s);
    m_note->setWordWrap(true);
    m_note->setTextFormat(Qt::PlainText);
    m_note->setMinimumHeight(m_note->fontMetrics().lineSpacing() * 2);
    m_note->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    layout->addWidget(m_note);
    layout->addStretch(1);
    auto* buttons = m_buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
    buttons->button(QDialogButtonBox::Cancel)->setAutoDefault(false);   // else it is the default while Start is off
    m_start = buttons->addButton(start, QDialogButtonBox::AcceptRole);
    m_start->setObjectName(u"start"_s);
    m_start->setDefault(true);
    layout->addWidget(buttons);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(buttons, &QDialogButtonBox::accepted, this, [this] {
        Q_EMIT started();
        accept();
    });
}

void JobDialog::offerCommand(std::function<QString()> command)
{
    QPushButton* copy = m_buttons->addButton(tr("Copy the co&mmand"), QDialogButtonBox::ActionRole);
    copy->setObjectName(u"copyCommand"_s);
    copy->setIcon(icon(u"copy"_s));
    copy->setAutoDefault(false);
    copy->setToolTip(tr("Put the line on the clipboard that does this without a window"));
    connect(copy, &QPushButton::clicked, copy, [command = std::move(command)] { QApplication::clipboard()->setText(command()); });
}

void JobDialog::setVisible(bool visible)
{
    if (visible && !isVisible())
        orderTabs();
    QDialog::setVisible(visible);
}

/// The buttons are older than the fields: Tab comes to them last, from left to right, and begins at the first field, where Return is Start's.
void JobDialog::orderTabs()
{
    QWidgetList stops;
    for (QWidget* at = nextInFocusChain(); at != this; at = at->nextInFocusChain())
        if (isAncestorOf(at) && !m_buttons->isAncestorOf(at) && (at->focusPolicy() & Qt::TabFocus) && !at->focusProxy())
            stops.append(at);
    for (int i = 0; i < m_buttons->layout()->count(); ++i)
        if (QWidget* button = m_buttons->layout()->itemAt(i)->widget())
            stops.append(button);
    for (qsizetype i = 1; i < stops.size(); ++i)
        setTabOrder(stops[i - 1], stops[i]);
    stops.front()->setFocus(Qt::TabFocusReason);
}

/// Grows where a line or a sentence comes that it has no room for; Qt squeezes lines in a layout of wrapped words instead.
bool JobDialog::event(QEvent* event)
{
    const bool taken = QDialog::event(event);
    if (event->type() == QEvent::LayoutRequest && isVisible()) {
        if (const int wanted = wantedHeight(); height() < wanted)
            resize(width(), wanted);
    }
    return taken;
}

int JobDialog::wantedHeight() const
{
    return layout()->hasHeightForWidth() ? layout()->totalHeightForWidth(width()) : sizeHint().height();
}

bool JobDialog::focusNextPrevChild(bool next)
{
    return stepFocus(this, next);
}

void JobDialog::setNote(const QString& note, const QString& problem)
{
    QPalette palette = m_note->palette();
    palette.setColor(QPalette::WindowText, problem.isEmpty() ? colours().faint : colours().bad);
    m_note->setPalette(palette);
    m_note->setText(plainLines(problem.isEmpty() ? note : problem));
    m_start->setEnabled(problem.isEmpty());
    m_start->setToolTip(plainTip(problem));
}

} // namespace halftone
