#include "app/studio/job_rows.h"

#include <QCoreApplication>

namespace halftone {

JobRow toJobRow(const JobStatus& status)
{
    JobRow row;
    row.id = QString::number(status.id);
    row.title = status.title;
    row.phase = status.phase;
    row.done = status.done;
    row.total = status.total;
    row.unit = status.unit;
    if (row.unit.startsWith(QStringLiteral("‰"))) {   // parts of a step make a smooth bar, but no words for a person
        row.unit.clear();
    }
    row.detail = status.detail;
    row.elapsed = status.seconds;
    if (status.etaHigh >= 0)
        row.remaining = {status.etaLow, status.etaHigh};
    row.error = status.error;
    row.canResume = status.resumable && !status.active() && status.state != JobState::Done;
    switch (status.state) {
    case JobState::Waiting: row.state = JobRow::State::Waiting; break;
    case JobState::Running: row.state = JobRow::State::Running; break;
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

} // namespace halftone
