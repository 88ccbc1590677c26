#pragma once

#include "app/studio/workspaces.h"

#include <QJsonArray>
#include <QSize>
#include <QString>

namespace halftone {

class MainWindow;

/// A picture of the real window: waits until the model is open and nothing is at work, does the main job first when asked to (what the project lacks
/// of it: statistics, a run of the recipe, evaluations), then saves and quits.
struct ScreenshotRequest {
    QString file;
    QSize size{1440, 900};
    Workspaces::Kind workspace = Workspaces::Inspect;
    QString linear;          ///< selected in it; empty: none
    QString recipe;          ///< imported first; empty: the project's own
    bool opens = false;      ///< a model was named on the command line
    bool replaces = false;   ///< a file that stands there already
    bool mainJob = false;    ///< analyze, quantize and evaluate what is not there yet, on the texts that come along
};
void takeScreenshot(MainWindow& window, const ScreenshotRequest& request);

/// The steps of a WindowScript, then quits: with 0, or with 4 when a step could not be taken (stderr says which). Files that stand where it writes are
/// replaced only where it `replaces`.
void playScript(MainWindow& window, const QJsonArray& steps, bool replaces);

} // namespace halftone
