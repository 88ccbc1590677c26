#include "core/base/error.h"
#include "core/methods/compensation.h"
#include "core/methods/rounding.h"
#include "core/methods/transform.h"

#include <algorithm>
#include <array>

namespace halftone {

// The only place that names them all, in the order in which they are listed.
#define HALFTONE_METHODS(METHOD)  \
    METHOD(rtnMethod)             \
    METHOD(gptqMethod)            \
    METHOD(flexroundMethod)       \
    METHOD(lrqMethod)             \
    METHOD(lwcMethod)             \
    METHOD(zeroquantLocalMethod)  \
    METHOD(zeroquantGlobalMethod) \
    METHOD(smoothquantMethod)     \
    METHOD(awqMethod)             \
    METHOD(omniquantMethod)       \
    METHOD(affinequantMethod)     \
    METHOD(crossquantMethod)      \
    METHOD(lorcMethod)            \
    METHOD(perTensorMethod)       \
    METHOD(perTokenMethod)        \
    METHOD(perChannelMethod)      \
    METHOD(crossMethod)           \
    METHOD(crossStaticMethod)

#define HALFTONE_DECLARE(name) MethodEntry name();
HALFTONE_METHODS(HALFTONE_DECLARE)

std::span<const MethodEntry> methods()
{
#define HALFTONE_LIST(name) name(),
    static const std::array entries{HALFTONE_METHODS(HALFTONE_LIST)};
    return entries;
}

std::vector<MethodInfo> methodInfos()
{
    std::vector<MethodInfo> infos;
    for (const MethodEntry& entry : methods())
        infos.push_back(entry.info);
    return infos;
}

const MethodInfo* findMethod(MethodKind kind, std::string_view id)
{
    for (const MethodEntry& entry : methods())
        if (entry.info.kind == kind && entry.info.id == id)
            return &entry.info;
    return nullptr;
}

std::string methodLabel(MethodKind kind, std::string_view id)
{
    const MethodInfo* info = findMethod(kind, id);
    return info != nullptr ? info->label() : std::string(id);
}

MethodNeeds needsOf(MethodKind kind, const MethodChoice& choice)
{
    const MethodInfo* info = findMethod(kind, choice.method);
    if (info == nullptr)
        return {};
    MethodNeeds needs = info->needs;
    if (info->refine)
        info->refine(needs, choice);
    return needs;
}

TrainingNeeds trainingOf(MethodKind kind, const MethodChoice& choice) { return needsOf(kind, choice).training.value_or(TrainingNeeds{}); }

bool roundsToNearest(const MethodChoice& rounding)
{
    const MethodInfo* info = findMethod(MethodKind::Rounding, rounding.method);
    return info != nullptr && info->nearest;
}

namespace {

[[noreturn]] void throwUnknown(MethodKind kind, std::string_view id)
{
    std::string known;
    for (const MethodEntry& entry : methods())
        if (entry.info.kind == kind)
            known += (known.empty() ? "" : ", ") + entry.info.id;
    throw Error(ErrorKind::InvalidArgument,
                std::string(name(kind)) + " method \"" + std::string(id) + "\" is not known; known are " + (known.empty() ? "none" : known),
                std::string(id));
}

} // namespace

MethodChoice defaultChoice(MethodKind kind, std::string_view id)
{
    MethodChoice choice;
    if (id == "none")
        return choice;
    const MethodInfo* info = findMethod(kind, id);
    if (info == nullptr)
        throwUnknown(kind, id);
    choice.method = info->id;
    for (const ParameterInfo& parameter : info->parameters)
        choice.parameters.emplace_back(parameter.key, parameter.defaultValue);
    std::sort(choice.parameters.begin(), choice.parameters.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    return choice;
}

double compensationBits(const MethodChoice& choice, std::int64_t out, std::int64_t in)
{
    if (choice.method == "none")
        return 0;
    for (const MethodEntry& entry : methods())
        if (entry.info.kind == MethodKind::Compensation && entry.info.id == choice.method)
            return entry.compensationBits(choice, out, in);
    throwUnknown(MethodKind::Compensation, choice.method);
}

std::string whyNotTransform(const MethodChoice& choice, const ModelConfig& config, SiteKind site)
{
    if (choice.method == "none")
        return {};
    for (const MethodEntry& entry : methods())
        if (entry.info.kind == MethodKind::Transform && entry.info.id == choice.method)
            return entry.whyNotTransform(config, site);
    throwUnknown(MethodKind::Transform, choice.method);
}

std::string whyIdle(const MethodChoice& choice, const ModelConfig& config, SiteKind site)
{
    if (choice.method == "none")
        return {};
    for (const MethodEntry& entry : methods())
        if (entry.info.kind == MethodKind::Transform && entry.info.id == choice.method)
            return entry.whyIdle ? entry.whyIdle(config, site) : "";
    throwUnknown(MethodKind::Transform, choice.method);
}

std::unique_ptr<Transform> makeTransform(std::string_view id)
{
    for (const MethodEntry& entry : methods())
        if (entry.info.kind == MethodKind::Transform && entry.info.id == id)
            return entry.makeTransform();
    throwUnknown(MethodKind::Transform, id);
}

std::unique_ptr<Compensation> makeCompensation(std::string_view id)
{
    for (const MethodEntry& entry : methods())
        if (entry.info.kind == MethodKind::Compensation && entry.info.id == id)
            return entry.makeCompensation();
    throwUnknown(MethodKind::Compensation, id);
}

std::unique_ptr<Rounding> makeRounding(std::string_view id)
{
    for (const MethodEntry& entry : methods())
        if (entry.info.kind == MethodKind::Rounding && entry.info.id == id)
            return entry.makeRounding();
    throwUnknown(MethodKind::Rounding, id);
}

} // namespace halftone
