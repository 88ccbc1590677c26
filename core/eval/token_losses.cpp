#include "core/eval/token_losses.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <limits>

namespace halftone {

namespace {

/// One row's log-sum-exp, in double over float exponentials: log Σ exp(x − max) + max. NaN when any logit is not finite.
struct RowSummary {
    double logSum = 0;
    std::int64_t best = 0;
    bool finite = false;
};

RowSummary summarize(const float* row, const float* exponentials, std::int64_t n, float max)
{
    RowSummary out;
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

/// Row maxima and exp(x − max), each [rows, …].
struct Softmaxed {
    explicit Softmaxed(const at::Tensor& logits) : rows(logits.contiguous()), max(rows.amax(-1).contiguous()), exponentials(at::sub(rows, max.unsqueeze(-1)).exp_()) {}
    RowSummary summary(std::int64_t r) const
    {
        const std::int64_t n = rows.size(1);
        return summarize(row(r), exponentials.const_data_ptr<float>() + r * n, n, max.const_data_ptr<float>()[r]);
    }
    const float* row(std::int64_t r) const { return rows.const_data_ptr<float>() + r * rows.size(1); }
    at::Tensor rows, max, exponentials;
};

constexpr double kNotFinite = std::numeric_limits<double>::quiet_NaN();

} // namespace

void TokenLosses::add(const at::Tensor& logits, std::span<const std::int32_t> next)
{
    const Softmaxed own(logits);
    std::vector<double> losses(next.size(), kNotFinite);
    at::parallel_for(0, static_cast<std::int64_t>(next.size()), 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const RowSummary summary = own.summary(r);
            const auto i = static_cast<std::size_t>(r);
            if (summary.finite)
                losses[i] = summary.logSum - static_cast<double>(own.row(r)[next[i]]);
        }
    });
    for (const double loss : losses) {
        if (std::isnan(loss))
            ++notFinite;
        else
            nll.push_back(loss);
    }
}

void TokenLosses::add(const at::Tensor& logits, const at::Tensor& reference, std::span<const std::int32_t> next)
{
    const Softmaxed own(logits);
    const Softmaxed other(reference);
    const std::int64_t n = own.rows.size(1);
    struct Row { double nll = kNotFinite, referenceNll = 0, divergence = 0; bool agreed = false; };
    std::vector<Row> found(next.size());
    at::parallel_for(0, static_cast<std::int64_t>(next.size()), 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
            const RowSummary a = own.summary(r);
            const RowSummary b = other.summary(r);
            if (!a.finite || !b.finite)
                continue;
            const auto i = static_cast<std::size_t>(r);
            const float* p = own.row(r);
            const float* q = other.row(r);
            const float* weights = other.exponentials.const_data_ptr<float>() + r * n;
            const double total = std::exp(b.logSum - static_cast<double>(other.max.const_data_ptr<float>()[r]));
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
