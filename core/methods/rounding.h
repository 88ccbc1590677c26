#pragma once

#include "core/base/progress.h"
#include "core/methods/method.h"
#include "core/quant/weight_quantizer.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
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
};

struct RoundingResult {
    QuantizedWeight weight;
    double damping = 0;                   ///< really used (GPTQ); 0 = none
    std::vector<std::string> notes;       ///< what a person should know ("damping raised to 0.1")
};

/// weights → codes.
class Rounding {
public:
    virtual ~Rounding() = default;
    virtual RoundingResult round(const RoundingInputs& in, const MethodChoice& choice, const std::stop_token& stop) const = 0;
};

struct MethodEntry {
    MethodInfo info;
    std::function<std::unique_ptr<Rounding>()> makeRounding;   ///< set when info.kind is Rounding
};

/// The registry (registry.cpp is the only place that names all methods).
std::span<const MethodEntry> methods();
/// @throws Error{InvalidArgument} for an unknown id.
std::unique_ptr<Rounding> makeRounding(std::string_view id);

} // namespace halftone
