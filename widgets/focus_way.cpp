#include "widgets/focus_way.h"

#include <QScrollArea>
#include <QTabBar>

namespace halftone {

bool isFocusStop(const QWidget* widget)
{
    if (!(widget->focusPolicy() & Qt::TabFocus) || widget->focusProxy() || !widget->isVisible() || !widget->isEnabled() || widget->size().isEmpty())
        return false;
    const auto* bar = qobject_cast<const QTabBar*>(widget);   // a main window keeps those that it does not need where none sees them
    return !bar || (bar->count() > 1 && !bar->visibleRegion().isEmpty());
}

bool stepFocus(QWidget* top, bool next)
{
    QWidget* const from = top->focusWidget() ? top->focusWidget() : top;
    for (QWidget* at = from;;) {
        at = next ? at->nextInFocusChain() : at->previousInFocusChain();
        if (at == from)
            return false;
        if (at->window() != top || !isFocusStop(at))
            continue;
        at->setFocus(next ? Qt::TabFocusReason : Qt::BacktabFocusReason);
        for (QWidget* around = at->parentWidget(); around && around != top; around = around->parentWidget())
            if (auto* scroll = qobject_cast<QScrollArea*>(around))
                scroll->ensureWidgetVisible(at);
        return true;
    }
}

} // namespace halftone
