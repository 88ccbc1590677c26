#include "app/studio/command_palette.h"

#include "app/studio/fuzzy.h"
#include "widgets/action_reason.h"
#include "widgets/palette.h"
#include "widgets/plain_labels.h"

#include <QAction>
#include <QApplication>
#include <QDockWidget>
#include <QHash>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QMenuBar>
#include <QPainter>
#include <QStackedWidget>
#include <QStyledItemDelegate>
#include <QTextLayout>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kWidth = 640, kRow = 40, kRowsShown = 9;

/// Without mnemonics, and what a menu says at its right edge.
QString plain(QString text)
{
    text = text.section(u'\t', 0, 0);
    text.replace(u"&&"_s, u"\u0001"_s).remove(u'&').replace(u'\u0001', u'&');
    if (text.endsWith(u'…'))
        text.chop(1);
    return text;
}

/// Name in one line with the matched letters in bold, what it does or why it is off below, the shortcut at the right.
class CommandDelegate final : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override { return {kWidth, kRow}; }

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override
    {
        const Colours& c = colours();
        painter->save();
        if (option.state.testFlag(QStyle::State_Selected))
            painter->fillRect(option.rect, c.selection);
        const QRect area = option.rect.adjusted(12, 4, -12, -4);
        const QString shortcut = index.data(CommandModel::ShortcutRole).toString(), reason = index.data(CommandModel::ReasonRole).toString();
        const QFont small = tabularFont(option.font, false, 1);
        const int keys = shortcut.isEmpty() ? 0 : QFontMetrics(small).horizontalAdvance(shortcut) + 16;
        painter->setFont(small);
        const bool selected = option.state.testFlag(QStyle::State_Selected);
        const QColor second = selected ? c.text : c.faint;   // faint is for the plain ground
        painter->setPen(second);
        painter->drawText(area, Qt::AlignRight | Qt::AlignVCenter, shortcut);
        const QRect words = area.adjusted(0, 0, -keys, 0);
        painter->setPen(reason.isEmpty() || selected ? second : c.warning);
        const QString below = reason.isEmpty() ? index.data(CommandModel::TipRole).toString() : tr("off: %1").arg(reason);
        painter->drawText(words, Qt::AlignLeft | Qt::AlignBottom, QFontMetrics(small).elidedText(below, Qt::ElideRight, words.width()));

        QTextLayout layout(QFontMetrics(option.font).elidedText(index.data().toString(), Qt::ElideRight, words.width()), option.font);
        QList<QTextLayout::FormatRange> bold;
        QTextCharFormat heavy;
        heavy.setFontWeight(QFont::Bold);
        for (const QVariant& place : index.data(CommandModel::PlacesRole).toList())
            if (place.toInt() < layout.text().size())
                bold.append({place.toInt(), 1, heavy});
        layout.setFormats(bold);
        layout.beginLayout();
        layout.createLine();
        layout.endLayout();
        painter->setPen(reason.isEmpty() || selected ? c.text : c.faint);
        layout.draw(painter, words.topLeft());
        painter->restore();
    }
};

} // namespace

std::vector<Command> commandsOf(QWidget& window)
{
    // Where an action stands: the menu that shows it, and the menus that show that one.
    QHash<const QAction*, const QMenu*> home;
    for (const QMenu* menu : window.findChildren<QMenu*>())
        for (const QAction* action : menu->actions())
            home.insert(action, menu);
    std::vector<Command> commands;
    for (QAction* action : window.findChildren<QAction*>()) {
        if (action->isSeparator() || action->menu() || !action->isVisible() || action->text().isEmpty() || action->objectName().isEmpty()
            || action->objectName().startsWith(u"_q_"_s) || action->objectName() == u"commandPalette"_s)
            continue;
        if (qobject_cast<QLineEdit*>(action->parent()))
            continue;   // undo, paste and the like of an editor
        QStringList path;
        for (const QMenu* menu = home.value(action); menu; menu = home.value(menu->menuAction()))
            path.prepend(plain(menu->title()));
        path.removeAll(QString());
        for (const QObject* at = action->parent(); at && path.isEmpty(); at = at->parent())   // a panel's own, in no menu of the window
            if (const auto* dock = qobject_cast<const QDockWidget*>(at))
                path.append(dock->windowTitle());
        path.append(plain(action->text()));
        commands.push_back({action, path.join(u": "_s), actionTip(*action), actionReason(*action), action->shortcut().toString(QKeySequence::NativeText),
                            actionKeywords(*action), isConsequential(*action)});
    }
    std::stable_sort(commands.begin(), commands.end(), [](const Command& a, const Command& b) { return QString::localeAwareCompare(a.name, b.name) < 0; });
    return commands;
}

CommandModel::CommandModel(QObject* parent) : QAbstractListModel(parent) {}

void CommandModel::setCommands(std::vector<Command> commands)
{
    m_commands = std::move(commands);
    refresh();
}

