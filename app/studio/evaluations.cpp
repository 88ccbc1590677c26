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
    return target == other.target && label == other.label && sameText(other);
}

std::vector<EvaluationRecord> readRecords(const std::filesystem::path& project)
{
    std::vector<EvaluationRecord> records;
    for (const StoredEvaluation& stored : readEvaluations(project))
        records.push_back(fromStored(stored));
    return records;
}

void writeRecords(const std::filesystem::path& project, const std::vector<EvaluationRecord>& records)
{
    std::vector<StoredEvaluation> list;
    for (const EvaluationRecord& record : records)
        list.push_back(toStored(record));
    writeEvaluations(project, list);
}

} // namespace halftone
