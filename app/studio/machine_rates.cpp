#include "app/studio/machine_rates.h"

#include "app/studio/settings.h"
#include "app/studio/text.h"
#include "widgets/jobs_view.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>
#include <set>

namespace halftone {

using namespace Qt::StringLiterals;

namespace {

constexpr int kKept = 8;
constexpr double kShortest = 0.5;   // seconds: below, starting up is most of it

QString keyOf(const QString& kind)
{
    return u"rates/"_s + kind;
}

} // namespace

void MachineRates::record(const QString& kind, double work, double seconds)
{
    if (!(work > 0) || !(seconds >= kShortest) || !std::isfinite(work))
        return;
    Settings settings;
    QVariantList rates = settings.value(keyOf(kind)).toList();
    rates.append(work / seconds);
    while (rates.size() > kKept)
        rates.removeFirst();
    settings.setValue(keyOf(kind), rates);
}

std::optional<std::pair<double, double>> MachineRates::seconds(const QString& kind, double work)
{
    const Settings settings;
    double slowest = 0, fastest = 0;
    for (const QVariant& value : settings.value(keyOf(kind)).toList()) {
        const double rate = value.toDouble();
        if (!(rate > 0) || !std::isfinite(rate))
            continue;
        slowest = slowest == 0 ? rate : std::min(slowest, rate);
        fastest = std::max(fastest, rate);
    }
    if (slowest == 0 || !(work > 0))
        return std::nullopt;
    return std::pair{work / fastest * 0.8, work / slowest * 1.3};
}

QString MachineRates::text(const QString& kind, double work)
{
    const auto range = seconds(kind, work);
    if (!range)
        return QCoreApplication::translate("MachineRates", "not known until one has run on this machine");
    const QString from = formatDuration(range->first), to = formatDuration(range->second);
    return from == to ? QCoreApplication::translate("MachineRates", "about %1 on this machine").arg(to)
                      : QCoreApplication::translate("MachineRates", "about %1–%2 on this machine").arg(from, to);
}

double walkWork(const ModelDescription& model, double tokens)
{
    double weights = 0;
    for (const LinearInfo& linear : model.linears)
        weights += static_cast<double>(linear.weights());
    return weights * tokens;
}

double evaluateWork(const ModelDescription& model, double tokens, bool divergence)
{
    const double head = static_cast<double>(model.config.vocabulary) * static_cast<double>(model.config.hidden) * tokens;
    return (walkWork(model, tokens) + head) * (divergence ? 2 : 1);
}

double quantizeWork(const ModelDescription& model, const std::vector<ResolvedPlan>& plans, const CalibrationSettings& calibration)
{
    const double tokens = static_cast<double>(calibration.samples) * calibration.length;
    double work = 1.3 * walkWork(model, tokens);
    for (const SiteInfo& site : model.sites)
        work += 0.5 * tokens * static_cast<double>(site.channels) * static_cast<double>(site.channels);
    for (std::size_t i = 0; i < std::min(plans.size(), model.linears.size()); ++i)
        if (plans[i].plan.weights.quantized() && plans[i].plan.rounding.method != "rtn") {
            const auto in = static_cast<double>(model.linears[i].in);
            work += in * in * static_cast<double>(model.linears[i].out) + in * in * in;
        }
    return work;
}

QString quantizeKind(const std::vector<ResolvedPlan>& plans)
{
    std::set<std::string> methods;
    for (const ResolvedPlan& resolved : plans)
        if (resolved.plan.weights.quantized())
            methods.insert(resolved.plan.rounding.method);
    methods.erase("rtn");
    QString kind = u"quantize/"_s;
    for (const std::string& method : methods)
        kind += toQString(method) + u'+';
    return methods.empty() ? kind + u"rtn"_s : kind.chopped(1);
}

} // namespace halftone
