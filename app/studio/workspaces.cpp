#include "app/studio/workspaces.h"

#include "app/studio/settings.h"

#include <QChildEvent>
#include <QDockWidget>
#include <QTabBar>
#include <QTimer>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kBesideWidth = 1360;   ///< of the window: room for Kernel beside Channels
constexpr int kAmple = 24;           ///< pixels to spare before tabs become neighbours again
constexpr int kSettle = 20;          ///< ms in which docks come to rest

/// Names go into keys of an INI file.
QString keyOf(const QString& name)
{
    return u"arrangements/"_s + QString::fromLatin1(name.toUtf8().toHex());
}

} // namespace

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
    , m_settle(this)
{
    m_settle.setSingleShot(true);
    m_settle.setInterval(kSettle);
    connect(&m_settle, &QTimer::timeout, this, &Workspaces::fitNeighbours);
    m_window->installEventFilter(this);
    m_views->installEventFilter(this);
}

QList<QDockWidget*> Workspaces::all() const
{
    return {m_docks.layers, m_docks.inspector, m_docks.history, m_docks.jobs, m_docks.outliers, m_docks.kernel, m_docks.channels, m_docks.tokens, m_docks.weights, m_docks.run, m_docks.runs, m_docks.training, m_docks.learned, m_docks.spectrum, m_docks.compare, m_docks.texts, m_docks.differences, m_docks.study};
}

int Workspaces::version() const
{
    // Another set of panels makes an arrangement of the former one invalid.
    quint32 sum = 1;
    for (const QDockWidget* dock : all())
        for (const QChar letter : dock->objectName())
            sum = sum * 31 + letter.unicode();
    return static_cast<int>(sum & 0x7fff);
}

void Workspaces::keep()
{
    if (m_shown && !m_alone)
        m_kept[m_current] = {m_window->saveState(version()), m_views->saveState(version()), m_joined};
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
        m_window->restoreState(kept.window, version());
        m_views->restoreState(kept.views, version());
        m_joined = kept.joined;
        if (!m_anyJobs)
            fitJobs();
    }
    fitTune();
    Q_EMIT changed(kind);
}

void Workspaces::reset()
{
    if (m_alone)
        toggleFullScreen(m_alone);
    m_kept[m_current] = {};
    arrange(m_current);
    fitTune();
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
    for (QDockWidget* dock : all())
        if (dock->parentWidget() == v)
            v->removeDockWidget(dock);   // what stands among tabs cannot be split off there: it would become one of them
    v->addDockWidget(Qt::LeftDockWidgetArea, m_docks.outliers);
    v->splitDockWidget(m_docks.outliers, m_docks.kernel, Qt::Vertical);
    // Side by side where there is room; in a narrow window two tabs rather than two slivers.
    m_joined = w->width() < kBesideWidth;
    m_joinedAt = 0;
    if (m_joined)
        v->tabifyDockWidget(m_docks.kernel, m_docks.channels);
    else
        v->splitDockWidget(m_docks.kernel, m_docks.channels, Qt::Horizontal);
    m_settle.start();
    v->splitDockWidget(m_docks.outliers, m_docks.run, Qt::Vertical);
    v->splitDockWidget(m_docks.run, m_docks.runs, Qt::Vertical);
    v->splitDockWidget(m_docks.outliers, m_docks.compare, Qt::Vertical);
    // What a run learned shares one place beside the list of runs.
    v->splitDockWidget(m_docks.runs, m_docks.training, Qt::Horizontal);
    v->tabifyDockWidget(m_docks.training, m_docks.learned);
    v->tabifyDockWidget(m_docks.training, m_docks.spectrum);
    // Three large maps share one place.
    for (QDockWidget* dock : {m_docks.tokens, m_docks.weights})
        v->tabifyDockWidget(m_docks.outliers, dock);
    for (QDockWidget* dock : {m_docks.texts, m_docks.differences, m_docks.study})
        v->tabifyDockWidget(m_docks.compare, dock);

    const bool maps = kind == Inspect, tune = kind == Tune, run = kind == Run, compare = kind == Compare;
    m_docks.layers->setVisible(!compare);   // the table of measurements wants the width
    m_docks.inspector->setVisible(maps || tune);
    m_docks.history->setVisible(false);
    m_docks.jobs->setVisible(true);
    m_docks.outliers->setVisible(maps);
    m_docks.kernel->setVisible(maps || tune);
    m_docks.channels->setVisible(maps || tune);
    m_docks.tokens->setVisible(maps);
    m_docks.weights->setVisible(maps);
    m_docks.run->setVisible(run);
    m_docks.runs->setVisible(run);
    for (QDockWidget* dock : {m_docks.training, m_docks.learned, m_docks.spectrum})
        dock->setVisible(run);
    m_docks.compare->setVisible(compare);
    m_docks.texts->setVisible(compare);
    m_docks.differences->setVisible(compare);
    m_docks.study->setVisible(compare);
    if (tune) {
        v->addDockWidget(Qt::LeftDockWidgetArea, m_docks.kernel);
        v->splitDockWidget(m_docks.kernel, m_docks.channels, Qt::Vertical);
    }

    const int width = w->width(), height = w->height();
    const int layers = maps ? qBound(320, width * 28 / 100, 640) : run ? qBound(296, width * 24 / 100, 600) : qBound(360, width * 40 / 100, 720);
    const QList<int> sides{layers, qBound(288, width * 21 / 100, 380)};
    w->resizeDocks({m_docks.layers, m_docks.inspector}, sides, Qt::Horizontal);
    fitJobs();
    if (maps) {
        v->resizeDocks({m_docks.outliers, m_docks.kernel}, {height * 40 / 100, height * 32 / 100}, Qt::Vertical);
        m_docks.kernel->raise();
        m_docks.outliers->raise();
        QTimer::singleShot(0, this, [this] {   // once the window has given the views their width
            if (m_current == Inspect && !m_alone && !m_views->tabifiedDockWidgets(m_docks.kernel).contains(m_docks.channels))
                shareWidth();
        });
    } else if (compare) {
        m_docks.compare->raise();
    } else if (run) {
        v->resizeDocks({m_docks.run, m_docks.training}, {height * 34 / 100, height * 34 / 100}, Qt::Vertical);
        m_docks.training->raise();
        QTimer::singleShot(0, this, [this] {   // once the views have their width
            if (m_current == Run && !m_alone)
                m_views->resizeDocks({m_docks.runs, m_docks.training}, {m_views->width() * 46 / 100, m_views->width() * 54 / 100}, Qt::Horizontal);
        });
    } else if (tune) {
        const int kernel = qBound(240, height * 40 / 100, 380);   // its cells need no more
        v->resizeDocks({m_docks.kernel, m_docks.channels}, {kernel, height * 80 / 100 - kernel}, Qt::Vertical);
    }
}

