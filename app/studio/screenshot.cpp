#include "app/studio/screenshot.h"

#include "app/studio/main_window.h"
#include "app/studio/resources.h"

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QPixmap>
#include <QStatusBar>
#include <QTextStream>
#include <QTimer>

namespace halftone {

namespace {

/// Follows the window until it stands still, then takes the picture.
class Photographer : public QObject {
public:
    Photographer(MainWindow& window, const ScreenshotRequest& request)
        : QObject(&window)
        , m_window(window)
        , m_request(request)
    {
        connect(&m_timer, &QTimer::timeout, this, &Photographer::look);
        m_timer.start(150);
    }

private:
    void look()
    {
        if (m_window.jobs().busy() || m_window.document().isOpening())
            return;
        Document& document = m_window.document();
        if (document.isOpen() && !document.hasAnalysis() && m_request.analyze && !m_asked) {
            m_asked = true;
            AnalyzeRequest request{resourceFile(QStringLiteral("text/sample.txt")), m_request.windows, m_request.length, {}};
            m_window.tasks().analyze(request);
            return;
        }
        if (!m_placed) {
            m_placed = true;
            if (document.isOpen()) {
                m_window.setWorkspace(m_request.workspace);
                m_window.workspaces().reset();
            }
            if (!m_request.linear.isEmpty())
                document.select({-1, std::nullopt, m_request.linear.toStdString(), -1, -1});
            return;
        }
        m_timer.stop();
        m_window.statusBar()->clearMessage();
        const bool saved = m_window.grab().save(m_request.file);
        if (!saved)
            QTextStream(stderr) << "halftone: " << m_request.file << " could not be written\n";
        m_window.quitNow();
        QCoreApplication::exit(saved ? 0 : 4);
    }

    MainWindow& m_window;
    ScreenshotRequest m_request;
    QTimer m_timer;
    bool m_asked = false, m_placed = false;
};

} // namespace

void takeScreenshot(MainWindow& window, const ScreenshotRequest& request)
{
    window.resize(request.size);
    new Photographer(window, request);
}

} // namespace halftone
