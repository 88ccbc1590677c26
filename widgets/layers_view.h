#pragma once

#include "core/recipe/recipe.h"
#include "widgets/selection.h"

#include <QList>
#include <QSet>
#include <QString>
#include <QStringList>
#include <QWidget>

#include <functional>
#include <optional>

class QAction;
class QLabel;
class QLineEdit;
class QMenu;
class QToolButton;
class QTreeView;

namespace halftone {

class LayersDelegate;
class LayersModel;
class LayersProxy;
struct PresetFit;

/// The Layers table with its filter box. Multi-selection is edited at once: by double click, digits 2–8 (1 then 6: 16 = left float),
/// Ctrl+D (like the row above), Ctrl+C and Ctrl+V (plans), or the context menu. A click on a header sorts by its column, a third click
/// goes back to the model's order; the menu beside the filter groups rows and chooses columns.
class LayersView : public QWidget {
    Q_OBJECT

public:
    /// The model belongs to the caller and outlives the view.
    explicit LayersView(LayersModel* model, QWidget* parent = nullptr);

    LayersModel* model() const { return m_model; }
    QTreeView* tree() const { return m_tree; }
    /// Selects and shows the linear (or the block), without emitting.
    void setSelection(const Selection& selection);
    /// Linears of the selected rows, a group standing for those of it that are seen; in model order.
    QStringList selectedLinears() const;
    /// Where nothing is selected, the first linear: so that a key has something to change.
    void selectSomething();
    /// See layers_filter.h: globs and conditions ("kernel > 1% and kind = down_proj"). One that is not understood changes nothing and says why.
    void setFilter(const QString& text);
    QString filter() const;
    bool isFiltered() const;
    int matchedLinears() const;
    /// Linears that the filter lets through, in model order.
    QStringList filteredLinears() const;

    void setBits(int bits);            ///< of the selection
    void likeRowAbove();
    void copyPlan();
    void pastePlan();
    /// Edit actions with shortcuts and tips, for the window's Edit menu (they act on this view).
    QList<QAction*> editActions() const;
    /// Presets offered in the context menu.
    void setPresets(const std::vector<Preset>& presets);
    /// What a preset makes of the model and the recipe's contract, asked when the menu opens.
    void setPresetFit(std::function<PresetFit(const Preset&)> fit) { m_presetFit = std::move(fit); }

    /// Columns, their widths and order, grouping: kept by the window from one start to the next.
    QByteArray saveState() const;
    void restoreState(const QByteArray& state);

Q_SIGNALS:
    void editRequested(const QStringList& linears, const halftone::PlanPatch& patch);
    void resetRequested(const QStringList& linears);           ///< back to what the defaults and shared rules say
    void presetRequested(const QString& preset, const QStringList& linears);
    /// "Make rule from filter": the plan of `like` for all that the filter matches. `glob` is the filter when it is nothing but one.
    void ruleRequested(const QString& glob, const QStringList& linears, const QString& like);
    void selectionRequested(const halftone::Selection& selection);
    void filterChanged();                                      ///< what is seen changed

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    // layers_view.cpp: what is shown
    void buildTree();
    void applyFilter();
    void showMatches();
    /// All columns that a person wants where they fit; the least telling give way first, the name takes what is left.
    void fitColumns();
    void sortChanged(int column, Qt::SortOrder order);
    void currentChanged();
    void rebuilt();
    // layers_view_edit.cpp: what is asked for
    void buildActions();
    QMenu* buildMenu(QWidget* parent);
    QString presetRefusal(const Preset& preset, const QStringList& linears) const;
    void buildTableMenu();
    void makeRule();

    LayersModel* m_model = nullptr;
    LayersProxy* m_proxy = nullptr;
    LayersDelegate* m_delegate = nullptr;
    QTreeView* m_tree = nullptr;
    QLineEdit* m_filter = nullptr;
    QLabel* m_matches = nullptr;
    QLabel* m_problem = nullptr;
    QToolButton* m_table = nullptr;
    QMenu* m_tableMenu = nullptr;
    QAction* m_like = nullptr;
    QAction* m_copy = nullptr;
    QAction* m_paste = nullptr;
    QAction* m_reset = nullptr;
    QAction* m_rule = nullptr;
    std::vector<Preset> m_presets;
    std::function<PresetFit(const Preset&)> m_presetFit;
    QSet<int> m_hidden;                ///< columns that a person does not want
    bool m_fitting = false;            ///< while fitColumns() runs
    bool m_quiet = false;              ///< while setSelection runs
    int m_widestKind = 0;              ///< pixels of the longest short name in the model
    int m_sorted = -1;                 ///< the column that a click on a header sorted by
    qint64 m_oneTyped = 0;             ///< when "1" of "16" came, ms
};

} // namespace halftone
