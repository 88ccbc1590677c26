#pragma once

#include <QJsonArray>
#include <QJsonObject>
#include <QObject>
#include <QTimer>

namespace halftone {

class MainWindow;

/// Drives the real window step by step, waiting after each until nothing is at work. For pictures of its states (tests/gallery, --screenshot).
/// A step is an object with one of these keys:
///   open: path · close: true · dismiss: true (messages and focus) · closeHelp: true · trigger: an action's object name · key: "Escape" · focus: a widget's object name · size: [width, height]
///   select: {block, site, linear, channel, channels, token, tokens} · raise: a view's id · pick: a token of Texts · view: a view's id, alone or back · edit: {linear, bits}
///   plot: a view's id, saved as "file" of "pixels": [width, height], as its corner menu would
///   menu: a menu's object name, popped up at "at": [x, y], or below the button it belongs to · study: a study's file · choose: a list's object name, and the "index" in it
///   analyze: {text, windows, length} · quantize: {} · evaluate: {windows, length}   (without a text: those that come along; work that is done is left out
///   unless "again" is true) · shot: file.png, and with blocks: n it is taken while an analysis runs, after its n-th block
class WindowScript : public QObject {
    Q_OBJECT
public:
    /// Files that stand where a step writes are replaced only where it `replaces`.
    WindowScript(MainWindow& window, const QJsonArray& steps, bool replaces);

Q_SIGNALS:
    void finished(const QString& fault);   ///< empty: every step was taken

private:
    void look();
    void take(const QJsonObject& step);
    void runJob(const QJsonObject& step);
    void runStudy(const QString& file);
    void savePlot(const QJsonObject& step);
    void popUp(const QJsonObject& step);
    void shoot(const QString& file);
    void requireTarget(const QString& file) const;
    void fail(const QString& fault);
    MainWindow& m_window;
    QJsonArray m_steps;
    bool m_replaces;
    QTimer m_timer;
    int m_next = 0, m_blocks = 0, m_quiet = 0;
};

} // namespace halftone
