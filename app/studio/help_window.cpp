#include "app/studio/help_window.h"

#include "app/studio/resources.h"
#include "widgets/palette.h"

#include <QDesktopServices>
#include <QDir>
#include <QEvent>
#include <QFile>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QRegularExpression>
#include <QScrollBar>
#include <QShortcut>
#include <QSplitter>
#include <QTextBlock>
#include <QTextBrowser>
#include <QTextDocument>
#include <QTextStream>
#include <QToolButton>
#include <QUrl>
#include <QVBoxLayout>

#include <algorithm>
#include <array>

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

/// Code within a sentence looks like code, each piece of it.
void styleCode(QTextDocument& document)
{
    for (QTextBlock block = document.begin(); block.isValid(); block = block.next())
        for (auto at = block.begin(); !at.atEnd(); ++at) {
            const QTextFragment fragment = at.fragment();
            if (!fragment.charFormat().fontFixedPitch())
                continue;
            QTextCursor cursor(&document);
            cursor.setPosition(fragment.position());
            cursor.setPosition(fragment.position() + fragment.length(), QTextCursor::KeepAnchor);
            QTextCharFormat format;
            format.setBackground(colours().field);
            cursor.mergeCharFormat(format);
        }
}

} // namespace

HelpWindow::HelpWindow(QWidget* parent)
    : QWidget(parent, Qt::Window)
{
    setObjectName(u"help"_s);
    setWindowTitle(tr("Halftone guide"));
    resize(920, 680);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(8, 6, 8, 6);
    bar->setSpacing(4);
    const auto way = [&](const QString& name, const QString& words, const QString& picture, QKeySequence::StandardKey keys, auto slot) {
        auto* button = new QToolButton(this);
        button->setObjectName(name);
        button->setAccessibleName(words);
        button->setToolTip(u"%1 (%2)"_s.arg(words, QKeySequence(keys).toString(QKeySequence::NativeText)));
        button->setIcon(icon(picture));
        connect(button, &QToolButton::clicked, this, slot);
        connect(new QShortcut(keys, this), &QShortcut::activated, this, slot);
        bar->addWidget(button);
        return button;
    };
    m_back = way(u"helpBack"_s, tr("Back"), u"back"_s, QKeySequence::Back, &HelpWindow::goBack);
    m_forward = way(u"helpForward"_s, tr("Forward"), u"forward"_s, QKeySequence::Forward, &HelpWindow::goForward);
    m_search = new QLineEdit(this);
    m_search->setObjectName(u"helpSearch"_s);
    m_search->setAccessibleName(tr("Search the guide"));
    m_search->setPlaceholderText(tr("search all pages (%1)").arg(QKeySequence(QKeySequence::Find).toString(QKeySequence::NativeText)));
    m_search->setClearButtonEnabled(true);
    m_search->setMaximumWidth(360);
    bar->addSpacing(4);
    bar->addWidget(m_search, 1);
    m_found = new QLabel(this);
    m_found->setObjectName(u"helpFound"_s);
    m_found->setForegroundRole(QPalette::PlaceholderText);
    bar->addSpacing(4);
    bar->addWidget(m_found);
    bar->addStretch(1);
    layout->addLayout(bar);
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
    layout->addWidget(splitter, 1);
    const std::array<QWidget*, 5> order{m_back, m_forward, m_search, m_list, m_text};
    for (std::size_t i = 1; i < order.size(); ++i)
        setTabOrder(order[i - 1], order[i]);

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
            visit(item->data(Qt::UserRole).toString());
    });
    connect(m_search, &QLineEdit::textChanged, this, &HelpWindow::search);
    connect(m_search, &QLineEdit::returnPressed, this, [this] {   // the next place on the page, and from its end the first again
        if (m_search->text().trimmed().isEmpty())
            return;
        const QString word = m_search->text().simplified().section(u' ', 0, 0);
        if (!m_text->find(word)) {
            m_text->moveCursor(QTextCursor::Start);
            m_text->find(word);
        }
    });
    connect(new QShortcut(QKeySequence::Find, this), &QShortcut::activated, this, [this] {
        m_search->setFocus();
        m_search->selectAll();
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

void HelpWindow::visit(const QString& id)
{
    if (m_visited.value(m_at) != id) {
        m_visited = m_visited.mid(0, m_at + 1);
        m_visited.append(id);
        m_at = m_visited.size() - 1;
    }
    load(id);
    updateWays();
}

void HelpWindow::goBack()
{
    if (m_at > 0)
        showPage(m_visited[--m_at]);
    updateWays();
}

void HelpWindow::goForward()
{
    if (m_at + 1 < m_visited.size())
        showPage(m_visited[++m_at]);
    updateWays();
}

void HelpWindow::updateWays()
{
    m_back->setEnabled(m_at > 0);
    m_forward->setEnabled(m_at + 1 < m_visited.size());
}

/// The list keeps the pages that have all of the words; the first of them is shown.
void HelpWindow::search(const QString& text)
{
    const QStringList words = text.simplified().split(u' ', Qt::SkipEmptyParts);
    if (m_texts.isEmpty())
        for (int row = 0; row < m_list->count(); ++row) {
            const QString id = m_list->item(row)->data(Qt::UserRole).toString();
            if (QFile page(resourceFile(u"help/"_s + id + u".md"_s)); page.open(QIODevice::ReadOnly | QIODevice::Text))
                m_texts.insert(id, QString::fromUtf8(page.readAll()));
        }
    int found = 0, first = -1;
    for (int row = 0; row < m_list->count(); ++row) {
        const QString page = m_texts.value(m_list->item(row)->data(Qt::UserRole).toString());
        const bool has = std::all_of(words.begin(), words.end(), [&](const QString& word) { return page.contains(word, Qt::CaseInsensitive); });
        m_list->item(row)->setHidden(!has);
        found += has ? 1 : 0;
        first = has && (first < 0 || (!m_list->item(first)->text().contains(text.simplified(), Qt::CaseInsensitive) && m_list->item(row)->text().contains(text.simplified(), Qt::CaseInsensitive))) ? row : first;
    }
    m_found->setText(words.isEmpty() ? QString() : found == 0 ? tr("Nothing found") : tr("%n page(s)", nullptr, found));
    if (!words.isEmpty() && first >= 0 && (!m_list->currentItem() || m_list->currentItem()->isHidden() || first != m_list->currentRow()))
        m_list->setCurrentRow(first);
    markFound();
}

/// The words that were searched, on the page that is shown.
void HelpWindow::markFound()
{
    QList<QTextEdit::ExtraSelection> marks;
    for (const QString& word : m_search->text().simplified().split(u' ', Qt::SkipEmptyParts)) {
        QTextCursor at(m_text->document());
        while (!(at = m_text->document()->find(word, at)).isNull() && marks.size() < 500) {
            QTextEdit::ExtraSelection mark;
            mark.cursor = at;
            mark.format.setBackground(colours().warningGround);
            mark.format.setForeground(colours().text);
            marks.append(mark);
        }
    }
    m_text->setExtraSelections(marks);
    if (!marks.isEmpty()) {
        QTextCursor first = marks.front().cursor;
        first.clearSelection();
        m_text->setTextCursor(first);
        m_text->ensureCursorVisible();
    }
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
    styleCode(*m_text->document());
    m_text->verticalScrollBar()->setValue(0);
    markFound();
}

void HelpWindow::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && !m_page.isEmpty())
        load(m_page);   // Markdown takes its link colour when it is set
}

} // namespace halftone
