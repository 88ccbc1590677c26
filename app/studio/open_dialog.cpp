#include "app/studio/open_dialog.h"

#include "widgets/palette.h"

#include <QAbstractFileIconProvider>
#include <QDir>
#include <QFileInfo>
#include <QGridLayout>
#include <QPushButton>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

/// A model of Hugging Face, or a project of ours: what stands for the whole folder.
bool opens(const QString& folder)
{
    return QFileInfo(folder + u"/config.json"_s).isFile() || QFileInfo(folder + u"/manifest.json"_s).isFile();
}

/// The program's own line icons.
class LineIcons final : public QAbstractFileIconProvider {
public:
    QIcon icon(IconType type) const override { return halftone::icon(type == File ? u"file"_s : type == Folder ? u"folder"_s : u"computer"_s); }
    QIcon icon(const QFileInfo& info) const override { return icon(info.isRoot() ? Computer : info.isDir() ? Folder : File); }
};

QAbstractFileIconProvider* lineIcons()
{
    static LineIcons icons;
    return &icons;
}

} // namespace

OpenDialog::OpenDialog(const QString& folder, QWidget* parent)
    : QFileDialog(parent, tr("Open a model or project"), folder, tr("Models and projects (*.gguf *.safetensors config.json manifest.json *.index.json);;All files (*)"))
{
    setObjectName(u"openDialog"_s);
    setAttribute(Qt::WA_DeleteOnClose);
    setOption(QFileDialog::DontUseNativeDialog);   // the desktop's own opens either files or folders
    setIconProvider(lineIcons());
    setFileMode(QFileDialog::ExistingFile);
    setLabelText(QFileDialog::FileName, tr("&Name:"));
    resize(820, 520);
    m_whole = new QPushButton(tr("Open this &folder"), this);
    if (auto* grid = qobject_cast<QGridLayout*>(layout()))
        grid->addWidget(m_whole, grid->rowCount(), 1, Qt::AlignLeft);   // the box of the others has room for two
    m_whole->setObjectName(u"openFolder"_s);
    m_whole->setAutoDefault(false);
    connect(m_whole, &QPushButton::clicked, this, [this] {
        Q_EMIT fileSelected(m_folder);
        close();
    });
    connect(this, &QFileDialog::currentChanged, this, &OpenDialog::look);
    connect(this, &QFileDialog::directoryEntered, this, &OpenDialog::look);
    look(directory().absolutePath());
}

/// The folder that is chosen, else the one that the dialog stands in.
void OpenDialog::look(const QString& path)
{
    const QString chosen = QFileInfo(path).isDir() ? QDir(path).absolutePath() : QString(), here = directory().absolutePath();
    m_folder = !chosen.isEmpty() && opens(chosen) ? chosen : opens(here) ? here : QString();
    const QString name = m_whole->fontMetrics().elidedText(QFileInfo(m_folder).fileName(), Qt::ElideMiddle, 200);
    m_whole->setText(m_folder.isEmpty() ? tr("Open this &folder") : tr("Open &folder %1").arg(name));
    m_whole->setEnabled(!m_folder.isEmpty());
    m_whole->setToolTip(m_folder.isEmpty() ? tr("Choose, or go into, a folder with a model (config.json) or a project (manifest.json).") : tr("Open %1 as a whole").arg(m_folder));
}

} // namespace halftone
