#include "app/studio/job_indicator.h"

#include "app/studio/job_rows.h"
#include "widgets/elided_label.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QHBoxLayout>
#include <QMouseEvent>
#include <QProgressBar>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {
constexpr int kBarWidth = 96, kTextWidth = 340;
}

JobIndicator::JobIndicator(QWidget* parent) : QWidget(parent)
{
    setObjectName(u"jobIndicator"_s);
    setCursor(Qt::PointingHandCursor);
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Preferred);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(10, 0, 10, 0);
    row->setSpacing(8);
    m_bar = new QProgressBar(this);
    m_bar->setObjectName(u"jobIndicatorBar"_s);
    m_bar->setTextVisible(false);
    m_bar->setFixedSize(kBarWidth, 8);
    m_text = new ElidedLabel(this, Qt::ElideRight);
    m_text->setObjectName(u"jobIndicatorText"_s);
    m_text->setFont(tabularFont(font()));
    m_text->setFixedWidth(kTextWidth);   // what stands beside it keeps its place while the words change
    row->addWidget(m_bar);
    row->addWidget(m_text);
    hide();
}

void JobIndicator::setJobs(const std::vector<JobStatus>& jobs)
{
    const JobStatus* job = jobAtWork(jobs);
    if ((job != nullptr) == isHidden()) {
        Q_EMIT shownChanged(job != nullptr);
        setVisible(job != nullptr);
    }
    if (!job)
        return;
    const JobRow row = toJobRow(*job);
    QStringList parts{shareText(*job), row.title};
    if (row.remaining && row.state == JobRow::State::Running)
        parts.insert(1, leftText({row.remaining->second, row.remaining->second}));
    parts.removeAll(QString());
    const auto waiting = std::count_if(jobs.begin(), jobs.end(), [](const JobStatus& other) { return other.state == JobState::Waiting; });
    if (waiting > 0)
        parts.append(waiting == 1 ? tr("1 job waits") : tr("%1 jobs wait").arg(waiting));
    m_text->setText(parts.join(u" · "_s));
    m_bar->setRange(0, row.total > 0 ? 1000 : 0);
    if (row.total > 0)
        m_bar->setValue(static_cast<int>(std::clamp<qint64>(row.done * 1000 / row.total, 0, 1000)));
    setAccessibleName(tr("The job at work"));
    setAccessibleDescription(m_text->text());
    m_bar->setAccessibleName(row.title);
    setToolTip(plainTip(u"%1\n%2\n%3"_s.arg(row.title, jobLine(row), tr("Click to see the jobs"))));
}

QString JobIndicator::text() const
{
    return m_text->text();
}

void JobIndicator::mouseReleaseEvent(QMouseEvent* event)
{
    if (event->button() == Qt::LeftButton && rect().contains(event->position().toPoint()))
        Q_EMIT clicked();
}

} // namespace halftone
