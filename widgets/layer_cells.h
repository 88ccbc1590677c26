#pragma once

#include "core/methods/method.h"
#include "widgets/layer_facts.h"

#include <QStringList>
#include <QVariant>

#include <string>
#include <vector>

namespace halftone {

/// What each cell of the Layers table shows, of one linear or of a group of them. Reads the facts it is given; changes nothing.
class LayerCells : public LayersTable {
public:
    explicit LayerCells(const std::vector<LinearFacts>& facts);

    std::vector<MethodInfo> methods;
    std::string contract;              ///< whose refusals are said; empty: none
    bool dense = false;                ///< sizes as a dense export has them
    int kernelScheme = 1;              ///< shown where the input is left float (index: kernelScheme())
    Grouping grouping = Grouping::Blocks;

    QVariant linear(int row, Column column, int role) const;
    QVariant group(const QString& title, const std::vector<int>& rows, Column column, int role) const;
    /// What the editor of a column offers for these linears; `refusals` come from the first of them.
    QStringList choices(const std::vector<int>& rows, Column column, QVariantList* values, QStringList* refusals) const;
    /// What a value of an editor means. Empty patch: not editable or out of range.
    PlanPatch patchFor(Column column, const QVariant& value) const;

private:
    const LinearFacts& at(int row) const { return m_facts[static_cast<std::size_t>(row)]; }
    QString text(int row, Column column) const;
    QString toolTip(int row, Column column) const;
    QVariant value(int row, Column column) const;
    QVariant sortValue(int row, Column column) const;
    QVariant bar(int row, Column column) const;
    QString groupText(const QString& title, const std::vector<int>& rows, Column column) const;
    /// The linear whose figure in a column is the largest.
    int worstOf(const std::vector<int>& rows, Column column) const;
    /// Why a contract leaves no other choice in this cell; empty when it leaves some.
    QString forcedReason(int row, Column column) const;

    const std::vector<LinearFacts>& m_facts;
};

} // namespace halftone
