#include "app/studio/workspaces.h"

#include "app/studio/settings.h"

#include <QDockWidget>
#include <QTimer>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {
constexpr int kVersion = 1;   // of the arrangement: a change of the docks makes old ones invalid
}

QString Workspaces::id(Kind kind)
{
    static const std::array ids{u"inspect"_s, u"tune"_s, u"run"_s, u"compare"_s};
    return ids[kind];
}

QString Workspaces::label(Kind kind)
{
    switch (kind) {
    case Inspect: return tr("Inspect");
    case Tune: return tr("Tune");
    case Run: return tr("Run");
    case Compare: return tr("Compare");
    }
    return {};
}

int Workspaces::kindOf(const QString& name)
{
    for (int kind = 0; kind < kCount; ++kind)
        if (id(static_cast<Kind>(kind)) == name)
            return kind;
    return -1;
}

Workspaces::Workspaces(QMainWindow* window, QMainWindow* views, const Docks& docks, QObject* parent)
    : QObject(parent)
    , m_window(window)
    , m_views(views)
    , m_docks(docks)
{
}

QList<QDockWidget*> Workspaces::all() const
{
    return {m_docks.layers, m_docks.inspector, m_docks.history, m_docks.jobs, m_docks.outliers, m_docks.kernel, m_docks.channels, m_docks.runs, m_docks.compare};
}

void Workspaces::keep()
{
    if (m_shown && !m_alone)
        m_kept[m_current] = {m_window->saveState(kVersion), m_views->saveState(kVersion)};
}

void Workspaces::show(Kind kind)
{
    if (m_alone)
        toggleFullScreen(m_alone);
    keep();
    m_current = kind;
    m_shown = true;
    const Arrangement& kept = m_kept[kind];
    arrange(kind);
    if (!kept.window.isEmpty()) {
        m_window->restoreState(kept.window, kVersion);
        m_views->restoreState(kept.views, kVersion);
    }
    Q_EMIT changed(kind);
}

void Workspaces::reset()
{
    if (m_alone)
        toggleFullScreen(m_alone);
    m_kept[m_current] = {};
    arrange(m_current);
}

void Workspaces::hideAll()
{
    if (m_alone)
        toggleFullScreen(m_alone);
    keep();
    m_shown = false;
    for (QDockWidget* dock : {m_docks.layers, m_docks.inspector, m_docks.history, m_docks.jobs})
        dock->hide();
}

