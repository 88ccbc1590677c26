#include "app/studio/job_actions.h"

#include "app/studio/job_rows.h"
#include "widgets/action_reason.h"
#include "widgets/palette.h"

#include <QAction>
#include <QMenu>
#include <QMenuBar>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

JobActions::JobActions(JobRunner& jobs, QMenuBar& bar, QObject* parent)
    : QObject(parent)
    , m_jobs(jobs)
    , m_menu(bar.addMenu(tr("&Jobs")))
{
    m_menu->setObjectName(u"jobsMenu"_s);
    m_pause = add(u"pauseJob"_s, tr("&Pause the job at work"), tr("It keeps its memory and goes on where it stands"));
    m_pause->setIcon(icon(u"pause"_s));
    m_resume = add(u"resumeJob"_s, tr("&Resume the paused or stopped job"), tr("The paused one goes on; else the one that stopped last starts again from what is finished"));
    m_resume->setIcon(icon(u"resume"_s));
    m_cancel = add(u"cancelJob"_s, tr("&Cancel the job at work"), tr("What is finished is kept"));
    m_cancel->setIcon(icon(u"cancel"_s));
    m_menu->addSeparator();
    m_clear = add(u"clearJobs"_s, tr("Clear &finished jobs"), tr("Take the lines of finished jobs away; what they made stays"));
    m_panel = add(u"goToJobs"_s, tr("&Show the jobs"), tr("The panel with the jobs in sight"));
    connect(m_panel, &QAction::triggered, this, &JobActions::panelRequested);
    connect(m_pause, &QAction::triggered, this, [this] { m_jobs.pause(pausable()); });
    connect(m_resume, &QAction::triggered, this, [this] { m_jobs.resume(resumable()); });
    connect(m_cancel, &QAction::triggered, this, [this] { m_jobs.cancel(cancellable()); });
    connect(m_clear, &QAction::triggered, &m_jobs, &JobRunner::dropFinished);
    connect(&m_jobs, &JobRunner::changed, this, &JobActions::refresh);
    refresh();
}

QAction* JobActions::add(const QString& name, const QString& text, const QString& tip)
{
    QAction* action = m_menu->addAction(text);
    action->setObjectName(name);
    describeAction(*action, tip);
    return action;
}

int JobActions::pausable() const
{
    for (const JobStatus& job : m_jobs.jobs())
        if (job.state == JobState::Running)
            return job.id;
    return 0;
}

int JobActions::resumable() const
{
    int stopped = 0;
    for (const JobStatus& job : m_jobs.jobs()) {
        if (job.state == JobState::Paused || job.state == JobState::Pausing)
            return job.id;
        if (job.resumable && (job.state == JobState::Cancelled || job.state == JobState::Failed))
            stopped = job.id;
    }
    return stopped;
}

int JobActions::cancellable() const
{
    for (const JobStatus& job : m_jobs.jobs())
        if (job.working())
            return job.id;
    return 0;
}

void JobActions::refresh()
{
    const std::vector<JobStatus> jobs = m_jobs.jobs();
    const JobStatus* atWork = jobAtWork(jobs);
    const QString none = tr("No job is at work.");
    setActionEnabled(*m_pause, pausable() > 0, !atWork ? none : atWork->state == JobState::Cancelling ? tr("The job at work is being cancelled.") : tr("The job at work is paused already."));
    setActionEnabled(*m_resume, resumable() > 0, atWork ? tr("The job at work is not paused, and none was stopped.") : tr("No job is paused or was stopped."));
    setActionEnabled(*m_cancel, cancellable() > 0, !atWork ? none : tr("The job at work is being cancelled."));
    setActionEnabled(*m_clear, std::any_of(jobs.begin(), jobs.end(), [](const JobStatus& job) { return job.state == JobState::Done || (job.state == JobState::Cancelled && !job.resumable); }),
                     tr("No job is finished."));
}

} // namespace halftone
