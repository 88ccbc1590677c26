#include "core/methods/method.h"

#include "core/base/error.h"

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
