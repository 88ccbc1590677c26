#pragma once

#include "core/base/error.h"
#include "core/base/progress.h"

#include <QElapsedTimer>
#include <QHash>
#include <QObject>
#include <QStringList>
#include <QThreadPool>
#include <QTimer>

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <type_traits>
#include <vector>

namespace halftone {

enum class JobState { Waiting, Running, Pausing, Paused, Cancelling, Cancelled, Failed, Done };

/// What went wrong in a job, ready to be shown once.
struct JobError {
    ErrorKind kind = ErrorKind::Internal;
    QString sentence;   ///< the exception's sentence
    QString subject;    ///< the file, tensor or linear; may be empty
    QString details;    ///< kind, place in the code, job and log file: for "copy details"
};

/// A job as it stands now: plain values, a copy for the GUI thread.
struct JobStatus {
    int id = 0;
    QString tag, title;
    JobState state = JobState::Waiting;
    QString phase, unit, detail;
    qint64 done = 0, total = 0;       ///< of the phase; total 0: unknown
    int parts = 1;                    ///< `done` and `total` count this many parts of a unit
    double rate = 0;                  ///< parts a second over the last steps; 0: not known yet
    double etaLow = -1, etaHigh = -1; ///< seconds left in this phase; −1: not known
    double seconds = 0;               ///< of work since it started to run; pauses do not count
    QString error;
    QStringList notes;
    QString logFile;
    bool resumable = false;
    bool listed = true;
    int ahead = 0;                    ///< Waiting: jobs of its lane that come before it

    bool active() const { return state < JobState::Cancelled; }
    bool working() const { return state == JobState::Running || state == JobState::Pausing || state == JobState::Paused; }
};

/// How a job is queued.
struct JobSpec {
    enum class Lane { Compute, Files };   ///< each lane is one thread: two computing jobs would fight for the cores
    QString tag;                          ///< the newest request under a tag replaces the older one, where it `replaces`
    QString title;
    Lane lane = Lane::Compute;
    bool listed = true;                   ///< shown in Jobs; false for reading a project and the like
    std::function<void()> resume;         ///< starts it again after a cancel or a failure; empty: it cannot go on
    std::function<void(const JobError&)> failed; ///< on the GUI thread, before failed() is emitted
    bool replaces = true;                 ///< false: it waits for an older one of its tag instead of taking its place
};

/// The studio's queue of jobs: one compute thread and one file thread, progress, cancelling, a log file a job. Lives on the GUI thread.
class JobRunner : public QObject {
    Q_OBJECT
public:
    /// `logFolder` is created when the first job starts; empty: no logs.
    explicit JobRunner(const QString& logFolder = {}, QObject* parent = nullptr);
    /// Requests every stop, then waits: no job outlives what it refers to.
    ~JobRunner() override;

    /// Runs `work(Progress&, const std::stop_token&)` on the lane's thread, then `done(result)` on the GUI thread.
    /// A job whose tag was asked for again delivers nothing. @return its id.
    template <typename Work, typename Done> int submit(const JobSpec& spec, Work work, Done done)
    {
        using Result = std::invoke_result_t<Work, Progress&, const std::stop_token&>;
        return enqueue(spec, [work = std::move(work), done = std::move(done)](Progress& progress, const std::stop_token& stop) mutable -> Delivery {
            if constexpr (std::is_void_v<Result>) {
                work(progress, stop);
                return [done] { done(); };
            } else {
                auto result = std::make_shared<Result>(work(progress, stop));
                return [done, result] { done(std::move(*result)); };
            }
        });
    }

    void cancel(int id);
    void cancelTag(const QString& tag);
    void cancelAll();
    /// A running job stops at its next stop point, keeps what it holds, and goes on with resume().
    void pause(int id);
    /// A paused job goes on; a cancelled or failed one is started again, and its row goes.
    void resume(int id);
    /// A waiting job changes places with the listed one that waits before it.
    void moveUp(int id);
    /// Takes a finished job off the list.
    void drop(int id);
    /// All that are done, or were cancelled and cannot go on.
    void dropFinished();

    bool isRunning(const QString& tag) const;
    bool busy() const;
    /// In the order they were asked for.
    std::vector<JobStatus> jobs() const;
    JobStatus job(int id) const;
    /// Blocks until no job is left (closing the window).
    void waitForFinished();

Q_SIGNALS:
    void changed();                                                 ///< at most every 100 ms while something moves
    void failed(const QString& tag, const halftone::JobError& error);
    void cancelled(const QString& tag);
    void finished(const QString& tag);                              ///< after `done`
    void ended(const halftone::JobStatus& status);                  ///< a listed job came to its end, whatever that was

private:
    using Delivery = std::function<void()>;
    using Task = std::function<Delivery(Progress&, const std::stop_token&)>;
    struct Job;
    class Reporter;
    /// One thread and what waits for it, in order.
    struct Lane {
        QThreadPool pool;
        mutable std::mutex mutex;
        std::deque<std::shared_ptr<Job>> queue;
    };

    int enqueue(const JobSpec& spec, Task task);
    void run(const std::shared_ptr<Job>& job);
    void settle(const std::shared_ptr<Job>& job, JobState state, const Delivery& deliver, const JobError& error);
    std::shared_ptr<Job> find(int id) const;
    Lane& laneOf(const Job& job);

    QString m_logFolder;
    std::vector<std::shared_ptr<Job>> m_jobs;
    std::array<Lane, 2> m_lanes;
    QTimer m_tick;
    int m_nextId = 1;
};

} // namespace halftone

Q_DECLARE_METATYPE(halftone::JobError)
Q_DECLARE_METATYPE(halftone::JobStatus)
