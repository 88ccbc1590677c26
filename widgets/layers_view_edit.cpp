// What a person asks of the Layers table: actions, menus, digits.

#include "widgets/layers_view.h"

#include "core/base/error.h"
#include "core/recipe/bulk_edit.h"
#include "core/recipe/contract_ties.h"
#include "core/recipe/preset_fit.h"
#include "widgets/action_reason.h"
#include "widgets/layers_filter.h"
#include "widgets/layers_model.h"
#include "widgets/layers_proxy.h"
#include "widgets/palette.h"

#include <QAction>
#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QDateTime>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QToolButton>
#include <QTreeView>

#include <array>
#include <string_view>
#include <unordered_map>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr qint64 kSecondDigitMs = 1000;

} // namespace

void LayersView::buildActions()
{
    const auto act = [this](const QString& key, const QString& picture, const QString& text, const QString& tip, const QKeySequence& shortcut, auto slot) {
        auto* action = new QAction(icon(picture), text, this);
        action->setObjectName(key);
        action->setShortcut(shortcut);
        describeAction(*action, tip);
        action->setShortcutContext(Qt::WidgetShortcut);
        m_tree->addAction(action);
        connect(action, &QAction::triggered, this, slot);
        return action;
    };
    m_like = act(u"layersLikeAbove"_s, u"paste"_s, tr("&Like the row above"), tr("Give the selection the plan of the row above it"),
        QKeySequence(Qt::CTRL | Qt::Key_D), [this] { likeRowAbove(); });
    m_copy = act(u"layersCopyPlan"_s, u"copy"_s, tr("&Copy plan"), tr("Copy the plan of the current row, as recipe text"), QKeySequence::Copy,
        [this] { copyPlan(); });
    m_paste = act(u"layersPastePlan"_s, u"paste"_s, tr("&Paste plan"), tr("Give the selection the copied plan"), QKeySequence::Paste, [this] { pastePlan(); });
    m_reset = act(u"layersReset"_s, u"undo"_s, tr("&Back to defaults"), tr("Drop what was set for the selection alone"), QKeySequence::Delete, [this] {
        if (const QStringList linears = selectedLinears(); !linears.isEmpty())
            Q_EMIT resetRequested(linears);
    });
    m_rule = act(u"layersMakeRule"_s, u"filter"_s, tr("&Make rule from filter"),
        tr("Add a recipe rule that gives every linear shown the plan of the current row"), {}, [this] { makeRule(); });
    setActionEnabled(*m_rule, false, tr("Filter the table first: the rule is for the linears that it shows."));
}

void LayersView::makeRule()
{
    const QStringList linears = filteredLinears();
    if (linears.isEmpty())
        return;
    const LinearFacts* current = m_model->factsAt(m_proxy->mapToSource(m_tree->currentIndex()));
    const QString like = current && linears.contains(current->name) ? current->name : linears.first();
    Q_EMIT ruleRequested(LayersFilter::parse(m_filter->text()).glob(), linears, like);
}

void LayersView::setBits(int bits)
{
    m_model->requestEdit(selectedLinears(), m_model->patchFor(LayersModel::Bits, bits));
}

void LayersView::likeRowAbove()
{
    const QStringList chosen = selectedLinears();
    if (chosen.isEmpty())
        return;
    // The linear above the topmost of the selection, as the table shows it.
    QModelIndex first;
    for (const QString& name : chosen) {
        const QModelIndex at = m_proxy->mapFromSource(m_model->indexOf(name.toStdString()));
        if (!first.isValid() || m_tree->visualRect(at).top() < m_tree->visualRect(first).top())
            first = at;
    }
    for (QModelIndex above = m_tree->indexAbove(first); above.isValid(); above = m_tree->indexAbove(above)) {
        const LinearFacts* facts = m_model->factsAt(m_proxy->mapToSource(above));
        if (!facts)
            continue;
        if (facts->plan)
            m_model->requestEdit(chosen, wholePatch(*facts->plan));
        return;
    }
}

void LayersView::copyPlan()
{
    const QStringList chosen = selectedLinears();
    if (chosen.isEmpty())
        return;
    const LinearFacts* current = m_model->factsAt(m_proxy->mapToSource(m_tree->currentIndex()));
    const LinearFacts* from = current ? current : m_model->factsOf(chosen.first().toStdString());
    if (!from || !from->plan)
        return;
    Recipe recipe;                                      // a recipe of defaults only: the plan, readable anywhere
    recipe.defaults = wholePatch(*from->plan);
    QApplication::clipboard()->setText(QString::fromStdString(recipe.toJson()));
}