void Workspaces::arrange(Kind kind)
{
    QMainWindow* w = m_window;
    QMainWindow* v = m_views;
    for (QDockWidget* dock : all())
        dock->setFloating(false);
    w->addDockWidget(Qt::LeftDockWidgetArea, m_docks.layers);
    w->addDockWidget(Qt::RightDockWidgetArea, m_docks.inspector);
    w->tabifyDockWidget(m_docks.inspector, m_docks.history);
    w->addDockWidget(Qt::BottomDockWidgetArea, m_docks.jobs);
    v->addDockWidget(Qt::LeftDockWidgetArea, m_docks.outliers);
    v->splitDockWidget(m_docks.outliers, m_docks.kernel, Qt::Vertical);
    // Side by side where there is room; in a narrow window two tabs rather than two slivers.
    if (w->width() >= 1360)
        v->splitDockWidget(m_docks.kernel, m_docks.channels, Qt::Horizontal);
    else
        v->tabifyDockWidget(m_docks.kernel, m_docks.channels);
    v->splitDockWidget(m_docks.outliers, m_docks.runs, Qt::Vertical);
    v->splitDockWidget(m_docks.outliers, m_docks.compare, Qt::Vertical);

    const bool maps = kind == Inspect, tune = kind == Tune, run = kind == Run, compare = kind == Compare;
    m_docks.layers->setVisible(!compare);   // the table of measurements wants the width
    m_docks.inspector->setVisible(maps || tune || run);
    m_docks.history->setVisible(false);
    m_docks.jobs->setVisible(true);
    m_docks.outliers->setVisible(maps);
    m_docks.kernel->setVisible(maps || tune);
    m_docks.channels->setVisible(maps || tune);
    m_docks.runs->setVisible(run || compare);
    m_docks.compare->setVisible(compare);
    if (tune) {
        v->addDockWidget(Qt::LeftDockWidgetArea, m_docks.kernel);
        v->splitDockWidget(m_docks.kernel, m_docks.channels, Qt::Vertical);
    }

    const int width = w->width(), height = w->height();
    const int layers = maps ? qBound(320, width * 28 / 100, 460) : qBound(360, width * 40 / 100, 640);
    const QList<int> sides{layers, qBound(264, width * 19 / 100, 320)};
    w->resizeDocks({m_docks.layers, m_docks.inspector}, sides, Qt::Horizontal);
    w->resizeDocks({m_docks.jobs}, {run ? qBound(140, height * 25 / 100, 300) : qBound(64, height * 10 / 100, 120)}, Qt::Vertical);
    if (maps) {
        v->resizeDocks({m_docks.outliers, m_docks.kernel}, {height * 40 / 100, height * 32 / 100}, Qt::Vertical);
        m_docks.kernel->raise();
        // Once the window has given the views their width: asking for more than there is would push them out of it.
        QTimer::singleShot(0, this, [this] {
            if (m_current != Inspect || m_alone || m_views->tabifiedDockWidgets(m_docks.kernel).contains(m_docks.channels))
                return;
            const int room = m_views->width(), kernel = std::max(m_docks.kernel->minimumSizeHint().width(), room * 54 / 100);
            if (room - kernel > m_docks.channels->minimumSizeHint().width())
                m_views->resizeDocks({m_docks.kernel, m_docks.channels}, {kernel, room - kernel - 2}, Qt::Horizontal);
        });
    } else if (compare) {
        v->resizeDocks({m_docks.compare, m_docks.runs}, {height * 45 / 100, height * 28 / 100}, Qt::Vertical);
    } else if (tune) {
        v->resizeDocks({m_docks.kernel, m_docks.channels}, {height * 40 / 100, height * 40 / 100}, Qt::Vertical);
    }
}

void Workspaces::toggleFullScreen(QDockWidget* view)
{
    if (m_alone) {
        m_alone = nullptr;
        m_window->restoreState(m_before.window, kVersion);
        m_views->restoreState(m_before.views, kVersion);
        return;
    }
    m_before = {m_window->saveState(kVersion), m_views->saveState(kVersion)};
    for (QDockWidget* dock : all())
        dock->setVisible(dock == view);
    m_alone = view;
}

void Workspaces::load()
{
    const Settings settings;
    for (int kind = 0; kind < kCount; ++kind) {
        const QString key = u"workspaces/"_s + id(static_cast<Kind>(kind));
        m_kept[static_cast<std::size_t>(kind)] = {settings.value(key + u"/window"_s).toByteArray(), settings.value(key + u"/views"_s).toByteArray()};
    }
    if (const int kind = kindOf(settings.value(u"workspaces/current"_s).toString()); kind >= 0)
        m_current = static_cast<Kind>(kind);
}

void Workspaces::save()
{
    if (m_alone)
        toggleFullScreen(m_alone);
    keep();
    Settings settings;
    for (int kind = 0; kind < kCount; ++kind) {
        const QString key = u"workspaces/"_s + id(static_cast<Kind>(kind));
        const Arrangement& kept = m_kept[static_cast<std::size_t>(kind)];
        settings.setValue(key + u"/window"_s, kept.window);
        settings.setValue(key + u"/views"_s, kept.views);
    }
    settings.setValue(u"workspaces/current"_s, id(m_current));
}

void Workspaces::setArrangeable(bool arrangeable)
{
    for (QDockWidget* dock : all()) {
        QWidget* old = dock->titleBarWidget();
        dock->setTitleBarWidget(arrangeable ? nullptr : new QWidget(dock));
        delete old;
    }
}

} // namespace halftone
