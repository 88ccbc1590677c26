#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace halftone {

/// What logits say about the tokens that really came, position by position. Positions whose logits are not finite are counted and left out.
struct TokenLosses {
    std::vector<double> nll;            ///< −log p(next), nats
    std::vector<double> referenceNll;
    std::vector<double> divergence;     ///< KL(reference ‖ model) over the whole vocabulary, nats
    std::int64_t agreed = 0, compared = 0;   ///< same most probable token
    std::int64_t notFinite = 0;

    /// logits float32 [rows, vocabulary] on the CPU; next: the token that follows each row.
    void add(const at::Tensor& logits, std::span<const std::int32_t> next);
    void add(const at::Tensor& logits, const at::Tensor& reference, std::span<const std::int32_t> next);
};

} // namespace halftone
