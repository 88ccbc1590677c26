#include "app/studio/screenshot.h"

#include "app/studio/main_window.h"
#include "app/studio/window_script.h"

#include <QCoreApplication>
#include <QTextStream>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

QJsonArray stepsOf(const ScreenshotRequest& request)
{
    QJsonArray steps{QJsonObject{{u"size"_s, QJsonArray{request.size.width(), request.size.height()}}}};
    if (!request.recipe.isEmpty())
        steps.append(QJsonObject{{u"open"_s, request.recipe}});
    if (request.mainJob)
        for (const QString& job : {u"analyze"_s, u"quantize"_s, u"evaluate"_s})
            steps.append(QJsonObject{{job, QJsonObject()}});
    if (request.opens) {
        steps.append(QJsonObject{{u"trigger"_s, u"workspace-"_s + Workspaces::id(request.workspace)}});
        steps.append(QJsonObject{{u"trigger"_s, u"resetWorkspace"_s}});
        steps.append(QJsonObject{{u"dismiss"_s, true}});
    }
    if (!request.linear.isEmpty())
        steps.append(QJsonObject{{u"select"_s, QJsonObject{{u"linear"_s, request.linear}}}});
    steps.append(QJsonObject{{u"shot"_s, request.file}});
    return steps;
}

} // namespace

void playScript(MainWindow& window, const QJsonArray& steps, bool replaces)
{
    auto* script = new WindowScript(window, steps, replaces);
    QObject::connect(script, &WindowScript::finished, &window, [&window](const QString& fault) {
        if (!fault.isEmpty())
            QTextStream(stderr) << "halftone: " << fault << '\n';
        window.quitNow();
        QCoreApplication::exit(fault.isEmpty() ? 0 : 4);
    });
}

void takeScreenshot(MainWindow& window, const ScreenshotRequest& request)
{
    playScript(window, stepsOf(request), request.replaces);
}

} // namespace halftone
