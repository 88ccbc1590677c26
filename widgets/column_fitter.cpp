#include "widgets/column_fitter.h"

#include <QAbstractItemModel>
#include <QEvent>
#include <QHeaderView>
#include <QTableView>

#include <algorithm>
#include <vector>

namespace halftone {

namespace {

constexpr int kTight = 2, kAiry = 28;   // pixels between columns beyond what texts take
constexpr int kLittle = 90;             // pixels
constexpr int kLooked = 300;            // rows

} // namespace

ColumnFitter::ColumnFitter(QTableView* table, int elastic, int least, QList<int> droppable, std::function<bool(const QString&)> nothing)
    : QObject(table)
    , m_table(table)
    , m_elastic(elastic)
    , m_least(least)
    , m_droppable(std::move(droppable))
    , m_nothing(std::move(nothing))
{
    m_settle.setSingleShot(true);
    m_settle.setInterval(0);
    connect(&m_settle, &QTimer::timeout, this, &ColumnFitter::fit);
    const auto later = [this] { m_settle.start(); };
    const QAbstractItemModel* model = table->model();
    connect(model, &QAbstractItemModel::modelReset, this, later);
    connect(model, &QAbstractItemModel::rowsInserted, this, later);
    connect(model, &QAbstractItemModel::rowsRemoved, this, later);
    connect(model, &QAbstractItemModel::dataChanged, this, later);
    connect(model, &QAbstractItemModel::headerDataChanged, this, later);
    table->horizontalHeader()->setStretchLastSection(false);
    table->horizontalHeader()->setMinimumSectionSize(24);
    connect(table->horizontalHeader(), &QHeaderView::sectionResized, this, [this] { m_byHand = m_byHand || m_pressed; });
    table->horizontalHeader()->viewport()->installEventFilter(this);
    table->viewport()->installEventFilter(this);
}

bool ColumnFitter::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_table->horizontalHeader()->viewport()) {
        if (event->type() == QEvent::MouseButtonPress || event->type() == QEvent::MouseButtonRelease)
            m_pressed = event->type() == QEvent::MouseButtonPress;
    } else if (event->type() == QEvent::Resize || event->type() == QEvent::FontChange) {
        m_settle.start();
    }
    return QObject::eventFilter(watched, event);
}

bool ColumnFitter::saysNothing(int column) const
{
    const QAbstractItemModel* model = m_table->model();
    const int rows = std::min(kLooked, model->rowCount());
    for (int row = 0; row < rows; ++row)
        if (const QString text = model->index(row, column).data().toString(); !text.isEmpty() && text != QStringLiteral("–") && !(m_nothing && m_nothing(text)))
            return false;
    return true;
}

/// Without room for the sign of sorting in every column, which the header's own hint has.
int ColumnFitter::titleWidth(int column) const
{
    constexpr int kPadding = 14, kSign = 16;
    const QHeaderView* header = m_table->horizontalHeader();
    const bool sorted = header->isSortIndicatorShown() && header->sortIndicatorSection() == column;
    return header->fontMetrics().horizontalAdvance(m_table->model()->headerData(column, Qt::Horizontal).toString()) + kPadding + (sorted ? kSign : 0);
}

void ColumnFitter::fit()
{
    if (m_byHand || m_table->model()->rowCount() == 0)
        return;
    QHeaderView* header = m_table->horizontalHeader();
    const int columns = m_table->model()->columnCount(), room = m_table->viewport()->width();
    for (const int column : m_droppable)
        header->setSectionHidden(column, false);
    std::vector<int> widths;
    int total = 0;
    for (int column = 0; column < columns; ++column) {
        widths.push_back(column == m_rest || header->isSectionHidden(column) ? 0 : std::max(titleWidth(column), static_cast<const QAbstractItemView*>(m_table)->sizeHintForColumn(column)));
        total += widths.back();
    }
    const int least = std::min(m_least, widths[static_cast<std::size_t>(m_elastic)]);
    const auto missing = [&] { return total - widths[static_cast<std::size_t>(m_elastic)] + least + columns * kTight - room; };
    for (const int column : m_droppable)
        if (missing() > 0 && saysNothing(column)) {
            header->setSectionHidden(column, true);
            total -= widths[static_cast<std::size_t>(column)];
            widths[static_cast<std::size_t>(column)] = 0;
        }
    const auto shown = static_cast<int>(std::count_if(widths.begin(), widths.end(), [](int width) { return width > 0; }));
    const int spare = std::clamp((room - total) / std::max(1, shown), kTight, kAiry);
    for (int column = 0; column < columns; ++column)
        if (const int width = widths[static_cast<std::size_t>(column)]; width > 0 && column != m_elastic)
            header->resizeSection(column, width + spare);
    int others = 0;
    for (int column = 0; column < columns; ++column)
        others += column == m_elastic || column == m_rest ? 0 : header->sectionSize(column);
    const int elastic = widths[static_cast<std::size_t>(m_elastic)] + spare;
    const int given = std::clamp(room - others, std::min(least, elastic), elastic);
    header->resizeSection(m_elastic, given);
    if (m_rest >= 0) {
        const int left = room - others - given;
        header->setSectionHidden(m_rest, left < kLittle || saysNothing(m_rest));
        if (left >= kLittle)
            header->resizeSection(m_rest, left);
    }
}

} // namespace halftone
