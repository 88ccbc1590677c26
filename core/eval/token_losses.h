#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace halftone {

/// Logits [rows, vocabulary], float32 on the CPU, with what every comparison needs of them: made once where several models are compared with one.
class RowLogits {
public:
    explicit RowLogits(const at::Tensor& logits);

    /// One row's log-sum-exp, in double over float exponentials: log Σ exp(x − max) + max, and its largest entry.
    struct Summary {
        double logSum = 0;
        std::int64_t best = 0;
        bool finite = false;   ///< every logit is
    };
    std::int64_t rows() const { return m_rows.size(0); }
    std::int64_t vocabulary() const { return m_rows.size(1); }
    const float* row(std::int64_t r) const { return m_rows.const_data_ptr<float>() + r * m_rows.size(1); }
    const float* exponentials(std::int64_t r) const { return m_exponentials.const_data_ptr<float>() + r * m_rows.size(1); }   ///< exp(x − max)
    float max(std::int64_t r) const { return m_max.const_data_ptr<float>()[r]; }
    const Summary& summary(std::int64_t r) const { return m_summaries[static_cast<std::size_t>(r)]; }

private:
    at::Tensor m_rows, m_max, m_exponentials;
    std::vector<Summary> m_summaries;
};

/// What logits say about the tokens that really came, position by position. Positions whose logits are not finite are counted and left out.
struct TokenLosses {
    std::vector<double> nll;            ///< −log p(next), nats
    std::vector<double> referenceNll;
    std::vector<double> divergence;     ///< KL(reference ‖ model) over the whole vocabulary, nats
    std::int64_t agreed = 0, compared = 0;   ///< same most probable token
    std::int64_t notFinite = 0;

    /// next: the token that follows each row.
    void add(const RowLogits& logits, std::span<const std::int32_t> next);
    void add(const RowLogits& logits, const RowLogits& reference, std::span<const std::int32_t> next);
    void add(const at::Tensor& logits, std::span<const std::int32_t> next) { add(RowLogits(logits), next); }
    void add(const at::Tensor& logits, const at::Tensor& reference, std::span<const std::int32_t> next) { add(RowLogits(logits), RowLogits(reference), next); }
};

} // namespace halftone
