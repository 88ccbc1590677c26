#include "widgets/layers_view.h"

#include "widgets/action_reason.h"
#include "widgets/layers_delegate.h"
#include "widgets/layers_filter.h"
#include "widgets/layers_model.h"
#include "widgets/layers_proxy.h"
#include "widgets/palette.h"

#include <QDataStream>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QToolButton>
#include <QTreeView>
#include <QVBoxLayout>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr qint32 kStateVersion = 2;

} // namespace

LayersView::LayersView(LayersModel* model, QWidget* parent) : QWidget(parent), m_model(model)
{
    setObjectName(u"layersView"_s);
    setAccessibleName(tr("Layers"));
    m_filter = new QLineEdit(this);
    m_filter->setObjectName(u"layersFilter"_s);
    m_filter->setAccessibleName(tr("Filter of the layers"));
    m_filter->setPlaceholderText(tr("filter: down_proj and kernel > 1%"));
    m_filter->setToolTip(tr("Part of a name, a glob, or conditions on bits, group, kernel (%), outlier, ratio, channel, error (%), sqnr (dB), output (mean squared error), kurtosis, weights, size, block, kind, "
                            "site, method, activations, dtype; changed, quantized, float, tied. Joined by and, or, not and parentheses."));
    m_filter->setClearButtonEnabled(true);
    m_matches = new QLabel(this);
    m_matches->setObjectName(u"layersMatches"_s);
    m_matches->setForegroundRole(QPalette::PlaceholderText);
    m_problem = new QLabel(this);
    m_problem->setObjectName(u"layersFilterProblem"_s);
    m_problem->setTextFormat(Qt::PlainText);
    m_problem->setWordWrap(true);
    m_problem->setContentsMargins(8, 0, 8, 0);
    m_problem->hide();
    m_table = new QToolButton(this);
    m_table->setObjectName(u"layersTable"_s);
    m_table->setAccessibleName(tr("Grouping and columns"));
    m_table->setToolTip(tr("Group rows, choose columns"));
    m_table->setIcon(icon(u"menu"_s));
    m_table->setPopupMode(QToolButton::InstantPopup);
    m_table->setAutoRaise(true);

    buildTree();
    buildActions();
    buildTableMenu();

    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 4, 0, 0);
    column->setSpacing(4);
    auto* top = new QHBoxLayout;
    top->setContentsMargins(8, 0, 8, 0);
    top->addWidget(m_filter, 1);
    top->addWidget(m_matches);
    top->addWidget(m_table);
    column->addLayout(top);
    column->addWidget(m_problem);
    column->addWidget(m_tree, 1);
    setFocusProxy(m_tree);

    connect(m_filter, &QLineEdit::textChanged, this, &LayersView::applyFilter);
    connect(m_filter, &QLineEdit::returnPressed, m_tree, qOverload<>(&QWidget::setFocus));
    connect(m_model, &LayersModel::editRequested, this, &LayersView::editRequested);
    connect(m_model, &QAbstractItemModel::modelReset, this, &LayersView::rebuilt);
    connect(m_model, &LayersModel::resultsChanged, this, &LayersView::fitColumns);
    // Plans and measures change what the filter lets through.
    connect(m_proxy, &QAbstractItemModel::rowsInserted, this, &LayersView::showMatches);
    connect(m_proxy, &QAbstractItemModel::rowsRemoved, this, &LayersView::showMatches);
    connect(m_tree->selectionModel(), &QItemSelectionModel::currentChanged, this, &LayersView::currentChanged);
    applyFilter();
}

