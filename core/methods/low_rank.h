#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace halftone {

/// Low-rank factors that are added to a rounded weight: left [out, rank] · right [rank, in].
struct LowRank {
    at::Tensor left, right;            ///< float32 (values of fp16), or int8 codes
    at::Tensor leftScale, rightScale;  ///< of codes: float32 [1, rank] and [rank, 1]; undefined for float factors

    bool coded() const { return leftScale.defined(); }
    int bits() const { return coded() ? 8 : 16; }
    std::int64_t rank() const { return left.size(1); }
    /// float32 [out, in]
    at::Tensor product() const;
};

/// Factors of the best approximation of `error` [out, in] of at most `rank` (balanced: both take the root of the singular values), and the
/// singular values it was made from, largest first. Exact up to a smaller side of 768, else randomised (rank + 8 directions, two power
/// iterations), which knows that many singular values only. With `hessian` (may be undefined) the approximation is best on the activations:
/// Σ |(E − LR) x|² least; the values are then those of the whitened error. Factors have the type of `error`, which is float32 or float64.
struct LowRankFit {
    at::Tensor left, right;
    std::vector<double> singularValues;
    double total = 0;   ///< Σ of all squared singular values
};
LowRankFit fitLowRank(const at::Tensor& error, std::int64_t rank, const at::Tensor& hessian = {});

/// Factors as they are stored: fp16 values, or 8-bit codes, symmetric, one scale a column of left and a row of right.
LowRank storedFactors(const LowRankFit& fit, int bits);

} // namespace halftone
