#include "app/studio/run_monitor.h"

#include "app/studio/measured.h"
#include "app/studio/runs_table.h"
#include "app/studio/text.h"
#include "core/pipeline/compute_scope.h"
#include "widgets/colour_map.h"
#include "widgets/jobs_view.h"

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kSampleMs = 500;
constexpr std::size_t kMostSamples = 4000;
constexpr auto kTag = "quantize";

} // namespace

RunMonitor::RunMonitor(Document& document, JobRunner& jobs, RunView& view, RunsTable& table, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_jobs(jobs)
    , m_view(view)
    , m_table(table)
    , m_sampler(this)
{
    m_sampler.setInterval(kSampleMs);
    connect(&m_sampler, &QTimer::timeout, this, [this] {
        const std::vector<JobStatus> list = m_jobs.jobs();
        const auto job = std::find_if(list.begin(), list.end(), [](const JobStatus& status) { return status.tag == QString::fromUtf8(kTag) && status.active(); });
        if (job == list.end() || job->state != JobState::Running)
            return;
        if (m_document.runAtWork().isEmpty())
            m_document.refreshRuns();   // which one it is shows once the run has begun in the project
        if (m_samples.size() >= kMostSamples) {   // half of them, each the larger of two: peaks stay
            for (std::size_t i = 0; i + 1 < m_samples.size(); i += 2)
                m_samples[i / 2] = m_samples[i].bytes > m_samples[i + 1].bytes ? m_samples[i] : m_samples[i + 1];
            m_samples.resize(m_samples.size() / 2);
        }
        m_samples.push_back({job->seconds, residentBytes()});
        if (m_working && !m_aside)
            m_view.setMemory(m_samples);
    });
    connect(&m_document, &Document::opened, this, [this] {
        m_results.clear();
        m_samples.clear();
        m_shown.clear();
        m_wanted.clear();
        ++m_generation;
        m_view.clear(true);
        Q_EMIT shownChanged();
    });
    connect(&m_document, &Document::closed, this, [this] {
        m_results.clear();
        m_shown.clear();
        ++m_generation;
        m_sampler.stop();
        m_working = m_aside = false;
        m_view.clear(false);
        Q_EMIT shownChanged();
    });
    connect(&m_document, &Document::runsChanged, this, &RunMonitor::runsChanged);
    connect(&m_document, &Document::runListChanged, this, [this] {
        if (!m_working || m_aside)
            return;
        m_view.setHead(headAtWork());
        m_table.setChosen(m_document.runAtWork());
    });
    connect(&m_document, &Document::runBlockAdded, this, [this](int) {
        if (!m_working)
            jobsChanged();   // a first block may be done before the queue has told of its job; showing it shows this block
        else if (m_aside)
            showAtWork();
        else
            m_view.addBlock(m_document.results().back());
    });
    connect(&m_document, &Document::trainingAdvanced, this, [this] {
        if (!m_working)
            jobsChanged();   // so may a first step
    });
    connect(&m_document, &Document::selectionChanged, this, [this] { m_view.setSelection(m_document.selection()); });
    connect(&m_view, &RunView::selectionRequested, this, [this](const Selection& wish) { m_document.select(wish); });
    connect(&m_table, &RunsTable::runChosen, this, &RunMonitor::show);
    connect(&m_jobs, &JobRunner::changed, this, &RunMonitor::jobsChanged);
    connect(&m_jobs, &JobRunner::ended, this, &RunMonitor::jobEnded);
}

void RunMonitor::runsChanged()
{
    if (!m_document.isOpen() || m_working)
        return;
    const auto& runs = m_document.runs();
    if (runs.empty()) {
        m_view.clear(true);
        Q_EMIT shownChanged();
        return;
    }
    m_results.clear();   // a run that went on has more now
    if (runs.size() != m_runCount || !m_document.run(m_shown))
        m_shown.clear();
    m_runCount = runs.size();
    show(m_shown.isEmpty() ? toQString(runs.back().id) : m_shown);
}

const std::vector<BlockResult>* RunMonitor::results(const QString& run)
{
    if (const auto found = m_results.constFind(run); found != m_results.cend())
        return &*found;
    if (!m_document.isOpen() || !m_document.run(run))
        return nullptr;
    JobSpec spec{u"read-run:"_s + run, tr("Read %1").arg(run), JobSpec::Lane::Files, false, {}, {}};
    m_jobs.submit(
        spec, [project = m_document.project(), id = run.toStdString()](Progress&, const std::stop_token&) { return project->results(id); },
        [this, run, generation = m_generation](std::vector<BlockResult>&& read) {
            if (generation != m_generation)
                return;
            m_results.insert(run, std::move(read));
            Q_EMIT resultsRead(run);
            if (m_wanted == run)
                show(run);
        });
    return nullptr;
}

void RunMonitor::show(const QString& run)
{
    const RunInfo* info = m_document.run(run);
    if (!info)
        return;
    if (m_working && run == m_document.runAtWork()) {
        if (m_aside)
            showAtWork();
        return;
    }
    m_wanted = run;
    const std::vector<BlockResult>* read = results(run);
    if (!read)
        return;
    m_wanted.clear();
    m_shown = run;
    m_aside = m_working;
    RunHead head = runHead(*info);
    const bool sampled = !m_working && !m_samples.empty() && info == &m_document.runs().back();   // the one that was watched here
    if (sampled)
        head.plan = m_plan;
    m_view.setHead(head);
    m_view.setResults(*read);
    if (sampled)
        m_view.setMemory(m_samples);
    if (m_stopped >= 0 && info->state != "done" && info == &m_document.runs().back())
        m_view.setStopped(m_stopped, m_stopSentence);
    m_view.setSelection(m_document.selection());
    m_table.setChosen(run);
    Q_EMIT shownChanged();
}

RunHead RunMonitor::headAtWork() const
{
    const RunInfo* info = m_document.run(m_document.runAtWork());
    return {info ? runTitle(*info) : QString(), m_document.model().config.blocks, true, m_plan, m_document.runFacts(m_document.runAtWork()).method};
}

void RunMonitor::setPlan(std::uint64_t bytes)
{
    m_plan = bytes;
    if (!m_working || m_aside)
        return;
    if (bytes > 0)   // told once more, when its text was read
        m_view.setHead(headAtWork());
    else
        showAtWork();   // its job was seen before it told
}

void RunMonitor::showAtWork()
{
    m_aside = false;
    m_shown.clear();
    m_view.setHead(headAtWork());
    m_view.setResults(m_document.results());
    m_view.setMemory(m_samples);
    m_table.setChosen(m_document.runAtWork());
    Q_EMIT shownChanged();
}

void RunMonitor::jobsChanged()
{
    const std::vector<JobStatus> list = m_jobs.jobs();
    const auto job = std::find_if(list.begin(), list.end(), [](const JobStatus& status) { return status.tag == QString::fromUtf8(kTag) && status.active(); });
    const bool working = m_document.isOpen() && job != list.end() && job->state != JobState::Waiting;
    if (m_document.isOpen() && !working && m_view.head().blocks == 0)
        m_view.setWaiting(job == list.end() ? -1 : job->ahead);
    if (working && !m_working) {
        m_working = true;
        m_stopped = -1;
        m_samples.assign(1, {job->seconds, residentBytes()});
        m_sampler.start();
        showAtWork();
    }
    if (!working || m_aside || job->total <= 0)
        return;
    const qint64 parts = job->total / std::max(1, m_document.model().config.blocks);
    if (parts > 0)
        m_view.setWorking(static_cast<int>(job->done / parts), static_cast<double>(job->done % parts) / static_cast<double>(parts));
}

void RunMonitor::jobEnded(const JobStatus& status)
{
    if (status.tag != QString::fromUtf8(kTag) || !m_working || status.seconds <= 0)   // not one that was cancelled while it waited
        return;
    m_working = false;
    m_sampler.stop();
    if (status.state == JobState::Failed && status.total > 0) {
        const qint64 parts = std::max<qint64>(1, status.total / std::max(1, m_document.model().config.blocks));
        m_stopped = static_cast<int>(status.done / parts);
        m_stopSentence = status.error;
    }
    if (m_aside)
        return;
    if (m_stopped >= 0)
        m_view.setStopped(m_stopped, m_stopSentence);
    else
        m_view.setWorking(-1, 0);
    m_runCount = 0;   // the run that ended is the one to show
}

} // namespace halftone
