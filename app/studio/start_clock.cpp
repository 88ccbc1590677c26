#include "app/studio/start_clock.h"

#include "app/studio/main_window.h"

#include <QCoreApplication>
#include <QEvent>
#include <QTextStream>
#include <QTimer>

#include <ctime>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

void tell(const QString& what)
{
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    QTextStream(stdout) << what << ' ' << QString::number(static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9, 'f', 4) << '\n';
}

/// Looks for the first paint after it was armed.
class PaintWatch : public QObject {
public:
    PaintWatch(MainWindow& window, bool opens)
        : QObject(&window)
        , m_window(window)
        , m_opens(opens)
    {
        window.installEventFilter(this);
        connect(&window.document(), &Document::opened, this, [this] { m_armed = true; m_next = u"opened"_s; m_window.update(); });
    }

protected:
    bool eventFilter(QObject*, QEvent* event) override
    {
        if (event->type() != QEvent::Paint || !m_armed)
            return false;
        m_armed = false;
        // After this paint, and the children's, which follow it in the same pass.
        QTimer::singleShot(0, this, [this, what = m_next] {
            tell(what);
            if (what == u"opened"_s || !m_opens) {
                m_window.quitNow();
                QCoreApplication::quit();
            }
        });
        return false;
    }

private:
    MainWindow& m_window;
    bool m_opens, m_armed = true;
    QString m_next = u"painted"_s;
};

} // namespace

void reportOpening()
{
    tell(u"asked"_s);
}

void reportStart(MainWindow& window, bool opens)
{
    new PaintWatch(window, opens);
}

} // namespace halftone
