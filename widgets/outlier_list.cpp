#include "widgets/outlier_list.h"

#include "widgets/colour_map.h"
#include "widgets/palette.h"
#include "widgets/site_text.h"

#include <QHeaderView>
#include <QScrollBar>
#include <QSortFilterProxyModel>

#include <algorithm>

namespace halftone {

using namespace Qt::Literals::StringLiterals;

namespace {

constexpr int kRoomForAll = 300;   ///< pixels; in less, the magnitude is left to the tip

QString shortText(SiteKind kind)
{
    return QString::fromStdString(kind.declaration().shortLabel);
}

} // namespace

void OutlierModel::clear()
{
    beginResetModel();
    m_rows.clear();
    endResetModel();
}

void OutlierModel::setSites(const std::vector<SiteStatistics>& sites)
{
    beginResetModel();
    for (const SiteStatistics& site : sites) {
        const Row row{site.site.block, site.site.kind, site.outlierChannel(), site.absmax(), site.medianChannelAbsmax(), site.outlierRatio()};
        if (const int known = rowOf(row.block, row.kind); known >= 0)
            m_rows[static_cast<std::size_t>(known)] = row;
        else
            m_rows.push_back(row);
    }
    endResetModel();
}

int OutlierModel::rowOf(int block, SiteKind kind) const
{
    const auto found = std::find_if(m_rows.begin(), m_rows.end(), [&](const Row& row) { return row.block == block && row.kind == kind; });
    return found == m_rows.end() ? -1 : static_cast<int>(found - m_rows.begin());
}

int OutlierModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int OutlierModel::columnCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : Columns;
}

QVariant OutlierModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const Row& row = m_rows[static_cast<std::size_t>(index.row())];
    switch (role) {
    case Qt::DisplayRole:
        switch (index.column()) {
        case Block: return row.block;
        case Site: return shortText(row.kind);
        case Channel: return QString::number(row.channel);
        case Absmax: return formatValue(row.absmax, 3);
        case Ratio: return u"%1 ×"_s.arg(formatValue(row.ratio, 3));
        default: return {};
        }
    case kSortRole:
        switch (index.column()) {
        case Block: return static_cast<double>(row.block) + row.kind.number() / static_cast<double>(SiteKind::kMost);
        case Site: return row.kind.number();
        case Channel: return static_cast<double>(row.channel);
        case Absmax: return row.absmax;
        case Ratio: return row.ratio;
        default: return {};
        }
    case Qt::ToolTipRole:
        return tr("Block %1, %2: channel %3 reaches %4, %5 times the median channel (%6)").arg(row.block).arg(siteText(row.kind)).arg(row.channel)
            .arg(formatValue(row.absmax), formatValue(row.ratio, 3), formatValue(row.median, 3));
    case Qt::TextAlignmentRole:
        return QVariant((index.column() == Site ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    case Qt::ForegroundRole:
        return index.column() == Ratio ? QVariant() : QVariant(colours().faint);
    default:
        return {};
    }
}

QVariant OutlierModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal)
        return {};
    if (role == Qt::TextAlignmentRole)
        return QVariant(Qt::AlignLeft | Qt::AlignVCenter);   // the sign of sorting stands at the right
    const bool tip = role == Qt::ToolTipRole;
    if (role != Qt::DisplayRole && !tip)
        return {};
    switch (section) {
    case Block: return tip ? tr("Block of the site") : tr("Block");
    case Site: return tip ? tr("Which activation of the block") : tr("Site");
    case Channel: return tip ? tr("The channel that stands out the most") : tr("Channel");
    case Absmax: return tip ? tr("Its largest magnitude over the text") : tr("Largest");
    case Ratio: return tip ? tr("Against the site's median channel") : tr("Ratio");
    default: return {};
    }
}

