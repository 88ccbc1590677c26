#include "app/studio/job_runner.h"

#include "app/studio/job_estimate.h"
#include "core/base/error_text.h"
#include "core/base/foreign_error.h"
#include "core/pipeline/memory_plan.h"
#include "widgets/plain_labels.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QPointer>

#include <algorithm>
#include <atomic>
#include <new>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kLogsKept = 60;
constexpr qint64 kLogLimit = 10 << 20;   // J13: a job's log stays under 10 MB

QString text(std::string_view value)
{
    return QString::fromUtf8(value.data(), static_cast<qsizetype>(value.size()));
}

QString kindName(ErrorKind kind)
{
    switch (kind) {
    case ErrorKind::InvalidArgument: return u"invalid argument"_s;
    case ErrorKind::BadFile: return u"bad file"_s;
    case ErrorKind::Unsupported: return u"unsupported"_s;
    case ErrorKind::OutOfMemory: return u"out of memory"_s;
    case ErrorKind::Io: return u"input or output"_s;
    case ErrorKind::Internal: break;
    }
    return u"internal"_s;
}

/// Keeps the newest logs of the folder.
void pruneLogs(const QString& folder)
{
    const QStringList logs = QDir(folder).entryList({u"*.log"_s}, QDir::Files, QDir::Name);
    for (qsizetype i = 0; i + kLogsKept < logs.size(); ++i)
        QFile::remove(folder + u'/' + logs[i]);
}

} // namespace

struct JobRunner::Job {
    JobSpec spec;
    Task task;
    std::stop_source stop;
    PauseGate gate;
    bool superseded = false;   // GUI thread only

    double seconds() const { return clock.isValid() ? static_cast<double>(clock.nsecsElapsed()) * 1e-9 - gate.seconds() : 0; }

    mutable std::mutex mutex;  // guards what follows: the job's thread writes, the GUI thread reads
    JobStatus status;
    JobEstimate estimate;
    QElapsedTimer clock;
    std::atomic<bool> dirty{true};
};

/// Takes a job's progress on its own thread: into the status under the lock, notes and phases into the log, line by line.
class JobRunner::Reporter final : public Progress {
public:
    Reporter(std::shared_ptr<Job> job, const QString& folder)
        : m_job(std::move(job))
    {
        if (folder.isEmpty() || !QDir().mkpath(folder))
            return;
        pruneLogs(folder);
        QString name = m_job->spec.tag;
        for (QChar& c : name)
            if (!c.isLetterOrNumber())
                c = u'-';
        m_log.setFileName(u"%1/%2-%3-%4.log"_s.arg(folder, QDateTime::currentDateTime().toString(u"yyyyMMdd-HHmmss-zzz"_s), name)
                              .arg(m_job->status.id));
        if (m_log.open(QIODevice::WriteOnly | QIODevice::Text)) {
            m_log.setPermissions(QFile::ReadOwner | QFile::WriteOwner);
            const std::lock_guard lock(m_job->mutex);
            m_job->status.logFile = m_log.fileName();
        }
        line(u"started: "_s + m_job->spec.title);
    }

    void begin(std::string_view phase, std::int64_t total, std::string_view unit, std::int64_t parts) override
    {
        {
            const std::lock_guard lock(m_job->mutex);
            JobStatus& status = m_job->status;
            status.phase = text(phase);
            status.unit = text(unit);
            status.detail.clear();
            status.done = 0;
            status.total = total;
            status.parts = static_cast<int>(std::max<std::int64_t>(1, parts));
            m_job->estimate.begin(m_job->seconds());
            m_job->dirty = true;
        }
        line(u"phase: %1 (%2 %3)"_s.arg(text(phase)).arg(total / std::max<std::int64_t>(1, parts)).arg(text(unit)));
    }

    void update(std::int64_t done, std::string_view detail) override
    {
        const std::lock_guard lock(m_job->mutex);
        m_job->status.done = done;
        if (!detail.empty())
            m_job->status.detail = text(detail);
        m_job->estimate.step(done, m_job->seconds());
        m_job->dirty = true;
    }

