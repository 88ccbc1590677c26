#include "widgets/jobs_view.h"

#include "widgets/colour_map.h"
#include "widgets/elided_label.h"
#include "widgets/focus_ring.h"
#include "widgets/job_widget.h"
#include "widgets/palette.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QScrollArea>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kLogLines = 2000;
constexpr double kFewSeconds = 5;   // a smaller figure would only be wrong
constexpr int kLeastRows = 2;   // of jobs that are seen at once

QString flagsText(int flags)
{
    return flags == 1 ? JobsView::tr("1 flag") : JobsView::tr("%1 flags").arg(flags);
}

} // namespace

QString formatDuration(double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9)
        return u"?"_s;
    const auto whole = static_cast<qint64>(std::llround(seconds));
    if (seconds > 0 && whole == 0)
        return u"< 1 s"_s;
    if (whole < 60)
        return u"%1 s"_s.arg(whole);
    const auto two = [](qint64 n) { return QString::number(n).rightJustified(2, u'0'); };
    if (whole < 3600)
        return u"%1:%2"_s.arg(whole / 60).arg(two(whole % 60));
    return u"%1:%2:%3"_s.arg(whole / 3600).arg(two(whole / 60 % 60), two(whole % 60));
}

QString leftText(const std::pair<double, double>& seconds)
{
    const auto [low, high] = seconds;
    if (!(high >= kFewSeconds))
        return JobsView::tr("a few seconds left");
    const double step = high < 60 ? 5 : high < 600 ? 10 : 60;   // finer steps only flicker
    const double from = std::round(std::max(0.0, low) / step) * step, to = std::max(step, std::round(high / step) * step);
    if (from < step)
        return JobsView::tr("up to %1 left").arg(formatDuration(to));
    return from >= to ? JobsView::tr("about %1 left").arg(formatDuration(to)) : JobsView::tr("%1–%2 left").arg(formatDuration(from), formatDuration(to));
}

QString jobLine(const JobRow& job)
{
    QStringList parts;
    switch (job.state) {
    case JobRow::State::Waiting:
        parts << (job.ahead == 0 ? JobsView::tr("waiting for the device") : job.ahead == 1 ? JobsView::tr("waiting, 1 job before it") : JobsView::tr("waiting, %1 jobs before it").arg(job.ahead));
        if (!job.detail.isEmpty())
            parts << job.detail;
        return parts.join(u" · "_s);
    case JobRow::State::Done:
        parts << JobsView::tr("done in %1").arg(formatDuration(job.elapsed));
        if (job.flags > 0)
            parts << flagsText(job.flags);
        return parts.join(u" · "_s);
    case JobRow::State::Failed:
        parts << job.error;
        if (!job.nextStep.isEmpty())
            parts << job.nextStep;
        return parts.join(u" · "_s);
    case JobRow::State::Cancelled:
        return JobsView::tr("cancelled after %1").arg(formatDuration(job.elapsed));
    case JobRow::State::Paused:
        parts << JobsView::tr("paused");
        break;
    case JobRow::State::Running:
        break;
    }
    if (job.total > 0)
        parts << u"%1 %"_s.arg(std::clamp<std::int64_t>(job.done * 100 / job.total, 0, 100));
    if (!job.phase.isEmpty())
        parts << job.phase;
    if (!job.detail.isEmpty())
        parts << job.detail;
    else if (job.total > 0 && !job.unit.isEmpty())
        parts << JobsView::tr("%1 of %2 %3").arg(job.done / job.parts).arg(job.total / job.parts).arg(job.unit);
    if (job.state == JobRow::State::Running && job.done > 0 && job.elapsed >= 1 && !job.unit.isEmpty()) {
        const double rate = job.rate > 0 ? job.rate : static_cast<double>(job.done) / job.parts / job.elapsed;
        if (rate >= 1)
            parts << u"%1 %2/s"_s.arg(formatValue(rate, 2), job.unit);
        else
            parts << JobsView::tr("%1 %2/min").arg(formatValue(rate * 60, 2), job.unit);
    }
    if (job.state == JobRow::State::Running && job.remaining)
        parts << leftText(*job.remaining);
    if (job.flags > 0)
        parts << flagsText(job.flags);
    return parts.join(u" · "_s);
}

