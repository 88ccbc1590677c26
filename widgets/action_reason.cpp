#include "widgets/action_reason.h"

#include <QAction>
#include <QKeySequence>
#include <QVariant>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr auto kTip = "halftoneTip";
constexpr auto kWhenOff = "halftoneWhenOff";

void showWords(QAction& action)
{
    const QString tip = action.property(kTip).toString(), reason = actionReason(action);
    QStringList lines{action.shortcut().isEmpty() ? tip : u"%1 (%2)"_s.arg(tip, action.shortcut().toString(QKeySequence::NativeText))};
    if (!reason.isEmpty())
        lines.append(reason);
    action.setToolTip(lines.join(u'\n'));
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
