#include "app/studio/command_line.h"

#include "app/studio/text.h"
#include "core/text/text_choice.h"

#include <QRegularExpression>

namespace halftone {

using namespace Qt::StringLiterals;

QString shellWord(const QString& word)
{
    static const QRegularExpression plain(u"^[A-Za-z0-9_./,:=+@%-]+$"_s);
    if (plain.match(word).hasMatch())
        return word;
    return u'\'' + QString(word).replace(u'\'', u"'\\''"_s) + u'\'';
}

QString shellLine(const QStringList& words)
{
    QStringList quoted;
    for (const QString& word : words)
        quoted.append(shellWord(word));
    return quoted.join(u' ');
}

QString exportCommand(const Project& project, const ExportRequest& request)
{
    QStringList words{u"halftone-cli"_s, u"export"_s, pathText(project.folder()) + u'#' + request.run, u"--format"_s, request.format, u"--out"_s, request.out};
    if (!request.dtype.isEmpty() && request.dtype != u"auto"_s)
        words << u"--dtype"_s << request.dtype;
    if (request.overwrite)
        words << u"--overwrite"_s;
    return shellLine(words);
}

QString evaluateCommand(const Document& document, const EvaluateRequest& request)
{
    if (request.target == EvaluationRecord::Target::Recipe || !document.isOpen())
        return {};
    const QString model = pathText(document.model().path);
    const bool run = request.target == EvaluationRecord::Target::Run;
    QStringList words{u"halftone-cli"_s, u"evaluate"_s, run ? pathText(document.project()->folder()) + u'#' + request.run : model};
    const TextChoice texts = TextChoice::parse(request.text.toStdString());
    for (const std::filesystem::path& path : texts.paths)
        words << u"--text"_s << pathText(path);
    if (!texts.field.empty())
        words << u"--text-field"_s << toQString(texts.field);
    if (request.windows > 0)
        words << u"--windows"_s << QString::number(request.windows);
    words << u"--length"_s << QString::number(request.length);
    if (run && request.divergence)
        words << u"--against"_s << model;
    return shellLine(words);
}

} // namespace halftone