void CommandModel::setQuery(const QString& query)
{
    m_query = query;
    refresh();
}

std::optional<CommandModel::Shown> CommandModel::rated(int index) const
{
    const Command& command = m_commands[static_cast<std::size_t>(index)];
    const std::optional<FuzzyMatch> name = fuzzyMatch(m_query, command.name);
    const auto beginsWords = [](const std::optional<FuzzyMatch>& match) { return match && match->fit >= Fit::Beginning; };
    if (command.consequential) {
        constexpr qsizetype kFewest = 3;   // letters that one means
        if (!beginsWords(name) || !name->own || m_query.simplified().size() < kFewest)
            return std::nullopt;
    }
    // What is off, or has consequences, stands below as good a match that is on and has none.
    constexpr int kOff = 6, kCareful = 4;
    const int less = (command.reason.isEmpty() ? 0 : kOff) + (command.consequential ? kCareful : 0);
    if (beginsWords(name))
        return Shown{index, name->fit == Fit::Word ? Tier::Words : Tier::Beginnings, name->score - less, name->places};
    // Together with the name, which may have the other word.
    QString words = command.name;
    for (const auto& [more, tier] : {std::pair{command.keywords, Tier::Keywords}, std::pair{command.tip, Tier::Tips}}) {
        words += u' ' + more;
        if (const auto match = fuzzyMatch(m_query, words); beginsWords(match)) {
            QList<int> places = match->places;
            places.removeIf([&](int place) { return place >= command.name.size(); });
            return Shown{index, tier, match->score - less, places};
        }
    }
    if (name)
        return Shown{index, name->fit == Fit::Inside ? Tier::Pieces : Tier::Scattered, name->score - less, name->places};
    return std::nullopt;
}

void CommandModel::refresh()
{
    beginResetModel();
    m_shown.clear();
    const bool all = m_query.trimmed().isEmpty();   // nothing to rank by: in the order of the menus and names
    for (int i = 0; i < static_cast<int>(m_commands.size()); ++i)
        if (all)
            m_shown.push_back({i, Tier::Words, 0, {}});
        else if (auto shown = rated(i))
            m_shown.push_back(std::move(*shown));
    if (!all) {
        const auto letters = [this](const Shown& one) { return m_commands[static_cast<std::size_t>(one.command)].name.section(u": "_s, -1).size(); };
        std::stable_sort(m_shown.begin(), m_shown.end(), [&](const Shown& a, const Shown& b) {
            if (a.tier != b.tier)
                return a.tier > b.tier;
            return a.score != b.score ? a.score > b.score : letters(a) < letters(b);   // as good a match: the name with less beside it
        });
        // Where something fits, a mere resemblance is noise.
        if (!m_shown.empty() && m_shown.front().tier != Tier::Scattered)
            std::erase_if(m_shown, [](const Shown& one) { return one.tier == Tier::Scattered; });
    }
    endResetModel();
}

bool CommandModel::isTelling() const
{
    constexpr int kMany = 4;
    const auto like = [this](const Shown& one) { return one.tier == m_shown.front().tier && m_commands[static_cast<std::size_t>(one.command)].consequential; };
    return !m_shown.empty() && !(like(m_shown.front()) && std::count_if(m_shown.begin(), m_shown.end(), like) > kMany);
}

QAction* CommandModel::action(const QModelIndex& index) const
{
    return index.isValid() ? m_commands[static_cast<std::size_t>(m_shown[static_cast<std::size_t>(index.row())].command)].action.data() : nullptr;
}

int CommandModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_shown.size());
}

QVariant CommandModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const Shown& shown = m_shown[static_cast<std::size_t>(index.row())];
    const Command& command = m_commands[static_cast<std::size_t>(shown.command)];
    switch (role) {
    case Qt::DisplayRole: return command.name;
    case Qt::ToolTipRole: return plainTip(command.reason.isEmpty() ? command.tip : command.reason);
    case Qt::AccessibleTextRole: return command.reason.isEmpty() ? command.name : tr("%1, off: %2").arg(command.name, command.reason);
    case TipRole: return command.tip;
    case ReasonRole: return command.reason;
    case ShortcutRole: return command.shortcut;
    case PlacesRole: {
        QVariantList places;
        for (const int place : shown.places)
            places.append(place);
        return places;
    }
    default: return {};
    }
}

Qt::ItemFlags CommandModel::flags(const QModelIndex& index) const
{
    return index.isValid() ? Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemNeverHasChildren : Qt::NoItemFlags;
}