JobsView::JobsView(QWidget* parent) : QWidget(parent)
{
    setObjectName(u"jobsView"_s);
    setAccessibleName(tr("Jobs"));
    m_jobHeight = JobWidget().sizeHint().height();
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(12, 4, 12, 4);
    column->setSpacing(4);
    m_scroll = new QScrollArea(this);
    m_scroll->setObjectName(u"jobsScroll"_s);
    m_scroll->setAccessibleName(tr("Jobs"));
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    new FocusRing(m_scroll);
    auto* inside = new QWidget(m_scroll);
    auto* rows = new QVBoxLayout(inside);
    rows->setContentsMargins(0, 0, 0, 0);
    rows->setSpacing(0);
    const auto part = [](QVBoxLayout* above) {
        auto* layout = new QVBoxLayout;
        layout->setSpacing(0);
        above->addLayout(layout);
        return layout;
    };
    m_idle = new QLabel(this);
    m_idle->setObjectName(u"jobsIdle"_s);
    m_idle->setForegroundRole(QPalette::PlaceholderText);
    m_queue = part(rows);
    m_fold = new QWidget(this);
    m_fold->setObjectName(u"jobsFold"_s);
    auto* foldRow = new QHBoxLayout(m_fold);
    foldRow->setContentsMargins(0, 2, 0, 2);
    foldRow->setSpacing(12);
    m_foldButton = new QToolButton(m_fold);
    m_foldButton->setObjectName(u"jobsFoldButton"_s);
    m_foldButton->setCheckable(true);
    m_foldButton->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_foldButton->setArrowType(Qt::RightArrow);
    m_lastEnd = new ElidedLabel(m_fold, Qt::ElideRight);
    m_lastEnd->setObjectName(u"jobsLastEnd"_s);
    m_lastEnd->setFaint(true);
    m_lastEnd->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    auto* clear = new QToolButton(m_fold);
    clear->setObjectName(u"jobsClear"_s);
    clear->setText(tr("Clear finished"));
    clear->setToolTip(tr("Take the lines of finished jobs away; what they made stays"));
    foldRow->addWidget(m_foldButton);
    foldRow->addWidget(m_lastEnd, 1);
    foldRow->addWidget(clear);
    connect(m_foldButton, &QToolButton::toggled, this, &JobsView::setUnfolded);
    connect(clear, &QToolButton::clicked, this, &JobsView::clearFinishedRequested);
    m_finished = part(rows);
    rows->addStretch();
    m_scroll->setWidget(inside);
    m_atWork = part(column);
    column->addWidget(m_idle);   // in the place of the job at work: nothing moves when one begins or ends
    m_logPanel = new QWidget(this);
    auto* panel = new QVBoxLayout(m_logPanel);
    panel->setContentsMargins(0, 0, 0, 0);
    panel->setSpacing(4);
    auto* head = new QHBoxLayout;
    head->setSpacing(8);
    m_logFile = new ElidedLabel(m_logPanel);
    m_logFile->setObjectName(u"jobLogFile"_s);
    m_logFile->setFaint(true);
    m_logFile->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    auto* open = new QToolButton(m_logPanel);
    open->setObjectName(u"jobLogOpen"_s);
    open->setText(tr("Open the file"));
    open->setToolTip(tr("Open the log in the desktop's own program"));
    open->setIcon(icon(u"open"_s));
    open->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    auto* hide = new QToolButton(m_logPanel);
    hide->setObjectName(u"jobLogClose"_s);
    hide->setAccessibleName(tr("Close the log"));
    hide->setToolTip(tr("Close the log"));
    hide->setIcon(icon(u"close"_s));
    head->addWidget(m_logFile, 1);
    head->addWidget(open);
    head->addWidget(hide);
    panel->addLayout(head);
    connect(open, &QToolButton::clicked, this, [this] { Q_EMIT openLogRequested(m_logged); });
    connect(hide, &QToolButton::clicked, this, [this] { showLog({}); });
    m_log = new QPlainTextEdit(m_logPanel);
    m_log->setObjectName(u"jobLog"_s);
    m_log->setAccessibleName(tr("Log of the chosen job"));
    m_log->setReadOnly(true);
    m_log->setMaximumBlockCount(kLogLines);
    m_log->setLineWrapMode(QPlainTextEdit::NoWrap);
    panel->addWidget(m_log, 1);
    m_logPanel->hide();
    m_footnote = new QLabel(this);
    m_footnote->setObjectName(u"jobsFootnote"_s);
    m_footnote->setTextFormat(Qt::PlainText);
    m_footnote->setForegroundRole(QPalette::PlaceholderText);
    m_footnote->setFont(tabularFont(font(), false, 1));
    m_footnote->hide();
    column->addWidget(m_scroll, 1);
    column->addStretch();   // while the list is hidden: what is at work stays on top
    column->addWidget(m_logPanel, 2);
    auto* foot = new QHBoxLayout;
    foot->setSpacing(24);
    foot->addWidget(m_fold, 1);
    foot->addWidget(m_footnote);
    column->addLayout(foot);
    refreshFold();
}

