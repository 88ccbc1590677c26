#include "widgets/jobs_view.h"

#include "widgets/colour_map.h"
#include "widgets/elided_label.h"
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
    if (job.state == JobRow::State::Running && job.remaining) {
        const QString from = formatDuration(job.remaining->first), to = formatDuration(job.remaining->second);
        parts << (from == to ? JobsView::tr("%1 left").arg(to) : JobsView::tr("%1–%2 left").arg(from, to));
    }
    if (job.flags > 0)
        parts << flagsText(job.flags);
    return parts.join(u" · "_s);
}

JobsView::JobsView(QWidget* parent) : QWidget(parent)
{
    setObjectName(u"jobsView"_s);
    setAccessibleName(tr("Jobs"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(12, 4, 12, 4);
    column->setSpacing(4);
    m_scroll = new QScrollArea(this);
    m_scroll->setObjectName(u"jobsScroll"_s);
    m_scroll->setAccessibleName(tr("Jobs"));
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    auto* inside = new QWidget(m_scroll);
    m_rows = new QVBoxLayout(inside);
    m_rows->setContentsMargins(0, 0, 0, 0);
    m_rows->setSpacing(0);
    m_idle = new QLabel(tr("No jobs. Analyze, Quantize, Evaluate and Export report here."), inside);
    m_idle->setObjectName(u"jobsIdle"_s);
    m_idle->setForegroundRole(QPalette::PlaceholderText);
    m_rows->addWidget(m_idle);
    m_rows->addStretch();
    m_scroll->setWidget(inside);
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
    column->addWidget(m_logPanel, 2);
    column->addWidget(m_footnote);
    fitHeight();
}

void JobsView::fitHeight()
{
    const int line = m_idle->sizeHint().height();
    m_scroll->setMinimumHeight(m_jobs.empty() ? line : kLeastRows * m_jobs.begin()->second->sizeHint().height());
}

void JobsView::setJobs(const std::vector<JobRow>& jobs)
{
    QStringList gone;
    for (const auto& [id, widget] : m_jobs)
        if (std::none_of(jobs.begin(), jobs.end(), [&key = id](const JobRow& job) { return job.id == key; }))
            gone << id;
    for (const QString& id : gone)
        removeJob(id);
    for (const JobRow& job : jobs)
        updateJob(job);
    for (std::size_t i = 0; i < jobs.size(); ++i) {   // waiting jobs may have changed places; the idle text comes first
        JobWidget* widget = m_jobs[jobs[i].id];
        const int place = static_cast<int>(i) + 1;
        if (m_rows->indexOf(widget) != place) {
            m_rows->removeWidget(widget);
            m_rows->insertWidget(place, widget);
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
        m_rows->insertWidget(m_rows->count() - 1, widget);
        found = m_jobs.emplace(job.id, widget).first;
    }
    found->second->setJob(job);
    m_files[job.id] = job.logFile;
    m_idle->hide();
    fitHeight();
}

void JobsView::removeJob(const QString& id)
{
    const auto found = m_jobs.find(id);
    if (found == m_jobs.end())
        return;
    found->second->hide();
    found->second->deleteLater();
    m_rows->removeWidget(found->second);
    m_jobs.erase(found);
    m_logs.erase(id);
    m_files.erase(id);
    if (m_logged == id)
        showLog({});
    m_idle->setVisible(m_jobs.empty());
    fitHeight();
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
