#pragma once

#include "core/project/evaluation_store.h"

#include <QDateTime>
#include <QString>

#include <filesystem>
#include <vector>

namespace halftone {

/// One measured evaluation, as the Compare table shows it.
struct EvaluationRecord {
    using Target = StoredEvaluation::Target;
    Target target = Target::Float;
    QString run;          ///< "run-001" for Target::Run
    QString label;        ///< "float model", "run-001", "recipe on the fly: W4 g64, A8 per token"
    QString textName;     ///< file name of the text
    QString textPath;
    int windows = 0, length = 0;
    double bitsPerWeight = 16;
    double seconds = 0;
    QDateTime when;
    Evaluation result;

    /// Measured on the same windows, hence comparable.
    bool sameText(const EvaluationRecord& other) const;
    /// Says the same thing again: the newer one replaces the older.
    bool sameSubject(const EvaluationRecord& other) const;
};

/// What the project keeps of them (core/project/evaluation_store.h). @throws Error{BadFile} where its file is broken.
std::vector<EvaluationRecord> readRecords(const std::filesystem::path& project);
/// Adds one to what the project keeps by now, which another program may have changed. @return all. @throws Error{Io}.
std::vector<EvaluationRecord> storeRecord(const std::filesystem::path& project, const EvaluationRecord& record);
/// The same without it.
std::vector<EvaluationRecord> removeRecord(const std::filesystem::path& project, const EvaluationRecord& record);

} // namespace halftone
