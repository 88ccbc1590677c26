#include "core/algebra/factors.h"

#include "core/algebra/fixed_pieces.h"
#include "core/algebra/product.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace halftone {
namespace {

/// Columns that LAPACK factors at once, on one thread.
constexpr std::int64_t kBlock = 192;
constexpr std::int64_t kSmall = 128;

} // namespace

at::Tensor lowerCholesky(const at::Tensor& a)
{
    const std::int64_t n = a.size(0);
    at::Tensor rest = a.clone(at::MemoryFormat::Contiguous), lower = at::zeros_like(rest);
    for (std::int64_t at = 0; at < n; at += kBlock) {
        const std::int64_t width = std::min(kBlock, n - at), below = n - at - width;
        at::Tensor corner;
        bool definite = false;
        onOneThread([&] {
            auto [factor, info] = at::linalg_cholesky_ex(rest.slice(0, at, at + width).slice(1, at, at + width));
            corner = factor;
            definite = info.item<int>() == 0;
        });
        if (!definite)
            return {};
        lower.slice(0, at, at + width).slice(1, at, at + width).copy_(corner);
        if (below == 0)
            break;
        const at::Tensor panel = product(rest.slice(0, at + width).slice(1, at, at + width), lowerInverse(corner).t());
        lower.slice(0, at + width).slice(1, at, at + width).copy_(panel);
        for (std::int64_t column = 0; column < below; column += kBlock) {   // the lower triangle only
            const std::int64_t end = std::min(below, column + kBlock);
            addProduct(rest.slice(0, at + width + column).slice(1, at + width + column, at + width + end), panel.slice(0, column), panel.slice(0, column, end).t(), -1);
        }
    }
    return lower;
}

at::Tensor lowerInverse(const at::Tensor& lower)
{
    const std::int64_t n = lower.size(0), half = n / 2;
    if (n <= kSmall) {
        at::Tensor inverse;
        onOneThread([&] { inverse = at::linalg_solve_triangular(lower, at::eye(n, lower.options()), /*upper=*/false); });
        return inverse;
    }
    const at::Tensor first = lowerInverse(lower.slice(0, 0, half).slice(1, 0, half)), second = lowerInverse(lower.slice(0, half).slice(1, half));
    at::Tensor result = at::zeros({n, n}, lower.options());
    result.slice(0, 0, half).slice(1, 0, half).copy_(first);
    result.slice(0, half).slice(1, half).copy_(second);
    result.slice(0, half).slice(1, 0, half).copy_(product(product(second, lower.slice(0, half).slice(1, 0, half)), first).neg_());
    return result;
}

} // namespace halftone
