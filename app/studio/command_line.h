#pragma once

#include "app/studio/tasks.h"

#include <QString>
#include <QStringList>

namespace halftone {

/// One word of a POSIX shell: as it is where it holds nothing special, else in single quotes.
QString shellWord(const QString& word);
QString shellLine(const QStringList& words);

/// The halftone-cli line that does what the window was asked for.
QString exportCommand(const Project& project, const ExportRequest& request);
/// Of a run; empty for what the command line cannot name (a recipe that is only in the window).
QString evaluateCommand(const Document& document, const EvaluateRequest& request);

} // namespace halftone
