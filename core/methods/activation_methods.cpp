#include "core/methods/rounding.h"

namespace halftone {
namespace {

/// What every activation grid has: bits, and where the formulas allow it an asymmetric form.
MethodEntry activationMethod(std::string id, std::string name, std::string paper, std::string summary, MethodFolds folds, bool calibrated,
                             bool cross)
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = std::move(id);
    info.name = std::move(name);
    info.kind = MethodKind::Activation;
    info.paper = std::move(paper);
    info.summary = std::move(summary);
    info.folds = std::move(folds);
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
    return activationMethod("per_tensor", "Per tensor", "", "One scale for a site, from the calibration text.",
                            {MethodFolds::How::Fully, "The scale is stored with the linear; transformers and vLLM serve it at 8 bits, symmetric, beside 8-bit weights."}, true, false);
}

MethodEntry perTokenMethod()
{
    return activationMethod("per_token", "Per token", "", "One scale for every token, from the token itself.",
                            {MethodFolds::How::Fully, "Nothing is stored but the setting; transformers and vLLM serve it at 8 bits, symmetric, beside 8-bit weights."}, false, false);
}

MethodEntry perChannelMethod()
{
    return activationMethod("per_channel", "Per channel", "", "One scale for every channel, from the calibration text; no integer product can use it.",
                            {MethodFolds::How::Never, "A scale per channel stands inside the sum of an integer product: no runtime has it and no export takes it."}, true, false);
}

MethodEntry crossMethod()
{
    return activationMethod("cross", "CrossQuant, current channels (analysis)", "arXiv 2410.07505",
                            "Scale t^α · c^(1−α) of the token's and the window's channel maximum, as the paper; a channel's maximum needs the whole window.",
                            {MethodFolds::How::Never, "Later tokens change earlier ones' scales and no integer product can use a scale per token and channel: no export takes it."}, false, true);
}

MethodEntry crossStaticMethod()
{
    return activationMethod("cross_static", "CrossQuant, static channels", "arXiv 2410.07505",
                            "Scale t^α · c^(1−α) with channel maxima from the calibration text, so that tokens do not depend on later ones; what exceeds them clips.",
                            {MethodFolds::How::Partly, "Its channel factor could go into the weights, its token factor t^α is computed by no stock runtime, so no export takes it: "
                             "the transform crossquant with per_token activations is the form that ships."}, true, true);
}

} // namespace halftone
