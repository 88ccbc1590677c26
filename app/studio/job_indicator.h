#pragma once

#include "app/studio/job_runner.h"

#include <QWidget>

class QProgressBar;

namespace halftone {

class ElidedLabel;

/// The job at work in the status bar: how far it is, what it does, what is left. Hidden while none is; a click asks for the Jobs panel.
class JobIndicator : public QWidget {
    Q_OBJECT
public:
    explicit JobIndicator(QWidget* parent = nullptr);
    void setJobs(const std::vector<JobStatus>& jobs);
    QString text() const;

Q_SIGNALS:
    void clicked();
    void shownChanged(bool shown);   ///< what stands beside it makes room

protected:
    void mouseReleaseEvent(QMouseEvent* event) override;

private:
    QProgressBar* m_bar = nullptr;
    ElidedLabel* m_text = nullptr;
};

} // namespace halftone
