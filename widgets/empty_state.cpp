#include "widgets/empty_state.h"

#include "widgets/palette.h"

#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

EmptyState::EmptyState(QWidget* parent) : QWidget(parent)
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(24, 16, 24, 16);
    layout->setSpacing(8);
    m_sentence = new QLabel(this);
    m_sentence->setTextFormat(Qt::PlainText);
    m_sentence->setWordWrap(true);
    m_sentence->setAlignment(Qt::AlignCenter);
    m_sentence->setForegroundRole(QPalette::PlaceholderText);
    m_button = new QPushButton(this);
    m_button->setObjectName(u"emptyStateButton"_s);
    m_cost = new QLabel(this);
    m_cost->setTextFormat(Qt::PlainText);
    m_cost->setWordWrap(true);   // else a view would be as wide as this line, even while it shows something else
    m_cost->setAlignment(Qt::AlignCenter);
    m_cost->setForegroundRole(QPalette::PlaceholderText);
    m_cost->setFont(tabularFont(font(), false, 1));
    layout->addStretch();
    layout->addWidget(m_sentence);
    layout->addWidget(m_button, 0, Qt::AlignHCenter);
    layout->addWidget(m_cost);
    layout->addStretch();
    connect(m_button, &QPushButton::clicked, this, &EmptyState::clicked);
    setTexts({}, {});
}

void EmptyState::setTexts(const QString& sentence, const QString& button, const QString& cost)
{
    m_sentence->setText(sentence);
    m_button->setText(button);
    m_button->setAccessibleName(button);
    m_button->setToolTip(cost.isEmpty() ? button : button + u" ("_s + cost + u')');
    m_button->setVisible(!button.isEmpty());
    m_cost->setText(cost);
    m_cost->setVisible(!cost.isEmpty());
}

} // namespace halftone
