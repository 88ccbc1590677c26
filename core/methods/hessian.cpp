#include "core/methods/hessian.h"

#include "core/algebra/factors.h"
#include "core/algebra/product.h"
#include "core/base/error.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace halftone {
namespace {

at::Tensor visitOrder(const at::Tensor& diagonal, VisitOrder order, std::int64_t group)
{
    if (order == VisitOrder::Natural)
        return {};
    const auto descending = [](const at::Tensor& values, std::int64_t dim) {
        return std::get<1>(at::sort(values, /*stable=*/std::optional<bool>(true), dim, /*descending=*/true));
    };
    if (order == VisitOrder::Activation)
        return descending(diagonal, 0);
    const std::int64_t n = diagonal.size(0);
    if (group <= 0 || n % group != 0)
        throw Error(ErrorKind::InvalidArgument, "columns cannot be ordered by groups of " + std::to_string(group) + " of " + std::to_string(n));
    const at::Tensor grouped = diagonal.view({n / group, group});
    const at::Tensor groups = descending(grouped.amax(1), 0);                                     // [groups]
    const at::Tensor inside = descending(grouped, 1).add_(at::arange(n / group, at::kLong).mul_(group).unsqueeze(1));
    return inside.index_select(0, groups).reshape({n});
}

/// U with UᵀU = a^−1: the reversed matrix factors as M Mᵀ with M lower, and U = reversed(M^−1). Undefined when a is not positive definite.
at::Tensor inverseFactor(const at::Tensor& a)
{
    const at::Tensor lower = lowerCholesky(a.flip({0, 1}));
    if (!lower.defined())
        return {};
    const at::Tensor inverse = lowerInverse(lower);
    return inverse.isfinite().all().item<bool>() ? inverse.flip({0, 1}) : at::Tensor();
}

} // namespace

HessianAccumulator::HessianAccumulator(std::int64_t channels)
    : m_sum(at::zeros({channels, channels}, at::kFloat))
{
}

void HessianAccumulator::add(const at::Tensor& x)
{
    const std::int64_t n = m_sum.size(0);
    if (x.size(-1) != n)
        throw Error(ErrorKind::InvalidArgument, "a Hessian of " + std::to_string(n) + " channels was given " + std::to_string(x.size(-1)));
    const at::Tensor rows = x.reshape({-1, n}).to(at::kFloat);
    addSquare(m_sum, rows);
    m_tokens += rows.size(0);
}

at::Tensor HessianAccumulator::finish() const
{
    if (m_tokens == 0)
        throw Error(ErrorKind::Internal, "a Hessian was asked for before any token was seen");
    const at::Tensor upper = m_sum.triu().mul_(2.0 / static_cast<double>(m_tokens));
    return upper + upper.triu(1).t();
}

const SiteHessian::Factor& SiteHessian::factor(double damping, VisitOrder order, std::int64_t group)
{
    const auto key = std::make_tuple(damping, order, order == VisitOrder::GroupActivation ? group : 0);
    if (const auto found = m_factors.find(key); found != m_factors.end())
        return found->second;
    if (!h.defined() || h.dim() != 2 || h.size(0) != h.size(1) || h.size(0) == 0)
        throw Error(ErrorKind::InvalidArgument, "the Hessian of " + site + " is no square matrix", site);
    if (!h.isfinite().all().item<bool>())
        throw Error(ErrorKind::InvalidArgument,
                    "the Hessian of " + site + " holds values that are not finite: the activations of the calibration text overflow there", site);

    Factor result;
    at::Tensor diagonal = h.diagonal().clone();
    const at::Tensor dead = diagonal <= 0;
    const std::int64_t live = dead.numel() - dead.sum().item<std::int64_t>();
    const double mean = live > 0 ? diagonal.sum(at::kDouble).item<double>() / static_cast<double>(live) : 1.0;
    result.order = visitOrder(diagonal, order, group);
    diagonal.masked_fill_(dead, mean);
    at::Tensor matrix = h.clone();
    matrix.diagonal().copy_(diagonal);
    if (result.order.defined())
        matrix = matrix.index_select(0, result.order).index_select(1, result.order);
    const at::Tensor own = matrix.diagonal().clone();

    for (double tried = damping;; tried = std::max(tried * 10, 1e-4)) {
        for (const auto type : {at::kFloat, at::kDouble}) {
            at::Tensor damped = matrix.to(type, /*non_blocking=*/false, /*copy=*/true);
            damped.diagonal().copy_(own.to(type).add_(tried * mean));
            at::Tensor upper = inverseFactor(damped);
            if (!upper.defined())
                continue;
            result.upper = upper.to(at::kFloat).contiguous();
            result.damping = tried;
            result.float64 = type == at::kDouble;
            return m_factors.emplace(key, std::move(result)).first->second;
        }
        if (tried >= 1)
            throw Error(ErrorKind::Internal, "the Hessian of " + site + " cannot be factorised, even with a damping of " + std::to_string(tried), site);
    }
}

} // namespace halftone
