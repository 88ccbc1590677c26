#include "core/recipe/text_needs.h"

namespace halftone {
std::string learnsFromText(const Plan& plan)
{
    if (needsOf(MethodKind::Transform, plan.transform).text())
        return plan.transform.method;
    if (plan.weights.quantized() && needsOf(MethodKind::Rounding, plan.rounding).text())
        return plan.rounding.method;
    if (plan.weights.quantized() && needsOf(MethodKind::Compensation, plan.compensation).text())
        return plan.compensation.method;
    return plan.activations.isStatic() ? "the activation grid \"" + std::string(name(plan.activations.scheme)) + "\"" : std::string();
}

std::string learnsFromText(const std::vector<ResolvedPlan>& plans)
{
    for (const ResolvedPlan& resolved : plans)
        if (std::string what = learnsFromText(resolved.plan); !what.empty())
            return what;
    return {};
}

} // namespace halftone
