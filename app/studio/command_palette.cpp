#include "app/studio/command_palette.h"

#include "app/studio/fuzzy.h"
#include "widgets/action_reason.h"
#include "widgets/palette.h"

#include <QAction>
#include <QApplication>
#include <QDockWidget>
#include <QHash>
#include <QKeyEvent>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QMenuBar>
#include <QPainter>
#include <QStyledItemDelegate>
#include <QTextLayout>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kWidth = 640, kRow = 40, kRowsShown = 9;

QString plain(QString text)
{
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
        commands.push_back({action, path.join(u": "_s), actionTip(*action), actionReason(*action), action->shortcut().toString(QKeySequence::NativeText)});
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

void CommandModel::refresh()
{
    beginResetModel();
    m_shown.clear();
    for (std::size_t i = 0; i < m_commands.size(); ++i)
        if (auto match = fuzzyMatch(m_query, m_commands[i].name))
            m_shown.push_back({static_cast<int>(i), match->score, std::move(match->places)});
    if (m_query.isEmpty()) {   // nothing to rank by: in the order of the menus and names
        endResetModel();
        return;
    }
    // What is off stands below as good a match that is on, but above letters that are merely scattered over one.
    constexpr int kOff = 6;
    const auto rank = [this](const Shown& one) { return one.score - (m_commands[static_cast<std::size_t>(one.command)].reason.isEmpty() ? 0 : kOff); };
    std::stable_sort(m_shown.begin(), m_shown.end(), [&](const Shown& a, const Shown& b) {
        if (rank(a) != rank(b))
            return rank(a) > rank(b);
        // As good a match: the name with less beside it.
        return m_commands[static_cast<std::size_t>(a.command)].name.size() < m_commands[static_cast<std::size_t>(b.command)].name.size();
    });
    endResetModel();
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
    case Qt::ToolTipRole: return command.reason.isEmpty() ? command.tip : command.reason;
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
    column->addWidget(m_line);
    column->addWidget(m_list, 1);
    m_line->installEventFilter(this);
    m_window->installEventFilter(this);
    connect(m_line, &QLineEdit::textEdited, this, [this](const QString& text) {
        m_model->setQuery(text);
        m_list->setCurrentIndex(m_model->index(0));
        m_list->scrollToTop();
    });
    connect(m_list, &QListView::clicked, this, &CommandPalette::run);
    hide();
}

void CommandPalette::popUp()
{
    m_focus = m_window->focusWidget();
    m_model->setQuery({});
    m_model->setCommands(commandsOf(*m_window));
    m_line->clear();
    place();
    show();
    raise();
    m_list->setCurrentIndex(m_model->index(0));
    m_line->setFocus();
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
    const int row = m_list->currentIndex().row() + rows;
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