void LayersView::buildTree()
{
    m_proxy = new LayersProxy(this);
    m_proxy->setSourceModel(m_model);
    m_tree = new QTreeView(this);
    m_tree->setObjectName(u"layersTree"_s);
    m_tree->setAccessibleName(tr("Layers: groups and their linears"));
    m_tree->setModel(m_proxy);
    m_tree->setUniformRowHeights(true);
    m_tree->setSelectionMode(QAbstractItemView::ExtendedSelection);
    m_tree->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_tree->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
    m_tree->setTextElideMode(Qt::ElideMiddle);
    m_tree->setIndentation(12);
    m_tree->setExpandsOnDoubleClick(false);
    m_delegate = new LayersDelegate(
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
        m_tree);
    m_tree->setItemDelegate(m_delegate);
    m_tree->installEventFilter(this);
    m_tree->viewport()->installEventFilter(this);   // a scroll bar that comes or goes takes room too

    QHeaderView* header = m_tree->header();
    header->setStretchLastSection(false);
    header->setSectionResizeMode(QHeaderView::Interactive);
    header->setMinimumSectionSize(24);
    header->setSectionsClickable(true);
    header->setSortIndicatorShown(true);
    header->setSortIndicatorClearable(true);
    header->setSortIndicator(-1, Qt::AscendingOrder);
    header->setContextMenuPolicy(Qt::CustomContextMenu);
    connect(header, &QHeaderView::sortIndicatorChanged, this, &LayersView::sortChanged);
    connect(header, &QHeaderView::customContextMenuRequested, this, [this, header](const QPoint& at) { m_tableMenu->popup(header->mapToGlobal(at)); });
    const QFontMetrics metrics(font());
    const auto width = [&](int column, const QString& widest, int extra) { m_tree->setColumnWidth(column, metrics.horizontalAdvance(widest) + extra); };
    width(LayersModel::Method, u"Method"_s, 16);
    width(LayersModel::Bits, u"4–16"_s, 10);
    width(LayersModel::Group, u"Group"_s, 12);
    width(LayersModel::Activations, u"token 8"_s, 12);
    width(LayersModel::Kernel, u"Kernel"_s, 12);
    width(LayersModel::Error, u"00.0 %"_s, 8);
    width(LayersModel::Size, u"00.0 MB"_s, 12);
    width(LayersModel::Kurtosis, u"Kurtosis"_s, 12);
    width(LayersModel::Shape, u"16384 × 53248"_s, 12);
    width(LayersModel::Rule, u"defaults"_s, 12);
    width(LayersModel::Outlier, u"Outlier"_s, 16);
    width(LayersModel::Ratio, u"2 362 ×"_s, 12);
    width(LayersModel::Channel, u"Channel"_s, 16);
    m_tree->setColumnWidth(LayersModel::State, 36);
    header->moveSection(header->visualIndex(LayersModel::State), 1);   // the signs stand beside the name
    m_hidden = {LayersModel::Kurtosis, LayersModel::Shape, LayersModel::Rule, LayersModel::Outlier, LayersModel::Ratio, LayersModel::Channel};
    fitColumns();
}

void LayersView::sortChanged(int column, Qt::SortOrder order)
{
    // What stands out first: figures begin with the largest.
    const bool figures = column == LayersModel::Kernel || column == LayersModel::Error || column == LayersModel::Size || column == LayersModel::Kurtosis
        || column == LayersModel::Shape || column == LayersModel::State || column == LayersModel::Outlier || column == LayersModel::Ratio;
    const bool first = column >= 0 && column != m_sorted;
    m_sorted = column;
    if (first && figures && order == Qt::AscendingOrder) {
        m_tree->header()->setSortIndicator(column, Qt::DescendingOrder);   // comes back here
        return;
    }
    m_proxy->sort(column, order);
    m_delegate->setSiteLines(column < 0);
    m_tree->viewport()->update();
}

void LayersView::rebuilt()
{
    m_widestKind = 0;
    for (const LinearFacts& facts : m_model->facts())
        if (facts.info.block == m_model->facts().front().info.block)
            m_widestKind = std::max(m_widestKind, fontMetrics().horizontalAdvance(facts.kind));
    fitColumns();
    applyFilter();
    if (m_model->grouping() != LayersModel::Grouping::Blocks && m_proxy->rowCount() <= 16)
        m_tree->expandAll();
}

void LayersView::applyFilter()
{
    const LayersFilter filter = LayersFilter::parse(m_filter->text());
    m_problem->setText(filter.error());
    m_problem->setVisible(!filter.error().isEmpty());
    if (!filter.error().isEmpty()) {
        QPalette palette = m_problem->palette();
        palette.setColor(QPalette::WindowText, colours().warning);
        m_problem->setPalette(palette);
        showMatches();
        return;                        // what was seen stays, until the text is understood
    }
    m_proxy->setFilter(filter);
    if (!filter.isEmpty())
        m_tree->expandAll();
    showMatches();
    Q_EMIT filterChanged();
}

void LayersView::showMatches()
{
    const int all = static_cast<int>(m_model->facts().size()), matched = matchedLinears();
    const bool understood = m_problem->text().isEmpty();
    m_matches->setText(matched == all && !isFiltered() ? tr("%1").arg(all) : tr("%1 of %2").arg(matched).arg(all));
    m_matches->setToolTip(tr("Linears shown, of all"));
    m_matches->setAccessibleName(tr("%1 of %2 linears shown").arg(matched).arg(all));
    setActionEnabled(*m_rule, understood && isFiltered() && matched > 0, tr("Filter the table first: the rule is for the linears that it shows."));
}

