#include "widgets/job_widget.h"

#include "widgets/elided_label.h"
#include "widgets/palette.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QProgressBar>
#include <QToolButton>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kButtonsWidth = 120, kLongestBar = 240;

} // namespace

JobWidget::JobWidget(QWidget* parent) : QWidget(parent)
{
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 2, 0, 2);
    row->setSpacing(12);
    m_title = new ElidedLabel(this);
    m_title->setObjectName(u"jobTitle"_s);
    m_title->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    m_bar = new QProgressBar(this);
    m_bar->setObjectName(u"jobBar"_s);
    m_bar->setTextVisible(false);
    m_bar->setFixedHeight(12);
    m_bar->setMaximumWidth(kLongestBar);                    // what more room there is goes to the words
    m_line = new ElidedLabel(this, Qt::ElideRight);
    m_line->setObjectName(u"jobLine"_s);
    m_line->setFaint(true);
    m_line->setFont(tabularFont(font()));
    m_line->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    row->addWidget(m_title, 4);
    row->addWidget(m_bar, 4);
    row->addWidget(m_line, 7);
    m_buttons = new QWidget(this);                          // of one width in every row, so that bars stand below each other
    m_buttons->setFixedWidth(kButtonsWidth);
    auto* buttons = new QHBoxLayout(m_buttons);
    buttons->setContentsMargins(0, 0, 0, 0);
    buttons->setSpacing(4);
    buttons->addStretch();
    row->addWidget(m_buttons);
    m_log = addButton(u"jobLogButton"_s, u"info"_s, tr("Show the log of this job"));
    m_up = addButton(u"jobUp"_s, u"up"_s, tr("Before the job that waits before it"));
    m_pause = addButton(u"jobPause"_s, u"pause"_s, tr("Pause; it keeps its memory and goes on where it stands"));
    m_resume = addButton(u"jobResume"_s, u"resume"_s, tr("Go on"));
    m_cancel = addButton(u"jobCancel"_s, u"cancel"_s, tr("Cancel; what is finished is kept"));
    m_dismiss = addButton(u"jobDismiss"_s, u"close"_s, tr("Take this line away"));
    connect(m_log, &QToolButton::clicked, this, &JobWidget::logClicked);
    connect(m_up, &QToolButton::clicked, this, &JobWidget::moveUpClicked);
    connect(m_pause, &QToolButton::clicked, this, &JobWidget::pauseClicked);
    connect(m_resume, &QToolButton::clicked, this, &JobWidget::resumeClicked);
    connect(m_cancel, &QToolButton::clicked, this, &JobWidget::cancelClicked);
    connect(m_dismiss, &QToolButton::clicked, this, &JobWidget::dismissClicked);
    refresh();
}

QToolButton* JobWidget::addButton(const QString& name, const QString& picture, const QString& tip)
{
    auto* button = new QToolButton(m_buttons);
    button->setObjectName(name);
    button->setAccessibleName(tip);
    button->setToolTip(tip);
    button->setIcon(icon(picture));
    m_buttons->layout()->addWidget(button);
    return button;
}

void JobWidget::setJob(const JobRow& job)
{
    m_job = job;
    refresh();
}

void JobWidget::refresh()
{
    const bool active = m_job.state == JobRow::State::Running || m_job.state == JobRow::State::Paused;
    const bool waiting = m_job.state == JobRow::State::Waiting;
    m_title->setText(m_job.title);
    const QString line = jobLine(m_job);
    m_line->setText(line);
    m_line->setColour(m_job.state == JobRow::State::Failed ? colours().bad : QColor());
    setAccessibleName(m_job.title);
    setAccessibleDescription(line);
    if (m_job.total > 0) {
        m_bar->setRange(0, 1000);
        m_bar->setValue(static_cast<int>(std::clamp<std::int64_t>(m_job.done * 1000 / m_job.total, 0, 1000)));
    } else if (m_job.state == JobRow::State::Running) {
        m_bar->setRange(0, 0);
    } else {
        m_bar->setRange(0, 1000);
        m_bar->setValue(m_job.state == JobRow::State::Done ? 1000 : 0);
    }
    m_bar->setAccessibleName(m_job.title);
    m_pause->setVisible(m_job.state == JobRow::State::Running && m_job.canPause);
    m_resume->setToolTip(m_job.state == JobRow::State::Paused ? tr("Go on") : tr("Go on from the last finished block"));
    m_resume->setAccessibleName(m_resume->toolTip());
    m_up->setVisible(waiting && m_job.ahead > 0);
    m_log->setVisible(!waiting);
    m_resume->setVisible(m_job.canResume && m_job.state != JobRow::State::Running && m_job.state != JobRow::State::Done);
    m_cancel->setVisible(active || waiting);
    m_dismiss->setVisible(!active && !waiting);
}

void JobWidget::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::PaletteChange && m_dismiss)
        refresh();
    QWidget::changeEvent(event);
}

} // namespace halftone