CommandPalette::CommandPalette(QWidget* window)
    : QFrame(window)
    , m_window(window)
{
    setObjectName(u"palette"_s);
    setAccessibleName(tr("Command palette"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(8, 8, 8, 8);
    column->setSpacing(8);
    m_line = new QLineEdit(this);
    m_line->setObjectName(u"paletteLine"_s);
    m_line->setAccessibleName(tr("Command"));
    m_line->setPlaceholderText(tr("type part of a command: every action of the window is here"));
    m_line->setMinimumHeight(32);
    m_list = new QListView(this);
    m_list->setObjectName(u"paletteList"_s);
    m_list->setAccessibleName(tr("Commands that fit"));
    m_list->setFocusPolicy(Qt::NoFocus);
    m_list->setUniformItemSizes(true);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setItemDelegate(new CommandDelegate(m_list));
    m_model = new CommandModel(this);
    m_list->setModel(m_model);
    m_nothing = new QLabel(this);
    m_nothing->setObjectName(u"paletteNothing"_s);
    m_nothing->setTextFormat(Qt::PlainText);
    m_nothing->setWordWrap(true);
    m_nothing->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    m_nothing->setContentsMargins(12, 8, 12, 8);
    m_answers = new QStackedWidget(this);
    m_answers->addWidget(m_list);
    m_answers->addWidget(m_nothing);
    column->addWidget(m_line);
    column->addWidget(m_answers, 1);
    m_line->installEventFilter(this);
    m_window->installEventFilter(this);
    connect(m_line, &QLineEdit::textEdited, this, &CommandPalette::showQuery);
    connect(m_list, &QListView::clicked, this, &CommandPalette::run);
    hide();
}

void CommandPalette::popUp()
{
    m_focus = m_window->focusWidget();
    m_line->clear();
    m_model->setCommands(commandsOf(*m_window));
    showQuery({});
    place();
    show();
    raise();
    m_line->setFocus();
}

/// The best of what fits is the one that Return runs; where that says too little none is, until an arrow chooses it.
void CommandPalette::showQuery(const QString& text)
{
    m_model->setQuery(text);
    m_list->setCurrentIndex(text.trimmed().isEmpty() || !m_model->isTelling() ? QModelIndex() : m_model->index(0));
    m_list->scrollToTop();
    const bool nothing = m_model->rowCount() == 0;
    m_nothing->setText(nothing ? tr("Nothing found for \u201c%1\u201d.\nCommands are found by the words of their names and of what they do.").arg(text.simplified()) : QString());
    m_answers->setCurrentWidget(nothing ? static_cast<QWidget*>(m_nothing) : m_list);
    m_line->setAccessibleDescription(nothing ? tr("Nothing found") : QString());
}

void CommandPalette::dismiss()
{
    if (!isVisible())
        return;
    hide();
    if (m_focus && m_focus->isVisible())
        m_focus->setFocus();
}

void CommandPalette::place()
{
    const int width = std::min(kWidth, m_window->width() - 32);
    setGeometry((m_window->width() - width) / 2, 64, width, std::min(kRowsShown * kRow + 64, m_window->height() - 96));
}

void CommandPalette::step(int rows)
{
    const int count = m_model->rowCount();
    if (count == 0)
        return;
    const int at = m_list->currentIndex().row(), row = at < 0 && rows < 0 ? count - 1 : at + rows;   // of none: from either end
    m_list->setCurrentIndex(m_model->index(rows == 1 || rows == -1 ? (row + count) % count : std::clamp(row, 0, count - 1)));
}

void CommandPalette::run(const QModelIndex& index)
{
    QPointer<QAction> action = m_model->action(index);
    if (!action)
        return;
    if (!action->isEnabled()) {   // the row says why, and stays to be read
        m_list->setCurrentIndex(index);
        return;
    }
    dismiss();
    // Once this key is dealt with: the action may open a dialog of its own.
    QTimer::singleShot(0, m_window, [action] {
        if (action)
            action->trigger();
    });
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_window) {
        if (event->type() == QEvent::Resize && isVisible())
            place();
        else if (event->type() == QEvent::WindowDeactivate && isVisible() && !QApplication::activePopupWidget())
            dismiss();
        return false;
    }
    if (event->type() == QEvent::FocusOut && isVisible() && static_cast<QFocusEvent*>(event)->reason() == Qt::MouseFocusReason) {
        hide();
        return false;
    }
    if (event->type() != QEvent::KeyPress)
        return QFrame::eventFilter(watched, event);
    switch (static_cast<QKeyEvent*>(event)->key()) {
    case Qt::Key_Down: step(1); return true;
    case Qt::Key_Up: step(-1); return true;
    case Qt::Key_PageDown: step(kRowsShown); return true;
    case Qt::Key_PageUp: step(-kRowsShown); return true;
    case Qt::Key_Tab:
    case Qt::Key_Backtab: return true;   // the line is all there is
    case Qt::Key_Escape: dismiss(); return true;
    case Qt::Key_Return:
    case Qt::Key_Enter: run(m_list->currentIndex()); return true;
    default: return false;
    }
}

void CommandPalette::paintEvent(QPaintEvent*)
{
    const Colours& c = colours();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(c.accent, 1));
    painter.setBrush(c.window);
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6);
}

} // namespace halftone
