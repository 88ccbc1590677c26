#pragma once

#include <QString>
#include <QWidget>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

class QLabel;
class QPlainTextEdit;
class QScrollArea;
class QToolButton;
class QVBoxLayout;

namespace halftone {

class ElidedLabel;
class JobWidget;

/// One job as the window shows it (a value; the runner in app makes it).
struct JobRow {
    enum class State { Waiting, Running, Paused, Done, Failed, Cancelled };
    QString id, title;
    State state = State::Waiting;
    QString phase;                         ///< "measuring"
    std::int64_t done = 0, total = 0;      ///< total 0: unknown, the bar only says "alive"
    QString unit;                          ///< "blocks"
    QString detail;                        ///< "block 18 · model.layers.18.mlp.down_proj"
    double elapsed = 0;                    ///< seconds
    std::optional<std::pair<double, double>> remaining;   ///< seconds, from … to
    QString error;                         ///< Failed: a sentence
    QString nextStep;                      ///< Failed: what is likely to help
    bool canResume = false;                ///< Failed, Cancelled, Paused
    bool canPause = false;
    int parts = 1;                         ///< `done` and `total` count this many parts of a unit
    double rate = 0;                       ///< units a second of late; 0: said from what is done
    int ahead = 0;                         ///< Waiting: jobs that come before it
    int flags = 0;                         ///< raised by sentinels
    QString logFile;
};

/// "62 % · block 18 · 3.1 blocks/s · 2:10–2:40 left": the line beside a job's bar.
QString jobLine(const JobRow& job);
/// "2:10–2:40 left", "about 40 s left", "a few seconds left": in steps that do not flicker, and never none.
QString leftText(const std::pair<double, double>& seconds);
/// 130 → "2:10", 3725 → "1:02:05", 8.2 → "8 s".
QString formatDuration(double seconds);

/// The queue: a bar, a line and buttons for each job, and the log of the chosen one. What is at work stands on top and never scrolls away; then
/// what waits and what was stopped; what is finished is folded into one line.
class JobsView : public QWidget {
    Q_OBJECT

public:
    explicit JobsView(QWidget* parent = nullptr);

    void setJobs(const std::vector<JobRow>& jobs);
    void updateJob(const JobRow& job);                 ///< adds it when its id is new
    void removeJob(const QString& id);
    void appendLog(const QString& id, const QString& line);
    /// What the job's log file says; answers logRequested().
    void setLog(const QString& id, const QString& text);
    void setFootnote(const QString& text);             ///< "plan 0.52 GiB · now 0.44 GiB · disk 182 MB of 79 GB free"
    int count() const;
    /// Whether a finished job's own line is shown.
    bool isUnfolded() const { return m_unfolded; }
    void setUnfolded(bool unfolded);

Q_SIGNALS:
    void cancelRequested(const QString& id);
    void pauseRequested(const QString& id);
    void resumeRequested(const QString& id);
    void dismissRequested(const QString& id);          ///< a finished job's line is no longer wanted
    void clearFinishedRequested();                     ///< nor are those of all that are finished
    void moveUpRequested(const QString& id);           ///< before the job that waits before it
    void logRequested(const QString& id);              ///< its log was opened here: what does the file say?
    void openLogRequested(const QString& id);          ///< in the desktop's own program

private:
    enum class Place { AtWork, Queue, Finished };
    struct Entry {
        JobWidget* widget = nullptr;
        Place place = Place::Queue;
        QString end;                                   ///< Finished: "Analyze tiny-llama: done in 4 s"
    };
    Place placeOf(const JobRow& job) const;
    QVBoxLayout* layoutOf(Place place) const;
    void showLog(const QString& id);
    void refreshFold();
    void fitHeight();                                  ///< no lower than a line, or than some jobs

    QVBoxLayout* m_atWork = nullptr;
    QVBoxLayout* m_queue = nullptr;
    QVBoxLayout* m_finished = nullptr;
    QWidget* m_fold = nullptr;
    QToolButton* m_foldButton = nullptr;
    ElidedLabel* m_lastEnd = nullptr;
    QLabel* m_idle = nullptr;
    QScrollArea* m_scroll = nullptr;
    QLabel* m_footnote = nullptr;
    QWidget* m_logPanel = nullptr;
    ElidedLabel* m_logFile = nullptr;
    QPlainTextEdit* m_log = nullptr;
    QString m_logged;
    QString m_newestEnd;
    bool m_unfolded = false;
    int m_jobHeight = 0;                               ///< of a line of the queue
    std::map<QString, Entry> m_jobs;
    std::map<QString, QStringList> m_logs;
    std::map<QString, QString> m_files;
};

} // namespace halftone
