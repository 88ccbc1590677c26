#pragma once

#include "app/studio/job_runner.h"

#include <QObject>

class QAction;
class QMenu;
class QMenuBar;

namespace halftone {

/// The Jobs menu: pause, resume and cancel of what is at work, each off with its reason.
class JobActions : public QObject {
    Q_OBJECT
public:
    JobActions(JobRunner& jobs, QMenuBar& bar, QObject* parent);
    /// "Show the jobs": its owner knows when there is a panel.
    QAction* panelAction() const { return m_panel; }

Q_SIGNALS:
    void panelRequested();   ///< the Jobs panel is wanted in sight

private:
    QAction* add(const QString& name, const QString& text, const QString& tip);
    void refresh();
    int pausable() const;      ///< id of the job that can be paused; 0: none, and so on
    int resumable() const;
    int cancellable() const;

    JobRunner& m_jobs;
    QMenu* m_menu = nullptr;
    QAction* m_pause = nullptr;
    QAction* m_resume = nullptr;
    QAction* m_cancel = nullptr;
    QAction* m_clear = nullptr;
    QAction* m_panel = nullptr;
};

} // namespace halftone