    void note(std::string_view sentence) override
    {
        {
            const std::lock_guard lock(m_job->mutex);
            if (m_job->status.notes.size() < 200)
                m_job->status.notes.append(text(sentence));
            m_job->dirty = true;
        }
        line(u"note: "_s + text(sentence));
    }

    void line(const QString& sentence)
    {
        if (!m_log.isOpen() || m_log.size() > kLogLimit)
            return;
        m_log.write((QDateTime::currentDateTime().toString(Qt::ISODateWithMs) + u"  "_s + sentence + u'\n').toUtf8());
        m_log.flush();
    }

private:
    std::shared_ptr<Job> m_job;
    QFile m_log;
};

JobRunner::JobRunner(const QString& logFolder, QObject* parent)
    : QObject(parent)
    , m_logFolder(logFolder)
    , m_tick(this)
{
    qRegisterMetaType<JobError>();
    qRegisterMetaType<JobStatus>();
    for (Lane& lane : m_lanes) {
        lane.pool.setMaxThreadCount(1);
        lane.pool.setExpiryTimeout(-1);   // LibTorch keeps its per-thread state
        lane.pool.setStackSize(16u << 20);
    }
    m_tick.setInterval(100);
    connect(&m_tick, &QTimer::timeout, this, [this] {
        bool moved = false, active = false;
        for (const auto& job : m_jobs) {
            moved = job->dirty.exchange(false) || moved;
            active = active || this->job(job->status.id).active();
        }
        if (!active)
            m_tick.stop();
        if (moved || active)
            Q_EMIT changed();
    });
}

JobRunner::~JobRunner()
{
    for (const auto& job : m_jobs)
        job->stop.request_stop();
    for (Lane& lane : m_lanes)
        lane.pool.waitForDone();
}

JobRunner::Lane& JobRunner::laneOf(const Job& job)
{
    return m_lanes[job.spec.lane == JobSpec::Lane::Compute ? 0 : 1];
}

std::shared_ptr<JobRunner::Job> JobRunner::find(int id) const
{
    for (const auto& job : m_jobs)
        if (job->status.id == id)   // the id never changes after it is queued
            return job;
    return nullptr;
}

int JobRunner::enqueue(const JobSpec& spec, Task task)
{
    const auto jobs = m_jobs;
    for (const auto& old : jobs) {
        if (spec.replaces && old->spec.tag == spec.tag && this->job(old->status.id).active()) {
            old->superseded = true;
            cancel(old->status.id);
        }
    }
    auto job = std::make_shared<Job>();
    job->spec = spec;
    job->task = std::move(task);
    job->status.id = m_nextId++;
    job->status.tag = spec.tag;
    job->status.title = plainText(spec.title);
    job->status.listed = spec.listed;
    job->status.resumable = static_cast<bool>(spec.resume);
    m_jobs.push_back(job);
    Lane& lane = laneOf(*job);
    {
        const std::lock_guard lock(lane.mutex);
        lane.queue.push_back(job);
    }
    // Each start takes whatever comes first by then: the order may change while jobs wait.
    lane.pool.start([this, &lane] {
        std::shared_ptr<Job> next;
        {
            const std::lock_guard lock(lane.mutex);
            if (lane.queue.empty())
                return;
            next = lane.queue.front();
            lane.queue.pop_front();
        }
        run(next);
    });
    m_tick.start();
    Q_EMIT changed();
    return job->status.id;
}

