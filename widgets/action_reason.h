#pragma once

#include <QString>

class QAction;

namespace halftone {

/// Gives the action its tip, and the sentence that says why it is off. While it is off, tip and status line say so (its shortcut stays in the tip).
/// @param whenOff one sentence with the way out ("Open a model first."). An action that is never off needs none.
void describeAction(QAction& action, const QString& tip, const QString& whenOff = {});

/// On, or off for that reason.
void setActionEnabled(QAction& action, bool enabled, const QString& whenOff);

/// What the action does: its tip without shortcut and reason.
QString actionTip(const QAction& action);
/// Why it is off; empty while it is on.
QString actionReason(const QAction& action);

} // namespace halftone
