#include "app/studio/job_rows.h"

#include <QCoreApplication>
#include <QFile>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

JobRow toJobRow(const JobStatus& status)
{
    JobRow row;
    row.id = QString::number(status.id);
    row.title = status.title;
    row.phase = status.phase;
    row.done = status.done;
    row.total = status.total;
    row.unit = status.unit;
    row.parts = status.parts;
    row.rate = status.rate / row.parts;
    row.detail = status.detail;
    row.elapsed = status.seconds;
    if (status.etaHigh >= 0)
        row.remaining = {status.etaLow, status.etaHigh};
    row.error = status.error;
    row.canResume = status.state == JobState::Paused || (status.resumable && !status.active() && status.state != JobState::Done);
    row.canPause = status.state == JobState::Running;
    row.ahead = status.ahead;
    row.logFile = status.logFile;
    row.flags = static_cast<int>(std::count_if(status.notes.begin(), status.notes.end(), [](const QString& note) { return note.startsWith(u"flag: "_s); }));
    switch (status.state) {
    case JobState::Waiting: row.state = JobRow::State::Waiting; break;
    case JobState::Running: row.state = JobRow::State::Running; break;
    case JobState::Pausing:
        row.state = JobRow::State::Running;
        row.phase = QCoreApplication::translate("JobRows", "pausing");
        break;
    case JobState::Paused: row.state = JobRow::State::Paused; break;
    case JobState::Cancelling:
        row.state = JobRow::State::Running;
        row.phase = QCoreApplication::translate("JobRows", "stopping");
        break;
    case JobState::Cancelled: row.state = JobRow::State::Cancelled; break;
    case JobState::Failed: row.state = JobRow::State::Failed; break;
    case JobState::Done: row.state = JobRow::State::Done; break;
    }
    return row;
}

QString tailOf(const QString& path, qint64 bytes)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        return QCoreApplication::translate("JobRows", "%1 cannot be read: %2").arg(path, file.errorString());
    const qint64 skipped = std::max<qint64>(0, file.size() - bytes);
    file.seek(skipped);
    QByteArray text = file.read(bytes);
    if (skipped > 0)
        text = text.mid(text.indexOf('\n') + 1);
    return QString::fromUtf8(text);
}

QString endText(const JobStatus& status)
{
    const JobRow row = toJobRow(status);
    QString outcome;
    switch (status.state) {
    case JobState::Done: outcome = jobLine(row).section(u" · "_s, 0, row.flags > 0 ? 1 : 0); break;
    case JobState::Failed: outcome = QCoreApplication::translate("JobRows", "failed after %1").arg(formatDuration(status.seconds)); break;
    default: outcome = QCoreApplication::translate("JobRows", "cancelled after %1").arg(formatDuration(status.seconds)); break;
    }
    return u"%1: %2"_s.arg(status.title, outcome);
}

const JobStatus* jobAtWork(const std::vector<JobStatus>& jobs)
{
    const auto found = std::find_if(jobs.begin(), jobs.end(), [](const JobStatus& job) { return job.working() || (job.state == JobState::Cancelling && job.seconds > 0); });
    return found == jobs.end() ? nullptr : &*found;
}

QString shareText(const JobStatus& status)
{
    if (status.total <= 0)
        return status.state == JobState::Paused ? QCoreApplication::translate("JobRows", "paused") : QString();
    const auto percent = std::clamp<qint64>(status.done * 100 / status.total, 0, 100);
    return status.state == JobState::Paused ? QCoreApplication::translate("JobRows", "paused at %1 %").arg(percent) : u"%1 %"_s.arg(percent);
}

} // namespace halftone
