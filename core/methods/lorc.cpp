#include "core/methods/compensation.h"
#include "core/methods/hessian.h"
#include "core/methods/rounding.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace halftone {
namespace {

/// Low-rank compensation (ZeroQuant-V2): the largest singular directions of W − Ŵ are kept beside the codes.
class Lorc final : public Compensation {
public:
    CompensationResult compensate(const CompensationInputs& in, const MethodChoice& choice, const std::stop_token& stop) const override
    {
        throwIfStopped(stop);
        CompensationResult result;
        const bool whiten = choice.boolean("whiten");
        if (whiten && in.hessian == nullptr)
            result.notes.push_back(in.linear + ": there is no calibration text to whiten the error with; LoRC took it as it is");
        const std::int64_t rank = choice.integer("rank");
        const LowRankFit fit = fitLowRank(in.weight - in.rounded, rank, whiten && in.hessian ? in.hessian->h : at::Tensor());
        result.factors = storedFactors(fit, choice.choice("factors") == "int8" ? 8 : 16);
        const std::size_t shown = std::min(kSpectrum, fit.singularValues.size());
        result.spectrum.assign(fit.singularValues.begin(), fit.singularValues.begin() + static_cast<std::ptrdiff_t>(shown));
        double kept = 0;
        for (std::size_t i = 0; i < std::min(fit.singularValues.size(), static_cast<std::size_t>(rank)); ++i)
            kept += fit.singularValues[i] * fit.singularValues[i];
        result.kept = fit.total > 0 ? std::min(1.0, kept / fit.total) : 0;
        return result;
    }
};

/// Both factors, and float32 scales of 8-bit ones.
double bitsOf(const MethodChoice& choice, std::int64_t out, std::int64_t in)
{
    const std::int64_t rank = std::min({choice.integer("rank"), out, in});
    return choice.choice("factors") == "int8" ? static_cast<double>(rank * ((out + in) * 8 + 2 * 32)) : static_cast<double>(rank * (out + in) * 16);
}

} // namespace

MethodEntry lorcMethod()
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = "lorc";
    info.name = "LoRC";
    info.kind = MethodKind::Compensation;
    info.paper = "arXiv 2303.08302";
    info.summary = "Keeps the largest directions of the rounding error as two thin matrices beside the codes; pays most at 2 and 3 bits.";
    info.folds = {MethodFolds::How::Adapter, "The two thin matrices stay beside the codes, as an adapter would: compressed-tensors has no place for them, so transformers and vLLM refuse; dense exports add them to the weights."};
    info.parameters = {
        {"factors", Type::Choice, 0, 0, std::string("fp16"), {"fp16", "int8"}, "How the two matrices are stored"},
        {"rank", Type::Integer, 0, 1024, std::int64_t{8}, {}, "Directions kept; 0: none"},
        {"whiten", Type::Boolean, 0, 0, false, {}, "Weigh the error by the calibration activations before taking its directions"},
    };
    info.refine = [](MethodNeeds& needs, const MethodChoice& choice) { needs.calibration = choice.boolean("whiten"); };
    return {.info = std::move(info), .makeRounding = {}, .makeCompensation = [] { return std::unique_ptr<Compensation>(new Lorc); },
            .compensationBits = bitsOf};
}

} // namespace halftone
