#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace halftone {

/// H = 2·mean(x xᵀ) of one site, accumulated over chunks of tokens; q, k and v (gate and up) share it and its factor.
class HessianAccumulator {
public:
    explicit HessianAccumulator(std::int64_t channels);
    /// x [tokens, channels] float32: one GEMM (SYRK) a chunk, float32 accumulation.
    void add(const at::Tensor& x);
    std::int64_t tokens() const { return m_tokens; }
    at::Tensor finish() const;   ///< float32 [channels, channels], symmetric

private:
    at::Tensor m_sum;
    std::int64_t m_tokens = 0;
};

/// A site's Hessian and, once asked for, its inverse Cholesky factor, per (damping, order) so that linears of a site do not compute it twice.
struct SiteHessian {
    at::Tensor h;   ///< float32 [channels, channels]

    struct Factor {
        at::Tensor upper;        ///< U with UᵀU = (H + λI)^−1 in visiting order, float32
        at::Tensor order;        ///< int64 permutation, or undefined
        at::Tensor dead;         ///< bool [channels]: never activated
        double damping = 0;      ///< really used, relative to mean(diag H)
        bool float64 = false;
    };
    /// Raises the damping ×10 on failure, then float64. @throws Error{Internal} if nothing helps, naming the site.
    const Factor& factor(double damping, bool activationOrder);

private:
    std::map<std::pair<double, bool>, Factor> m_factors;
};

} // namespace halftone
