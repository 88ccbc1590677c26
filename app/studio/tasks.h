#pragma once

#include "app/studio/document.h"
#include "app/studio/job_runner.h"
#include "core/base/device.h"
#include "core/exporting/export_job.h"

#include <QObject>
#include <QString>

namespace halftone {

struct AnalyzeRequest {
    QString text;
    int windows = 4, length = 512;
    AnalysisSettings settings;
};

struct QuantizeRequest {
    QString text;
    bool resume = true;    ///< go on with an unfinished run of the same recipe and text
    bool stopAtFlags = false;   ///< end after the block where a sentinel raises a flag
};

struct EvaluateRequest {
    QString text;
    int windows = 4, length = 512;
    EvaluationRecord::Target target = EvaluationRecord::Target::Float;
    QString run;           ///< for Target::Run
    bool divergence = true;   ///< against the float model; never for the float model itself
};

struct ExportRequest {
    QString run, format, out, dtype;
    bool overwrite = false;
};

/// Core's jobs on the document's model: makes them, hands their progress and results to the document.
class Tasks : public QObject {
    Q_OBJECT
public:
    Tasks(Document& document, JobRunner& jobs, QObject* parent = nullptr);

    void setOptions(const ComputeOptions& options) { m_options = options; }
    const ComputeOptions& options() const { return m_options; }

    void analyze(const AnalyzeRequest& request);
    void quantize(const QuantizeRequest& request);
    void evaluate(const EvaluateRequest& request);
    void exportRun(const ExportRequest& request);
    /// What the export would meet, asked on the file thread; answers with exportChecked().
    void checkExport(const ExportRequest& request);

Q_SIGNALS:
    void analyzed();
    /// A run begins; `peak` bytes of memory are planned for it.
    void quantizeStarted(std::uint64_t peak);
    void quantized(const QString& run);
    void evaluated(const halftone::EvaluationRecord& record);
    void exported(const QString& folder, const halftone::ExportResult& result);
    /// An empty list: nothing stands against it. `error`: it could not be checked.
    void exportChecked(const QString& run, const QString& format, const std::vector<halftone::ContractIssue>& issues, const QString& error);

private:
    ExportJob exportJob(const ExportRequest& request) const;

    Document& m_document;
    JobRunner& m_jobs;
    ComputeOptions m_options;
    int m_serial = 0, m_runSerial = 0;   ///< of the newest analysis and run
    bool m_wholeRun = true;                ///< the run at work began at block 0
    struct Expected { QString kind; double work = 0; };
    QHash<QString, Expected> m_expected; ///< tag → what its rate is told by when it ends well
};

/// Peak bytes that this process is likely to hold resident while a float model walks over `tokens` tokens (analyze, evaluate): what it holds
/// now, the two ends of the model in float32, one block, the stream and one batch at work. `twice`: with a second model beside.
std::uint64_t estimateWalkMemory(const ModelDescription& model, std::int64_t tokens, bool twice);

} // namespace halftone
