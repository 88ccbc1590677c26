#pragma once

#include "core/analysis/site_statistics.h"
#include "core/methods/linear_result.h"
#include "core/model/model_info.h"
#include "core/recipe/recipe.h"

#include <QString>

#include <array>
#include <cstdint>
#include <optional>

namespace halftone {

/// The words that the Layers table's model, cells, delegate and view share.
struct LayersTable {
    enum Column { Name, Method, Bits, Group, Activations, Kernel, Error, Size, State, Kurtosis, Shape, Rule, Outlier, Ratio, Channel, Columns };
    enum Role {
        LinearsRole = Qt::UserRole + 1,   ///< QStringList: the linear, or those of the group
        BarRole,                          ///< double in [0, 1]: share of the cell to fill; absent: no bar
        ChoicesRole,                      ///< QStringList: texts that the cell's editor offers
        ValuesRole,                       ///< QVariantList: what setData takes for each choice
        RefusalsRole,                     ///< QStringList: why the contract refuses each choice; empty: it does not
        ChangedRole,                      ///< bool: plan differs from the one that the shown run used
        LockRole,                         ///< QString: why the contract ties or forces this row; empty: it does not
        SiteRole,                         ///< int: the number of a linear's SiteKind; absent for a group
        SortRole                          ///< what the column sorts by
    };
    /// What the rows of a group have in common.
    enum class Grouping { Blocks, Sites, Kinds, None };
    static constexpr int kGroupings = 4;
};

/// All that the table knows of one linear.
struct LinearFacts {
    LinearInfo info;
    QString name, kind;                                        ///< "model.layers.3.mlp.up_proj", "up_proj"
    std::optional<Plan> plan, runPlan;
    int rule = -1;                                             ///< the last rule that touched the plan; −1: defaults only
    std::optional<std::array<double, kKernelSchemes>> kernel;  ///< share of the input that rounds to zero, by kernelScheme()
    struct Outlier { double absmax = 0, ratio = 0, median = 0; std::int64_t channel = -1; };
    std::optional<Outlier> outlier;                            ///< of the input's channels the largest, as analyzed
    std::optional<LinearResult> result;                        ///< of the run shown
    std::optional<WeightStatistics> weights;
    QString lock;                                              ///< the contract's word; empty: none
    bool breach = false;

    /// Under the plan's own activation scheme; under `otherwise` where the input is left float.
    std::optional<double> kernelShare(int otherwise) const;
    std::optional<double> sqnrDb() const;                      ///< of the run; absent where it left the weights float
    std::optional<double> relativeError() const;               ///< ‖ŵ − w‖ / ‖w‖ of the run
    bool changedSinceRun() const { return plan && runPlan && *plan != *runPlan; }
};

} // namespace halftone
