#include "widgets/message_banner.h"

#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QApplication>
#include <QClipboard>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

/// One message; paints its own ground so that a change of theme needs nothing else.
class MessageCard final : public QWidget {
public:
    MessageCard(const Message& message, QWidget* parent) : QWidget(parent), m_message(message)
    {
        setObjectName(u"message-"_s + message.id);
        setAccessibleName(plainLines(message.sentence));
        setAccessibleDescription(message.nextStep);
        auto* row = new QHBoxLayout(this);
        row->setContentsMargins(12, 8, 8, 8);
        row->setSpacing(8);
        auto* sign = new QLabel(this);
        const QString picture = message.kind == Message::Kind::Error ? u"error"_s : message.kind == Message::Kind::Warning ? u"warning"_s : u"info"_s;
        sign->setPixmap(icon(picture).pixmap(16, 16));
        m_sign = sign;
        m_picture = picture;
        row->addWidget(sign, 0, Qt::AlignTop);
        auto* texts = new QVBoxLayout;
        texts->setSpacing(2);
        for (const auto& [text, key] : {std::pair{message.sentence, u"sentence"_s}, std::pair{message.nextStep, u"nextStep"_s}}) {
            if (text.isEmpty())
                continue;
            auto* words = new QLabel(plainLines(text), this);
            words->setObjectName(key);
            words->setTextFormat(Qt::PlainText);
            words->setWordWrap(true);
            words->setTextInteractionFlags(Qt::TextSelectableByMouse);
            texts->addWidget(words);
        }
        m_texts = texts;
        row->addLayout(texts, 1);
    }

    QHBoxLayout* row() const { return static_cast<QHBoxLayout*>(layout()); }
    /// Several buttons stand below the words, which else had no room beside them.
    QHBoxLayout* rowBelow()
    {
        auto* below = new QHBoxLayout;
        below->setContentsMargins(0, 4, 0, 0);
        below->setSpacing(8);
        m_texts->addLayout(below);
        return below;
    }
    const QString& id() const { return m_message.id; }

protected:
    void paintEvent(QPaintEvent*) override
    {
        const Colours& c = colours();
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        const QColor ground = m_message.kind == Message::Kind::Error ? c.errorGround : m_message.kind == Message::Kind::Warning ? c.warningGround : c.raised;
        const QColor edge = m_message.kind == Message::Kind::Error ? c.bad : m_message.kind == Message::Kind::Warning ? c.warning : c.line;
        painter.setPen(QPen(edge, 1));
        painter.setBrush(ground);
        painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
    }
    void changeEvent(QEvent* event) override
    {
        if (event->type() == QEvent::PaletteChange && m_sign)
            m_sign->setPixmap(icon(m_picture).pixmap(16, 16));
        QWidget::changeEvent(event);
    }

private:
    Message m_message;
    QLabel* m_sign = nullptr;
    QVBoxLayout* m_texts = nullptr;
    QString m_picture;
};

} // namespace

MessageBanner::MessageBanner(QWidget* parent) : QWidget(parent), m_layout(new QVBoxLayout(this))
{
    setObjectName(u"messageBanner"_s);
    setAccessibleName(tr("Messages"));
    m_layout->setContentsMargins(8, 4, 8, 4);
    m_layout->setSpacing(4);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
    hide();
}

void MessageBanner::showMessage(const Message& message)
{
    int place = m_layout->count();
    for (int i = 0; i < m_layout->count(); ++i)
        if (auto* card = static_cast<MessageCard*>(m_layout->itemAt(i)->widget()); card->id() == message.id) {
            place = i;
            m_layout->removeWidget(card);
            delete card;
            break;
        }
    auto* card = new MessageCard(message, this);
    const QString id = message.id;
    QStringList actions = message.moreActions;
    if (!message.action.isEmpty())
        actions.prepend(message.action);
    QHBoxLayout* buttons = actions.size() > 1 ? card->rowBelow() : card->row();
    for (int i = 0; i < actions.size(); ++i) {
        auto* action = new QPushButton(actions[i], card);
        action->setObjectName(i == 0 ? u"action"_s : u"action%1"_s.arg(i));
        action->setAccessibleName(QString(actions[i]).remove(u'&'));
        action->setToolTip(plainTip(message.nextStep.isEmpty() ? action->accessibleName() : message.nextStep));
        connect(action, &QPushButton::clicked, this, [this, id, i] { Q_EMIT actionRequested(id, i); });
        buttons->addWidget(action, 0, Qt::AlignTop);
    }
    if (actions.size() > 1)
        buttons->addStretch(1);
    if (!message.details.isEmpty()) {
        auto* copy = new QToolButton(card);
        copy->setObjectName(u"copyDetails"_s);
        copy->setText(tr("Copy details"));
        copy->setAccessibleName(tr("Copy details"));
        copy->setToolTip(tr("Put the whole message, with its details, on the clipboard"));
        copy->setIcon(icon(u"copy"_s));
        copy->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
        QStringList parts{message.sentence, message.nextStep, message.details};
        parts.removeAll(QString());
        connect(copy, &QToolButton::clicked, copy, [text = parts.join(u'\n')] { QApplication::clipboard()->setText(text); });
        card->row()->addWidget(copy, 0, Qt::AlignTop);
    }
    auto* close = new QToolButton(card);
    close->setObjectName(u"dismiss"_s);
    close->setAccessibleName(tr("Dismiss"));
    close->setToolTip(tr("Dismiss this message"));
    close->setIcon(icon(u"close"_s));
    connect(close, &QToolButton::clicked, this, [this, id] { dismiss(id); });
    card->row()->addWidget(close, 0, Qt::AlignTop);
    m_layout->insertWidget(place, card);
    show();
}

void MessageBanner::dismiss(const QString& id)
{
    for (int i = 0; i < m_layout->count(); ++i)
        if (auto* card = static_cast<MessageCard*>(m_layout->itemAt(i)->widget()); card->id() == id) {
            m_layout->removeWidget(card);
            card->hide();
            card->deleteLater();
            setVisible(m_layout->count() > 0);
            Q_EMIT dismissed(id);
            return;
        }
}

void MessageBanner::clear()
{
    while (QLayoutItem* item = m_layout->takeAt(0)) {
        item->widget()->hide();
        item->widget()->deleteLater();
        delete item;
    }
    hide();
}

int MessageBanner::count() const
{
    return m_layout->count();
}

bool MessageBanner::contains(const QString& id) const
{
    for (int i = 0; i < m_layout->count(); ++i)
        if (static_cast<MessageCard*>(m_layout->itemAt(i)->widget())->id() == id)
            return true;
    return false;
}

} // namespace halftone
