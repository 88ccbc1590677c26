#include "core/eval/token_losses.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <limits>

namespace halftone {

namespace {

RowLogits::Summary summarize(const float* row, const float* exponentials, std::int64_t n, float max)
{
    RowLogits::Summary out;
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i)
        sum += static_cast<double>(exponentials[i]);
    bool finite = std::isfinite(sum) && std::isfinite(max);
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < n; ++i)
        best = row[i] > row[best] ? i : best;
    // −∞ gives a finite exponential of zero, so it needs its own look.
    float smallest = 0;
    for (std::int64_t i = 0; i < n; ++i)
        smallest = row[i] < smallest ? row[i] : smallest;
    finite = finite && std::isfinite(smallest);
    out.logSum = static_cast<double>(max) + std::log(sum);
    out.best = best;
    out.finite = finite;
    return out;
}

constexpr double kNotFinite = std::numeric_limits<double>::quiet_NaN();

} // namespace

RowLogits::RowLogits(const at::Tensor& logits)
    : m_rows(logits.contiguous()), m_max(m_rows.amax(-1).contiguous()), m_exponentials(at::sub(m_rows, m_max.unsqueeze(-1)).exp_()),
      m_summaries(static_cast<std::size_t>(m_rows.size(0)))
{
    at::parallel_for(0, rows(), 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r)
            m_summaries[static_cast<std::size_t>(r)] = summarize(row(r), exponentials(r), vocabulary(), max(r));
    });
}

void TokenLosses::add(const RowLogits& logits, std::span<const std::int32_t> next)
{
    for (std::size_t i = 0; i < next.size(); ++i) {
        const auto r = static_cast<std::int64_t>(i);
        const RowLogits::Summary& summary = logits.summary(r);
        const double loss = summary.finite ? summary.logSum - static_cast<double>(logits.row(r)[next[i]]) : kNotFinite;
        if (std::isnan(loss))
            ++notFinite;
        else
            nll.push_back(loss);
    }
}

void TokenLosses::add(const RowLogits& logits, const RowLogits& reference, std::span<const std::int32_t> next)
{
    const std::int64_t n = logits.vocabulary();
    struct Row { double nll = kNotFinite, referenceNll = 0, divergence = 0; bool agreed = false; };
    std::vector<Row> found(next.size());
    at::parallel_for(0, static_cast<std::int64_t>(next.size()), 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const RowLogits::Summary& a = logits.summary(r);
            const RowLogits::Summary& b = reference.summary(r);
            if (!a.finite || !b.finite)
                continue;
            const auto i = static_cast<std::size_t>(r);
            const float* p = logits.row(r);
            const float* q = reference.row(r);
            const float* weights = reference.exponentials(r);
            const double total = std::exp(b.logSum - static_cast<double>(reference.max(r)));
            double sum = 0;   // Σ q·(log q − log p), q = weights / total
            for (std::int64_t j = 0; j < n; ++j)
                sum += static_cast<double>(weights[j]) * static_cast<double>(q[j] - p[j]);
            found[i] = {a.logSum - static_cast<double>(p[next[i]]), b.logSum - static_cast<double>(q[next[i]]),
                        std::max(0.0, sum / total - b.logSum + a.logSum), a.best == b.best};
        }
    });
    for (const Row& row : found) {
        if (std::isnan(row.nll)) {
            ++notFinite;
            continue;
        }
        nll.push_back(row.nll);
        referenceNll.push_back(row.referenceNll);
        divergence.push_back(row.divergence);
        ++compared;
        agreed += row.agreed;
    }
}

} // namespace halftone