void JobsView::setUnfolded(bool unfolded)
{
    m_unfolded = unfolded;
    refreshFold();
}

JobsView::Place JobsView::placeOf(const JobRow& job) const
{
    // With nothing before it, it begins at once: it stands where it will be at work.
    const auto next = [&] { return job.ahead == 0 && std::none_of(m_jobs.begin(), m_jobs.end(), [&](const auto& other) { return other.first != job.id && other.second.place == Place::AtWork; }); };
    switch (job.state) {
    case JobRow::State::Running:
    case JobRow::State::Paused: return Place::AtWork;
    case JobRow::State::Waiting: return next() ? Place::AtWork : Place::Queue;
    case JobRow::State::Failed: return Place::Queue;   // what failed is seen until somebody decides about it
    case JobRow::State::Cancelled: return job.canResume ? Place::Queue : Place::Finished;
    case JobRow::State::Done: break;
    }
    return Place::Finished;
}

QVBoxLayout* JobsView::layoutOf(Place place) const
{
    return place == Place::AtWork ? m_atWork : place == Place::Queue ? m_queue : m_finished;
}

void JobsView::refreshFold()
{
    int finished = 0;
    for (const auto& [id, entry] : m_jobs) {
        if (entry.place != Place::Finished)
            continue;
        ++finished;
        entry.widget->setVisible(m_unfolded);
    }
    const auto newest = m_jobs.find(m_newestEnd);
    m_lastEnd->setText(m_unfolded || newest == m_jobs.end() ? QString() : tr("last: %1").arg(newest->second.end));
    m_foldButton->setText(tr("%1 finished").arg(finished));
    m_foldButton->setChecked(m_unfolded);
    m_foldButton->setArrowType(m_unfolded ? Qt::DownArrow : Qt::RightArrow);
    const QString deed = m_unfolded ? tr("Fold the finished jobs") : tr("Show the finished jobs, with their logs");
    m_foldButton->setToolTip(deed);
    m_foldButton->setAccessibleName(m_foldButton->text());
    m_foldButton->setAccessibleDescription(deed);
    m_fold->setVisible(finished > 0);
    fitHeight();
}

void JobsView::fitHeight()
{
    int atWork = 0, waiting = 0, finished = 0, line = std::max(m_idle->sizeHint().height(), m_jobHeight);
    for (const auto& [id, entry] : m_jobs) {
        atWork += entry.place == Place::AtWork;
        waiting += entry.place == Place::Queue;
        finished += entry.place == Place::Finished;
        line = std::max(line, entry.widget->sizeHint().height());
    }
    m_idle->setText(m_jobs.empty() ? tr("No jobs. Analyze, Quantize, Evaluate and Export report here.") : tr("No job is at work."));
    m_idle->setVisible(atWork == 0);
    m_idle->setMinimumHeight(m_jobs.empty() ? 0 : line);   // once there was one, as high as the job that takes its place
    QSizePolicy policy = m_fold->sizePolicy();
    policy.setRetainSizeWhenHidden(!m_jobs.empty());
    m_fold->setSizePolicy(policy);
    const int listed = waiting + (m_unfolded ? finished : 0);
    m_scroll->setVisible(listed > 0);
    m_scroll->setMinimumHeight(std::clamp(listed, 1, kLeastRows) * line);
}

