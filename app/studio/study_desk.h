#pragma once

#include "app/studio/document.h"
#include "app/studio/job_runner.h"
#include "app/studio/study_panel.h"
#include "app/studio/tasks.h"
#include "core/recipe/study.h"

#include <QObject>

namespace halftone {

/// Studies of the open document: reads them, asks for new ones, runs them as jobs, and keeps the panel up to date.
class StudyDesk : public QObject {
    Q_OBJECT
public:
    StudyDesk(Document& document, JobRunner& jobs, Tasks& tasks, StudyPanel& panel, QObject* parent = nullptr);

    /// Opens the dialog over `parent`, on that preset (empty: the one asked for last).
    void ask(QWidget* parent, const QString& preset = {});
    /// Queues it: into the project, going on with one of the same members.
    void run(const Study& study);
    /// Queues a preset with the texts and windows of the last study, or those that come along. @return false when it must be asked for (no text at hand).
    bool runPreset(const QString& preset);

Q_SIGNALS:
    void begun();                                                        ///< a study is queued
    void finished(const QString& name);

private:
    void reload();                                                       ///< the list, and the study shown (the newest at first)
    void show(const QString& id);
    void resumeShown();
    Study withTexts(Study study) const;

    Document& m_document;
    JobRunner& m_jobs;
    Tasks& m_tasks;
    StudyPanel& m_panel;
    Study m_last;
    QString m_lastPreset;
    int m_generation = 0;                                                ///< grows with each document, so that late answers are recognised
};

} // namespace halftone
