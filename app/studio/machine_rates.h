#pragma once

#include "core/recipe/recipe.h"

#include <QString>

#include <optional>
#include <utility>
#include <vector>

namespace halftone {

/// How fast this machine was: work a second of the last jobs of each kind ("analyze", "evaluate", "quantize/gptq"), kept in the settings.
class MachineRates {
public:
    /// A job of `kind` did `work` in `seconds`. Jobs too short to tell are left out.
    static void record(const QString& kind, double work, double seconds);
    /// Seconds that `work` is likely to take, from … to; empty when nothing of the kind was measured here.
    static std::optional<std::pair<double, double>> seconds(const QString& kind, double work);
    /// "about 0:40–1:10 on this machine", or that it is not known yet.
    static QString text(const QString& kind, double work);
};

/// Multiply-adds of the linears that a walk over `tokens` takes, roughly; only comparable within one kind.
double walkWork(const ModelDescription& model, double tokens);
/// The same with the head.
double evaluateWork(const ModelDescription& model, double tokens, bool divergence);
/// Of a run: walks, Hessians and solving.
double quantizeWork(const ModelDescription& model, const std::vector<ResolvedPlan>& plans, const CalibrationSettings& calibration);
/// "quantize/gptq": by the rounding that costs most.
QString quantizeKind(const std::vector<ResolvedPlan>& plans);

} // namespace halftone
