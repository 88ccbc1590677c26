#include "app/studio/text_field.h"

#include "app/studio/settings.h"
#include "app/studio/text.h"
#include "core/text/text_choice.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

bool mayHoldRows(const std::filesystem::path& path)
{
    const QFileInfo info(pathText(path));
    return QStringList{u"jsonl"_s, u"ndjson"_s, u"json"_s}.contains(info.suffix().toLower()) || info.isDir();
}

} // namespace

TextField::TextField(const QString& name, const QString& sample, QWidget* parent, Takes takes)
    : QWidget(parent)
    , m_takes(takes)
{
    setObjectName(name + u"Field"_s);
    m_edit = new QLineEdit(sample, this);
    m_edit->setObjectName(name);
    m_edit->setAccessibleName(tr("Text file"));
    m_edit->setMinimumWidth(320);
    m_edit->setPlaceholderText(takes == Takes::Several ? tr("text files, JSON lines or folders; several with ; between") : tr("a text file, JSON lines or a folder"));
    const bool alone = takes == Takes::Several;   // two fields in one dialog would share their keys
    auto* browse = new QPushButton(alone ? tr("&Browse…") : tr("Browse…"), this);
    browse->setObjectName(name + u"Browse"_s);
    browse->setAutoDefault(false);
    auto* folder = new QPushButton(alone ? tr("F&older…") : tr("Folder…"), this);
    folder->setObjectName(name + u"Folder"_s);
    folder->setAutoDefault(false);
    folder->setToolTip(tr("All *.txt, *.jsonl and *.ndjson of a folder"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(6);
    auto* line = new QHBoxLayout;
    line->setSpacing(8);
    layout->addLayout(line);
    line->addWidget(m_edit, 1);
    line->addWidget(browse);
    line->addWidget(folder);
    if (!sample.isEmpty()) {
        auto* use = new QPushButton(alone ? tr("Sam&ple") : tr("Sample"), this);
        use->setObjectName(name + u"Sample"_s);
        use->setAutoDefault(false);
        use->setToolTip(tr("The text that comes with Halftone: %1").arg(sample));
        line->addWidget(use);
        connect(use, &QPushButton::clicked, this, [this, sample] { setFile(sample); });
    }
    m_fieldRow = new QWidget(this);
    auto* fieldLine = new QHBoxLayout(m_fieldRow);
    fieldLine->setContentsMargins(0, 0, 0, 0);
    auto* label = new QLabel(tr("Field of a &JSON line"), m_fieldRow);
    m_field = new QLineEdit(m_fieldRow);
    m_field->setObjectName(name + u"Key"_s);
    m_field->setAccessibleName(tr("Field of a JSON line that holds the text"));
    m_field->setPlaceholderText(tr("text, else a chat under messages"));
    m_field->setToolTip(tr("A chat is written as lines \"role: content\": the model's chat template is not applied."));
    label->setBuddy(m_field);
    fieldLine->addWidget(label);
    fieldLine->addWidget(m_field, 1);
    layout->addWidget(m_fieldRow);
    setFocusProxy(m_edit);
    showField();
    connect(m_edit, &QLineEdit::textChanged, this, [this] {
        showField();
        Q_EMIT changed();
    });
    connect(m_field, &QLineEdit::textChanged, this, &TextField::changed);
    const auto choose = [this](QFileDialog::FileMode mode, const QString& title) {
        const std::vector<std::filesystem::path> paths = choice().paths;
        auto* dialog = new QFileDialog(this, title, Settings().folder(u"text"_s, paths.empty() ? QString() : QFileInfo(pathText(paths.front())).absolutePath()));
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->setFileMode(mode);
        if (mode == QFileDialog::Directory)
            dialog->setOption(QFileDialog::ShowDirsOnly);
        connect(dialog, &QFileDialog::filesSelected, this, [this](const QStringList& chosen) {
            if (chosen.isEmpty())
                return;
            Settings().setFolder(u"text"_s, chosen.front());
            m_edit->setText(chosen.join(u"; "_s));
        });
        dialog->open();
    };
    connect(browse, &QPushButton::clicked, this, [this, choose] { choose(m_takes == Takes::Several ? QFileDialog::ExistingFiles : QFileDialog::ExistingFile, tr("Choose texts")); });
    connect(folder, &QPushButton::clicked, this, [choose] { choose(QFileDialog::Directory, tr("Choose a folder of texts")); });
}

void TextField::showField()
{
    const std::vector<std::filesystem::path> paths = TextChoice::parse(m_edit->text().trimmed().toStdString()).paths;
    m_fieldRow->setVisible(m_takes == Takes::Several && std::any_of(paths.begin(), paths.end(), mayHoldRows));
}

TextChoice TextField::choice() const
{
    TextChoice texts = TextChoice::parse(m_edit->text().trimmed().toStdString());
    if (!m_fieldRow->isHidden() && texts.field.empty())
        texts.field = m_field->text().trimmed().toStdString();
    return texts;
}

QString TextField::file() const
{
    return toQString(choice().line());
}

void TextField::setFile(const QString& line)
{
    TextChoice texts = TextChoice::parse(line.toStdString());
    m_field->setText(toQString(texts.field));
    texts.field.clear();
    m_edit->setText(toQString(texts.line()));
}

QString TextField::problem() const
{
    const TextChoice texts = choice();
    if (texts.empty())
        return tr("Choose a text.");
    if (m_takes == Takes::One && texts.paths.size() > 1)
        return tr("Choose one text: a file or a folder.");
    for (const std::filesystem::path& path : texts.paths) {
        const QString name = pathText(path);
        const QFileInfo info(name);
        if (const QString why = unreachableText(info.absoluteFilePath()); !why.isEmpty())
            return why;
        if (!info.exists())
            return tr("There is no file %1.").arg(name);
        if (!info.isFile() && !info.isDir())
            return tr("%1 is neither a file nor a folder.").arg(name);
        if (!info.isReadable())
            return tr("%1 may not be read.").arg(name);
        if (info.isFile() && info.size() == 0)
            return tr("%1 is empty.").arg(name);
    }
    return {};
}

} // namespace halftone
