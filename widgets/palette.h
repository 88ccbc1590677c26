#pragma once

#include <QColor>
#include <QFont>
#include <QIcon>
#include <QString>

class QApplication;

namespace halftone {

enum class Theme { Light, Dark };

/// Every colour of the chrome. Data has its own colours (colour_map.h).
struct Colours {
    QColor window;        ///< ground of the window and of the views
    QColor panel;         ///< menu, tool and jobs strips
    QColor field;         ///< line edits, wells of bars
    QColor raised;        ///< buttons, cards
    QColor line;          ///< separators and outlines
    QColor text;
    QColor faint;         ///< secondary text, ≥ 4.5:1 on window, panel and field
    QColor accent;        ///< selected buttons, links, progress
    QColor onAccent;      ///< text on accent
    QColor accentText;    ///< accent as text on window and panel
    QColor selection;     ///< ground of selected rows; text keeps its colour
    QColor good, bad;     ///< text of better and worse (always with a sign or an arrow)
    QColor warning;       ///< text of notices, orange marks
    QColor warningGround; ///< ground of a notice
    QColor errorGround;   ///< ground of an error
    QColor card;          ///< read-out card over a map
    QColor outline;       ///< frame of the selected cell on a map
};

const Colours& colours(Theme theme);
/// Of the theme applied last (Dark until applyTheme is called).
const Colours& colours();
Theme currentTheme();

/// Fusion, palette and style sheet, at once and live: open windows follow (they get QEvent::PaletteChange).
void applyTheme(QApplication& application, Theme theme);

/// Whether anything may move by itself: the style's own animations (120 ms at most) and the blinking caret. Set before or after applyTheme, live.
void setReducedMotion(QApplication& application, bool reduced);
bool reducedMotion();

/// WCAG contrast ratio of two opaque colours, 1…21.
double contrast(const QColor& a, const QColor& b);

/// A line icon of resources/icons, tinted by the theme in force when it is painted (disabled and selected states too).
/// Names: analyze, cancel, chain, close, compare, copy, dot, error, evaluate, explain, export, filter, folder, fullscreen, help, info,
/// inspect, menu, moon, open, paste, pause, pin, quantize, redo, resume, run, save, settings, sun, tune, undo, up, warning, welcome.
/// An unknown name gives a null icon.
QIcon icon(const QString& name);
/// The halftone dots, in their own colours.
QIcon applicationIcon();

/// `base` with digits of equal width, `pointsLess` smaller.
QFont tabularFont(const QFont& base, bool bold = false, double pointsLess = 0);

} // namespace halftone
