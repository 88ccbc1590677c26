#include "widgets/segmented_control.h"

#include <QAbstractButton>
#include <QButtonGroup>
#include <QHBoxLayout>
#include <QPushButton>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

SegmentedControl::SegmentedControl(QWidget* parent) : QWidget(parent), m_layout(new QHBoxLayout(this)), m_group(new QButtonGroup(this))
{
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(0);   // joined: one choice
    setSizePolicy(QSizePolicy::Maximum, QSizePolicy::Fixed);
    m_group->setExclusive(true);
    connect(m_group, &QButtonGroup::idClicked, this, &SegmentedControl::chosen);
    connect(m_group, &QButtonGroup::idToggled, this, &SegmentedControl::fitStop);
}

void SegmentedControl::setSegments(const QStringList& texts, const QStringList& tips)
{
    const auto old = m_group->buttons();
    for (QAbstractButton* button : old) {
        m_group->removeButton(button);
        delete button;
    }
    m_tips = tips;
    for (int i = 0; i < texts.size(); ++i) {
        auto* button = new QPushButton(texts[i], this);
        button->setCheckable(true);
        button->setObjectName(u"segment%1"_s.arg(i));
        button->setAccessibleName(texts[i]);
        button->setToolTip(i < tips.size() ? tips[i] : texts[i]);
        button->setProperty("segment", texts.size() == 1 ? u"only"_s : i == 0 ? u"first"_s : i + 1 == texts.size() ? u"last"_s : u"middle"_s);
        m_group->addButton(button, i);
        m_layout->addWidget(button);
    }
    setCurrent(0);
}

int SegmentedControl::current() const
{
    return m_group->checkedId();
}

void SegmentedControl::setCurrent(int index)
{
    if (QAbstractButton* button = m_group->button(index))
        button->setChecked(true);
}

void SegmentedControl::setSegmentEnabled(int index, bool enabled, const QString& whyOff)
{
    QAbstractButton* button = m_group->button(index);
    if (!button)
        return;
    button->setEnabled(enabled);
    button->setToolTip(enabled || whyOff.isEmpty() ? m_tips.value(index, button->text()) : whyOff);
    fitStop();
}

/// Tab stops once, at what is down, from the first time on and from both sides. (Qt itself finds that out only when one of them has had the focus.)
void SegmentedControl::fitStop()
{
    QAbstractButton* stop = m_group->checkedButton();
    const auto all = m_group->buttons();
    if (!stop || !stop->isEnabled())
        for (QAbstractButton* button : all)
            if (button->isEnabled()) {
                stop = button;
                break;
            }
    for (QAbstractButton* button : all)
        button->setFocusPolicy(button == stop ? Qt::StrongFocus : Qt::ClickFocus);
}

int SegmentedControl::count() const
{
    return static_cast<int>(m_group->buttons().size());
}

} // namespace halftone
