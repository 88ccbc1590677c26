#pragma once

#include <QHash>
#include <QList>
#include <QObject>
#include <QString>
#include <QTimer>

#include <functional>
#include <utility>
#include <vector>

class QTableView;

namespace halftone {

/// Gives the columns of a table the width it has: each what its texts take, room that is left shared among them; where there is too little, first the
/// columns that say nothing go, then the elastic one elides, then the last ones go. Stands back once a person has drawn a column wider or narrower. Of a long table it looks
/// at some hundred rows from all over, and at each row that comes: a row more is never the work of the whole table.
class ColumnFitter : public QObject {
    Q_OBJECT
public:
    /// @param elastic the column that gives way, down to `least` pixels; @param droppable columns to hide where room is short and all their cells
    /// say nothing: are empty or a dash, or what `nothing` says
    ColumnFitter(QTableView* table, int elastic, int least, QList<int> droppable = {}, std::function<bool(const QString&)> nothing = {});

    /// This column has what the others leave, and goes where that is little; its texts are for tool tips too.
    void setRest(int column) { m_rest = column; }

    /// These go, in this order, where all else leaves too little room, whatever they say: tool tips have it too.
    void setLast(QList<int> columns) { m_last = std::move(columns); }
    /// Texts of this column take no more; what is longer elides.
    void setMost(int column, int pixels) { m_most.insert(column, pixels); }

    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    /// What the cells of a column take and say, as far as they were looked at.
    struct Texts {
        int width = 0;
        bool saysSomething = false;
    };
    void look(int first, int last);
    void fit();
    int titleWidth(int column) const;

    QTableView* m_table;
    int m_elastic, m_least, m_rest = -1;
    QList<int> m_droppable, m_last;
    QHash<int, int> m_most;
    std::function<bool(const QString&)> m_nothing;
    QTimer m_settle;
    std::vector<Texts> m_texts;   ///< by column
    bool m_looked = false;        ///< at all rows; rows that come are looked at one by one
    bool m_pressed = false, m_byHand = false;
};

} // namespace halftone
