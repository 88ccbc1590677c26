#include "app/studio/measured.h"

#include "app/studio/text.h"
#include "widgets/colour_map.h"
#include "widgets/jobs_view.h"
#include "widgets/plain_labels.h"

#include <QCoreApplication>

#include <cmath>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("Measured", text);
}

} // namespace

QString canaryText(const RunInfo& run)
{
    if (run.canaryReference <= 0)
        return {};
    const double drift = run.canaryPerplexity / run.canaryReference - 1;
    return tr("canary (128 unseen tokens) %1%2").arg(drift < 0 ? u"−"_s : u"+"_s, formatShare(std::abs(drift)));
}

QString runTitle(const RunInfo& run)
{
    return run.name.empty() ? toQString(run.id) : u"%1 · %2"_s.arg(toQString(run.id), plainText(toQString(run.name)));
}

QString runSummary(const RunInfo& run)
{
    if (run.state != "done")
        return tr("%1 of %2 blocks").arg(run.blocksDone).arg(run.blocks);
    QStringList parts{tr("%1 bits a weight").arg(formatValue(run.bitsPerWeight, 3)), formatDuration(run.seconds)};
    if (const QString canary = canaryText(run); !canary.isEmpty())
        parts << canary;
    return parts.join(u" · "_s);
}

RunHead runHead(const RunInfo& run)
{
    return {runTitle(run), run.blocks, false, 0, runSummary(run)};
}

QString textOf(const EvaluationRecord& record)
{
    return tr("%1 · %2 × %3").arg(record.textName).arg(record.result.perplexity.windows ? record.result.perplexity.windows : record.windows).arg(record.length);
}

std::vector<TradeoffPoint> tradeoffPoints(const std::vector<EvaluationRecord>& records, const EvaluationRecord& shown, int chosen)
{
    std::vector<TradeoffPoint> points;
    for (std::size_t i = 0; i < records.size(); ++i) {
        const EvaluationRecord& record = records[i];
        if (!record.sameText(shown))
            continue;
        const Evaluation& result = record.result;
        points.push_back({record.label, record.run, record.bitsPerWeight, result.perplexity.perplexity, result.perplexity.standardError,
                          result.hasDivergence ? result.divergence.klMean : -1, result.hasDivergence ? result.divergence.klMeanError : 0,
                          record.target == EvaluationRecord::Target::Float, static_cast<int>(i) == chosen, static_cast<int>(i)});
    }
    return points;
}

std::vector<RunCurve> runCurves(const std::vector<RunInfo>& runs, const std::function<const std::vector<BlockResult>*(const RunInfo&)>& results)
{
    constexpr std::size_t kMost = 6;   // lines that can be told apart
    std::vector<RunCurve> curves;
    for (auto run = runs.rbegin(); run != runs.rend() && curves.size() < kMost; ++run)
        if (run->state == "done")
            if (const std::vector<BlockResult>* read = results(*run))
                curves.push_back({toQString(run->id), *read, runTitle(*run)});
    return curves;
}

} // namespace halftone
