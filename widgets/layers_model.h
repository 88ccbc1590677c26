#pragma once

#include "core/analysis/site_statistics.h"
#include "core/model/describe.h"
#include "core/methods/linear_result.h"
#include "core/recipe/recipe.h"

#include <QAbstractItemModel>
#include <QHash>
#include <QStringList>

#include <optional>
#include <vector>

namespace halftone {

/// The Layers table: block → linears. Shows plans, the kernel share of each linear's input, the error of the last run and sizes.
/// Editing a cell changes nothing here: it asks (editRequested), and the plans that come back are shown.
class LayersModel : public QAbstractItemModel {
    Q_OBJECT

public:
    enum Column { Name, Method, Bits, Group, Activations, Kernel, Error, Size, State, Columns };
    enum Role {
        LinearsRole = Qt::UserRole + 1,   ///< QStringList: the linear, or those of the block
        BarRole,                          ///< double in [0, 1]: share of the cell to fill; absent: no bar
        ChoicesRole,                      ///< QStringList: texts that the cell's editor offers
        ValuesRole,                       ///< QVariantList: what setData takes for each choice
        ChangedRole,                      ///< bool: plan differs from the one that the shown run used
        LockRole                          ///< QString: why the contract ties or forces this row; empty: it does not
    };
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
    const std::vector<LinearInfo>& linears() const { return m_linears; }
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
    void setLocks(const std::vector<Lock>& locks);
    /// Default: methodInfos().
    void setMethods(const std::vector<MethodInfo>& methods);

    QModelIndex indexOf(const std::string& linear) const;      ///< column 0; invalid when unknown
    QModelIndex indexOfBlock(int block) const;
    QStringList linearsAt(const QModelIndex& index) const;
    const LinearInfo* linearAt(const QModelIndex& index) const;   ///< null for a block row
    int blockAt(const QModelIndex& index) const;
    const Plan* planOf(const std::string& linear) const;
    std::optional<double> kernelShareOf(const std::string& linear) const;
    std::optional<double> sqnrOf(const std::string& linear) const;
    bool changedSinceRun(const std::string& linear) const;
    std::optional<WeightStatistics> weightStatisticsOf(const std::string& linear) const;
    void setWeightStatistics(const std::vector<WeightStatistics>& statistics);
    /// Asks for `patch` on `linears`, as an edit of a cell does (nothing when either is empty).
    void requestEdit(const QStringList& linears, const PlanPatch& patch);
    /// What an editor's value in a column means. Empty patch: not editable or out of range.
    PlanPatch patchFor(Column column, const QVariant& value) const;

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

private:
    struct Block { int number = 0; std::vector<int> rows; };
    QVariant linearData(int linear, Column column, int role) const;
    QVariant blockData(const Block& block, Column column, int role) const;
    QVariant plainValue(int linear, Column column) const;
    QString text(int linear, Column column) const;
    QString toolTip(int linear, Column column) const;
    QStringList choices(const QModelIndex& index, QVariantList* values) const;
    void changed(Column first, Column last);

    std::vector<LinearInfo> m_linears;
    std::vector<Block> m_blocks;
    QHash<QString, int> m_index;                               ///< name → position in m_linears
    std::vector<std::optional<Plan>> m_plans, m_runPlans;
    std::vector<std::optional<std::array<double, kKernelSchemes>>> m_kernel;
    std::vector<std::optional<LinearResult>> m_results;
    std::vector<std::optional<WeightStatistics>> m_weightStatistics;
    std::vector<QString> m_locks;
    std::vector<unsigned char> m_breaches;
    std::vector<MethodInfo> m_methods;
    int m_kernelScheme = 1;
};

} // namespace halftone