void JobRunner::run(const std::shared_ptr<Job>& job)
{
    Delivery deliver;
    JobError error;
    JobState state = JobState::Cancelled;
    QString outcome = u"cancelled"_s, plain;
    if (!job->stop.stop_requested()) {
        {
            const std::lock_guard lock(job->mutex);
            job->status.state = JobState::Running;
            job->clock.start();
            job->dirty = true;
        }
        const PauseScope scope(job->gate);
        Reporter reporter(job, job->spec.listed ? m_logFolder : QString());
        try {
            deliver = job->task(reporter, job->stop.get_token());
            state = JobState::Done;
            outcome = u"done"_s;
        } catch (const Cancelled&) {
            state = JobState::Cancelled;
        } catch (const Error& e) {
            state = JobState::Failed;
            plain = text(withoutPlace(e));
            error = {e.kind(), QString::fromUtf8(e.what()), text(e.subject()),
                     u"%1 error at %2:%3"_s.arg(kindName(e.kind()), QString::fromUtf8(e.where().file_name())).arg(e.where().line())};
        } catch (const std::bad_alloc&) {
            state = JobState::Failed;
            error = {ErrorKind::OutOfMemory, tr("There was not enough memory for \"%1\".").arg(job->spec.title), {}, u"std::bad_alloc"_s};
        } catch (const std::exception& e) {
            state = JobState::Failed;
            const Error foreign = foreignError(e);
            error = {foreign.kind(), QString::fromUtf8(foreign.what()), text(foreign.subject()), u"std::exception"_s};
        } catch (...) {
            state = JobState::Failed;
            error = {ErrorKind::Internal, tr("An unknown error stopped \"%1\".").arg(job->spec.title), {}, {}};
        }
        if (state == JobState::Failed) {
            outcome = u"failed: "_s + error.sentence;   // the log keeps the rules' codes, and the key's place
            error.sentence = plain.isEmpty() ? text(withoutRules(error.sentence.toStdString())) : plain;
            error.details += u"\njob: "_s + job->spec.title;
            const std::lock_guard lock(job->mutex);
            if (!job->status.logFile.isEmpty())
                error.details += u"\nlog: "_s + job->status.logFile;
        }
        reporter.line(outcome);
        job->task = nullptr;   // what the task holds (models, projects) goes on its own thread
        if (job->spec.listed)
            returnFreedMemory();
    }
    QMetaObject::invokeMethod(this, [this, job, state, deliver = std::move(deliver), error] { settle(job, state, deliver, error); },
                              Qt::QueuedConnection);
}

void JobRunner::settle(const std::shared_ptr<Job>& job, JobState state, const Delivery& deliver, const JobError& error)
{
    const QString tag = job->spec.tag;
    job->task = nullptr;   // of one that was cancelled before it started; else it is gone already
    {
        const std::lock_guard lock(job->mutex);
        job->status.state = state;
        job->status.error = error.sentence;
        job->status.seconds = job->seconds();
        if (state == JobState::Done)
            job->status.done = std::max(job->status.done, job->status.total);
    }
    const bool vanish = job->superseded || !job->spec.listed;
    if (vanish)
        std::erase(m_jobs, job);
    Q_EMIT changed();
    if (job->superseded)
        return;
    const QPointer<JobRunner> alive(this);
    if (job->spec.listed)
        Q_EMIT ended(job->status);   // nobody else writes it any more
    switch (state) {
    case JobState::Done:
        if (deliver)
            deliver();
        if (alive)
            Q_EMIT finished(tag);
        break;
    case JobState::Failed:
        if (job->spec.failed)
            job->spec.failed(error);
        if (alive)
            Q_EMIT failed(tag, error);
        break;
    default:
        Q_EMIT cancelled(tag);
        break;
    }
}

void JobRunner::cancel(int id)
{
    const auto job = find(id);
    if (!job)
        return;
    bool waiting = false;
    {
        Lane& lane = laneOf(*job);
        const std::lock_guard lock(lane.mutex);
        waiting = std::erase(lane.queue, job) > 0;
    }
    job->stop.request_stop();
    {
        const std::lock_guard lock(job->mutex);
        if (job->status.active())
            job->status.state = JobState::Cancelling;
    }
    if (waiting)   // it never starts; what waits for its end hears of it as of any other
        QMetaObject::invokeMethod(this, [this, job] { settle(job, JobState::Cancelled, {}, {}); }, Qt::QueuedConnection);
    Q_EMIT changed();
}

void JobRunner::pause(int id)
{
    const auto job = find(id);
    if (!job || this->job(id).state != JobState::Running)
        return;
    job->gate.close();
    Q_EMIT changed();
}