OutlierList::OutlierList(QWidget* parent) : QTableView(parent)
{
    setObjectName(u"outlierList"_s);
    setAccessibleName(tr("Sites by their outliers"));
    m_model = new OutlierModel(this);
    m_sorted = new QSortFilterProxyModel(this);
    m_sorted->setSourceModel(m_model);
    m_sorted->setSortRole(OutlierModel::kSortRole);
    setModel(m_sorted);
    setSortingEnabled(true);
    sortByColumn(OutlierModel::Ratio, Qt::DescendingOrder);
    setSelectionBehavior(QAbstractItemView::SelectRows);
    setSelectionMode(QAbstractItemView::SingleSelection);
    setEditTriggers(QAbstractItemView::NoEditTriggers);
    setTabKeyNavigation(false);
    setShowGrid(false);
    setWordWrap(false);
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    verticalHeader()->hide();
    verticalHeader()->setDefaultSectionSize(20);
    horizontalHeader()->setHighlightSections(false);
    horizontalHeader()->setMinimumSectionSize(24);
    setFont(tabularFont(font(), false, 1));
    connect(m_sorted, &QAbstractItemModel::modelReset, this, &OutlierList::fit);
    connect(selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& current) {
        if (m_telling && current.isValid())
            Q_EMIT selectionRequested(selectionOf(m_sorted->mapToSource(current).row()));
    });
    // A row that is the selection already says so again: the views may stand elsewhere.
    connect(this, &QAbstractItemView::clicked, this, [this](const QModelIndex& at) { Q_EMIT selectionRequested(selectionOf(m_sorted->mapToSource(at).row())); });
    fit();
}

void OutlierList::fit()
{
    const QFontMetrics metrics(font());
    const auto width = [&](const QString& widest) { return metrics.horizontalAdvance(widest) + 14; };
    horizontalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    horizontalHeader()->resizeSection(OutlierModel::Block, width(tr("Block")));
    horizontalHeader()->resizeSection(OutlierModel::Channel, width(tr("Channel")) + 6);
    horizontalHeader()->resizeSection(OutlierModel::Absmax, width(tr("Largest")));
    horizontalHeader()->resizeSection(OutlierModel::Ratio, width(u"00 000 ×"_s) + 6);
    horizontalHeader()->setSectionResizeMode(OutlierModel::Site, QHeaderView::Stretch);
    setColumnHidden(OutlierModel::Absmax, this->width() < kRoomForAll);
}

void OutlierList::resizeEvent(QResizeEvent* event)
{
    QTableView::resizeEvent(event);
    fit();
}

QSize OutlierList::sizeHint() const
{
    int width = QFontMetrics(font()).horizontalAdvance(shortText(SiteKind::AttentionOutput)) + 28 + style()->pixelMetric(QStyle::PM_ScrollBarExtent);
    for (const int column : {OutlierModel::Block, OutlierModel::Channel, OutlierModel::Ratio})
        width += horizontalHeader()->sectionSize(column);
    return {width, 160};
}

Selection OutlierList::selectionOf(int row) const
{
    const OutlierModel::Row& site = m_model->rows()[static_cast<std::size_t>(row)];
    Selection selection;
    selection.block = site.block;
    selection.site = site.kind;
    selection.setChannel(site.channel);
    return selection;
}

void OutlierList::setSites(const std::vector<SiteStatistics>& sites)
{
    m_telling = false;
    m_model->setSites(sites);
    m_telling = true;
    setSelection(m_selection);
}

void OutlierList::setSelection(const Selection& selection)
{
    m_selection = selection;
    const int row = selection.block >= 0 && selection.site ? m_model->rowOf(selection.block, *selection.site) : -1;
    m_telling = false;
    if (row < 0) {
        setCurrentIndex({});
    } else if (const QModelIndex at = m_sorted->mapFromSource(m_model->index(row, 0)); at.row() != currentIndex().row() || !selectionModel()->isRowSelected(at.row())) {
        setCurrentIndex(at);
        scrollTo(at);
    }
    m_telling = true;
}

std::optional<Selection> OutlierList::largest() const
{
    const auto& rows = m_model->rows();
    const auto most = std::max_element(rows.begin(), rows.end(), [](const OutlierModel::Row& a, const OutlierModel::Row& b) { return a.ratio < b.ratio; });
    return most == rows.end() ? std::nullopt : std::optional(selectionOf(static_cast<int>(most - rows.begin())));
}

} // namespace halftone