void LayersView::pastePlan()
{
    try {
        const Recipe recipe = Recipe::parse(QApplication::clipboard()->text().toStdString(), "clipboard");
        m_model->requestEdit(selectedLinears(), recipe.defaults);
    } catch (const Error&) {
        m_matches->setText(tr("no plan copied"));
        m_matches->setToolTip(tr("The clipboard holds no plan; copy one from a row first"));
    }
}

QList<QAction*> LayersView::editActions() const
{
    return {m_like, m_copy, m_paste, m_reset, m_rule};
}

void LayersView::setPresets(const std::vector<Preset>& presets)
{
    m_presets = presets;
}

/// Why the model, or the contract, cannot take a preset for some of these linears; empty where it can.
QString LayersView::presetRefusal(const Preset& preset, const QStringList& linears) const
{
    if (!m_presetFit)
        return {};
    const PresetFit fit = m_presetFit(preset);
    if (fit.plans.empty())
        return QString::fromStdString(fit.refusal);
    if (m_model->contract().empty() || fit.refusal.empty())
        return {};
    std::unordered_map<std::string_view, const Plan*> plans;
    for (const ResolvedPlan& resolved : fit.plans)
        plans.emplace(resolved.linear, &resolved.plan);
    for (const QString& name : linears)
        if (const LinearFacts* facts = m_model->factsOf(name.toStdString()))
            if (const auto plan = plans.find(facts->info.name); plan != plans.end())
                if (const std::string why = contractRefusal(m_model->contract(), facts->info, *plan->second); !why.empty())
                    return QString::fromStdString(why);
    return {};
}

QMenu* LayersView::buildMenu(QWidget* parent)
{
    auto* menu = new QMenu(parent);
    menu->setObjectName(u"layersMenu"_s);
    menu->setToolTipsVisible(true);
    const QModelIndex at = m_proxy->mapToSource(m_tree->currentIndex());
    const QStringList chosen = selectedLinears();
    const auto addChoices = [&](const QString& title, LayersModel::Column column) {
        const QModelIndex cell = at.siblingAtColumn(column);
        const QStringList texts = cell.data(LayersModel::ChoicesRole).toStringList(), refusals = cell.data(LayersModel::RefusalsRole).toStringList();
        const QVariantList values = cell.data(LayersModel::ValuesRole).toList();
        if (texts.isEmpty())
            return;
        QMenu* sub = menu->addMenu(title);
        sub->setToolTipsVisible(true);
        for (int i = 0; i < texts.size(); ++i) {
            QAction* action = sub->addAction(texts[i]);
            action->setEnabled(refusals.value(i).isEmpty());
            action->setToolTip(refusals.value(i).isEmpty() ? texts[i] : refusals[i].toHtmlEscaped());
            connect(action, &QAction::triggered, this,
                [this, chosen, column, value = values[i]] { m_model->requestEdit(chosen, m_model->patchFor(column, value)); });
        }
    };
    if (!chosen.isEmpty()) {
        addMenuHeading(*menu, tr("%n linear(s)", nullptr, static_cast<int>(chosen.size())));
        addChoices(tr("&Method"), LayersModel::Method);
        addChoices(tr("Weight &bits"), LayersModel::Bits);
        addChoices(tr("&Group"), LayersModel::Group);
        addChoices(tr("&Activations"), LayersModel::Activations);
        if (!m_presets.empty()) {
            QMenu* sub = menu->addMenu(tr("P&reset"));
            std::array<QMenu*, kPresetKinds> kinds{};
            for (const Preset& preset : m_presets) {
                const PresetKind kind = presetKind(preset);
                QMenu*& place = kinds[static_cast<std::size_t>(kind)];
                if (!place) {
                    place = sub->addMenu(QString::fromUtf8(label(kind).data(), static_cast<qsizetype>(label(kind).size())));
                    place->setToolTipsVisible(true);
                }
                QAction* action = place->addAction(QString::fromStdString(preset.name));
                const QString refusal = presetRefusal(preset, chosen);
                describeAction(*action, QString::fromStdString(preset.summary), refusal);
                setActionEnabled(*action, refusal.isEmpty(), refusal);
                connect(action, &QAction::triggered, this,
                    [this, chosen, id = QString::fromStdString(preset.id)] { Q_EMIT presetRequested(id, chosen); });
            }
        }
        menu->addSeparator();
    }
    menu->addActions(editActions());
    menu->addSeparator();
    connect(menu->addAction(tr("&Expand all")), &QAction::triggered, m_tree, &QTreeView::expandAll);
    connect(menu->addAction(tr("C&ollapse all")), &QAction::triggered, m_tree, &QTreeView::collapseAll);
    return menu;
}