/// Where nothing rounds activations their views have nothing to decide by. A person who shows a panel by hand keeps it until the kind of recipe changes.
void Workspaces::fitTune()
{
    if (m_current != Tune || !m_shown || m_alone)
        return;
    const bool activations = !m_docks.kernel->isHidden() && !m_docks.channels->isHidden(), weights = !m_docks.weights->isHidden();
    if (m_weightsAlone && activations && !weights) {
        m_docks.kernel->hide();
        m_docks.channels->hide();
        m_docks.weights->show();
        m_docks.weights->raise();
    } else if (!m_weightsAlone && weights && m_docks.kernel->isHidden() && m_docks.channels->isHidden()) {
        m_docks.weights->hide();
        m_docks.kernel->show();
        m_docks.channels->show();
    }
}

void Workspaces::setWeightsAlone(bool alone)
{
    if (m_weightsAlone == alone)
        return;
    m_weightsAlone = alone;
    fitTune();
}

void Workspaces::fitNeighbours()
{
    for (QTabBar* row : m_views->findChildren<QTabBar*>(Qt::FindDirectChildrenOnly))
        if (row->count() > 0)
            row->show();
        else if (row->geometry().intersects(m_views->rect()))
            row->hide();   // Qt shows rows before anything stands in them, and leaves them over other panels
    QDockWidget *kernel = m_docks.kernel, *channels = m_docks.channels;
    if (!m_shown || m_alone || m_current != Inspect || kernel->isFloating() || channels->isFloating() || kernel->isHidden() || channels->isHidden())
        return;
    const bool tabs = m_views->tabifiedDockWidgets(kernel).contains(channels);
    const int spare = m_views->width() - kernel->minimumSizeHint().width() - channels->minimumSizeHint().width();
    if (tabs && m_joined && spare > kAmple && m_views->width() > m_joinedAt) {
        m_joined = false;
        const QList<int> heights{m_docks.outliers->height(), kernel->height()};
        for (QDockWidget* dock : {kernel, channels})
            m_views->removeDockWidget(dock);   // what stands among tabs cannot be split off there
        m_views->addDockWidget(Qt::LeftDockWidgetArea, kernel);
        m_views->splitDockWidget(kernel, channels, Qt::Horizontal);
        kernel->show();
        channels->show();
        m_views->resizeDocks({m_docks.outliers, kernel}, heights, Qt::Vertical);
        shareWidth();
        m_settle.start();
    } else if (!tabs && kernel->x() != channels->x() && spare <= 0) {
        m_joined = true;
        m_joinedAt = m_views->width();   // no sooner beside each other again than in a wider window
        m_views->tabifyDockWidget(kernel, channels);
        kernel->raise();
        m_settle.start();
    }
}

