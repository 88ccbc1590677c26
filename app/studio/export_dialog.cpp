#include "app/studio/export_dialog.h"

#include "app/studio/command_line.h"
#include "app/studio/settings.h"
#include "app/studio/measured.h"
#include "app/studio/text.h"
#include "core/base/error.h"
#include "widgets/colour_map.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDir>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QTextDocument>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

ExportDialog::ExportDialog(const Document& document, const QString& folder, QWidget* parent)
    : JobDialog(u"exportDialog"_s, tr("Export"),
                tr("Writes a finished run as a checkpoint that stock runtimes load, reads it again with an independent decoder, and compares "
                   "it bit by bit."),
                tr("&Export"), parent)
    , m_document(document)
    , m_formats(exportFormats())
{
    m_runs = new QComboBox(this);
    m_runs->setObjectName(u"runs"_s);
    for (auto run = document.runs().rbegin(); run != document.runs().rend(); ++run)
        if (run->state == "done")
            m_runs->addItem(tr("%1 · %2 bits a weight").arg(runTitle(*run)).arg(run->bitsPerWeight, 0, 'f', 2), toQString(run->id));
    m_format = new QComboBox(this);
    m_format->setObjectName(u"format"_s);
    for (const FormatInfo& format : m_formats)
        m_format->addItem(toQString(format.name), toQString(format.id));
    m_dtype = new QComboBox(this);
    m_dtype->setObjectName(u"dtype"_s);
    m_dtype->addItem(exportDTypeName(document.model().config) == "f16" ? tr("f16, as the model is stored") : tr("bf16, as runtimes serve it"), u"auto"_s);
    m_dtype->addItem(tr("bf16"), u"bf16"_s);
    m_dtype->addItem(tr("f16"), u"f16"_s);
    m_dtype->addItem(tr("f32"), u"f32"_s);
    m_dtype->setToolTip(tr("Of what is not quantized (embedding, norms, head), and of dense weights."));
    m_out = new QLineEdit(QDir(folder).filePath(document.name() + u"-quantized"_s), this);
    m_out->setObjectName(u"out"_s);
    m_out->setMinimumWidth(360);
    auto* browse = new QPushButton(tr("&Browse…"), this);
    browse->setObjectName(u"browse"_s);
    browse->setAutoDefault(false);
    auto* place = new QWidget(this);
    auto* line = new QHBoxLayout(place);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(8);
    line->addWidget(m_out, 1);
    line->addWidget(browse);
    m_overwrite = new QCheckBox(tr("replace the earlier export &there"), this);
    m_overwrite->setObjectName(u"overwrite"_s);
    m_summary = new QLabel(this);
    m_summary->setObjectName(u"formatSummary"_s);
    m_summary->setTextFormat(Qt::PlainText);
    m_summary->setWordWrap(true);
    m_summary->setToolTip(tr("The runtimes that read this format. The header's \"Loads in\" is another thing: the runtime that the recipe was kept to while it was edited, if one was chosen."));
    m_summary->setMaximumWidth(480);
    form()->addRow(tr("&Run"), m_runs);
    form()->addRow(tr("F&ormat"), m_format);
    form()->addRow(QString(), m_summary);
    form()->addRow(tr("&Unquantized weights"), m_dtype);
    form()->addRow(tr("&Folder"), place);
    form()->addRow(QString(), m_overwrite);
    m_issues = new QPlainTextEdit(this);
    m_issues->setObjectName(u"issues"_s);
    m_issues->setAccessibleName(tr("What a runtime would refuse or ignore"));
    m_issues->setReadOnly(true);
    const auto fit = [this] {   // as high as its lines, in bounds
        const int lines = static_cast<int>(m_issues->document()->size().height());
        m_issues->setFixedHeight(std::clamp(lines * m_issues->fontMetrics().lineSpacing() + 16, 48, 220));
    };
    connect(m_issues->document(), &QTextDocument::contentsChanged, this, [this, fit] {
        fit();
        QMetaObject::invokeMethod(this, &ExportDialog::fit, Qt::QueuedConnection);   // once the note below says its sentence too
    });
    m_issues->setTabChangesFocus(true);
    body()->addWidget(m_issues);

    connect(browse, &QPushButton::clicked, this, [this] {
        auto* dialog = new QFileDialog(this, tr("Export into"), QFileInfo(m_out->text()).absolutePath());
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->setFileMode(QFileDialog::Directory);
        dialog->setOption(QFileDialog::ShowDirsOnly);
        connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& chosen) {
            Settings().setFolder(u"export"_s, chosen);
            m_out->setText(QDir(chosen).filePath(m_document.name() + u"-quantized"_s));
        });
        dialog->open();
    });
    connect(m_runs, &QComboBox::currentIndexChanged, this, &ExportDialog::choose);
    connect(m_format, &QComboBox::currentIndexChanged, this, &ExportDialog::choose);
    connect(m_dtype, &QComboBox::currentIndexChanged, this, &ExportDialog::choose);
    connect(m_out, &QLineEdit::textChanged, this, &ExportDialog::refresh);
    connect(m_overwrite, &QCheckBox::toggled, this, &ExportDialog::refresh);
    offerCommand([this] { return exportCommand(*m_document.project(), request()); });
    QMetaObject::invokeMethod(this, &ExportDialog::choose, Qt::QueuedConnection);   // once the window listens to checkRequested
    refresh();
}

