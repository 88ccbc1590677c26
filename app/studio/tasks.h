#pragma once

#include "app/studio/document.h"
#include "app/studio/job_runner.h"
#include "core/base/device.h"
#include "core/exporting/export_job.h"

#include <QObject>
#include <QString>

#include <functional>
#include <memory>
#include <optional>

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
    bool refuseOther = false;   ///< with `resume`: where the unfinished run is another, say in what it differs and do nothing
    QString branchFrom = {};    ///< a run whose blocks are taken over as far as they are the same
    std::optional<Recipe> recipe = {};   ///< empty: the document's as it stands when it is asked for
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
    /// A run begins to work, with a `peak` of 0; and again when its text is read, with the bytes of memory that are planned for it.
    void quantizeStarted(std::uint64_t peak);
    /// The recipe of a run that was to go on does not fit the model any more.
    void quantizeRefused(const halftone::JobError& error);
    void quantized(const QString& run);
    void evaluated(const halftone::EvaluationRecord& record);
    /// `command`: the line for halftone-cli that does the same.
    void exported(const halftone::ExportRequest& request, const halftone::ExportResult& result, const QString& command);
    /// An empty list: nothing stands against it. `error`: it could not be checked.
    void exportChecked(const QString& run, const QString& format, const std::vector<halftone::ContractIssue>& issues, const QString& error);

private:
    /// `deed` for the model that is open now, whatever is open when it is called: that model is opened again first.
    std::function<void()> onThisModel(std::function<void()> deed);
    ExportJob exportJob(const ExportRequest& request) const;

    Document& m_document;
    JobRunner& m_jobs;
    ComputeOptions m_options;
    int m_serial = 0;                    ///< of the newest analysis
    struct Done { QString kind; ModelDescription model; double work = 0; };   ///< `work`, which hangs on the text, is filled in by the job
    QHash<int, std::shared_ptr<Done>> m_done;   ///< job → what its rate is told by when it ends well
    struct Waiting { QString path; std::function<void()> deed; };
    std::optional<Waiting> m_waiting;    ///< for its model to be open
};

} // namespace halftone
