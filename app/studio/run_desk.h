#pragma once

#include "app/studio/tasks.h"

#include <QObject>

class QAction;
class QMenu;

namespace halftone {

class MessageBanner;
class RunsTable;

/// What a person does to runs that are there: going on with one that was interrupted, which is offered when a project opens; names and notes; deleting.
class RunDesk : public QObject {
    Q_OBJECT
public:
    RunDesk(Document& document, JobRunner& jobs, Tasks& tasks, RunsTable& table, MessageBanner& messages, QWidget* window);

    /// "Resume the interrupted run" as a command, off with its reason.
    void addActions(QMenu& menu);
    /// Goes on with a run as it was begun: its own recipe and text.
    void resume(const QString& run);
    void askLabel(const QString& run);
    void askDelete(const QString& run);
    /// Where the run's own text is not known (a run of an older version), this one is read.
    void setText(const QString& text) { m_text = text; }

private:
    void offer();
    void refresh();

    Document& m_document;
    JobRunner& m_jobs;
    Tasks& m_tasks;
    RunsTable& m_table;
    MessageBanner& m_messages;
    QWidget* m_window;
    QAction* m_resume = nullptr;
    QString m_offered, m_text;
};

} // namespace halftone
