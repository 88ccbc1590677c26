#include "widgets/column_fitter.h"

#include <QAbstractItemModel>
#include <QEvent>
#include <QHeaderView>
#include <QTableView>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace halftone {

namespace {

constexpr int kTight = 2, kAiry = 28;   // pixels between columns beyond what texts take
constexpr int kLittle = 90;             // pixels
constexpr int kLooked = 200;            // rows that are looked at at once

} // namespace

ColumnFitter::ColumnFitter(QTableView* table, int elastic, int least, QList<int> droppable, std::function<bool(const QString&)> nothing)
    : QObject(table)
    , m_table(table)
    , m_elastic(elastic)
    , m_least(least)
    , m_droppable(std::move(droppable))
    , m_nothing(std::move(nothing))
    , m_settle(this)
{
    m_settle.setSingleShot(true);
    m_settle.setInterval(0);
    connect(&m_settle, &QTimer::timeout, this, &ColumnFitter::fit);
    const auto later = [this] {
        m_looked = false;
        m_settle.start();
    };
    const QAbstractItemModel* model = table->model();
    connect(model, &QAbstractItemModel::modelReset, this, later);
    connect(model, &QAbstractItemModel::rowsInserted, this, [this](const QModelIndex&, int first, int last) {
        if (m_looked)
            look(first, last);
        m_settle.start();
    });
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
        m_looked = m_looked && event->type() == QEvent::Resize;
        m_settle.start();
    }
    return QObject::eventFilter(watched, event);
}

void ColumnFitter::look(int first, int last)
{
    const QAbstractItemModel* model = m_table->model();
    m_texts.resize(static_cast<std::size_t>(model->columnCount()));
    const int rows = last - first + 1, looked = std::min(kLooked, rows);
    for (int i = 0; i < looked; ++i) {
        const int row = first + static_cast<int>(std::int64_t(rows) * i / looked);
        for (int column = 0; column < model->columnCount(); ++column) {
            Texts& texts = m_texts[static_cast<std::size_t>(column)];
            const QModelIndex cell = model->index(row, column);
            if (column != m_rest)
                texts.width = std::max(texts.width, m_table->sizeHintForIndex(cell).width());
            if (!texts.saysSomething && (column == m_rest || m_droppable.contains(column))) {
                const QString text = cell.data().toString();
                texts.saysSomething = !text.isEmpty() && text != QStringLiteral("–") && !(m_nothing && m_nothing(text));
            }
        }
    }
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
    if (!m_looked) {
        m_texts.clear();
        look(0, m_table->model()->rowCount() - 1);
        m_looked = true;
    }
    QHeaderView* header = m_table->horizontalHeader();
    const int columns = m_table->model()->columnCount(), room = m_table->viewport()->width();
    for (const int column : m_droppable + m_last)
        header->setSectionHidden(column, false);
    std::vector<int> widths;
    int total = 0;
    for (int column = 0; column < columns; ++column) {
        widths.push_back(column == m_rest || header->isSectionHidden(column) ? 0 : std::max(titleWidth(column), std::min(m_texts[static_cast<std::size_t>(column)].width, m_most.value(column, std::numeric_limits<int>::max()))));
        total += widths.back();
    }
    const int least = std::min(m_least, widths[static_cast<std::size_t>(m_elastic)]);
    const auto missing = [&] { return total - widths[static_cast<std::size_t>(m_elastic)] + least + columns * kTight - room; };
    const auto drop = [&](int column) {
        header->setSectionHidden(column, true);
        total -= widths[static_cast<std::size_t>(column)];
        widths[static_cast<std::size_t>(column)] = 0;
    };
    for (const int column : m_droppable)
        if (missing() > 0 && !m_texts[static_cast<std::size_t>(column)].saysSomething)
            drop(column);
    for (const int column : m_last)
        if (missing() > 0 && !header->isSectionHidden(column))
            drop(column);
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
        header->setSectionHidden(m_rest, left < kLittle || !m_texts[static_cast<std::size_t>(m_rest)].saysSomething);
        if (left >= kLittle)
            header->resizeSection(m_rest, left);
    }
}

} // namespace halftone
