#include "core/methods/method.h"

#include "core/base/error.h"

#include <algorithm>

namespace halftone {
namespace {

template <class T>
T value(const MethodChoice& choice, std::string_view key, const char* type)
{
    for (const auto& [name, held] : choice.parameters)
        if (name == key) {
            if (const T* typed = std::get_if<T>(&held))
                return *typed;
            throw Error(ErrorKind::InvalidArgument, choice.method + "." + std::string(key) + " is no " + type, std::string(key));
        }
    throw Error(ErrorKind::InvalidArgument, choice.method + " has no parameter \"" + std::string(key) + "\"", std::string(key));
}

} // namespace

std::string_view name(MethodKind kind)
{
    switch (kind) {
    case MethodKind::Transform:
        return "transform";
    case MethodKind::Rounding:
        return "rounding";
    case MethodKind::Compensation:
        return "compensation";
    case MethodKind::Activation:
        return "activation";
    }
    return "";
}

std::string_view name(MethodFolds::How how)
{
    switch (how) {
    case MethodFolds::How::Fully:
        return "fully";
    case MethodFolds::How::Partly:
        return "partly";
    case MethodFolds::How::Adapter:
        return "adapter only";
    case MethodFolds::How::Never:
        return "analysis only";
    case MethodFolds::How::Undeclared:
        break;
    }
    return "";
}

std::string_view name(Schedule schedule)
{
    switch (schedule) {
    case Schedule::Cosine:
        return "cosine";
    case Schedule::Constant:
        return "constant";
    case Schedule::Late:
        return "late";
    }
    return "";
}

Schedule scheduleFromName(const std::string& name)
{
    for (const Schedule schedule : {Schedule::Cosine, Schedule::Constant, Schedule::Late})
        if (name == halftone::name(schedule))
            return schedule;
    throw Error(ErrorKind::InvalidArgument, "There is no schedule \"" + name + "\"; there are cosine, constant, late.", name);
}

std::string_view difference(const TrainingNeeds& a, const TrainingNeeds& b)
{
    if (a.activations != b.activations)
        return "activations";
    if (a.batch != b.batch)
        return "batch";
    if (a.schedule != b.schedule)
        return "schedule";
    return a.steps != b.steps ? "steps" : "";
}

TrainingNeeds together(const TrainingNeeds& a, const TrainingNeeds& b)
{
    return {std::max(a.steps, b.steps), std::max(a.batch, b.batch), a.activations || b.activations, b.schedule};
}

bool MethodChoice::boolean(std::string_view key) const
{
    return value<bool>(*this, key, "boolean");
}

std::int64_t MethodChoice::integer(std::string_view key) const
{
    return value<std::int64_t>(*this, key, "integer");
}

double MethodChoice::real(std::string_view key) const
{
    return value<double>(*this, key, "number");
}

std::string MethodChoice::choice(std::string_view key) const
{
    return value<std::string>(*this, key, "word");
}

} // namespace halftone
