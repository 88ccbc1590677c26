#include "app/studio/tasks.h"

#include "app/studio/command_line.h"
#include "app/studio/machine_rates.h"
#include "app/studio/text.h"
#include "core/base/error_text.h"
#include "core/base/sha256.h"
#include "core/pipeline/compute_scope.h"
#include "core/pipeline/jobs.h"
#include "core/pipeline/quantize_plan.h"
#include "core/project/run_edit.h"
#include "core/recipe/headline.h"

#include <QElapsedTimer>

#include <algorithm>
#include <utility>

namespace halftone {

using namespace Qt::StringLiterals;

Tasks::Tasks(Document& document, JobRunner& jobs, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_jobs(jobs)
{
    connect(&m_jobs, &JobRunner::cancelled, this, [this](const QString& tag) {
        if (tag == u"analyze"_s)
            m_document.abandonAnalysis();
    });
    connect(&m_jobs, &JobRunner::ended, this, [this](const JobStatus& status) {
        if (status.tag == u"quantize"_s && status.seconds > 0)   // not one that was cancelled while it waited
            m_document.endRun();
        const std::shared_ptr<Done> done = m_done.take(status.id);
        if (status.state == JobState::Done && done)
            MachineRates::record(done->kind, done->model, done->work, status.seconds);
    });
    connect(&m_jobs, &JobRunner::failed, this, [this](const QString& tag) {
        if (tag == u"analyze"_s)
            m_document.abandonAnalysis();
    });
    connect(&m_document, &Document::opened, this, [this] {
        const std::optional<Waiting> waiting = std::exchange(m_waiting, std::nullopt);
        if (waiting && waiting->path == m_document.path())
            waiting->deed();
    });
    connect(&m_document, &Document::openFailed, this, [this] { m_waiting.reset(); });
}

std::function<void()> Tasks::onThisModel(std::function<void()> deed)
{
    return [this, path = m_document.path(), deed = std::move(deed)] {
        if (m_document.isOpen() && m_document.path() == path) {
            deed();
            return;
        }
        m_waiting = Waiting{path, deed};
        m_document.open(path);
    };
}

void Tasks::analyze(const AnalyzeRequest& request)
{
    if (!m_document.isOpen())
        return;
    const std::shared_ptr<Project> project = m_document.project();
    AnalyzeJob job{m_document.model().path, {TextChoice::parse(request.text.toStdString()), request.windows, request.length}, request.settings,
                   m_document.readOnly() ? nullptr : project, m_options, {}};
    // Blocks reach the document as they are finished; those of a document closed, or of a job replaced, since are dropped.
    job.blockDone = [this, project, serial = ++m_serial](int block, const std::vector<SiteStatistics>& sites,
                                                         const std::vector<WeightStatistics>& weights) {
        QMetaObject::invokeMethod(
            this,
            [this, project, serial, block, sites, weights] {
                if (m_document.project() == project && serial == m_serial)
                    m_document.addAnalysisBlock(block, sites, weights);
            },
            Qt::QueuedConnection);
    };
    const QString name = textsTitle(request.text);
    JobSpec spec{u"analyze"_s, tr("Analyze %1 · %2 windows of %3 · %4").arg(m_document.name(), request.windows ? QString::number(request.windows) : tr("all")).arg(request.length).arg(name),
                 JobSpec::Lane::Compute, true, onThisModel([this, request] { analyze(request); }), {}};
    m_document.beginAnalysis(request.settings, request.windows, request.length, name);
    const auto done = std::make_shared<Done>(Done{u"analyze"_s, m_document.model()});
    const int id = m_jobs.submit(
        spec,
        [job, done](Progress& progress, const std::stop_token& stop) {
            const Analysis found = halftone::analyze(job, progress, stop);
            done->work = walkWork(done->model, double(found.windows) * found.length);
        },
        [this, project] {
            if (m_document.project() != project)
                return;
            m_document.finishAnalysis();
            Q_EMIT analyzed();
        });
    m_done[id] = done;
}

void Tasks::quantize(const QuantizeRequest& request)
{
    if (!m_document.isOpen())
        return;
    m_document.save();
    const std::shared_ptr<Project> project = m_document.project();
    QuantizeJob job;
    job.model = m_document.model().path;
    job.recipe = request.recipe.value_or(m_document.recipe());
    job.text = TextChoice::parse(request.text.toStdString());
    job.project = project;
    job.resume = request.resume;
    job.refuseOther = request.refuseOther;
    job.branchFrom = request.branchFrom.toStdString();
    job.options = m_options;
    job.stopAtFlags = request.stopAtFlags;
    std::vector<ResolvedPlan> plans = m_document.plans();
    if (request.recipe) {
        try {
            plans = plansOfRun(job.recipe, m_document.model());
        } catch (const Error& e) {
            Q_EMIT quantizeRefused({e.kind(), toQString(withoutPlace(e)), toQString(e.subject()), {}});
            return;
        }
    }
    // Runs may wait for each other: the document hears of one when its turn has come, and then of its blocks in order.
    const auto tell = [this, project](auto deed) {
        QMetaObject::invokeMethod(
            this,
            [this, project, deed] {
                if (m_document.project() == project)
                    deed();
            },
            Qt::QueuedConnection);
    };
    job.blockDone = [this, tell](const BlockResult& block) { tell([this, block] { m_document.addRunBlock(block); }); };
    job.training = [this, tell](const TrainingProgress& progress) { tell([this, progress] { m_document.addTraining(progress); }); };
    QuantizeRequest again = request;
    again.resume = true;
    again.recipe = job.recipe;   // as it was asked for: the one being edited may be another by then
    JobSpec spec{u"quantize"_s, tr("Quantize %1 · %2").arg(m_document.name(), toQString(headline(plans, job.recipe.kvCache))), JobSpec::Lane::Compute, true,
                 onThisModel([this, again] { quantize(again); }), {}, false};
    const auto done = std::make_shared<Done>(Done{quantizeKind(plans), m_document.model()});
    job.planned = [this, tell, plans, done](const QuantizePlan& plan) {
        done->work = quantizeWork(done->model, plans, plan.calibration);
        tell([this, peak = plan.peakMemory] { Q_EMIT quantizeStarted(peak); });
    };
    const bool whole = request.branchFrom.isEmpty() && (!request.resume || !m_document.unfinishedRun());   // not one that goes on
    const int id = m_jobs.submit(
        spec,
        [this, job, tell, plans](Progress& progress, const std::stop_token& stop) {
            tell([this, plans, kvCache = job.recipe.kvCache] {
                m_document.beginRun(plans, kvCache);
                Q_EMIT quantizeStarted(0);
            });
            return toQString(halftone::quantize(job, progress, stop).run.id);
        },
        [this, project](const QString& run) {
            if (m_document.project() == project)
                Q_EMIT quantized(run);
        });
    if (whole)
        m_done[id] = done;
}

void Tasks::evaluate(const EvaluateRequest& request)
{
    if (!m_document.isOpen())
        return;
    const std::shared_ptr<Project> project = m_document.project();
    EvaluateJob job;
    job.text = {TextChoice::parse(request.text.toStdString()), request.windows, request.length};
    job.options = m_options;
    job.target = m_document.model().path.string();

    EvaluationRecord record;
    record.target = request.target;
    record.textPath = request.text;
    record.textName = textsTitle(request.text);
    record.windows = request.windows;
    record.length = request.length;
    switch (request.target) {
    case EvaluationRecord::Target::Float:
        record.label = tr("float model");
        break;
    case EvaluationRecord::Target::Run:
        job.target = project->folder().string() + "#" + request.run.toStdString();
        record.run = request.run;
        record.label = request.run;
        if (const RunInfo* run = m_document.run(request.run))
            record.bitsPerWeight = run->bitsPerWeight;
        break;
    case EvaluationRecord::Target::Recipe: {
        job.recipe = m_document.recipe();
        record.bitsPerWeight = m_document.size().bitsPerWeight;
        record.label = tr("recipe %1, rounded to nearest on the fly").arg(toQString(sha256(job.recipe->toJson()).substr(0, 6)));
        break;
    }
    }
    constexpr int kTraced = 512;   // a page to read
    job.tracedTokens = kTraced;
    if (request.divergence && request.target != EvaluationRecord::Target::Float)
        job.against = m_document.model().path;

    JobSpec spec{u"evaluate:%1:%2"_s.arg(int(request.target)).arg(request.run), tr("Evaluate %1 · %2 · %3").arg(m_document.name(), record.label, record.textName),
                 JobSpec::Lane::Compute, true, onThisModel([this, request] { evaluate(request); }), {}};
    const auto done = std::make_shared<Done>(Done{u"evaluate"_s, m_document.model()});
    const std::shared_ptr<RunUse> use = record.run.isEmpty() ? nullptr : std::make_shared<RunUse>(project, request.run.toStdString());
    const int id = m_jobs.submit(
        spec,
        [job, record, use, done](Progress& progress, const std::stop_token& stop) {
            QElapsedTimer clock;
            clock.start();
            EvaluationRecord measured = record;
            measured.result = halftone::evaluate(job, progress, stop);
            measured.seconds = static_cast<double>(clock.nsecsElapsed()) * 1e-9;
            measured.when = QDateTime::currentDateTime();
            const Perplexity& read = measured.result.perplexity;
            done->work = evaluateWork(done->model, double(read.windows) * read.length, measured.result.hasDivergence);
            return measured;
        },
        [this, project](const EvaluationRecord& measured) {
            if (m_document.project() != project)
                return;
            m_document.addEvaluation(measured);
            Q_EMIT evaluated(measured);
        });
    m_done[id] = done;
}

ExportJob Tasks::exportJob(const ExportRequest& request) const
{
    return {m_document.project(), request.run.toStdString(), request.format.toStdString(), toPath(request.out), request.dtype.toStdString(),
            request.overwrite, m_options};
}

void Tasks::exportRun(const ExportRequest& request)
{
    if (!m_document.isOpen())
        return;
    JobSpec spec{u"export"_s, tr("Export %1 · %2 · %3").arg(m_document.name(), request.run, request.format), JobSpec::Lane::Compute, true,
                 onThisModel([this, request] { exportRun(request); }), {}};
    m_jobs.submit(
        spec,
        [job = exportJob(request), use = std::make_shared<RunUse>(m_document.project(), request.run.toStdString())](Progress& progress, const std::stop_token& stop) {
            return halftone::exportRun(job, progress, stop);
        },
        [this, request, command = exportCommand(*m_document.project(), request)](const ExportResult& result) { Q_EMIT exported(request, result, command); });
}

void Tasks::checkExport(const ExportRequest& request)
{
    if (!m_document.isOpen())
        return;
    JobSpec spec{u"check-export"_s, tr("Check the export"), JobSpec::Lane::Files, false, {}, {}};
    spec.failed = [this, request](const JobError& error) { Q_EMIT exportChecked(request.run, request.format, {}, error.sentence); };
    m_jobs.submit(
        spec, [job = exportJob(request)](Progress&, const std::stop_token&) { return halftone::checkExport(job); },
        [this, request](const std::vector<ContractIssue>& issues) { Q_EMIT exportChecked(request.run, request.format, issues, {}); });
}

} // namespace halftone
