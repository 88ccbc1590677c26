#include "app/studio/run_desk.h"

#include "app/studio/error_text.h"
#include "app/studio/measured.h"
#include "app/studio/resources.h"
#include "app/studio/runs_table.h"
#include "app/studio/text.h"
#include "core/base/error_text.h"
#include "widgets/action_reason.h"
#include "widgets/colour_map.h"
#include "widgets/message_banner.h"
#include "widgets/palette.h"

#include <QAction>
#include <QDialog>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr auto kOffer = "interrupted";
constexpr int kLongestName = 60;

} // namespace

RunDesk::RunDesk(Document& document, JobRunner& jobs, Tasks& tasks, RunsTable& table, MessageBanner& messages, QWidget* window)
    : QObject(window)
    , m_document(document)
    , m_jobs(jobs)
    , m_tasks(tasks)
    , m_table(table)
    , m_messages(messages)
    , m_window(window)
{
    connect(&m_table, &RunsTable::resumeRequested, this, &RunDesk::resume);
    connect(&m_table, &RunsTable::labelRequested, this, &RunDesk::askLabel);
    connect(&m_table, &RunsTable::deleteRequested, this, &RunDesk::askDelete);
    connect(&m_messages, &MessageBanner::actionRequested, this, [this](const QString& id, int index) {
        if (id == QString::fromUtf8(kOffer))
            index == 0 ? resume(m_offered) : askDelete(m_offered);
    });
    connect(&m_document, &Document::opened, this, &RunDesk::offer, Qt::QueuedConnection);   // once the window has cleared the messages of the other model
    connect(&m_document, &Document::closed, this, &RunDesk::refresh);
    connect(&m_document, &Document::runsChanged, this, [this] {
        const RunInfo* offered = m_document.run(m_offered);
        if (!offered || offered->state == "done")
            m_messages.dismiss(QString::fromUtf8(kOffer));
        refresh();
    });
    connect(&m_document, &Document::runListChanged, this, &RunDesk::refresh);
    connect(&m_document, &Document::runEditFailed, this, [this](const JobError& error) { m_messages.showMessage(errorMessage(u"run"_s, error)); });
    connect(&m_tasks, &Tasks::quantizeRefused, this, [this](const JobError& error) { m_messages.showMessage(errorMessage(u"quantize"_s, error)); });
    connect(&m_jobs, &JobRunner::changed, this, &RunDesk::refresh);
}

void RunDesk::addActions(QMenu& menu)
{
    m_resume = menu.addAction(tr("Resume the &interrupted run"));
    m_resume->setObjectName(u"resumeRun"_s);
    m_resume->setIcon(icon(u"resume"_s));
    describeAction(*m_resume, tr("Go on with the newest run that was stopped before its end, from its last finished block"));
    connect(m_resume, &QAction::triggered, this, [this] {
        if (const RunInfo* run = m_document.unfinishedRun())
            resume(toQString(run->id));
    });
    refresh();
}

void RunDesk::refresh()
{
    if (!m_resume)
        return;
    const bool busy = m_jobs.isRunning(u"quantize"_s);
    setActionEnabled(*m_resume, m_document.isOpen() && !m_document.readOnly() && !busy && m_document.unfinishedRun(),
                     !m_document.isOpen()    ? tr("Open a model first.")
                     : m_document.readOnly() ? tr("The project is open read-only.")
                     : busy                  ? tr("A run is at work or waits already.")
                                             : tr("No run of this project was interrupted."));
}

void RunDesk::offer()
{
    refresh();
    const RunInfo* run = m_document.unfinishedRun();
    if (!run || m_document.readOnly() || m_jobs.isRunning(u"quantize"_s))
        return;
    m_offered = toQString(run->id);
    m_messages.showMessage({Message::Kind::Notice, QString::fromUtf8(kOffer),
                            tr("%1 was interrupted at block %2 of %3.").arg(runTitle(*run)).arg(run->blocksDone).arg(run->blocks),
                            tr("Resume goes on from there, with its own recipe and text; Drop deletes what it has so far."), tr("&Resume"), {}, {tr("&Drop…")}});
}

