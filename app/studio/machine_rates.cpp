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

constexpr int kKept = 24;
constexpr double kShortest = 0.5;   // seconds: below, starting up is most of it
constexpr double kComparable = 2;   // doublings of size, up or down: a tiny model spends its time on other things than a large one

QString keyOf(const QString& kind) { return u"rates/2/"_s + kind; }

struct Measured {
    QString model;      ///< its shape: a name may be another model's tomorrow
    double weights = 0, work = 0, seconds = 0;
};

double weightsOf(const ModelDescription& model)
{
    double weights = 0;
    for (const LinearInfo& linear : model.linears)
        weights += static_cast<double>(linear.weights());
    return weights;
}

QString shapeOf(const ModelDescription& model)
{
    const ModelConfig& c = model.config;
    return u"%1x%2x%3x%4"_s.arg(c.blocks).arg(c.hidden).arg(c.intermediate).arg(c.vocabulary);
}

std::vector<Measured> measured(const QString& kind)
{
    std::vector<Measured> all;
    const Settings settings;
    for (const QVariant& value : settings.value(keyOf(kind)).toList()) {
        const QStringList fields = value.toStringList();
        if (fields.size() != 4)
            continue;
        const Measured one{fields[0], fields[1].toDouble(), fields[2].toDouble(), fields[3].toDouble()};
        if (one.weights > 0 && one.work > 0 && one.seconds > 0 && std::isfinite(one.weights) && std::isfinite(one.work) && std::isfinite(one.seconds))
            all.push_back(one);
    }
    return all;
}

double distance(double a, double b) { return std::abs(std::log2(a / b)); }

} // namespace

void MachineRates::record(const QString& kind, const ModelDescription& model, double work, double seconds)
{
    if (!(work > 0) || !(seconds >= kShortest) || !std::isfinite(work))
        return;
    Settings settings;
    QVariantList jobs = settings.value(keyOf(kind)).toList();
    jobs.append(QStringList{shapeOf(model), QString::number(weightsOf(model), 'g', 9), QString::number(work, 'g', 9), QString::number(seconds, 'g', 9)});
    while (jobs.size() > kKept)
        jobs.removeFirst();
    settings.setValue(keyOf(kind), jobs);
}

std::optional<MachineRates::Range> MachineRates::seconds(const QString& kind, const ModelDescription& model, double work)
{
    std::vector<Measured> jobs = measured(kind);
    if (jobs.empty() || !(work > 0))
        return std::nullopt;
    const QString shape = shapeOf(model);
    const double weights = weightsOf(model);
    Range range;
    range.sameModel = std::any_of(jobs.begin(), jobs.end(), [&](const Measured& job) { return job.model == shape; });
    const auto apart = [&](const Measured& job) { return (range.sameModel ? 0 : 2 * distance(job.weights, weights)) + distance(job.work, work); };
    std::erase_if(jobs, [&](const Measured& job) { return range.sameModel ? job.model != shape : distance(job.weights, weights) > kComparable; });
    if (jobs.empty())
        return std::nullopt;
    const double nearest = apart(*std::min_element(jobs.begin(), jobs.end(), [&](const Measured& a, const Measured& b) { return apart(a) < apart(b); }));
    double slowest = 0, fastest = 0;
    for (const Measured& job : jobs)
        if (apart(job) <= nearest + 0.25) {   // as good as the nearest
            const double rate = job.work / job.seconds;
            slowest = slowest == 0 ? rate : std::min(slowest, rate);
            fastest = std::max(fastest, rate);
        }
    const double room = 1.2 + 0.1 * nearest + (range.sameModel ? 0 : 0.3);   // what is farther away tells less
    range.from = work / fastest / room;
    range.to = work / slowest * room;
    return range;
}

QString MachineRates::text(const QString& kind, const ModelDescription& model, double work)
{
    const std::optional<Range> range = seconds(kind, model, work);
    if (!range)
        return QCoreApplication::translate("MachineRates", "not known until one has run on this machine");
    const QString from = formatDuration(range->from), to = formatDuration(range->to);
    const QString time = from == to ? to : from + u'–' + to;
    return range->sameModel ? QCoreApplication::translate("MachineRates", "about %1 on this machine").arg(time)
                            : QCoreApplication::translate("MachineRates", "about %1 on this machine, going by another model").arg(time);
}

double walkWork(const ModelDescription& model, double tokens)
{
    return weightsOf(model) * tokens;
}

double evaluateWork(const ModelDescription& model, double tokens, bool divergence)
{
    const double head = static_cast<double>(model.config.vocabulary) * static_cast<double>(model.config.hidden) * tokens;
    return (walkWork(model, tokens) + head) * (divergence ? 2 : 1);
}

namespace {

/// Tokens that a learned method trains a block on, all its steps together; 0 for others.
double trainedTokens(const MethodChoice& choice, MethodKind kind, const CalibrationSettings& calibration)
{
    const TrainingNeeds training = trainingOf(kind, choice);
    return needsOf(kind, choice).block ? static_cast<double>(training.steps) * training.batch * calibration.length : 0;
}

} // namespace

double quantizeWork(const ModelDescription& model, const std::vector<ResolvedPlan>& plans, const CalibrationSettings& calibration)
{
    const double tokens = static_cast<double>(calibration.samples) * calibration.length;
    double work = 1.3 * walkWork(model, tokens);
    for (const SiteInfo& site : model.sites)
        work += 0.5 * tokens * static_cast<double>(site.channels) * static_cast<double>(site.channels);
    for (std::size_t i = 0; i < std::min(plans.size(), model.linears.size()); ++i) {
        const Plan& plan = plans[i].plan;
        const auto in = static_cast<double>(model.linears[i].in), weights = static_cast<double>(model.linears[i].weights());
        if (plan.weights.quantized() && !roundsToNearest(plan.rounding))
            work += in * weights + in * in * in;
        const double rounding = plan.weights.quantized() ? trainedTokens(plan.rounding, MethodKind::Rounding, calibration) : 0;
        work += 3 * weights * (rounding + trainedTokens(plan.transform, MethodKind::Transform, calibration));   // forward and two backwards
    }
    return work;
}

QString quantizeKind(const std::vector<ResolvedPlan>& plans)
{
    std::set<std::string> methods;
    for (const ResolvedPlan& resolved : plans) {
        if (resolved.plan.weights.quantized() && !roundsToNearest(resolved.plan.rounding))
            methods.insert(resolved.plan.rounding.method);
        methods.insert(resolved.plan.transform.method);
    }
    methods.erase("none");
    QString kind = u"quantize/"_s;
    for (const std::string& method : methods)
        kind += toQString(method) + u'+';
    return methods.empty() ? kind + toQString(kNearestRounding) : kind.chopped(1);
}

} // namespace halftone
