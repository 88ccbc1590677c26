#include "core/methods/rounding.h"

namespace halftone {
namespace {

/// What every activation grid has: bits, and where the formulas allow it an asymmetric form.
MethodEntry activationMethod(std::string id, std::string name, std::string paper, std::string summary, bool calibrated, bool cross)
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = std::move(id);
    info.name = std::move(name);
    info.kind = MethodKind::Activation;
    info.paper = std::move(paper);
    info.summary = std::move(summary);
    info.needs.calibration = calibrated;
    if (cross)
        info.parameters.push_back({"alpha", Type::Real, 0, 1, 0.15, {}, "Exponent of the token's maximum: 1 is per token, 0 is per channel"});
    info.parameters.push_back({"bits", Type::Integer, 2, 8, std::int64_t{8}, {}, "Bits of a code"});
    if (!cross)
        info.parameters.push_back({"symmetric", Type::Boolean, 0, 0, true, {}, "Zero in the middle of the codes; off: a zero point"});
    return {.info = std::move(info)};
}

} // namespace

MethodEntry perTensorMethod()
{
    return activationMethod("per_tensor", "Per tensor", "", "One scale for a site, from the calibration text.", true, false);
}

MethodEntry perTokenMethod()
{
    return activationMethod("per_token", "Per token", "", "One scale for every token, from the token itself.", false, false);
}

MethodEntry perChannelMethod()
{
    return activationMethod("per_channel", "Per channel", "", "One scale for every channel, from the calibration text; no integer product can use it.",
                            true, false);
}

MethodEntry crossMethod()
{
    return activationMethod("cross", "CrossQuant", "arXiv 2410.07505",
                            "Scale t^α · c^(1−α) of the token's and the window's channel maximum; for analysis: a channel's maximum needs the whole window.",
                            false, true);
}

MethodEntry crossStaticMethod()
{
    return activationMethod("cross_static", "CrossQuant, calibrated channels", "arXiv 2410.07505",
                            "Scale t^α · c^(1−α) with channel maxima from the calibration text, so that tokens do not depend on later ones.", true, true);
}

} // namespace halftone
