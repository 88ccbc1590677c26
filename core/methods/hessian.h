#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

namespace halftone {

/// H = 2·mean(x xᵀ) of one site, accumulated over chunks of tokens; q, k and v (gate and up) share it and its factor.
class HessianAccumulator {
public:
    explicit HessianAccumulator(std::int64_t channels);
    /// x [tokens, channels] (leading dimensions are flattened), float32: products of the upper blocks only, float32 accumulation.
    /// Chunks of 2048 tokens or more keep the products efficient.
    void add(const at::Tensor& x);
    std::int64_t tokens() const { return m_tokens; }
    at::Tensor finish() const;   ///< float32 [channels, channels], symmetric

private:
    at::Tensor m_sum;            ///< only the blocks on and above the diagonal are kept up to date
    std::int64_t m_tokens = 0;
};

/// The order in which GPTQ visits the columns.
enum class VisitOrder {
    Natural,
    Activation,        ///< by decreasing diag H (act-order)
    GroupActivation,   ///< groups by decreasing largest diag H, columns by decreasing diag H inside; groups stay whole
};

/// A site's Hessian and, once asked for, its inverse Cholesky factor, per (damping, order) so that linears of a site do not compute it twice.
struct SiteHessian {
    at::Tensor h;       ///< float32 [channels, channels]
    std::string site;   ///< for errors

    struct Factor {
        at::Tensor upper;        ///< U, upper triangular, with UᵀU = (H + λI)^−1 in visiting order, float32
        at::Tensor order;        ///< int64 permutation (position → column), or undefined
        double damping = 0;      ///< really used, relative to mean(diag H)
        bool float64 = false;
    };
    /// Where the factorisation fails: float64, then the damping ×10, up to 1. Channels that were never activated get the mean of the
    /// diagonal, so that they neither give nor take anything. `group` matters for GroupActivation only.
    /// @throws Error{InvalidArgument} when H is not finite or misshapen, Error{Internal} if nothing helps, naming the site.
    const Factor& factor(double damping, VisitOrder order = VisitOrder::Natural, std::int64_t group = 0);

private:
    std::map<std::tuple<double, VisitOrder, std::int64_t>, Factor> m_factors;
};

} // namespace halftone
