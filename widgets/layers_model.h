#pragma once

#include "core/model/describe.h"
#include "widgets/layer_cells.h"
#include "widgets/layer_facts.h"

#include <QAbstractItemModel>
#include <QHash>
#include <QStringList>

#include <optional>
#include <vector>

namespace halftone {

/// The Layers table: groups (blocks, unless told otherwise) → linears. Holds what is known of each linear and where it stands; what a cell
/// shows is LayerCells'. Editing a cell changes nothing here: it asks (editRequested), and the plans that come back are shown.
class LayersModel : public QAbstractItemModel, public LayersTable {
    Q_OBJECT

public:
    /// A contract's word about one linear.
    struct Lock {
        std::string linear;
        std::string reason;               ///< a sentence
        bool breach = false;              ///< the plan breaks it (checkContract), not merely tied
    };

    explicit LayersModel(QObject* parent = nullptr);
    ~LayersModel() override;

    void clear();
    void setModel(const ModelDescription& model);
    /// What stays float beside the linears, below them: embedding, head, positions, each with its size, and all norms and biases together.
    int floatParts() const { return static_cast<int>(m_parts.size()); }
    /// Sizes as a dense export has them, where no packed one can be.
    void setDense(bool dense);
    bool dense() const { return m_cells.dense; }
    void setGrouping(Grouping grouping);
    Grouping grouping() const { return m_cells.grouping; }
    const std::vector<LinearFacts>& facts() const { return m_facts; }
    /// Every linear's plan, in any order; linears without one show "–".
    void setPlans(const std::vector<ResolvedPlan>& plans);
    /// The plans the shown run used; empty: no run, so nothing is "changed since".
    void setRunPlans(const std::vector<ResolvedPlan>& plans);
    void setSites(const std::vector<SiteStatistics>& sites);   ///< of one block or more; adds to what is known
    void clearSites();
    /// Which grid's kernel share is shown (index: kernelScheme). A linear with quantized activations shows that of its own scheme.
    void setKernelScheme(int index);
    void setResults(const std::vector<BlockResult>& results);  ///< all of a run; empty clears
    void setBlockResult(const BlockResult& result);            ///< one more block finished
    /// Whose refusals editors say (a contract's id, or none), and its word about linears.
    void setContract(const std::string& contract, const std::vector<Lock>& locks);
    void setWeightStatistics(const std::vector<WeightStatistics>& statistics);
    const std::string& contract() const { return m_cells.contract; }
    /// Default: methodInfos().
    void setMethods(const std::vector<MethodInfo>& methods);

    QModelIndex indexOf(const std::string& linear) const;      ///< column 0; invalid when unknown
    /// The row of a group of that block; invalid unless grouped by blocks.
    QModelIndex indexOfBlock(int block) const;
    QStringList linearsAt(const QModelIndex& index) const;
    const LinearFacts* factsAt(const QModelIndex& index) const;   ///< null for a group's row
    const LinearFacts* factsOf(const std::string& linear) const;  ///< null when unknown
    int blockAt(const QModelIndex& index) const;                  ///< of a linear, or of a group that is a block; else −1
    std::optional<double> kernelShareOf(const std::string& linear) const;
    int kernelScheme() const { return m_cells.kernelScheme; }
    std::optional<double> sqnrOf(const std::string& linear) const;
    bool changedSinceRun(const std::string& linear) const;
    bool hasResults() const;
    /// Asks for `patch` on `linears`, as an edit of a cell does (nothing when either is empty).
    void requestEdit(const QStringList& linears, const PlanPatch& patch);
    /// What an editor's value in a column means. Empty patch: not editable or out of range.
    PlanPatch patchFor(Column column, const QVariant& value) const { return m_cells.patchFor(column, value); }

    QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    QModelIndex parent(const QModelIndex& child) const override;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;
    QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;

Q_SIGNALS:
    void editRequested(const QStringList& linears, const halftone::PlanPatch& patch);
    void resultsChanged();                                     ///< of the run shown

private:
    struct RowGroup { QString title; int block = -1; std::vector<int> rows; };   ///< rows: positions in m_facts
    struct FloatPart { QString title, tip, shape; std::int64_t elements = 0; };
    struct Place { int group = 0, row = 0; };
    void arrange();
    void findFloatParts(const ModelDescription& model);
    const FloatPart* partAt(const QModelIndex& index) const;   ///< null for a linear and a group
    QVariant partData(const FloatPart& part, const QModelIndex& at, int role) const;
    bool isFlat() const { return m_cells.grouping == Grouping::None; }
    /// The linears that an index stands for; empty when it is none.
    std::vector<int> rowsAt(const QModelIndex& index) const;
    int rowAt(const QModelIndex& index) const;                 ///< of one linear; −1 for a group
    LinearFacts* find(const std::string& linear);
    void changed(Column first, Column last);

    std::vector<LinearFacts> m_facts;
    LayerCells m_cells{m_facts};
    QHash<QString, int> m_index;                               ///< name → position in m_facts
    std::vector<RowGroup> m_groups;
    std::vector<FloatPart> m_parts;                            ///< rows at the top, after all others
    std::vector<Place> m_places;                               ///< of each of m_facts
};

} // namespace halftone
