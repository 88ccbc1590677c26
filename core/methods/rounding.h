#pragma once

#include "core/base/progress.h"
#include "core/methods/linear_result.h"
#include "core/methods/method.h"
#include "core/model/model_info.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace halftone {

struct SiteHessian;   // hessian.h

/// What a rounding method may use of a linear. The site's factor is shared between its linears.
struct RoundingInputs {
    std::string linear;                   ///< for errors
    at::Tensor weight;                    ///< float32 [out, in]
    WeightGrid grid;
    SiteHessian* hessian = nullptr;       ///< when the method needs one
    std::uint64_t seed = 0;               ///< for methods that draw; the linear's own
    std::function<void(int step, int steps, double loss)> trained = {};   ///< may be empty; told of each step where a linear is trained alone
};

struct RoundingResult {
    QuantizedWeight weight;
    double damping = 0;                   ///< really used (GPTQ); 0 = none
    std::vector<std::string> notes;       ///< what a person should know ("damping raised to 0.1")
    std::optional<LossCurve> curve;       ///< where something was trained
    std::optional<WeightEvidence> evidence;   ///< of what was learned
};

/// weights → codes.
class Rounding {
public:
    virtual ~Rounding() = default;
    virtual RoundingResult round(const RoundingInputs& in, const MethodChoice& choice, const std::stop_token& stop) const = 0;
};

class Compensation;   // compensation.h
class Transform;      // transform.h

struct MethodEntry {
    MethodInfo info;
    std::function<std::unique_ptr<Rounding>()> makeRounding = {};           ///< set when info.kind is Rounding
    std::function<std::unique_ptr<Compensation>()> makeCompensation = {};   ///< … Compensation
    std::function<std::unique_ptr<Transform>()> makeTransform = {};         ///< … Transform
    double (*compensationBits)(const MethodChoice&, std::int64_t out, std::int64_t in) = nullptr;   ///< of a compensation
    std::string (*whyNotTransform)(const ModelConfig&, SiteKind) = nullptr;                         ///< of a transform
    std::string (*whyIdle)(const ModelConfig&, SiteKind) = nullptr;                                 ///< of a transform; null: it acts on every site
};

/// The registry (registry.cpp is the only place that names all methods).
std::span<const MethodEntry> methods();
/// @throws Error{InvalidArgument} for an unknown id.
std::unique_ptr<Rounding> makeRounding(std::string_view id);

} // namespace halftone
