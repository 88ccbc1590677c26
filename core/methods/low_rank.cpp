#include "core/methods/low_rank.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

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
    auto [u, s, vt] = at::linalg_svd(matrix, false);
    return {u, s, vt};
}

/// The leading directions only (Halko, Martinsson, Tropp, arXiv 0909.4061, algorithm 4.4).
Decomposition randomised(const at::Tensor& matrix, std::int64_t directions)
{
    at::Tensor start = at::empty({matrix.size(1), directions}, matrix.options());
    start.normal_(0, 1, at::detail::createCPUGenerator(0));
    at::Tensor basis = std::get<0>(at::linalg_qr(at::matmul(matrix, start)));
    for (int i = 0; i < kPowerIterations; ++i) {
        basis = std::get<0>(at::linalg_qr(at::matmul(matrix.t(), basis)));
        basis = std::get<0>(at::linalg_qr(at::matmul(matrix, basis)));
    }
    const Decomposition small = exact(at::matmul(basis.t(), matrix));
    return {at::matmul(basis, small.u), small.s, small.vt};
}

/// C with C Cᵀ = H + λI, float64.
at::Tensor whitener(const at::Tensor& hessian)
{
    at::Tensor h = hessian.to(at::kDouble).clone();
    const at::Tensor mean = h.diagonal().mean();
    for (double damping = kWhiteningDamping;; damping *= 10) {
        const at::Tensor damped = h + at::eye(h.size(0), h.options()) * (mean * damping).clamp_min(1e-12);
        auto [factor, info] = at::linalg_cholesky_ex(damped);
        if (info.item<int>() == 0 || damping > 1)
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
        return at::matmul(left, right);
    return at::matmul(left.to(at::kFloat) * leftScale, right.to(at::kFloat) * rightScale);
}

LowRankFit fitLowRank(const at::Tensor& error, std::int64_t rank, const at::Tensor& hessian)
{
    at::Tensor matrix = error;
    at::Tensor factor;
    if (hessian.defined()) {
        factor = whitener(hessian);
        matrix = at::matmul(error.to(at::kDouble), factor).to(error.scalar_type());
    }
    const std::int64_t side = std::min(error.size(0), error.size(1));
    rank = std::min(rank, side);
    const bool all = side <= kExactSide || rank + kMoreDirections >= side;
    const Decomposition parts = all ? exact(matrix) : randomised(matrix, rank + kMoreDirections);

    LowRankFit fit;
    const at::Tensor root = parts.s.narrow(0, 0, rank).sqrt();
    fit.left = parts.u.narrow(1, 0, rank) * root;
    fit.right = root.unsqueeze(1) * parts.vt.narrow(0, 0, rank);
    if (factor.defined())   // R C = root · Vᵀ
        fit.right = at::linalg_solve_triangular(factor, fit.right.to(at::kDouble), false, false).to(error.scalar_type());
    const at::Tensor values = parts.s.to(at::kDouble).contiguous();
    fit.singularValues.assign(values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel());
    fit.total = matrix.square().sum(at::kDouble).item<double>();
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
