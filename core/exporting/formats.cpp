#include "core/exporting/formats.h"

#include "core/exporting/exporter.h"

#include <algorithm>
#include <set>
#include <utility>

namespace halftone {

std::vector<FormatInfo> exportFormats()
{
    std::vector<FormatInfo> formats;
    for (const auto& one : exporters())
        formats.push_back(one->info());
    return formats;
}

bool FormatFit::holds() const
{
    return std::none_of(issues.begin(), issues.end(), [](const ContractIssue& issue) { return issue.fatal; });
}

std::vector<FormatFit> fitFormats(const std::vector<ResolvedPlan>& plans, const ModelDescription& model, const KvCacheGrid& kvCache)
{
    std::vector<FormatFit> fits;
    for (const auto& one : exporters())
        fits.push_back({one->info(), one->check({model, plans, kvCache})});
    return fits;
}

PackingFit packingOf(const std::vector<ResolvedPlan>& plans, const ModelDescription& model, const KvCacheGrid& kvCache)
{
    if (std::none_of(plans.begin(), plans.end(), [](const ResolvedPlan& plan) { return plan.plan.weights.quantized(); }))
        return {Packing::Nothing, "every weight stays as it is, so an export would only copy the model"};
    const std::vector<ContractIssue>* closest = nullptr;
    std::size_t least = 0;
    const std::vector<FormatFit> fits = fitFormats(plans, model, kvCache);
    for (const FormatFit& fit : fits) {
        if (!fit.format.packed)
            continue;
        if (fit.holds())
            return {};
        const auto refusals = static_cast<std::size_t>(std::count_if(fit.issues.begin(), fit.issues.end(), [](const ContractIssue& issue) { return issue.fatal; }));
        if (!closest || refusals < least) {
            closest = &fit.issues;
            least = refusals;
        }
    }
    return {Packing::DenseOnly, closest ? sentences(*closest).front() : std::string()};
}

std::vector<std::string> sentences(const std::vector<ContractIssue>& issues)
{
    struct Reason { const ContractIssue* first; std::set<std::string> linears; };
    std::vector<Reason> reasons;
    for (const ContractIssue& issue : issues) {
        auto found = std::find_if(reasons.begin(), reasons.end(), [&](const Reason& r) { return r.first->reason == issue.reason; });
        if (found == reasons.end())
            found = reasons.insert(reasons.end(), {&issue, {}});
        found->linears.insert(issue.linear);
    }
    std::stable_sort(reasons.begin(), reasons.end(), [](const Reason& a, const Reason& b) { return a.first->fatal && !b.first->fatal; });
    std::vector<std::string> lines;
    for (const auto& [first, linears] : reasons) {
        const std::string others = linears.size() > 1 ? " and " + std::to_string(linears.size() - 1) + " more" : std::string();
        lines.push_back((first->linear.empty() ? std::string() : first->linear + others + ": ") + first->reason);
    }
    return lines;
}

} // namespace halftone
