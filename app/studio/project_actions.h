#pragma once

#include "app/studio/document.h"

#include <QObject>

class QAction;
class QMenu;

namespace halftone {

class MessageBanner;

/// The project as a folder: shown in the file manager, and copied under another name.
class ProjectActions : public QObject {
    Q_OBJECT
public:
    ProjectActions(Document& document, JobRunner& jobs, MessageBanner& messages, QMenu& menu, QWidget* window);
    /// Copies the open project into `folder`, as a job; NAME becomes NAME.halftone.
    void copyTo(const QString& folder);

Q_SIGNALS:
    void openRequested(const QString& folder);   ///< the copy, instead of what is open

private:
    void chooseCopy();
    void refresh();

    Document& m_document;
    JobRunner& m_jobs;
    MessageBanner& m_messages;
    QWidget* m_window;
    QAction* m_show = nullptr;
    QAction* m_copy = nullptr;
    QString m_made;
};

} // namespace halftone
