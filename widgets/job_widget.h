#pragma once

#include "widgets/jobs_view.h"

#include <QWidget>

class QProgressBar;
class QToolButton;

namespace halftone {

class ElidedLabel;

/// One line of the jobs view.
class JobWidget : public QWidget {
    Q_OBJECT

public:
    explicit JobWidget(QWidget* parent = nullptr);
    void setJob(const JobRow& job);

Q_SIGNALS:
    void cancelClicked();
    void pauseClicked();
    void resumeClicked();
    void dismissClicked();
    void logClicked();
    void moveUpClicked();

protected:
    void changeEvent(QEvent* event) override;

private:
    QToolButton* addButton(const QString& name, const QString& picture, const QString& tip);
    void refresh();

    JobRow m_job;
    ElidedLabel* m_title = nullptr;
    QProgressBar* m_bar = nullptr;
    ElidedLabel* m_line = nullptr;
    QWidget* m_buttons = nullptr;
    QToolButton* m_log = nullptr;
    QToolButton* m_pause = nullptr;
    QToolButton* m_resume = nullptr;
    QToolButton* m_cancel = nullptr;
    QToolButton* m_dismiss = nullptr;
    QToolButton* m_up = nullptr;
};

} // namespace halftone