void LayersView::fitColumns()
{
    m_fitting = true;                  // hiding a column may move a scroll bar, which comes back here
    int others = 0;
    for (int column = 0; column < LayersModel::Columns; ++column) {
        m_tree->setColumnHidden(column, m_hidden.contains(column));
        others += column == LayersModel::Name || m_hidden.contains(column) ? 0 : m_tree->columnWidth(column);
    }
    constexpr int kWidest = 140;
    const int least = std::min(kWidest, m_widestKind) + 2 * m_tree->indentation() + 16, room = m_tree->viewport()->width();
    // Error counts before there is any: the others stay where they are when it appears.
    const auto giveUp = [&](int column) {
        if (m_tree->isColumnHidden(column))
            return;
        others -= m_tree->columnWidth(column);
        m_tree->setColumnHidden(column, true);
    };
    for (const int column : {LayersModel::Group, LayersModel::Error, LayersModel::Activations, LayersModel::Size})
        if (others + least > room)
            giveUp(column);
    if (!m_model->hasResults() && room > 0)
        giveUp(LayersModel::Error);    // nothing stands there yet
    constexpr int kNarrowest = 80;     // of a name, once nothing is left to give way: rather cut than scrolled
    m_tree->setColumnWidth(LayersModel::Name, std::max(std::min(least, kNarrowest), room - others));
    m_fitting = false;
}

void LayersView::setFilter(const QString& text)
{
    m_filter->setText(text);
}

QString LayersView::filter() const
{
    return m_filter->text();
}

bool LayersView::isFiltered() const
{
    return !m_filter->text().trimmed().isEmpty();
}

int LayersView::matchedLinears() const
{
    return m_proxy->matched();
}

QStringList LayersView::filteredLinears() const
{
    return m_proxy->linears();
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
                if (const QModelIndex child = m_model->index(row, 0, source); m_model->factsAt(child)->info.site == *selection.site) {
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
        const QRect row = m_tree->visualRect(at);   // out of sight it comes to the middle, with its neighbours
        m_tree->scrollTo(at, m_tree->viewport()->rect().contains(row.center()) ? QAbstractItemView::EnsureVisible : QAbstractItemView::PositionAtCenter);
    }
    m_quiet = false;
}

QStringList LayersView::selectedLinears() const
{
    std::vector<const LinearFacts*> chosen;
    const auto add = [&](const QModelIndex& at) {
        if (const LinearFacts* facts = m_model->factsAt(m_proxy->mapToSource(at)))
            chosen.push_back(facts);
    };
    for (const QModelIndex& row : m_tree->selectionModel()->selectedRows()) {
        add(row);
        // Of a filtered group, the linears that are seen: an edit never reaches what is hidden.
        for (int child = 0; child < m_proxy->rowCount(row); ++child)
            add(m_proxy->index(child, 0, row));
    }
    std::sort(chosen.begin(), chosen.end());            // addresses in one vector: model order
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    QStringList names;
    for (const LinearFacts* facts : chosen)
        names << facts->name;
    return names;
}

void LayersView::selectSomething()
{
    if (!selectedLinears().isEmpty() || m_proxy->rowCount() == 0)
        return;
    const QModelIndex top = m_proxy->index(0, 0);
    m_tree->expand(top);
    m_tree->selectionModel()->setCurrentIndex(m_proxy->rowCount(top) > 0 ? m_proxy->index(0, 0, top) : top, QItemSelectionModel::ClearAndSelect | QItemSelectionModel::Rows);
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
    if (const LinearFacts* facts = m_model->factsAt(source)) {
        wish.site = facts->info.site;
        wish.linear = facts->info.name;
    } else if (wish.block < 0) {
        return;                                         // a group that is no block selects nothing elsewhere
    }
    Q_EMIT selectionRequested(wish);
}

QByteArray LayersView::saveState() const
{
    QByteArray state;
    QDataStream out(&state, QIODevice::WriteOnly);
    out << kStateVersion << qint32(m_model->grouping()) << m_hidden << m_tree->header()->saveState();
    return state;
}

void LayersView::restoreState(const QByteArray& state)
{
    QDataStream in(state);
    qint32 version = 0, grouping = 0;
    QSet<int> hidden;
    QByteArray header;
    in >> version >> grouping >> hidden >> header;
    if (in.status() != QDataStream::Ok || version != kStateVersion || grouping < 0 || grouping >= LayersModel::kGroupings)
        return;
    m_model->setGrouping(static_cast<LayersModel::Grouping>(grouping));
    m_tree->header()->restoreState(header);
    m_hidden = hidden;
    m_hidden.remove(LayersModel::Name);
    fitColumns();
    buildTableMenu();
}

} // namespace halftone
