#include "app/studio/screenshot.h"

#include "app/studio/main_window.h"
#include "app/studio/resources.h"
#include "widgets/message_banner.h"

#include <QCoreApplication>
#include <QElapsedTimer>
#include <QPixmap>
#include <QStatusBar>
#include <QTextStream>
#include <QTimer>

namespace halftone {

namespace {

constexpr int kWindows = 4, kLength = 512;   // of the texts that come along

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
        if (document.isOpen() && m_step < 4) {
            next();
            return;
        }
        if (!m_placed) {
            m_placed = true;
            m_window.messages().clear();
            if (document.isOpen()) {
                m_window.setWorkspace(m_request.workspace);
                m_window.workspaces().reset();
            }
            if (!m_request.linear.isEmpty())
                document.select({-1, std::nullopt, m_request.linear.toStdString(), -1, -1});
            return;
        }
        m_timer.stop();
        if (QWidget* focus = m_window.focusWidget())
            focus->clearFocus();
        m_window.statusBar()->clearMessage();
        const bool saved = m_window.grab().save(m_request.file);
        if (!saved)
            QTextStream(stderr) << "halftone: " << m_request.file << " could not be written\n";
        m_window.quitNow();
        QCoreApplication::exit(saved ? 0 : 4);
    }

    /// One step a look: the window is idle when it is called.
    void next()
    {
        Document& document = m_window.document();
        Tasks& tasks = m_window.tasks();
        const QString calibration = resourceFile(QStringLiteral("text/sample.txt")), heldOut = resourceFile(QStringLiteral("text/held-out.txt"));
        switch (m_step++) {
        case 0:
            if (!m_request.recipe.isEmpty())
                m_window.openPath(m_request.recipe);
            break;
        case 1:
            if (m_request.mainJob && !document.hasAnalysis())
                tasks.analyze({calibration, kWindows, kLength, {}});
            break;
        case 2:
            if (m_request.mainJob && !document.latestRun())
                tasks.quantize({calibration, true});
            break;
        case 3:
            if (m_request.mainJob && document.evaluations().empty() && document.latestRun()) {
                tasks.evaluate({heldOut, kWindows, kLength, EvaluationRecord::Target::Float, {}, false});
                const QString run = QString::fromStdString(document.latestRun()->id);
                tasks.evaluate({heldOut, kWindows, kLength, EvaluationRecord::Target::Run, run, true});
                tasks.evaluate({heldOut, kWindows, kLength, EvaluationRecord::Target::Recipe, {}, true});
            }
            break;
        default: break;
        }
    }

    MainWindow& m_window;
    ScreenshotRequest m_request;
    QTimer m_timer;
    int m_step = 0;
    bool m_placed = false;
};

} // namespace

void takeScreenshot(MainWindow& window, const ScreenshotRequest& request)
{
    window.resize(request.size);
    new Photographer(window, request);
}

} // namespace halftone
