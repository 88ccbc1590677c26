#include "widgets/layers_view.h"

#include "core/base/error.h"
#include "widgets/layer_texts.h"
#include "widgets/layers_delegate.h"
#include "widgets/layers_filter.h"
#include "widgets/layers_model.h"
#include "widgets/palette.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QDateTime>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QTreeView>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr qint64 kSecondDigitMs = 1000;

} // namespace

LayersView::LayersView(LayersModel* model, QWidget* parent) : QWidget(parent), m_model(model)
{
    setObjectName(u"layersView"_s);
    setAccessibleName(tr("Layers"));
    m_filter = new QLineEdit(this);
    m_filter->setObjectName(u"layersFilter"_s);
    m_filter->setAccessibleName(tr("Filter of the layers"));
    m_filter->setPlaceholderText(tr("filter: *.down_proj kernel > 10"));
    m_filter->setToolTip(tr("Part of a name, a glob, or conditions on bits, group, kernel (%), error (dB), kurtosis, weights, block, method; "
                            "changed, quantized, float. All must hold."));
    m_filter->setClearButtonEnabled(true);
    m_matches = new QLabel(this);
    m_matches->setObjectName(u"layersMatches"_s);
    m_matches->setForegroundRole(QPalette::PlaceholderText);

    m_proxy = new LayersFilterModel(this);
    m_proxy->setSourceModel(model);
    m_tree = new QTreeView(this);
    m_tree->setObjectName(u"layersTree"_s);
    m_tree->setAccessibleName(tr("Layers: blocks and their linears"));
    m_tree->setModel(m_proxy);
    m_tree->setUniformRowHeights(true);
    m_tree->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_tree->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_tree->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
    m_tree->setTextElideMode(Qt::ElideMiddle);
    m_tree->setIndentation(12);
    m_tree->setExpandsOnDoubleClick(false);
    m_tree->setItemDelegate(new LayersDelegate(
        [this](const QModelIndex& at, const QVariant& value) {
            const QModelIndex source = m_proxy->mapToSource(at);
            const PlanPatch patch = m_model->patchFor(static_cast<LayersModel::Column>(source.column()), value);
            // A row of a multi-selection stands for all of it; a choice in a lone row that changes nothing asks nothing.
            const bool many = m_tree->selectionModel()->isRowSelected(at.row(), at.parent()) && selectedLinears().size() > m_model->linearsAt(source).size();
            if (many)
                m_model->requestEdit(selectedLinears(), patch);
            else if (source.data(Qt::EditRole) != value)
                m_model->requestEdit(m_model->linearsAt(source), patch);
        },
        m_tree));
    m_tree->installEventFilter(this);
    QHeaderView* header = m_tree->header();
    header->setStretchLastSection(false);
    header->setSectionResizeMode(QHeaderView::Interactive);
    header->setMinimumSectionSize(24);
    const QFontMetrics metrics(font());
    const auto width = [&](int column, const QString& widest, int extra) { m_tree->setColumnWidth(column, metrics.horizontalAdvance(widest) + extra); };
    width(LayersModel::Method, u"Method"_s, 16);
    width(LayersModel::Bits, u"4–16"_s, 10);
    width(LayersModel::Group, u"Group"_s, 12);
    width(LayersModel::Activations, u"token 8"_s, 12);
    width(LayersModel::Kernel, u"Kernel"_s, 12);
    width(LayersModel::Error, u"00.0 %"_s, 8);
    width(LayersModel::Size, u"00.0 MB"_s, 12);
    m_tree->setColumnWidth(LayersModel::State, 36);
    header->moveSection(header->visualIndex(LayersModel::State), 1);   // the signs stand beside the name

    const auto act = [this](const QString& key, const QString& picture, const QString& text, const QString& tip, const QKeySequence& shortcut, auto slot) {
        auto* action = new QAction(icon(picture), text, this);
        action->setObjectName(key);
        action->setToolTip(tip);
        action->setStatusTip(tip);
        action->setShortcut(shortcut);
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
    m_rule = act(u"layersMakeRule"_s, u"filter"_s, tr("&Make rule from filter"), tr("Add a recipe rule for every linear that the filter's glob matches"), {},
        [this] { Q_EMIT ruleRequested(LayersFilter::parse(m_filter->text()).glob()); });
    m_rule->setEnabled(false);

    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 4, 0, 0);
    column->setSpacing(4);
    auto* top = new QHBoxLayout;
    top->setContentsMargins(8, 0, 8, 0);
    top->addWidget(m_filter, 1);
    top->addWidget(m_matches);
    column->addLayout(top);
    column->addWidget(m_tree, 1);
    setFocusProxy(m_tree);

    connect(m_filter, &QLineEdit::textChanged, this, &LayersView::applyFilter);
    connect(m_filter, &QLineEdit::returnPressed, m_tree, qOverload<>(&QWidget::setFocus));
    connect(m_model, &LayersModel::editRequested, this, &LayersView::editRequested);
    connect(m_model, &QAbstractItemModel::modelReset, this, &LayersView::applyFilter);
    connect(m_tree->selectionModel(), &QItemSelectionModel::currentChanged, this, &LayersView::currentChanged);
    applyFilter();
}

