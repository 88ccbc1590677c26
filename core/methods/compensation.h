#pragma once

#include "core/base/progress.h"
#include "core/methods/low_rank.h"
#include "core/methods/method.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace halftone {

struct SiteHessian;   // hessian.h

/// What a compensation may use of a linear whose rounding is final.
struct CompensationInputs {
    std::string linear;                     ///< for errors
    at::Tensor weight;                      ///< float32 [out, in], before rounding
    at::Tensor rounded;                     ///< float32 [out, in], the codes' values
    const SiteHessian* hessian = nullptr;   ///< may be absent
};

struct CompensationResult {
    LowRank factors;
    std::vector<float> spectrum;      ///< singular values of the error, largest first; at most kSpectrum
    double kept = 0;                  ///< share of the error's energy in the factors, 0…1
    std::vector<std::string> notes;
};
inline constexpr std::size_t kSpectrum = 64;

/// Repairs the error that rounding left.
class Compensation {
public:
    virtual ~Compensation() = default;
    virtual CompensationResult compensate(const CompensationInputs& in, const MethodChoice& choice, const std::stop_token& stop) const = 0;
};

/// @throws Error{InvalidArgument} for an unknown id.
std::unique_ptr<Compensation> makeCompensation(std::string_view id);

} // namespace halftone
