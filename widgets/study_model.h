#pragma once

#include "core/recipe/study_result.h"

#include <QAbstractTableModel>
#include <QStyledItemDelegate>

#include <vector>

namespace halftone {

/// The settings of a study as rows; classes by limits that can be changed.
class StudyModel : public QAbstractTableModel {
    Q_OBJECT

public:
    enum Column { Setting, Class, Perplexity, Degradation, Ratio, KlMean, Kernel, Lost, Clipped, Bits, Size, Time, Run, Columns };
    static constexpr int kSortRole = Qt::UserRole;      ///< a number or text to sort by; what was not measured comes last
    static constexpr int kClassRole = Qt::UserRole + 1; ///< 1, 2, 3; 0: not measured

    explicit StudyModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}
    /// Rows keep their places while the same study grows.
    void setResult(const StudyResult& result);
    const StudyResult& result() const { return m_result; }
    void setLimits(const ClassLimits& limits);
    const ClassLimits& limits() const { return m_limits; }
    const StudyFigures& figures(int row) const { return m_figures[static_cast<std::size_t>(row)]; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    QString text(int row, Column column) const;
    QString tip(int row, Column column) const;
    QVariant sortValue(int row, Column column) const;
    void refreshFigures();

    StudyResult m_result;
    ClassLimits m_limits;
    std::vector<StudyFigures> m_figures;
};

/// "4 and 3 bits · test.txt · 8 × 512": what is studied on which text; the name may be left out.
QString studySubtitle(const StudyResult& result, bool name);

/// Marks of the three classes, told apart by shape, number and colour.
struct ClassLook {
    QColor colour;
    QString text;   ///< "Class-1"
};
ClassLook classLook(int sensitivity);

/// Draws a class as a badge.
class ClassDelegate : public QStyledItemDelegate {
    Q_OBJECT

public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

} // namespace halftone
