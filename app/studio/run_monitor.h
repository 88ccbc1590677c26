#pragma once

#include "app/studio/document.h"
#include "widgets/run_view.h"

#include <QElapsedTimer>
#include <QHash>
#include <QObject>
#include <QTimer>

#include <vector>

namespace halftone {

class RunsTable;

/// Keeps the Run view on one run: the one at work while there is one, else the one chosen in the Runs table, else the newest. Reads results
/// of older runs on the file thread, and the process's memory while a run is at work.
class RunMonitor : public QObject {
    Q_OBJECT
public:
    RunMonitor(Document& document, JobRunner& jobs, RunView& view, RunsTable& table, QObject* parent = nullptr);

    /// Shows a run of old; while another is at work it takes over again with that one's next block.
    void show(const QString& run);
    QString shown() const { return m_shown; }
    bool isAtWork() const { return m_working && !m_aside; }
    /// Peak that was planned for the run at work or started last; 0: none was.
    void setPlan(std::uint64_t bytes);
    std::uint64_t plan() const { return m_plan; }
    /// What a run measured, if it was read already; else it is read, and resultsRead() follows.
    const std::vector<BlockResult>* results(const QString& run);

Q_SIGNALS:
    void resultsRead(const QString& run);
    /// The Run view shows another run, or the same with other results, or none.
    void shownChanged();

private:
    void runsChanged();
    void jobsChanged();
    void jobEnded(const JobStatus& status);
    void showAtWork();
    RunHead headAtWork() const;

    Document& m_document;
    JobRunner& m_jobs;
    RunView& m_view;
    RunsTable& m_table;
    QHash<QString, std::vector<BlockResult>> m_results;   ///< of runs that are done
    QString m_shown, m_wanted;
    bool m_working = false, m_aside = false;   ///< a run is at work; another one is looked at meanwhile
    QTimer m_sampler;
    std::vector<MemorySample> m_samples;
    std::uint64_t m_plan = 0;
    int m_stopped = -1;                                    ///< block at which the newest run failed
    QString m_stopSentence;
    int m_generation = 0;
    std::size_t m_runCount = 0;
};

} // namespace halftone
