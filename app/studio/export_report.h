#pragma once

#include "app/studio/command_line.h"
#include "app/studio/tasks.h"

#include <QDialog>
#include <QObject>

namespace halftone {

class MessageBanner;

/// What is told of an export that ended well.
struct ExportNews {
    ExportRequest request;
    ExportResult result;
    QString command;   ///< that does it without a window
    std::vector<ServeCommand> serve = {};
};

/// A certificate as a person reads it, rich text: what was proved, what a runtime should know, files and their hashes.
QString certificateText(const ExportNews& news);

/// What an export wrote, proved and warns of; beside the window, not in its way.
class ExportReport : public QDialog {
    Q_OBJECT
public:
    ExportReport(const ExportNews& news, QWidget* parent);
};

/// Says in a banner that an export is done, and shows the report, the folder or the command to who asks.
class ExportBanner : public QObject {
    Q_OBJECT
public:
    ExportBanner(MessageBanner& messages, QWidget* window);
    void tell(const ExportNews& news);

private:
    MessageBanner& m_messages;
    QWidget* m_window;
    ExportNews m_news;
};

} // namespace halftone
