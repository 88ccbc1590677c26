#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

/// The learned matrices of AffineQuant (arXiv 2403.12544) and the mask under which they grow.
namespace halftone {

/// Diagonals on each side of a `size`-wide matrix that pass `epoch` of `epochs` has released, the main one included (eq. 6): 1 at first, `size` in
/// the last. A single pass has all.
int releasedBands(std::int64_t size, int epoch, int epochs);

/// GM [size, size]: 1 on the diagonal, `stability` where 0 < |i − j| < bands, else 0.
at::Tensor gradualMask(std::int64_t size, int bands, double stability);

/// A = P ∘ GM and its inverse, with the largest ‖A‖₁ · ‖A⁻¹‖₁; infinite where a matrix has none.
struct InvertedMatrix {
    at::Tensor matrix, inverse;       ///< [count, size, size], recorded where gradients are on
    std::vector<double> conditions;   ///< [count]
    double worst() const;
};

/// One invertible matrix a head. It starts as a diagonal; off-diagonals get a gradient once the mask has released them.
class HeadMatrices {
public:
    /// diagonal [count, size]. Channels of `held` (bool, like it; may be undefined) keep to themselves: 1 on the diagonal, nothing beside it.
    HeadMatrices(const at::Tensor& diagonal, double stability, const at::Tensor& held = {});
    const at::Tensor& parameter() const { return m_parameter; }   ///< the leaf P [count, size, size]
    int bands() const { return m_bands; }
    void release(int bands);
    InvertedMatrix inverted(at::ScalarType type) const;

private:
    at::Tensor m_parameter, m_mask, m_free, m_held;   ///< the last two [count, size, size]: where gradients may act, and the ones of held channels
    double m_stability;
    int m_bands = 0;
};

/// Rotation-scale blocks [[a, −b], [b, a]] of a head's rotated pairs, the matrices that RoPE lets pass. They start as ones; b, at distance size / 2 of the
/// diagonal, is released and damped like any other.
class PairMatrices {
public:
    PairMatrices(std::int64_t heads, std::int64_t size, double stability);
    const at::Tensor& parameter() const { return m_parameter; }   ///< the leaf (a; b) [heads, 2, size / 2]
    int bands() const { return m_bands; }
    void release(int bands) { m_bands = bands; }
    /// (a; b) as they act.
    at::Tensor values() const;
    InvertedMatrix inverted(at::ScalarType type) const;

private:
    at::Tensor m_parameter;
    double m_stability;
    int m_bands = 1;
};

} // namespace halftone
