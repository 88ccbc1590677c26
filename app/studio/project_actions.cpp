#include "app/studio/project_actions.h"

#include "app/studio/error_text.h"
#include "app/studio/settings.h"
#include "app/studio/text.h"
#include "core/project/run_edit.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"
#include "widgets/message_banner.h"
#include "widgets/palette.h"

#include <QAction>
#include <QDesktopServices>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QMenu>
#include <QUrl>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {
constexpr auto kCopied = "copied";
}

ProjectActions::ProjectActions(Document& document, JobRunner& jobs, MessageBanner& messages, QMenu& menu, QWidget* window)
    : QObject(window)
    , m_document(document)
    , m_jobs(jobs)
    , m_messages(messages)
    , m_window(window)
{
    m_show = menu.addAction(icon(u"folder"_s), tr("Show the project in the file mana&ger"));
    m_show->setObjectName(u"showProject"_s);
    describeAction(*m_show, tr("The folder with recipe, statistics and runs of this model"));
    connect(m_show, &QAction::triggered, this, [this] { QDesktopServices::openUrl(QUrl::fromLocalFile(pathText(m_document.project()->folder()))); });
    m_copy = menu.addAction(tr("Save a cop&y of the project as…"));
    m_copy->setObjectName(u"copyProject"_s);
    describeAction(*m_copy, tr("With all of its runs, under another name; this one stays open"));
    connect(m_copy, &QAction::triggered, this, &ProjectActions::chooseCopy);
    connect(&m_document, &Document::opened, this, &ProjectActions::refresh);
    connect(&m_document, &Document::closed, this, &ProjectActions::refresh);
    connect(&m_messages, &MessageBanner::actionRequested, this, [this](const QString& id, int index) {
        if (id != QString::fromUtf8(kCopied))
            return;
        if (index > 0) {
            QDesktopServices::openUrl(QUrl::fromLocalFile(m_made));
            return;
        }
        m_messages.dismiss(id);
        Q_EMIT openRequested(m_made);
    });
    refresh();
}

void ProjectActions::refresh()
{
    for (QAction* action : {m_show, m_copy})
        setActionEnabled(*action, m_document.isOpen(), tr("Open a model first."));
}

void ProjectActions::chooseCopy()
{
    const Settings settings;
    auto* dialog = new QFileDialog(m_window, tr("Save a copy of the project"), settings.folder(u"project"_s, QDir::homePath()));
    dialog->setObjectName(u"copyProjectDialog"_s);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setOption(QFileDialog::DontConfirmOverwrite);   // nothing is ever overwritten: the copy says so
    dialog->selectFile(tr("%1 copy.halftone").arg(m_document.name()));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& folder) {
        Settings().setFolder(u"project"_s, QFileInfo(folder).absolutePath());
        copyTo(folder);
    });
    dialog->open();
}

void ProjectActions::copyTo(const QString& folder)
{
    if (!m_document.isOpen())
        return;
    const QString target = folder.endsWith(u".halftone"_s) ? folder : folder + u".halftone"_s;
    m_document.save();
    // In line with the jobs that compute: it may take minutes, and the file thread must stay free for the edits of the recipe.
    JobSpec spec{u"copy-project"_s, tr("Copy the project of %1 · %2").arg(m_document.name(), QFileInfo(target).fileName()), JobSpec::Lane::Compute, true, {}, {}, false};
    spec.failed = [this](const JobError& error) { m_messages.showMessage(errorMessage(u"copy-project"_s, error)); };
    m_messages.dismiss(u"copy-project"_s);
    m_jobs.submit(
        spec,
        [project = m_document.project(), path = toPath(target)](Progress& progress, const std::stop_token& stop) {
            copyProject(*project, path, progress, stop);
            return projectBytes(*Project::openExisting(path, true));
        },
        [this, target](std::uint64_t bytes) {
            m_made = target;
            m_messages.showMessage({Message::Kind::Notice, QString::fromUtf8(kCopied), tr("The project is copied to %1: %2, every file compared.").arg(target, formatBytes(bytes)), {},
                                    tr("&Open the copy"), {}, {tr("Show in the file mana&ger")}});
        });
}

} // namespace halftone
