#pragma once

namespace halftone {

class MainWindow;

/// For tests/bench: prints "painted T" after the window's first paint and, where a model is opened, "opened T" (opened and painted), T being
/// seconds of the system's monotonic clock; then quits. To be called before the window is shown.
/// @param opens a model will be opened; else it quits after the first paint
void reportStart(MainWindow& window, bool opens);
/// Prints "asked T": the model is about to be opened.
void reportOpening();

} // namespace halftone
