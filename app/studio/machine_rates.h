#pragma once

#include "core/recipe/recipe.h"

#include <QString>

#include <optional>
#include <vector>

namespace halftone {

/// What jobs of each kind ("analyze", "evaluate", "quantize/gptq") took on this machine, kept in the settings: of which model, how much work, how long.
class MachineRates {
public:
    /// A job of `kind` did `work` on `model` in `seconds`. Jobs too short to tell are left out.
    static void record(const QString& kind, const ModelDescription& model, double work, double seconds);

    /// Seconds that `work` is likely to take, from … to, by the job of the same model whose work is nearest; where none of that model was measured by the
    /// model nearest in size, with more room. Empty when nothing of the kind was measured here, or only models of another order of size, which say nothing.
    struct Range {
        double from = 0, to = 0;
        bool sameModel = true;
    };
    static std::optional<Range> seconds(const QString& kind, const ModelDescription& model, double work);
    /// "about 0:40–1:10 on this machine", or that it is not known yet.
    static QString text(const QString& kind, const ModelDescription& model, double work);
};

/// Multiply-adds of the linears that a walk over `tokens` takes, roughly; only comparable within one kind.
double walkWork(const ModelDescription& model, double tokens);
/// The same with the head.
double evaluateWork(const ModelDescription& model, double tokens, bool divergence);
/// Of a run: walks, Hessians, solving and training.
double quantizeWork(const ModelDescription& model, const std::vector<ResolvedPlan>& plans, const CalibrationSettings& calibration);
/// "quantize/awq+gptq": by transforms and roundings.
QString quantizeKind(const std::vector<ResolvedPlan>& plans);

} // namespace halftone