void JobsView::setJobs(const std::vector<JobRow>& jobs)
{
    QStringList gone;
    for (const auto& [id, entry] : m_jobs)
        if (std::none_of(jobs.begin(), jobs.end(), [&key = id](const JobRow& job) { return job.id == key; }))
            gone << id;
    for (const QString& id : gone)
        removeJob(id);
    for (const JobRow& job : jobs)
        updateJob(job);
    std::map<Place, int> filled;
    for (const JobRow& job : jobs) {   // waiting jobs may have changed places
        const Entry& entry = m_jobs[job.id];
        QVBoxLayout* layout = layoutOf(entry.place);
        const int place = filled[entry.place]++;
        if (layout->indexOf(entry.widget) != place) {
            layout->removeWidget(entry.widget);
            layout->insertWidget(place, entry.widget);
        }
    }
}

void JobsView::updateJob(const JobRow& job)
{
    auto found = m_jobs.find(job.id);
    if (found == m_jobs.end()) {
        auto* widget = new JobWidget(this);
        widget->setObjectName(u"job-"_s + job.id);
        const QString id = job.id;
        connect(widget, &JobWidget::cancelClicked, this, [this, id] { Q_EMIT cancelRequested(id); });
        connect(widget, &JobWidget::pauseClicked, this, [this, id] { Q_EMIT pauseRequested(id); });
        connect(widget, &JobWidget::resumeClicked, this, [this, id] { Q_EMIT resumeRequested(id); });
        connect(widget, &JobWidget::dismissClicked, this, [this, id] { Q_EMIT dismissRequested(id); });
        connect(widget, &JobWidget::moveUpClicked, this, [this, id] { Q_EMIT moveUpRequested(id); });
        connect(widget, &JobWidget::logClicked, this, [this, id] { showLog(m_logged == id ? QString() : id); });
        found = m_jobs.emplace(job.id, Entry{widget, placeOf(job), {}}).first;
        layoutOf(found->second.place)->addWidget(widget);
    }
    Entry& entry = found->second;
    entry.widget->setJob(job);
    const bool moved = entry.place != placeOf(job);
    if (moved) {
        layoutOf(entry.place)->removeWidget(entry.widget);
        entry.place = placeOf(job);
        layoutOf(entry.place)->addWidget(entry.widget);
        entry.widget->show();
    }
    if (entry.place == Place::Finished && (moved || entry.end.isEmpty())) {
        entry.end = u"%1: %2"_s.arg(job.title, jobLine(job));
        m_newestEnd = job.id;
    }
    m_files[job.id] = job.logFile;
    refreshFold();
}

void JobsView::removeJob(const QString& id)
{
    const auto found = m_jobs.find(id);
    if (found == m_jobs.end())
        return;
    JobWidget* widget = found->second.widget;
    widget->hide();
    widget->deleteLater();
    layoutOf(found->second.place)->removeWidget(widget);
    m_jobs.erase(found);
    m_logs.erase(id);
    m_files.erase(id);
    if (m_logged == id)
        showLog({});
    refreshFold();
}

void JobsView::appendLog(const QString& id, const QString& line)
{
    QStringList& lines = m_logs[id];
    lines << line;
    if (lines.size() > kLogLines)
        lines.removeFirst();
    if (m_logged == id)
        m_log->appendPlainText(line);
}

void JobsView::setLog(const QString& id, const QString& text)
{
    if (m_logged == id && !text.isEmpty()) {
        m_log->setPlainText(text);
        m_log->moveCursor(QTextCursor::End);
    }
}

void JobsView::setFootnote(const QString& footnote)
{
    m_footnote->setText(footnote);
    m_footnote->setVisible(!footnote.isEmpty());
}

int JobsView::count() const
{
    return static_cast<int>(m_jobs.size());
}

void JobsView::showLog(const QString& id)
{
    m_logged = id;
    m_logPanel->setVisible(!id.isEmpty());
    m_log->setPlainText(id.isEmpty() ? QString() : m_logs[id].join(u'\n'));
    if (id.isEmpty())
        return;
    const QString file = m_files[id];
    m_logFile->setText(file.isEmpty() ? tr("This job keeps no log file") : file);
    findChild<QToolButton*>(u"jobLogOpen"_s)->setEnabled(!file.isEmpty());
    Q_EMIT logRequested(id);
}

} // namespace halftone
