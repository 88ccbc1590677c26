#include "app/studio/evaluations.h"

#include "app/studio/text.h"

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

EvaluationRecord fromStored(const StoredEvaluation& stored)
{
    EvaluationRecord record;
    record.target = stored.target;
    record.run = toQString(stored.run);
    record.label = toQString(stored.label);
    record.textPath = toQString(stored.textPath);
    record.textName = textsTitle(record.textPath);
    record.windows = stored.windows;
    record.length = stored.length;
    record.bitsPerWeight = stored.bitsPerWeight;
    record.seconds = stored.seconds;
    record.when = QDateTime::fromString(toQString(stored.when), Qt::ISODate);
    record.result = stored.result;
    return record;
}

std::vector<EvaluationRecord> fromStored(const std::vector<StoredEvaluation>& stored)
{
    std::vector<EvaluationRecord> records;
    for (const StoredEvaluation& one : stored)
        records.push_back(fromStored(one));
    return records;
}

StoredEvaluation toStored(const EvaluationRecord& record)
{
    return {record.target, record.run.toStdString(), record.label.toStdString(), record.textPath.toStdString(), record.windows,
            record.length, record.bitsPerWeight, record.seconds, record.when.toString(Qt::ISODateWithMs).toStdString(), record.result};
}

} // namespace

bool EvaluationRecord::sameText(const EvaluationRecord& other) const
{
    return textPath == other.textPath && windows == other.windows && length == other.length;
}

bool EvaluationRecord::sameSubject(const EvaluationRecord& other) const
{
    return target == other.target && (target == Target::Run ? run == other.run : label == other.label) && sameText(other);
}

std::vector<EvaluationRecord> readRecords(const std::filesystem::path& project)
{
    return fromStored(readEvaluations(project));
}

std::vector<EvaluationRecord> storeRecord(const std::filesystem::path& project, const EvaluationRecord& record)
{
    return fromStored(storeEvaluation(project, toStored(record)));
}

std::vector<EvaluationRecord> removeRecord(const std::filesystem::path& project, const EvaluationRecord& record)
{
    return fromStored(removeEvaluation(project, toStored(record)));
}

} // namespace halftone
