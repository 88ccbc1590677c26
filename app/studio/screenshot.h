#pragma once

#include "app/studio/workspaces.h"

#include <QObject>
#include <QSize>
#include <QString>

namespace halftone {

class MainWindow;

/// A picture of the real window for the README: waits until the model is open and nothing is at work, does the main job first when asked to (what
/// the project lacks of it: statistics, a run of the recipe, evaluations), then saves and quits.
struct ScreenshotRequest {
    QString file;
    QSize size{1440, 900};
    Workspaces::Kind workspace = Workspaces::Inspect;
    QString linear;          ///< selected in it; empty: none
    QString recipe;          ///< imported first; empty: the project's own
    bool mainJob = false;    ///< analyze, quantize and evaluate what is not there yet, on the texts that come along
};
void takeScreenshot(MainWindow& window, const ScreenshotRequest& request);

} // namespace halftone
