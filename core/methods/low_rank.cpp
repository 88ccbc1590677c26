#include "core/methods/low_rank.h"

#include "core/algebra/factors.h"
#include "core/algebra/fixed_pieces.h"
#include "core/algebra/product.h"
#include "core/algebra/sums.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <tuple>

namespace halftone {
namespace {

constexpr std::int64_t kExactSide = 768;
constexpr std::int64_t kMoreDirections = 8;
constexpr int kPowerIterations = 2;
constexpr double kWhiteningDamping = 0.01;

struct Decomposition {
    at::Tensor u, s, vt;
};

Decomposition exact(const at::Tensor& matrix)
{
    Decomposition parts;
    onOneThread([&] { std::tie(parts.u, parts.s, parts.vt) = at::linalg_svd(matrix, false); });
    return parts;
}

at::Tensor orthonormal(const at::Tensor& columns)
{
    at::Tensor basis;
    onOneThread([&] { basis = std::get<0>(at::linalg_qr(columns)); });
    return basis;
}

/// The leading directions only (Halko, Martinsson, Tropp, arXiv 0909.4061, algorithm 4.4).
Decomposition randomised(const at::Tensor& matrix, std::int64_t directions)
{
    at::Tensor start = at::empty({matrix.size(1), directions}, matrix.options());
    start.normal_(0, 1, at::detail::createCPUGenerator(0));
    at::Tensor basis = orthonormal(halftone::product(matrix, start));
    for (int i = 0; i < kPowerIterations; ++i) {
        basis = orthonormal(halftone::product(matrix.t(), basis));
        basis = orthonormal(halftone::product(matrix, basis));
    }
    const Decomposition small = exact(halftone::product(basis.t(), matrix));
    return {halftone::product(basis, small.u), small.s, small.vt};
}

/// C with C Cᵀ = H + λI, float64.
at::Tensor whitener(const at::Tensor& hessian)
{
    at::Tensor h = hessian.to(at::kDouble).clone();
    const at::Tensor mean = h.diagonal().mean();
    for (double damping = kWhiteningDamping;; damping *= 10) {
        const at::Tensor damped = h + at::eye(h.size(0), h.options()) * (mean * damping).clamp_min(1e-12);
        const at::Tensor factor = lowerCholesky(damped);
        if (factor.defined() || damping > 1)
            return factor;
    }
}

at::Tensor scaleOf(const at::Tensor& factor, std::int64_t dimension)
{
    return factor.abs().amax(dimension, true).clamp_min(1e-12).div(127);
}

} // namespace

at::Tensor LowRank::product() const
{
    if (!coded())
        return halftone::product(left, right);
    return halftone::product(left.to(at::kFloat) * leftScale, right.to(at::kFloat) * rightScale);
}

LowRankFit fitLowRank(const at::Tensor& error, std::int64_t rank, const at::Tensor& hessian)
{
    at::Tensor matrix = error;
    at::Tensor factor;
    if (hessian.defined())
        factor = whitener(hessian);
    if (factor.defined())
        matrix = halftone::product(error.to(at::kDouble), factor).to(error.scalar_type());
    const std::int64_t side = std::min(error.size(0), error.size(1));
    rank = std::min(rank, side);
    const bool all = side <= kExactSide || rank + kMoreDirections >= side;
    const Decomposition parts = all ? exact(matrix) : randomised(matrix, rank + kMoreDirections);

    LowRankFit fit;
    const at::Tensor root = parts.s.narrow(0, 0, rank).sqrt();
    fit.left = parts.u.narrow(1, 0, rank) * root;
    fit.right = root.unsqueeze(1) * parts.vt.narrow(0, 0, rank);
    if (factor.defined())   // R C = root · Vᵀ
        fit.right = halftone::product(fit.right.to(at::kDouble), lowerInverse(factor)).to(error.scalar_type());
    const at::Tensor values = parts.s.to(at::kDouble).contiguous();
    fit.singularValues.assign(values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel());
    fit.total = sumOfSquares(matrix);
    return fit;
}

LowRank storedFactors(const LowRankFit& fit, int bits)
{
    const at::Tensor left = fit.left.to(at::kFloat), right = fit.right.to(at::kFloat);
    if (bits == 16)
        return {left.to(at::kHalf).to(at::kFloat).contiguous(), right.to(at::kHalf).to(at::kFloat).contiguous(), {}, {}};
    const at::Tensor leftScale = scaleOf(left, 0), rightScale = scaleOf(right, 1);
    return {left.div(leftScale).round_().to(at::kChar).contiguous(), right.div(rightScale).round_().to(at::kChar).contiguous(),
            leftScale.contiguous(), rightScale.contiguous()};
}

} // namespace halftone
