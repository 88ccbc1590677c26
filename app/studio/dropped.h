#pragma once

#include <QString>
#include <QStringList>

namespace halftone {

/// What a path that a person opens or drops turns out to be.
struct Dropped {
    enum class Kind { Model, Recipe, Text, Nothing };
    Kind kind = Kind::Nothing;
    QString path;       ///< what to open: the folder of a safetensors file, else the path itself
    QString sentence;   ///< Nothing: what it is instead
};

/// Looks at names and at most the first few kilobytes; for the file thread. A path that does not exist counts as a model: opening it says so.
Dropped lookAt(const QStringList& paths);

} // namespace halftone
