#include "app/studio/help_window.h"

#include "app/studio/resources.h"
#include "widgets/palette.h"

#include <QDesktopServices>
#include <QDir>
#include <QEvent>
#include <QFile>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QListWidget>
#include <QRegularExpression>
#include <QScrollBar>
#include <QShortcut>
#include <QSplitter>
#include <QTextBrowser>
#include <QTextStream>
#include <QUrl>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr auto kIndex = "index";

/// The page's first heading, else its file name.
QString pageTitle(const QString& file)
{
    QFile page(file);
    if (page.open(QIODevice::ReadOnly | QIODevice::Text)) {
        QTextStream lines(&page);
        for (QString line; lines.readLineInto(&line);)
            if (line.startsWith(u"# "_s))
                return line.mid(2).trimmed();
    }
    return QFileInfo(file).completeBaseName();
}

} // namespace

HelpWindow::HelpWindow(QWidget* parent)
    : QWidget(parent, Qt::Window)
{
    setObjectName(u"help"_s);
    setWindowTitle(tr("Halftone guide"));
    resize(920, 680);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    auto* splitter = new QSplitter(this);
    m_list = new QListWidget(splitter);
    m_list->setObjectName(u"helpPages"_s);
    m_list->setAccessibleName(tr("Pages"));
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setSpacing(3);
    m_text = new QTextBrowser(splitter);
    m_text->setObjectName(u"helpText"_s);
    m_text->setAccessibleName(tr("Page"));
    m_text->setOpenLinks(false);
    m_text->setFrameShape(QFrame::NoFrame);
    m_text->document()->setDocumentMargin(20);
    splitter->setStretchFactor(1, 1);
    splitter->setSizes({240, 680});
    layout->addWidget(splitter);

    const QString index = resourceFile(u"help/index.md"_s);
    if (!index.isEmpty()) {
        QDir folder = QFileInfo(index).dir();
        // In the order in which the first page names them; the rest by name.
        QStringList pages{u"index.md"_s};
        if (QFile first(index); first.open(QIODevice::ReadOnly | QIODevice::Text)) {
            static const QRegularExpression link(u"\\]\\(([a-z-]+\\.md)\\)"_s);
            auto found = link.globalMatch(QString::fromUtf8(first.readAll()));
            while (found.hasNext())
                pages.append(found.next().captured(1));
        }
        pages.append(folder.entryList({u"*.md"_s}, QDir::Files, QDir::Name));
        pages.removeDuplicates();
        for (const QString& page : pages) {
            auto* item = new QListWidgetItem(pageTitle(folder.filePath(page)), m_list);
            item->setData(Qt::UserRole, QFileInfo(page).completeBaseName());
        }
    }
    connect(m_list, &QListWidget::currentItemChanged, this, [this](QListWidgetItem* item) {
        if (item)
            load(item->data(Qt::UserRole).toString());
    });
    connect(m_text, &QTextBrowser::anchorClicked, this, [this](const QUrl& link) {
        if (link.isRelative() && link.path().endsWith(u".md"_s))
            showPage(QFileInfo(link.path()).completeBaseName());
        else if (link.isRelative())
            m_text->scrollToAnchor(link.fragment());
        else if (link.scheme() == u"https"_s)
            QDesktopServices::openUrl(link);
    });
    connect(new QShortcut(QKeySequence::Close, this), &QShortcut::activated, this, &QWidget::close);
    connect(new QShortcut(Qt::Key_Escape, this), &QShortcut::activated, this, &QWidget::close);
}

void HelpWindow::showPage(const QString& id)
{
    for (const QString& wanted : {id, QString::fromUtf8(kIndex)}) {
        for (int row = 0; row < m_list->count(); ++row) {
            if (m_list->item(row)->data(Qt::UserRole).toString() == wanted) {
                m_list->setCurrentRow(row);
                return;
            }
        }
    }
    m_text->setPlainText(tr("The guide is not installed: its pages belong in share/halftone/help beside the program."));
}

void HelpWindow::load(const QString& id)
{
    QFile page(resourceFile(u"help/"_s + id + u".md"_s));
    if (!page.open(QIODevice::ReadOnly | QIODevice::Text)) {
        m_text->setPlainText(tr("The page %1 cannot be read.").arg(id));
        return;
    }
    m_page = id;
    m_text->document()->setBaseUrl(QUrl::fromLocalFile(QFileInfo(page).absolutePath() + u'/'));
    QString text = QString::fromUtf8(page.readAll());
    if (colours().window.lightness() < 128)
        text.replace(u"-light.png)"_s, u"-dark.png)"_s);   // each picture is there in both
    m_text->setMarkdown(text);
    m_text->verticalScrollBar()->setValue(0);
}

void HelpWindow::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && !m_page.isEmpty())
        load(m_page);   // Markdown takes its link colour when it is set
}

} // namespace halftone
