#include "app/studio/dropped.h"

#include "app/studio/text.h"
#include "core/project/project.h"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSet>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr qint64 kLook = 4096;

QString tr(const char* text)
{
    return QCoreApplication::translate("Dropped", text);
}

Dropped nothing(const QString& sentence)
{
    return {Dropped::Kind::Nothing, {}, sentence};
}

bool isModelFolder(const QDir& folder)
{
    return folder.exists(u"config.json"_s);
}

/// A file that belongs to a model folder stands for the folder.
Dropped ofFolder(const QFileInfo& file)
{
    if (isModelFolder(file.dir()))
        return {Dropped::Kind::Model, file.absolutePath(), {}};
    return nothing(tr("%1 is part of a model, but its folder has no config.json, which says what the tensors mean. Open the whole Hugging Face folder.")
                       .arg(file.fileName()));
}

Dropped lookAtFile(const QFileInfo& info)
{
    QFile file(info.filePath());
    if (!file.open(QIODevice::ReadOnly))
        return nothing(tr("%1 cannot be read: %2.").arg(info.fileName(), file.errorString()));
    const QByteArray head = file.read(kLook);
    const QString ending = info.suffix().toLower(), name = info.fileName();
    if (ending == u"gguf"_s || head.startsWith("GGUF"))
        return {Dropped::Kind::Model, info.filePath(), {}};   // a damaged one says what is wrong when it is opened
    if (ending == u"safetensors"_s)
        return ofFolder(info);
    if (ending == u"json"_s) {
        if (name == u"manifest.json"_s && Project::isProject(toPath(info.absolutePath())))
            return {Dropped::Kind::Model, info.absolutePath(), {}};
        if (!head.contains("halftone_recipe") && isModelFolder(info.dir())
            && (name == u"config.json"_s || name.endsWith(u".index.json"_s) || name.startsWith(u"tokenizer"_s) || name == u"generation_config.json"_s))
            return ofFolder(info);
        return {Dropped::Kind::Recipe, info.filePath(), {}};   // a faulty recipe says which key
    }
    if (ending == u"bin"_s || ending == u"pt"_s || ending == u"pth"_s || ending == u"ckpt"_s)
        return nothing(tr("%1 is a pickled checkpoint, which can run code when it is read. Convert it to safetensors first.").arg(name));
    const bool text = !head.isEmpty() && !head.contains('\0')
        && std::count_if(head.begin(), head.end(), [](char c) { return static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\r' && c != '\t' && c != '\f'; }) == 0;
    if (text && (ending == u"txt"_s || ending == u"md"_s || ending == u"text"_s || ending == u"raw"_s || ending == u"jsonl"_s || ending == u"ndjson"_s))
        return {Dropped::Kind::Text, info.filePath(), {}};
    return nothing(tr("%1 is nothing that Halftone works with: no GGUF file, safetensors folder, project, recipe (.json) or text (.txt).").arg(name));
}

} // namespace

Dropped lookAt(const QStringList& paths)
{
    if (paths.isEmpty())
        return nothing(tr("What was dropped is no file of this computer."));
    if (paths.size() > 1) {   // shards of one model, or all of its files
        QSet<QString> folders;
        for (const QString& path : paths)
            folders.insert(QFileInfo(path).absolutePath());
        if (folders.size() == 1 && isModelFolder(QDir(*folders.begin())))
            return {Dropped::Kind::Model, *folders.begin(), {}};
        return nothing(tr("%1 things at once: drop one model folder, GGUF file, project, recipe or text at a time.").arg(paths.size()));
    }
    const QFileInfo info(paths.front());
    if (const QString why = unreachableText(info.absoluteFilePath()); !why.isEmpty())
        return nothing(why);
    if (!info.exists() || info.isDir())
        return {Dropped::Kind::Model, info.absoluteFilePath(), {}};
    if (!info.isFile())   // a FIFO would hold the window until somebody writes into it
        return nothing(tr("%1 is no regular file.").arg(info.fileName()));
    return lookAtFile(info);
}

} // namespace halftone
