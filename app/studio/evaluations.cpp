#include "app/studio/evaluations.h"

#include "app/studio/text.h"
#include "core/base/atomic_file.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <array>
#include <utility>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr std::array<std::pair<EvaluationRecord::Target, const char*>, 3> kTargets{
    {{EvaluationRecord::Target::Float, "float"}, {EvaluationRecord::Target::Run, "run"}, {EvaluationRecord::Target::Recipe, "recipe"}}};

std::filesystem::path file(const std::filesystem::path& project)
{
    return project / "cache" / "evaluations.json";
}

QJsonObject toJson(const EvaluationRecord& record)
{
    QString target;
    for (const auto& [kind, name] : kTargets)
        if (kind == record.target)
            target = QString::fromUtf8(name);
    const Perplexity& p = record.result.perplexity;
    QJsonObject object{{u"target"_s, target}, {u"run"_s, record.run}, {u"label"_s, record.label}, {u"text"_s, record.textPath},
                       {u"windows"_s, record.windows}, {u"length"_s, record.length}, {u"bits_per_weight"_s, record.bitsPerWeight},
                       {u"seconds"_s, record.seconds}, {u"when"_s, record.when.toString(Qt::ISODate)},
                       {u"perplexity"_s, p.perplexity}, {u"perplexity_stderr"_s, p.standardError}, {u"nll"_s, p.meanNll},
                       {u"tokens"_s, qint64(p.tokens)}, {u"not_finite"_s, qint64(record.result.notFinite)}};
    if (record.result.hasDivergence) {
        const Divergence& d = record.result.divergence;
        object.insert(u"divergence"_s, QJsonObject{{u"kl_mean"_s, d.klMean}, {u"kl_mean_error"_s, d.klMeanError}, {u"kl_p99"_s, d.klP99},
                                                   {u"kl_max"_s, d.klMax}, {u"top1_agreement"_s, d.top1Agreement},
                                                   {u"reference_perplexity"_s, d.referencePerplexity}});
    }
    return object;
}

EvaluationRecord fromJson(const QJsonObject& object)
{
    EvaluationRecord record;
    for (const auto& [kind, name] : kTargets)
        if (object[u"target"_s].toString() == QString::fromUtf8(name))
            record.target = kind;
    record.run = object[u"run"_s].toString();
    record.label = object[u"label"_s].toString();
    record.textPath = object[u"text"_s].toString();
    record.textName = record.textPath.section(u'/', -1);
    record.windows = object[u"windows"_s].toInt();
    record.length = object[u"length"_s].toInt();
    record.bitsPerWeight = object[u"bits_per_weight"_s].toDouble(16);
    record.seconds = object[u"seconds"_s].toDouble();
    record.when = QDateTime::fromString(object[u"when"_s].toString(), Qt::ISODate);
    Perplexity& p = record.result.perplexity;
    p.perplexity = object[u"perplexity"_s].toDouble();
    p.standardError = object[u"perplexity_stderr"_s].toDouble();
    p.meanNll = object[u"nll"_s].toDouble();
    p.tokens = object[u"tokens"_s].toInteger();
    p.windows = record.windows;
    p.length = record.length;
    record.result.notFinite = object[u"not_finite"_s].toInteger();
    if (const QJsonObject d = object[u"divergence"_s].toObject(); !d.isEmpty()) {
        record.result.hasDivergence = true;
        record.result.divergence = {d[u"kl_mean"_s].toDouble(), d[u"kl_mean_error"_s].toDouble(), d[u"kl_p99"_s].toDouble(),
                                    d[u"kl_max"_s].toDouble(), d[u"top1_agreement"_s].toDouble(),
                                    d[u"reference_perplexity"_s].toDouble()};
    }
    return record;
}

} // namespace

bool EvaluationRecord::sameText(const EvaluationRecord& other) const
{
    return textPath == other.textPath && windows == other.windows && length == other.length;
}

bool EvaluationRecord::sameSubject(const EvaluationRecord& other) const
{
    return target == other.target && label == other.label && sameText(other);
}

std::vector<EvaluationRecord> readEvaluations(const std::filesystem::path& project)
{
    QFile input(pathText(file(project)));
    if (!input.open(QIODevice::ReadOnly) || input.size() > (8 << 20))
        return {};
    std::vector<EvaluationRecord> records;
    const QJsonArray list = QJsonDocument::fromJson(input.readAll()).array();
    for (const QJsonValue& value : list)
        if (const EvaluationRecord record = fromJson(value.toObject()); record.result.perplexity.tokens > 0)
            records.push_back(record);
    return records;
}

void writeEvaluations(const std::filesystem::path& project, const std::vector<EvaluationRecord>& records)
{
    QJsonArray list;
    for (const EvaluationRecord& record : records)
        list.append(toJson(record));
    std::filesystem::create_directories(file(project).parent_path());
    writeFileAtomically(file(project), QJsonDocument(list).toJson().toStdString(), true);
}

} // namespace halftone
