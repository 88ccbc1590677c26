#pragma once

#include "app/studio/evaluations.h"
#include "core/project/project.h"
#include "widgets/curves_view.h"
#include "widgets/run_view.h"
#include "widgets/tradeoff_view.h"

#include <functional>

namespace halftone {

/// What a project measured, as the views take it: the same for the window and for `halftone-cli plot`.

/// "run-001", or "run-001 · the name that a person gave it".
QString runTitle(const RunInfo& run);
/// "canary (128 unseen tokens) +21 %": how far the perplexity of the run's 128 unseen tokens went from where the float model starts. A fault detector, no quality: so
/// short a text does not rank runs. Empty: not measured.
QString canaryText(const RunInfo& run);
/// "4.25 bits a weight · 2:10 · canary (128 unseen tokens) +21 %", or how far it came.
QString runSummary(const RunInfo& run);
RunHead runHead(const RunInfo& run);

/// "held-out.txt · 4 × 512".
QString textOf(const EvaluationRecord& record);
/// The records measured on the same text as `shown`, as points; `row` is each one's place among `records`, `chosen` the one at hand (−1: none).
std::vector<TradeoffPoint> tradeoffPoints(const std::vector<EvaluationRecord>& records, const EvaluationRecord& shown, int chosen);

/// The newest finished runs, no more than can be told apart; `results` gives null for one that is not read yet.
std::vector<RunCurve> runCurves(const std::vector<RunInfo>& runs, const std::function<const std::vector<BlockResult>*(const RunInfo&)>& results);

} // namespace halftone