void JobRunner::moveUp(int id)
{
    const auto job = find(id);
    if (!job)
        return;
    std::shared_ptr<Job> before;
    {
        Lane& lane = laneOf(*job);
        const std::lock_guard lock(lane.mutex);
        const auto here = std::find(lane.queue.begin(), lane.queue.end(), job);
        if (here == lane.queue.end())
            return;
        for (auto other = here; other != lane.queue.begin();) {
            --other;
            if ((*other)->spec.listed) {
                before = *other;
                std::iter_swap(here, other);
                break;
            }
        }
    }
    if (!before)
        return;
    std::iter_swap(std::find(m_jobs.begin(), m_jobs.end(), job), std::find(m_jobs.begin(), m_jobs.end(), before));
    Q_EMIT changed();
}

void JobRunner::cancelTag(const QString& tag)
{
    const auto jobs = m_jobs;
    for (const auto& job : jobs)
        if (job->spec.tag == tag)
            cancel(job->status.id);
}

void JobRunner::cancelAll()
{
    const auto jobs = m_jobs;
    for (const auto& job : jobs)
        cancel(job->status.id);
}

void JobRunner::resume(int id)
{
    const auto job = find(id);
    if (!job)
        return;
    if (job->gate.isClosed() && this->job(id).working()) {
        job->gate.open();
        Q_EMIT changed();
        return;
    }
    if (this->job(id).active() || !job->spec.resume)
        return;
    const auto again = job->spec.resume;
    std::erase(m_jobs, job);
    again();
    Q_EMIT changed();
}

void JobRunner::drop(int id)
{
    const auto job = find(id);
    if (!job || this->job(id).active())
        return;
    std::erase(m_jobs, job);
    Q_EMIT changed();
}

void JobRunner::dropFinished()
{
    for (const JobStatus& status : jobs())
        if (status.state == JobState::Done || (status.state == JobState::Cancelled && !status.resumable))
            std::erase_if(m_jobs, [&](const auto& job) { return job->status.id == status.id; });
    Q_EMIT changed();
}

bool JobRunner::isRunning(const QString& tag) const
{
    return std::any_of(m_jobs.begin(), m_jobs.end(),
                       [&](const auto& job) { return job->spec.tag == tag && !job->superseded && this->job(job->status.id).active(); });
}

bool JobRunner::busy() const
{
    return std::any_of(m_jobs.begin(), m_jobs.end(), [this](const auto& job) { return this->job(job->status.id).active(); });
}

JobStatus JobRunner::job(int id) const
{
    const auto job = find(id);
    if (!job)
        return {};
    int ahead = 0;
    {
        const Lane& lane = const_cast<JobRunner*>(this)->laneOf(*job);
        const std::lock_guard lock(lane.mutex);
        const auto here = std::find(lane.queue.begin(), lane.queue.end(), job);
        if (here != lane.queue.end())
            ahead = static_cast<int>(std::count_if(lane.queue.begin(), here, [](const auto& other) { return other->spec.listed; }));
    }
    const std::lock_guard lock(job->mutex);
    JobStatus status = job->status;
    status.ahead = ahead;
    if (status.state == JobState::Running && job->gate.isClosed())
        status.state = job->gate.isHolding() ? JobState::Paused : JobState::Pausing;
    if (status.active() && job->clock.isValid()) {
        const double now = job->seconds();
        status.seconds = now;
        status.rate = job->estimate.rate();
        if (const auto range = job->estimate.remaining(status.total, now)) {
            status.etaLow = range->first;
            status.etaHigh = range->second;
        }
    }
    return status;
}

std::vector<JobStatus> JobRunner::jobs() const
{
    std::vector<JobStatus> list;
    for (const auto& entry : m_jobs)
        if (entry->spec.listed && !entry->superseded)
            list.push_back(job(entry->status.id));
    return list;
}

void JobRunner::waitForFinished()
{
    for (Lane& lane : m_lanes)
        lane.pool.waitForDone();
}

} // namespace halftone
