#pragma once

#include <QByteArray>
#include <QMainWindow>
#include <QObject>
#include <QStringList>
#include <QTimer>

#include <array>

class QDockWidget;

namespace halftone {

/// Four arrangements of the same docks. Each is remembered as the person left it; reset() brings back the designed one.
class Workspaces : public QObject {
    Q_OBJECT
public:
    enum Kind { Inspect, Tune, Run, Compare };
    static constexpr int kCount = 4;
    static QString id(Kind kind);            ///< "inspect", …
    static QString label(Kind kind);         ///< "Inspect", …
    /// @return −1 for an unknown name
    static int kindOf(const QString& id);

    /// The docks: at the sides of the window, and the views in its middle (a window of their own, without a central widget).
    struct Docks {
        QDockWidget *layers, *inspector, *history, *jobs;
        QDockWidget *outliers, *kernel, *channels, *tokens, *weights, *run, *runs, *training, *learned, *spectrum, *compare, *texts, *differences, *study;
    };
    Workspaces(QMainWindow* window, QMainWindow* views, const Docks& docks, QObject* parent);

    Kind current() const { return m_current; }
    /// Keeps the present arrangement, then shows another one.
    void show(Kind kind);
    void reset();
    /// Before anything is open: only the middle.
    void hideAll();
    bool isShown() const { return m_shown; }
    /// Shows one view alone, or goes back when it is alone already.
    void toggleFullScreen(QDockWidget* view);
    void load();
    void save();
    /// Arrangements that the person named, in alphabetical order.
    QStringList named() const;
    /// The present arrangement, under `name` (replaces one of that name).
    void saveAs(const QString& name);
    /// Shows a named arrangement in the workspace it was made in. @return false when there is none, or it is of an earlier version's panels.
    bool showNamed(const QString& name);
    void removeNamed(const QString& name);
    /// Docks get title bars to drag them by, or lose them.
    void setArrangeable(bool arrangeable);
    /// Whether the recipe rounds weights and no activations: then Tune shows the weights instead of what activation grids do.
    void setWeightsAlone(bool alone);
    /// While no job is listed, their panel takes no more than its line.
    void setAnyJobs(bool any);

    /// Names the rows of tabs that Qt makes where panels share a place.
    bool eventFilter(QObject* watched, QEvent* event) override;

Q_SIGNALS:
    void changed(int kind);
    void namedChanged();

private:
    struct Arrangement {
        QByteArray window, views;
        bool joined = false;   ///< see m_joined
    };
    void keep();
    void arrange(Kind kind);
    void fitJobs();
    void fitTune();
    void fitNeighbours();   ///< Kernel beside Channels where there is room for both, else one the other's tab
    void shareWidth();
    QList<QDockWidget*> all() const;
    int version() const;

    QMainWindow* m_window;
    QMainWindow* m_views;
    Docks m_docks;
    std::array<Arrangement, kCount> m_kept;
    Kind m_current = Inspect;
    bool m_shown = false;
    bool m_anyJobs = false;
    bool m_weightsAlone = false;
    QTimer m_settle;
    bool m_joined = false;   ///< Kernel and Channels are tabs for want of room, not by a person's wish
    int m_joinedAt = 0;      ///< width of the views when they became so
    QDockWidget* m_alone = nullptr;
    Arrangement m_before;
};

} // namespace halftone
