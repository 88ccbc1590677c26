#pragma once

#include "core/recipe/recipe.h"
#include "widgets/selection.h"

#include <QList>
#include <QString>
#include <QStringList>
#include <QWidget>

#include <optional>

class QAction;
class QLabel;
class QLineEdit;
class QMenu;
class QTreeView;

namespace halftone {

class LayersFilterModel;
class LayersModel;

/// The Layers table with its filter box. Multi-selection is edited at once: by double click, digits 2–8 (1 then 6: 16 = left float),
/// Ctrl+D (like the row above), Ctrl+C and Ctrl+V (plans), or the context menu.
class LayersView : public QWidget {
    Q_OBJECT

public:
    /// The model belongs to the caller and outlives the view.
    explicit LayersView(LayersModel* model, QWidget* parent = nullptr);

    LayersModel* model() const { return m_model; }
    QTreeView* tree() const { return m_tree; }
    /// Selects and shows the linear (or the block), without emitting.
    void setSelection(const Selection& selection);
    /// Linears of the selected rows, a block row standing for its linears; in model order.
    QStringList selectedLinears() const;
    /// See layers_filter.h: globs and conditions ("*.down_proj kernel > 10").
    void setFilter(const QString& text);
    QString filter() const;
    int matchedLinears() const;

    void setBits(int bits);            ///< of the selection
    void likeRowAbove();
    void copyPlan();
    void pastePlan();
    /// Edit actions with shortcuts and tips, for the window's Edit menu (they act on this view).
    QList<QAction*> editActions() const;
    /// Presets offered in the context menu.
    void setPresets(const std::vector<Preset>& presets);

Q_SIGNALS:
    void editRequested(const QStringList& linears, const halftone::PlanPatch& patch);
    void resetRequested(const QStringList& linears);           ///< back to what the defaults and rules say
    void presetRequested(const QString& preset, const QStringList& linears);
    void ruleRequested(const QString& glob);                   ///< "make rule from filter"
    void selectionRequested(const halftone::Selection& selection);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void applyFilter();
    void fitNameColumn();
    void currentChanged();
    QMenu* buildMenu(QWidget* parent);

    LayersModel* m_model = nullptr;
    LayersFilterModel* m_proxy = nullptr;
    QTreeView* m_tree = nullptr;
    QLineEdit* m_filter = nullptr;
    QLabel* m_matches = nullptr;
    QAction* m_like = nullptr;
    QAction* m_copy = nullptr;
    QAction* m_paste = nullptr;
    QAction* m_reset = nullptr;
    QAction* m_rule = nullptr;
    std::vector<Preset> m_presets;
    bool m_quiet = false;              ///< while setSelection runs
    qint64 m_oneTyped = 0;             ///< when "1" of "16" came, ms
};

} // namespace halftone
