#include "core/algebra/product.h"
#include "core/base/error.h"
#include "core/methods/fake_quantizer.h"
#include "core/methods/learned_rounding.h"
#include "core/methods/lrq_rank.h"
#include "core/methods/weight_evidence.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace halftone {
namespace {

/// ŵ = s · R(w / (s · e^(L U + r + c))): FlexRound with a divisor of low rank. L = 0, r = 0, c = 0 at the start, which is rounding to nearest; U is
/// random, so that L has a gradient. With `full` the divisor is FlexRound's.
class LrqWeight final : public LearnedWeight {
public:
    LrqWeight(const RoundingInputs& in, double rate, std::int64_t rank) : m_grid(in.grid), m_rate(rate)
    {
        const at::Tensor weight = weightForLearning(in);
        const std::int64_t rows = weight.size(0), columns = weight.size(1);
        m_scales = weightScales(weight, in.grid, in.linear);
        m_step = leafOf(at::zeros_like(m_scales.scale));
        m_row = leafOf(at::zeros({rows, 1}));
        m_column = leafOf(at::zeros({1, columns}));
        if (rank == 0) {
            m_left = leafOf(at::zeros_like(weight));
            return;
        }
        m_left = leafOf(at::zeros({rows, rank}));
        const double bound = 1 / std::sqrt(static_cast<double>(columns));
        m_right = leafOf(at::empty({rank, columns}).uniform_(-bound, bound, at::detail::createCPUGenerator(in.seed)));
    }

    std::vector<Leaf> leaves() override
    {
        std::vector<Leaf> all{{"step", m_step, m_rate}, {"L", m_left, m_rate}, {"r", m_row, m_rate}, {"c", m_column, m_rate}};
        if (m_right.defined())
            all.push_back({"U", m_right, m_rate});
        return all;
    }
    at::Tensor weight(const at::Tensor& source) override { return roundScaled(source, scale(), delta(), m_scales.zero, m_grid); }
    QuantizedWeight codes(const at::Tensor& source) override
    {
        const at::NoGradGuard noGrad;
        return {m_grid, scaledCodes(source, scale(), delta(), m_scales.zero, m_grid), {scale(), m_scales.zero}};
    }
    std::vector<std::string> notes() const override
    {
        const at::NoGradGuard noGrad;
        const std::int64_t held = delta().abs().ge(kLargestDelta).sum().item<std::int64_t>();
        if (held == 0)
            return {};
        return {std::to_string(held) + " divisors of LRQ reached e^±3 and were held there"};
    }
    std::optional<WeightEvidence> evidence() const override
    {
        const at::NoGradGuard noGrad;
        std::int64_t learned = m_step.numel() + m_left.numel() + m_row.numel() + m_column.numel();
        if (m_right.defined())
            learned += m_right.numel();
        const at::Tensor divisor = delta();
        return weightEvidence("divisor", divisor, m_right.defined() ? m_right.size(0) : 0, static_cast<double>(learned) / static_cast<double>(divisor.numel()));
    }

private:
    at::Tensor scale() const { return m_scales.scale * m_step.exp(); }
    at::Tensor delta() const { return m_right.defined() ? product(m_left, m_right) + (m_row + m_column) : m_left + m_row + m_column; }

    WeightGrid m_grid;
    double m_rate;
    WeightScales m_scales;
    at::Tensor m_step, m_left, m_right, m_row, m_column;
};

class Lrq final : public LearnedRounding {
public:
    std::unique_ptr<LearnedWeight> learn(const RoundingInputs& in, const MethodChoice& choice) const override
    {
        return std::make_unique<LrqWeight>(in, choice.real("rate"),
                                           lrqRank(choice.choice("rank_rule"), choice.real("ratio"), in.weight.size(0), in.weight.size(-1)));
    }
};

} // namespace

std::int64_t lrqRank(std::string_view rule, double ratio, std::int64_t rows, std::int64_t columns)
{
    const std::int64_t least = std::min(rows, columns), most = std::max(rows, columns);
    std::int64_t rank = 0;
    if (rule == "ratio") {
        rank = std::llround(ratio * static_cast<double>(rows) * static_cast<double>(columns) / static_cast<double>(rows + columns));
    } else if (rule == "paper") {
        rank = least >= 6656 ? 2048 : 1024;
    } else {
        if ((least <= 4096 && most > 4096) || (rows == 8192 && columns == 8192))
            return 0;
        rank = least >= 8192 ? 2048 : 1024;
    }
    return std::clamp<std::int64_t>(rank, 1, least);
}

MethodEntry lrqMethod()
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = "lrq";
    info.name = "LRQ";
    info.kind = MethodKind::Rounding;
    info.paper = "arXiv 2407.11534";
    info.summary = "FlexRound with a divisor matrix of low rank: fewer parameters than weights, so that it holds on other text than it learned from.";
    info.needs.calibration = info.needs.gradients = info.needs.block = true;
    info.folds = {MethodFolds::How::Fully, "The low-rank divisors are used up by the rounding: codes and scales remain, which every contract serves."};
    declareTraining(info, 3e-3, "Learning rate of the logs of scales and divisors");
    info.parameters.push_back({"rank_rule", Type::Choice, 0, 0, std::string("ratio"), {"ratio", "paper", "released"},
                               "ratio: by the share of parameters; paper: 1024, or 2048 for matrices of 6656 and more; released: as the code, which is FlexRound where one side is above 4096 and one not"});
    info.parameters.push_back({"ratio", Type::Real, 0, 1, 0.4, {}, "Learnable parameters per weight under the rule \"ratio\""});
    return {std::move(info), [] { return std::unique_ptr<Rounding>(new Lrq); }};
}

} // namespace halftone