/// Asking for more than there is would push the views out of the window.
void Workspaces::shareWidth()
{
    const int room = m_views->width(), kernel = std::max(m_docks.kernel->minimumSizeHint().width(), room * 54 / 100);
    if (room - kernel > m_docks.channels->minimumSizeHint().width())
        m_views->resizeDocks({m_docks.kernel, m_docks.channels}, {kernel, room - kernel - 2}, Qt::Horizontal);
}

void Workspaces::fitJobs()
{
    const int height = m_window->height(), least = m_docks.jobs->minimumSizeHint().height();
    // A line for the job at work and one for those that are done, so that the views keep their places while jobs come and go.
    const int some = m_current == Run ? qBound(110, height * 16 / 100, 220) : std::max(64, least);
    m_window->resizeDocks({m_docks.jobs}, {m_anyJobs ? some : least}, Qt::Vertical);
}

void Workspaces::setAnyJobs(bool any)
{
    if (m_anyJobs == any)
        return;
    m_anyJobs = any;
    if (m_shown && !m_alone && !m_docks.jobs->isFloating())
        fitJobs();
}

void Workspaces::toggleFullScreen(QDockWidget* view)
{
    if (m_alone) {
        m_alone = nullptr;
        m_window->restoreState(m_before.window, version());
        m_views->restoreState(m_before.views, version());
        return;
    }
    m_before = {m_window->saveState(version()), m_views->saveState(version()), m_joined};
    for (QDockWidget* dock : all())
        dock->setVisible(dock == view);
    m_alone = view;
}

bool Workspaces::eventFilter(QObject* watched, QEvent* event)
{
    if (event->type() == QEvent::ChildPolished)
        if (auto* tabs = qobject_cast<QTabBar*>(static_cast<QChildEvent*>(event)->child())) {
            tabs->setAccessibleName(tr("Panels in this place"));
            tabs->installEventFilter(this);
        }
    if (event->type() == QEvent::Show && qobject_cast<QTabBar*>(watched))
        m_settle.start();
    if (watched == m_views && (event->type() == QEvent::Resize || event->type() == QEvent::LayoutRequest))
        m_settle.start();   // once the docks have taken their new places
    return QObject::eventFilter(watched, event);
}

void Workspaces::load()
{
    const Settings settings;
    for (int kind = 0; kind < kCount; ++kind) {
        const QString key = u"workspaces/"_s + id(static_cast<Kind>(kind));
        m_kept[static_cast<std::size_t>(kind)] = {settings.value(key + u"/window"_s).toByteArray(), settings.value(key + u"/views"_s).toByteArray(), settings.value(key + u"/joined"_s).toBool()};
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
        settings.setValue(key + u"/joined"_s, kept.joined);
    }
    settings.setValue(u"workspaces/current"_s, id(m_current));
}

QStringList Workspaces::named() const
{
    const Settings settings;
    QStringList names = settings.value(u"arrangements/names"_s).toStringList();
    names.sort(Qt::CaseInsensitive);
    return names;
}

void Workspaces::saveAs(const QString& name)
{
    if (m_alone)
        toggleFullScreen(m_alone);
    Settings settings;
    QStringList names = named();
    names.removeAll(name);
    names.append(name);
    const QString key = keyOf(name);
    settings.setValue(u"arrangements/names"_s, names);
    settings.setValue(key + u"/workspace"_s, id(m_current));
    settings.setValue(key + u"/window"_s, m_window->saveState(version()));
    settings.setValue(key + u"/views"_s, m_views->saveState(version()));
    Q_EMIT namedChanged();
}

bool Workspaces::showNamed(const QString& name)
{
    const Settings settings;
    const QString key = keyOf(name);
    const int kind = kindOf(settings.value(key + u"/workspace"_s).toString());
    if (kind < 0)
        return false;
    show(static_cast<Kind>(kind));
    return m_window->restoreState(settings.value(key + u"/window"_s).toByteArray(), version())
        && m_views->restoreState(settings.value(key + u"/views"_s).toByteArray(), version());
}

void Workspaces::removeNamed(const QString& name)
{
    Settings settings;
    QStringList names = named();
    names.removeAll(name);
    settings.setValue(u"arrangements/names"_s, names);
    settings.remove(keyOf(name));
    Q_EMIT namedChanged();
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