void LayersView::buildTableMenu()
{
    if (!m_tableMenu) {
        m_tableMenu = new QMenu(this);
        m_tableMenu->setObjectName(u"layersTableMenu"_s);
        m_table->setMenu(m_tableMenu);
    }
    m_tableMenu->clear();
    qDeleteAll(m_tableMenu->findChildren<QActionGroup*>());
    addMenuHeading(*m_tableMenu, tr("Group by"));
    auto* group = new QActionGroup(m_tableMenu);
    const std::array groupings{tr("&Blocks"), tr("&Sites"), tr("&Kinds"), tr("&Nothing")};
    const std::array tips{tr("Block by block, as the model runs"), tr("Linears that read the same kind of activation"), tr("All down_proj together, all q_proj together, …"),
                          tr("One list, to sort all linears by a column")};
    for (int i = 0; i < LayersModel::kGroupings; ++i) {
        QAction* action = m_tableMenu->addAction(groupings[static_cast<std::size_t>(i)]);
        action->setObjectName(u"layersGroup%1"_s.arg(i));
        action->setStatusTip(tips[static_cast<std::size_t>(i)]);
        action->setToolTip(tips[static_cast<std::size_t>(i)]);
        action->setCheckable(true);
        action->setChecked(int(m_model->grouping()) == i);
        group->addAction(action);
        connect(action, &QAction::triggered, this, [this, i] { m_model->setGrouping(static_cast<LayersModel::Grouping>(i)); });
    }
    m_tableMenu->addSeparator();
    addMenuHeading(*m_tableMenu, tr("Columns"));
    for (int column = LayersModel::Method; column < LayersModel::Columns; ++column) {
        if (column == LayersModel::State)
            continue;
        const QString title = column == LayersModel::Bits      ? tr("Weight bits")
            : column == LayersModel::Activations               ? tr("Activations")
                                                               : m_model->headerData(column, Qt::Horizontal).toString();
        QAction* action = m_tableMenu->addAction(title);
        action->setObjectName(u"layersColumn%1"_s.arg(column));
        action->setToolTip(m_model->headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString());
        action->setStatusTip(action->toolTip());
        action->setCheckable(true);
        action->setChecked(!m_hidden.contains(column));
        connect(action, &QAction::toggled, this, [this, column](bool on) {
            on ? void(m_hidden.remove(column)) : void(m_hidden.insert(column));
            fitColumns();
        });
    }
    m_tableMenu->setToolTipsVisible(true);
}

bool LayersView::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_tree->viewport() && event->type() == QEvent::Resize && !m_fitting)
        fitColumns();
    if (watched == m_tree && event->type() == QEvent::ContextMenu) {
        QMenu* menu = buildMenu(this);
        menu->setAttribute(Qt::WA_DeleteOnClose);
        menu->popup(static_cast<QContextMenuEvent*>(event)->globalPos());
        return true;
    }
    const bool isKey = event->type() == QEvent::KeyPress || event->type() == QEvent::ShortcutOverride;
    if (watched != m_tree || !isKey)
        return QWidget::eventFilter(watched, event);
    const auto* key = static_cast<QKeyEvent*>(event);
    const bool plain = (key->modifiers() & ~Qt::KeypadModifier) == Qt::NoModifier;
    if (!plain || key->key() < Qt::Key_1 || key->key() > Qt::Key_8)
        return QWidget::eventFilter(watched, event);
    if (event->type() == QEvent::ShortcutOverride) {
        event->accept();                                // the digits are ours while the table has the focus
        return true;
    }
    const qint64 now = QDateTime::currentMSecsSinceEpoch();
    const int digit = key->key() - Qt::Key_0;
    if (digit == 1) {
        m_oneTyped = now;
        return true;
    }
    const bool sixteen = digit == 6 && m_oneTyped > 0 && now - m_oneTyped <= kSecondDigitMs;
    m_oneTyped = 0;
    setBits(sixteen ? 16 : digit);
    return true;
}

} // namespace halftone
