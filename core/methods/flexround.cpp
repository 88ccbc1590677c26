#include "core/methods/fake_quantizer.h"
#include "core/methods/learned_rounding.h"
#include "core/methods/weight_evidence.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace halftone {
namespace {

/// ŵ = s · R(w / (s · S2 · s3)), all three learned in the log; S2 has an entry for every weight. At the start it is rounding to nearest.
class FlexRoundWeight final : public LearnedWeight {
public:
    FlexRoundWeight(const RoundingInputs& in, double rate) : m_grid(in.grid), m_rate(rate)
    {
        const at::Tensor weight = weightForLearning(in);
        m_scales = weightScales(weight, in.grid, in.linear);
        m_step = leafOf(at::zeros_like(m_scales.scale));
        m_each = leafOf(at::zeros_like(weight));
        m_row = leafOf(at::zeros({weight.size(0), 1}));
    }

    std::vector<Leaf> leaves() override { return {{"step", m_step, m_rate}, {"S2", m_each, m_rate}, {"s3", m_row, m_rate}}; }
    at::Tensor weight(const at::Tensor& source) override { return roundScaled(source, scale(), m_each + m_row, m_scales.zero, m_grid); }
    QuantizedWeight codes(const at::Tensor& source) override
    {
        const at::NoGradGuard noGrad;
        return {m_grid, scaledCodes(source, scale(), m_each + m_row, m_scales.zero, m_grid), {scale(), m_scales.zero}};
    }
    std::optional<WeightEvidence> evidence() const override
    {
        const at::NoGradGuard noGrad;
        const std::int64_t learned = m_step.numel() + m_each.numel() + m_row.numel();
        return weightEvidence("divisor", m_each + m_row, 0, static_cast<double>(learned) / static_cast<double>(m_each.numel()));
    }

private:
    at::Tensor scale() const { return m_scales.scale * m_step.exp(); }

    WeightGrid m_grid;
    double m_rate;
    WeightScales m_scales;
    at::Tensor m_step, m_each, m_row;
};

class FlexRound final : public LearnedRounding {
public:
    std::unique_ptr<LearnedWeight> learn(const RoundingInputs& in, const MethodChoice& choice) const override
    {
        return std::make_unique<FlexRoundWeight>(in, choice.real("rate"));
    }
};

} // namespace

MethodEntry flexroundMethod()
{
    MethodInfo info;
    info.id = "flexround";
    info.name = "FlexRound";
    info.kind = MethodKind::Rounding;
    info.paper = "arXiv 2306.00317";
    info.summary = "Learns a divisor for every weight and the scales, so that the block's output stays what it was; large weights move further.";
    info.needs.calibration = info.needs.gradients = info.needs.block = true;
    info.folds = {MethodFolds::How::Fully, "The divisors are used up by the rounding: codes and scales remain, which every contract serves."};
    declareTraining(info, 3e-3, "Learning rate of the logs of scales and divisors");
    return {std::move(info), [] { return std::unique_ptr<Rounding>(new FlexRound); }};
}

} // namespace halftone
