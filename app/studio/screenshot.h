#pragma once

#include "app/studio/workspaces.h"

#include <QObject>
#include <QSize>
#include <QString>

namespace halftone {

class MainWindow;

/// A picture of the real window for the README: waits until the model is open and its statistics are there (measuring them when asked and when the
/// project has none), then saves and quits.
struct ScreenshotRequest {
    QString file;
    QSize size{1440, 900};
    Workspaces::Kind workspace = Workspaces::Inspect;
    QString linear;          ///< selected in it; empty: none
    bool analyze = false;    ///< measure when the project has no statistics
    int windows = 4, length = 512;
};
void takeScreenshot(MainWindow& window, const ScreenshotRequest& request);

} // namespace halftone