/// To the height that all of its texts need; less only where no person has made it higher.
void ExportDialog::fit()
{
    layout()->activate();
    const int wanted = wantedHeight();
    if (wanted <= height() && m_fitted != 0 && height() != m_fitted)
        return;
    resize(width(), wanted);
    m_fitted = height();
}

ExportRequest ExportDialog::request() const
{
    return {m_runs->currentData().toString(), m_format->currentData().toString(), QDir::cleanPath(m_out->text().trimmed()),
            m_dtype->currentData().toString(), m_overwrite->isChecked()};
}

/// What the run's export in this format and type comes to, "about 70 MB"; empty where that is not known.
QString ExportDialog::sizeText() const
{
    const RunInfo* run = m_document.run(request().run);
    const auto format = std::find_if(m_formats.begin(), m_formats.end(), [this](const FormatInfo& one) { return toQString(one.id) == request().format; });
    if (!run || format == m_formats.end())
        return {};
    try {
        const SizeEstimate size = estimateSize(plansOfRun(Recipe::parse(run->recipeJson, run->id), m_document.model()), m_document.model(), request().dtype.toStdString());
        return tr("Size: about %1").arg(formatBytes(format->packed ? size.bytes : size.denseBytes));
    } catch (const Error&) {   // a recipe of another version: the check says so
        return {};
    }
}

void ExportDialog::choose()
{
    m_checked = m_fatal = false;
    m_checkError.clear();
    m_issues->setPlainText(tr("Checking what the format can hold…"));
    for (const FormatInfo& format : m_formats) {
        if (toQString(format.id) != m_format->currentData().toString())
            continue;
        QStringList runtimes;
        for (const std::string& runtime : format.runtimes)
            runtimes.append(toQString(contractName(runtime)));
        const QString size = sizeText();
        m_summary->setText(toQString(format.summary) + (runtimes.isEmpty() ? QString() : u'\n' + tr("This format loads in: %1").arg(runtimes.join(u", "_s)))
                           + (size.isEmpty() ? QString() : u'\n' + size));
    }
    refresh();
    if (!request().run.isEmpty())
        Q_EMIT checkRequested(request());
}

void ExportDialog::setIssues(const QString& run, const QString& format, const std::vector<ContractIssue>& issues, const QString& error)
{
    if (run != request().run || format != request().format)
        return;
    m_checked = true;
    m_checkError = error;
    m_fatal = false;
    // One line a reason, those that refuse first; a model may have hundreds of linears of one.
    struct Reason {
        const ContractIssue* first;
        int linears;
    };
    std::vector<Reason> reasons;
    for (const ContractIssue& issue : issues) {
        m_fatal = m_fatal || issue.fatal;
        const auto known = std::find_if(reasons.begin(), reasons.end(), [&](const Reason& r) { return r.first->reason == issue.reason && r.first->fatal == issue.fatal; });
        if (known == reasons.end())
            reasons.push_back({&issue, 1});
        else
            ++known->linears;
    }
    std::stable_sort(reasons.begin(), reasons.end(), [](const Reason& a, const Reason& b) { return a.first->fatal && !b.first->fatal; });
    QStringList lines;
    for (const Reason& reason : reasons) {
        const ContractIssue& issue = *reason.first;
        const QString others = reason.linears < 2 ? QString() : reason.linears == 2 ? tr(" and 1 more") : tr(" and %1 more").arg(reason.linears - 1);
        const QString subject = issue.linear.empty() ? QString() : toQString(issue.linear) + others + u": "_s;
        lines.append((issue.fatal ? tr("✕ ") : tr("! ")) + subject + toQString(issue.reason));
    }
    if (!error.isEmpty())
        lines.append(error);
    m_issues->setPlainText(lines.isEmpty() ? tr("✓ Everything in this run can be written, and nothing would be ignored.") : lines.join(u'\n'));
    refresh();
}

void ExportDialog::refresh()
{
    QString problem;
    const ExportRequest wanted = request();
    const QFileInfo target(wanted.out);
    if (wanted.run.isEmpty())
        problem = tr("No run is finished yet: quantize first.");
    else if (m_out->text().trimmed().isEmpty())
        problem = tr("Choose a folder.");
    else if (const QString why = unreachableText(target.absoluteFilePath()); !why.isEmpty())
        problem = why;
    else if (target.exists() && !target.isDir())
        problem = tr("%1 is a file.").arg(wanted.out);
    else if (target.exists() && !QDir(wanted.out).isEmpty() && !wanted.overwrite)
        problem = tr("%1 is not empty; choose another folder, or allow to replace it.").arg(wanted.out);
    else if (target.exists() && !QDir(wanted.out).isEmpty() && !QFileInfo::exists(wanted.out + u"/halftone-certificate.json"_s))
        problem = tr("%1 is no earlier export of Halftone's, so it is not replaced; choose another folder.").arg(wanted.out);
    else if (m_fatal)
        problem = tr("This format cannot hold this run: see the lines marked ✕. Change those linears, or export another format.");
    else if (!m_checkError.isEmpty())
        problem = tr("The export cannot be checked: %1").arg(m_checkError);
    setNote(m_checked ? tr("The folder appears whole or not at all.") : tr("Checking…"), problem);
    startButton()->setEnabled(problem.isEmpty() && m_checked);
}

void ExportDialog::chooseRun(const QString& run)
{
    if (const int row = m_runs->findData(run); row >= 0 && !run.isEmpty())
        m_runs->setCurrentIndex(row);
}

} // namespace halftone
