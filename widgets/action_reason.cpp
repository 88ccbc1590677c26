#include "widgets/action_reason.h"

#include "widgets/plain_labels.h"

#include <QAction>
#include <QKeySequence>
#include <QLabel>
#include <QMenu>
#include <QVariant>
#include <QWidgetAction>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr auto kTip = "halftoneTip";
constexpr auto kWhenOff = "halftoneWhenOff";
constexpr auto kKeywords = "halftoneKeywords";
constexpr auto kConsequential = "halftoneConsequential";

void showWords(QAction& action)
{
    const QString tip = action.property(kTip).toString(), reason = actionReason(action);
    QStringList lines{action.shortcut().isEmpty() ? tip : u"%1 (%2)"_s.arg(tip, action.shortcut().toString(QKeySequence::NativeText))};
    if (!reason.isEmpty())
        lines.append(reason);
    action.setToolTip(plainTip(lines.join(u'\n')));
    action.setStatusTip(reason.isEmpty() ? tip : reason);
}

} // namespace

void describeAction(QAction& action, const QString& tip, const QString& whenOff)
{
    const bool known = action.property(kTip).isValid();
    action.setProperty(kTip, tip);
    action.setProperty(kWhenOff, whenOff);
    if (!known)
        QObject::connect(&action, &QAction::enabledChanged, &action, [&action] { showWords(action); });
    showWords(action);
}

void setActionEnabled(QAction& action, bool enabled, const QString& whenOff)
{
    action.setProperty(kWhenOff, whenOff);
    action.setEnabled(enabled);
    showWords(action);
}

void setActionKeywords(QAction& action, const QString& words)
{
    action.setProperty(kKeywords, words);
}

QString actionKeywords(const QAction& action)
{
    return action.property(kKeywords).toString();
}

void setConsequential(QAction& action)
{
    action.setProperty(kConsequential, true);
}

bool isConsequential(const QAction& action)
{
    return action.property(kConsequential).toBool();
}

void addMenuHeading(QMenu& menu, const QString& text)
{
    auto* label = new QLabel(text, &menu);
    label->setObjectName(u"menuHeading"_s);
    auto* heading = new QWidgetAction(&menu);
    heading->setDefaultWidget(label);
    heading->setEnabled(false);
    menu.addAction(heading);
}

QString actionTip(const QAction& action)
{
    const QVariant tip = action.property(kTip);
    return tip.isValid() ? tip.toString() : action.statusTip().isEmpty() ? action.toolTip() : action.statusTip();
}

QString actionReason(const QAction& action)
{
    return action.isEnabled() ? QString() : action.property(kWhenOff).toString();
}

} // namespace halftone
