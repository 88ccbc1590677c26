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
};

/// Peak bytes a quantization of `model` is likely to take: the largest block's weights twice in float32, its largest Hessian with its
/// factor, and both streams. An estimate, shown as one.
std::uint64_t estimateQuantizeMemory(const ModelDescription& model, const CalibrationSettings& calibration);

} // namespace halftone
