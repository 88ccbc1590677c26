#include "app/studio/text_field.h"

#include "app/studio/settings.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>

namespace halftone {

using namespace Qt::StringLiterals;

TextField::TextField(const QString& name, const QString& sample, QWidget* parent)
    : QWidget(parent)
{
    setObjectName(name + u"Field"_s);
    m_edit = new QLineEdit(sample, this);
    m_edit->setObjectName(name);
    m_edit->setAccessibleName(tr("Text file"));
    m_edit->setMinimumWidth(320);
    m_edit->setPlaceholderText(tr("a plain text file, UTF-8"));
    auto* browse = new QPushButton(tr("&Browse…"), this);
    browse->setObjectName(name + u"Browse"_s);
    browse->setAutoDefault(false);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(8);
    layout->addWidget(m_edit, 1);
    layout->addWidget(browse);
    if (!sample.isEmpty()) {
        auto* use = new QPushButton(tr("&Sample"), this);
        use->setObjectName(name + u"Sample"_s);
        use->setAutoDefault(false);
        use->setToolTip(tr("The text that comes with Halftone: %1").arg(sample));
        layout->addWidget(use);
        connect(use, &QPushButton::clicked, this, [this, sample] { setFile(sample); });
    }
    setFocusProxy(m_edit);
    connect(m_edit, &QLineEdit::textChanged, this, &TextField::changed);
    connect(browse, &QPushButton::clicked, this, [this] {
        Settings settings;
        auto* dialog = new QFileDialog(this, tr("Choose a text"), settings.folder(u"text"_s, QFileInfo(file()).absolutePath()));
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->setFileMode(QFileDialog::ExistingFile);
        connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& chosen) {
            Settings().setFolder(u"text"_s, chosen);
            setFile(chosen);
        });
        dialog->open();
    });
}

QString TextField::file() const
{
    return m_edit->text().trimmed();
}

void TextField::setFile(const QString& file)
{
    m_edit->setText(file);
}

QString TextField::problem() const
{
    if (file().isEmpty())
        return tr("Choose a text.");
    const QFileInfo info(file());
    if (!info.exists())
        return tr("There is no file %1.").arg(file());
    if (!info.isFile())
        return tr("%1 is not a file.").arg(file());
    if (!info.isReadable())
        return tr("%1 may not be read.").arg(file());
    if (info.size() == 0)
        return tr("%1 is empty.").arg(file());
    return {};
}

} // namespace halftone
