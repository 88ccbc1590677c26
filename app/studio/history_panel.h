#pragma once

#include <QWidget>

class QUndoStack;

namespace halftone {

/// The edits of the recipe since the project was opened, each an undo step; while there is none, what becomes of earlier ones.
class HistoryPanel : public QWidget {
    Q_OBJECT
public:
    HistoryPanel(QUndoStack& stack, QWidget* parent);
};

} // namespace halftone