void RunDesk::resume(const QString& id)
{
    const RunInfo* run = m_document.run(id);
    if (!run || run->state == "done" || m_jobs.isRunning(u"quantize"_s))
        return;
    QuantizeRequest request;
    request.text = run->inputs.text.empty() ? (m_text.isEmpty() ? resourceFile(u"text/sample.txt"_s) : m_text) : toQString(run->inputs.text);
    request.refuseOther = true;
    try {
        request.recipe = Recipe::parse(run->recipeJson, run->id);
    } catch (const Error& e) {
        m_messages.showMessage(errorMessage(u"quantize"_s, {e.kind(), toQString(withoutPlace(e)), toQString(e.subject()), {}}));
        return;
    }
    for (const QString& message : {QString::fromUtf8(kOffer), u"quantize"_s})
        m_messages.dismiss(message);
    m_tasks.quantize(request);
}

void RunDesk::askLabel(const QString& id)
{
    const RunInfo* run = m_document.run(id);
    if (!run)
        return;
    auto* dialog = new QDialog(m_window);
    dialog->setObjectName(u"runLabelDialog"_s);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("Name and note of %1").arg(id));
    auto* layout = new QVBoxLayout(dialog);
    layout->setContentsMargins(20, 16, 20, 16);
    layout->setSpacing(12);
    auto* form = new QFormLayout;
    form->setHorizontalSpacing(16);
    form->setVerticalSpacing(8);
    auto* name = new QLineEdit(toQString(run->name), dialog);
    name->setObjectName(u"runName"_s);
    name->setMaxLength(kLongestName);
    name->setMinimumWidth(360);
    name->setPlaceholderText(tr("shown beside %1 wherever the run is named").arg(id));
    name->selectAll();
    auto* note = new QPlainTextEdit(toQString(run->note), dialog);
    note->setObjectName(u"runNote"_s);
    note->setAccessibleName(tr("Note"));
    note->setTabChangesFocus(true);
    note->setFixedHeight(note->fontMetrics().lineSpacing() * 6 + 12);
    form->addRow(tr("&Name"), name);
    form->addRow(tr("N&ote"), note);
    layout->addLayout(form);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, dialog);
    buttons->button(QDialogButtonBox::Ok)->setDefault(true);
    layout->addWidget(buttons);
    connect(buttons, &QDialogButtonBox::accepted, dialog, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
    connect(dialog, &QDialog::accepted, this, [this, id, name, note] { m_document.labelRun(id, name->text().simplified(), note->toPlainText().trimmed()); });
    dialog->open();
}

void RunDesk::askDelete(const QString& id)
{
    const RunInfo* run = m_document.run(id);
    if (!run)
        return;
    const auto measured = std::count_if(m_document.evaluations().begin(), m_document.evaluations().end(),
                                        [&](const EvaluationRecord& record) { return record.target == EvaluationRecord::Target::Run && record.run == id; });
    QString what = tr("%1 of %2 blocks, %3 on disk.").arg(run->blocksDone).arg(run->blocks).arg(formatBytes(m_document.runFacts(id).bytes));
    if (measured > 0)
        what += u' ' + (measured == 1 ? tr("The evaluation of it goes too.") : tr("The %1 evaluations of it go too.").arg(measured));
    auto* box = new QMessageBox(QMessageBox::Warning, tr("Delete a run"), tr("Delete %1?").arg(runTitle(*run)), QMessageBox::NoButton, m_window);
    box->setObjectName(u"deleteRunBox"_s);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setTextFormat(Qt::PlainText);
    box->setInformativeText(what + u' ' + tr("This cannot be taken back."));
    QPushButton* yes = box->addButton(tr("&Delete"), QMessageBox::AcceptRole);
    yes->setObjectName(u"deleteRun"_s);
    box->setDefaultButton(box->addButton(tr("&Keep it"), QMessageBox::RejectRole));
    connect(yes, &QPushButton::clicked, this, [this, id] {
        m_messages.dismiss(u"run"_s);
        m_document.removeRun(id);
    });
    box->open();
}

} // namespace halftone
