#include "core/algebra/sums.h"

#include "core/algebra/fixed_pieces.h"

#include <ATen/ATen.h>

#include <numeric>
#include <vector>

namespace halftone {
namespace {

constexpr std::int64_t kPiece = 1 << 16;

/// `of` is asked for the sum of `length` elements from `first` on.
template <class Of>
double inPieces(std::int64_t count, const Of& of)
{
    std::vector<double> sums(static_cast<std::size_t>((count + kPiece - 1) / kPiece));
    eachPiece(static_cast<std::int64_t>(sums.size()), [&](std::int64_t piece) {
        const std::int64_t first = piece * kPiece;
        sums[static_cast<std::size_t>(piece)] = of(first, std::min(kPiece, count - first));
    }, count > 16 * kPiece);
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

} // namespace

double sumOf(const at::Tensor& x)
{
    const at::Tensor flat = x.detach().reshape({-1});
    return inPieces(flat.numel(), [&](std::int64_t first, std::int64_t length) { return flat.narrow(0, first, length).sum(at::kDouble).item<double>(); });
}

double sumOfSquares(const at::Tensor& x) { return sumOfProducts(x, x); }

double sumOfProducts(const at::Tensor& a, const at::Tensor& b)
{
    const at::Tensor left = a.detach().reshape({-1}), right = b.detach().reshape({-1});
    return inPieces(left.numel(), [&](std::int64_t first, std::int64_t length) {
        return (left.narrow(0, first, length).to(at::kDouble) * right.narrow(0, first, length).to(at::kDouble)).sum().item<double>();
    });
}

} // namespace halftone
