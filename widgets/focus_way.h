#pragma once

class QWidget;

namespace halftone {

/// Whether Tab stops here: what takes the keys itself, in sight (or to be scrolled to), on.
bool isFocusStop(const QWidget* widget);

/// Takes the focus to the next stop in the window `top`, or to the one before: one way is the other reversed. (Qt's own stops forwards, not backwards, at
/// what has a focus proxy, in sight or not, and so leaves out what lies between the two.)
bool stepFocus(QWidget* top, bool next);

} // namespace halftone
