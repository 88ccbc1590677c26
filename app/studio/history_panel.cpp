#include "app/studio/history_panel.h"

#include <QLabel>
#include <QUndoStack>
#include <QUndoView>
#include <QVBoxLayout>

namespace halftone {

using namespace Qt::StringLiterals;

HistoryPanel::HistoryPanel(QUndoStack& stack, QWidget* parent) : QWidget(parent)
{
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    auto* view = new QUndoView(&stack, this);
    view->setObjectName(u"history"_s);
    view->setAccessibleName(tr("History"));
    view->setEmptyLabel(tr("as opened"));
    view->setFrameShape(QFrame::NoFrame);
    auto* note = new QLabel(tr("Edits of the recipe since the project was opened are listed here; a click goes back to one. Those of earlier times are in the recipe, but not their "
                               "steps: what you did before cannot be undone one by one. A recipe that a run took comes back with \"Take its recipe\" in Runs; one that was saved, with "
                               "File, Import recipe."),
                            this);
    note->setObjectName(u"historyNote"_s);
    note->setWordWrap(true);
    note->setForegroundRole(QPalette::PlaceholderText);
    note->setContentsMargins(12, 4, 12, 8);
    column->addWidget(view, 1);
    column->addWidget(note);
    const auto show = [note, &stack] { note->setVisible(stack.count() == 0); };
    connect(&stack, &QUndoStack::indexChanged, note, show);
    show();
}

} // namespace halftone
