#pragma once

#include <QString>

class QAction;
class QMenu;

namespace halftone {

/// Gives the action its tip, and the sentence that says why it is off. While it is off, tip and status line say so (its shortcut stays in the tip).
/// @param whenOff one sentence with the way out ("Open a model first."). An action that is never off needs none.
void describeAction(QAction& action, const QString& tip, const QString& whenOff = {});

/// On, or off for that reason.
void setActionEnabled(QAction& action, bool enabled, const QString& whenOff);

/// Words that the palette finds the action by, beside those of its name ("checkpoint gguf").
void setActionKeywords(QAction& action, const QString& words);
QString actionKeywords(const QAction& action);

/// It changes the recipe, or ends or removes something: the palette offers it for words of its name, never for a mere resemblance.
void setConsequential(QAction& action);
bool isConsequential(const QAction& action);

/// A heading within a menu; QMenu::addSection() shows none under our style.
void addMenuHeading(QMenu& menu, const QString& text);

/// What the action does: its tip without shortcut and reason.
QString actionTip(const QAction& action);
/// Why it is off; empty while it is on.
QString actionReason(const QAction& action);

} // namespace halftone
