#include "app/studio/command_line.h"

#include "app/studio/text.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/exporting/formats.h"
#include "core/recipe/contract_runtime.h"
#include "core/text/text_choice.h"

#include <QRegularExpression>

#include <algorithm>

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

QString quantizeCommand(const Document& document, const QuantizeRequest& request, const CalibrationSettings& calibration)
{
    if (!document.isOpen())
        return {};
    Recipe recipe = document.recipe();
    recipe.calibration = calibration;
    QString written, named;
    for (const Preset& preset : presets()) {
        Recipe one = presetForModel(preset.id, document.model());
        one.calibration = calibration;
        if (one == recipe)
            named = u"preset:"_s + toQString(preset.id);
    }
    QStringList words{u"halftone-cli"_s, u"quantize"_s, pathText(document.model().path)};
    QString line;
    if (named.isEmpty()) {
        const Json json = parseJson(recipe.toJson(), "recipe");
        line = u"recipe=$(mktemp) && printf %s "_s + shellWord(toQString(json.dump())) + u" > \"$recipe\" && "_s;
        written = u" --recipe \"$recipe\""_s;
    } else {
        words << u"--recipe"_s << named;
    }
    const TextChoice texts = TextChoice::parse(request.text.toStdString());
    for (const std::filesystem::path& path : texts.paths)
        words << u"--text"_s << pathText(path);
    if (!texts.field.empty())
        words << u"--text-field"_s << toQString(texts.field);
    words << u"--project"_s << pathText(document.project()->folder()) << u"--samples"_s << QString::number(calibration.samples) << u"--length"_s << QString::number(calibration.length);
    if (calibration.seed != 0)
        words << u"--seed"_s << QString::number(calibration.seed);
    if (request.resume && request.branchFrom.isEmpty() && document.unfinishedRun())
        words << u"--resume"_s;
    if (!request.branchFrom.isEmpty())
        words << u"--branch-from"_s << request.branchFrom;
    if (request.stopAtFlags)
        words << u"--stop-at-flags"_s;
    return line + shellLine(words) + written;
}

std::vector<ServeCommand> serveCommands(const Document& document, const ExportRequest& request)
{
    std::vector<ServeCommand> commands;
    const RunInfo* run = document.isOpen() ? document.run(request.run) : nullptr;
    const std::vector<FormatInfo> formats = exportFormats();
    const auto format = std::find_if(formats.begin(), formats.end(), [&](const FormatInfo& one) { return toQString(one.id) == request.format; });
    if (!run || format == formats.end())
        return commands;
    const auto opens = [&](const std::string& runtime) {
        if (!format->packed)
            return true;   // plain weights open everywhere
        const Recipe recipe = Recipe::parse(run->recipeJson, run->id);
        const std::vector<ContractIssue> issues = checkContract(runtime, plansOfRun(recipe, document.model()), document.model(), recipe.kvCache);
        return std::none_of(issues.begin(), issues.end(), [](const ContractIssue& issue) { return issue.fatal; });
    };
    for (const std::string& runtime : format->runtimes) {
        try {
            if (!opens(runtime))
                continue;
        } catch (const Error&) {   // a recipe of another version
            continue;
        }
        QStringList words;
        for (const std::string& word : serveWords(runtime, request.out.toStdString()))
            words.append(toQString(word));
        commands.push_back({toQString(contractName(runtime)), shellLine(words)});
    }
    return commands;
}

} // namespace halftone
