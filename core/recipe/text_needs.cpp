#include "core/recipe/text_needs.h"

#include <algorithm>

namespace halftone {
namespace {

bool learns(MethodKind kind, const MethodChoice& choice)
{
    const MethodInfo* info = findMethod(kind, choice.method);
    if (info == nullptr)
        return false;
    const bool weighed = std::any_of(choice.parameters.begin(), choice.parameters.end(), [](const auto& parameter) {   // LoRC, where it weighs its error
        const bool* on = std::get_if<bool>(&parameter.second);
        return parameter.first == "whiten" && on != nullptr && *on;
    });
    return info->needs.calibration || info->needs.hessian || info->needs.gradients || weighed;
}

} // namespace

std::string learnsFromText(const Plan& plan)
{
    if (learns(MethodKind::Transform, plan.transform))
        return plan.transform.method;
    if (plan.weights.quantized() && learns(MethodKind::Rounding, plan.rounding))
        return plan.rounding.method;
    if (plan.weights.quantized() && learns(MethodKind::Compensation, plan.compensation))
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
