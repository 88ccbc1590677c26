#pragma once

#include <QAbstractListModel>
#include <QFrame>
#include <QPointer>

#include <optional>
#include <vector>

class QAction;
class QLineEdit;
class QLabel;
class QListView;
class QStackedWidget;

namespace halftone {

/// An action of the window, as the palette lists it.
struct Command {
    QPointer<QAction> action;
    QString name;        ///< "View: Dark": where it stands, then its words, without mnemonics
    QString tip, reason; ///< what it does; why it is off
    QString shortcut;
    QString keywords;    ///< see setActionKeywords()
    bool consequential = false;   ///< see setConsequential()
};

/// Every action below `window` that can be triggered: not separators, sub-menus, hidden ones, or those of an editor's own.
std::vector<Command> commandsOf(QWidget& window);

/// The commands that fit what is typed, best first: whole words before beginnings of words, these before what the tip says, and that before pieces and
/// scattered letters, which are shown only where nothing else fits. Those that are off come after those that are on. What has consequences is listed
/// for words of its own name alone.
class CommandModel : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role { ReasonRole = Qt::UserRole, ShortcutRole, PlacesRole, TipRole };
    explicit CommandModel(QObject* parent = nullptr);
    void setCommands(std::vector<Command> commands);
    void setQuery(const QString& query);
    QAction* action(const QModelIndex& index) const;
    /// Whether the first one is what was meant: not where many that have consequences fit alike ("bit").
    bool isTelling() const;

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;

private:
    enum class Tier { Scattered, Pieces, Tips, Keywords, Beginnings, Words };   ///< the poorest first
    struct Shown { int command = 0; Tier tier = Tier::Words; int score = 0; QList<int> places; };
    void refresh();
    std::optional<Shown> rated(int command) const;
    std::vector<Command> m_commands;
    std::vector<Shown> m_shown;
    QString m_query;
};

/// Type, choose, Enter: every action of the window by its name, over the top of the window. Escape, or a click elsewhere, closes it.
class CommandPalette : public QFrame {
    Q_OBJECT
public:
    explicit CommandPalette(QWidget* window);
    /// Lists what there is now and takes the focus.
    void popUp();
    void dismiss();

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

private:
    void run(const QModelIndex& index);
    void place();
    void step(int rows);
    void showQuery(const QString& text);
    QWidget* m_window;
    QLineEdit* m_line = nullptr;
    QStackedWidget* m_answers = nullptr;
    QListView* m_list = nullptr;
    QLabel* m_nothing = nullptr;
    CommandModel* m_model = nullptr;
    QPointer<QWidget> m_focus;   ///< who had it before
};

} // namespace halftone
