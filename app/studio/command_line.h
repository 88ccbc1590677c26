#pragma once

#include "app/studio/tasks.h"

#include <QString>
#include <QStringList>

#include <vector>

namespace halftone {

/// One word of a POSIX shell: as it is where it holds nothing special, else in single quotes.
QString shellWord(const QString& word);
QString shellLine(const QStringList& words);

/// The halftone-cli line that does what the window was asked for.
QString exportCommand(const Project& project, const ExportRequest& request);
/// Of a run; empty for what the command line cannot name (a recipe that is only in the window).
QString evaluateCommand(const Document& document, const EvaluateRequest& request);

/// Of the recipe as it stands: by its name where it is a preset's, else written to a temporary file first.
QString quantizeCommand(const Document& document, const QuantizeRequest& request, const CalibrationSettings& calibration);

/// How an export is opened by a runtime.
struct ServeCommand {
    QString runtime;   ///< "vLLM", "transformers"
    QString line;
};
/// Of the runtimes that open this format with what the run's plans ask of them.
std::vector<ServeCommand> serveCommands(const Document& document, const ExportRequest& request);

} // namespace halftone