void LayersView::applyFilter()
{
    const LayersFilter filter = LayersFilter::parse(m_filter->text());
    m_proxy->setFilter(filter);
    m_rule->setEnabled(!filter.glob().isEmpty());
    const int all = static_cast<int>(m_model->linears().size());
    if (!filter.error().isEmpty()) {
        m_matches->setText(u"?"_s);
        m_matches->setToolTip(filter.error().toHtmlEscaped());
        m_matches->setAccessibleName(filter.error());
    } else {
        m_matches->setText(filter.isEmpty() ? tr("%1").arg(all) : tr("%1 of %2").arg(matchedLinears()).arg(all));
        m_matches->setToolTip(tr("Linears shown, of all"));
        m_matches->setAccessibleName(tr("%1 of %2 linears shown").arg(matchedLinears()).arg(all));
    }
    if (!filter.isEmpty())
        m_tree->expandAll();
}

void LayersView::fitNameColumn()
{
    int others = 0;
    for (int column = 0; column < LayersModel::Columns; ++column)
        others += column == LayersModel::Name ? 0 : m_tree->columnWidth(column);
    const int least = fontMetrics().horizontalAdvance(u"down_proj"_s) + 2 * m_tree->indentation() + 16;
    m_tree->setColumnWidth(LayersModel::Name, std::max(least, m_tree->viewport()->width() - others));
}

void LayersView::setFilter(const QString& text)
{
    m_filter->setText(text);
}

QString LayersView::filter() const
{
    return m_filter->text();
}

int LayersView::matchedLinears() const
{
    return m_proxy->matched();
}

void LayersView::setSelection(const Selection& selection)
{
    QModelIndex source;
    if (!selection.linear.empty())
        source = m_model->indexOf(selection.linear);
    else if (selection.block >= 0) {
        source = m_model->indexOfBlock(selection.block);
        if (source.isValid() && selection.site)
            for (int row = 0; row < m_model->rowCount(source); ++row)
                if (const QModelIndex child = m_model->index(row, 0, source); m_model->linearAt(child)->site == *selection.site) {
                    source = child;
                    break;
                }
    }
    const QModelIndex at = m_proxy->mapFromSource(source);
    m_quiet = true;
    if (!at.isValid()) {
        m_tree->clearSelection();
    } else {
        if (!m_tree->selectionModel()->isRowSelected(at.row(), at.parent()))
            m_tree->selectionModel()->setCurrentIndex(at, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
        m_tree->scrollTo(at);
    }
    m_quiet = false;
}

QStringList LayersView::selectedLinears() const
{
    std::vector<const LinearInfo*> chosen;
    const auto add = [&](const QString& name) {
        const QModelIndex at = m_model->indexOf(name.toStdString());
        if (const LinearInfo* linear = m_model->linearAt(at))
            chosen.push_back(linear);
    };
    for (const QModelIndex& row : m_tree->selectionModel()->selectedRows()) {
        // Of a filtered block, the linears that are seen: an edit never reaches what is hidden.
        if (m_proxy->hasChildren(row)) {
            for (int child = 0; child < m_proxy->rowCount(row); ++child)
                add(m_model->linearsAt(m_proxy->mapToSource(m_proxy->index(child, 0, row))).value(0));
        } else {
            add(m_model->linearsAt(m_proxy->mapToSource(row)).value(0));
        }
    }
    std::sort(chosen.begin(), chosen.end());            // addresses in one vector: model order
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    QStringList names;
    for (const LinearInfo* linear : chosen)
        names << QString::fromStdString(linear->name);
    return names;
}

void LayersView::currentChanged()
{
    if (m_quiet)
        return;
    const QModelIndex source = m_proxy->mapToSource(m_tree->currentIndex());
    if (!source.isValid())
        return;
    Selection wish;
    wish.block = m_model->blockAt(source);
    if (const LinearInfo* linear = m_model->linearAt(source)) {
        wish.site = linear->site;
        wish.linear = linear->name;
    }
    Q_EMIT selectionRequested(wish);
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
    // The linear above the first selected one, as the table shows it.
    const QModelIndex first = m_proxy->mapFromSource(m_model->indexOf(chosen.first().toStdString()));
    for (QModelIndex above = m_tree->indexAbove(first); above.isValid(); above = m_tree->indexAbove(above)) {
        const LinearInfo* linear = m_model->linearAt(m_proxy->mapToSource(above));
        if (!linear)
            continue;
        if (const Plan* plan = m_model->planOf(linear->name))
            m_model->requestEdit(chosen, layer_texts::asPatch(*plan));
        return;
    }
}

void LayersView::copyPlan()
{
    const QStringList chosen = selectedLinears();
    if (chosen.isEmpty())
        return;
    const LinearInfo* current = m_model->linearAt(m_proxy->mapToSource(m_tree->currentIndex()));
    const Plan* plan = m_model->planOf(current ? current->name : chosen.first().toStdString());
    if (!plan)
        return;
    Recipe recipe;                                      // a recipe of defaults only: the plan, readable anywhere
    recipe.defaults = layer_texts::asPatch(*plan);
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

QMenu* LayersView::buildMenu(QWidget* parent)
{
    auto* menu = new QMenu(parent);
    menu->setObjectName(u"layersMenu"_s);
    const QModelIndex at = m_proxy->mapToSource(m_tree->currentIndex());
    const QStringList chosen = selectedLinears();
    const auto addChoices = [&](const QString& title, LayersModel::Column column) {
        const QModelIndex cell = at.siblingAtColumn(column);
        const QStringList texts = cell.data(LayersModel::ChoicesRole).toStringList();
        const QVariantList values = cell.data(LayersModel::ValuesRole).toList();
        if (texts.isEmpty())
            return;
        QMenu* sub = menu->addMenu(title);
        for (int i = 0; i < texts.size(); ++i)
            connect(sub->addAction(texts[i]), &QAction::triggered, this,
                [this, chosen, column, value = values[i]] { m_model->requestEdit(chosen, m_model->patchFor(column, value)); });
    };
    if (!chosen.isEmpty()) {
        menu->addSection(tr("%n linear(s)", nullptr, static_cast<int>(chosen.size())));
        addChoices(tr("&Method"), LayersModel::Method);
        addChoices(tr("Weight &bits"), LayersModel::Bits);
        addChoices(tr("&Group"), LayersModel::Group);
        addChoices(tr("&Activations"), LayersModel::Activations);
        if (!m_presets.empty()) {
            QMenu* sub = menu->addMenu(tr("P&reset"));
            for (const Preset& preset : m_presets) {
                QAction* action = sub->addAction(QString::fromStdString(preset.name));
                action->setToolTip(QString::fromStdString(preset.summary));
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

bool LayersView::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_tree && event->type() == QEvent::Resize)
        fitNameColumn();
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
