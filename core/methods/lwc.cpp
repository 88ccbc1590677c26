#include "core/methods/fake_quantizer.h"
#include "core/methods/learned_rounding.h"
#include "core/methods/weight_evidence.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace halftone {
namespace {

/// Clips a row's or group's range to sigmoid(γ) · max and sigmoid(β) · min, both learned.
class ClippedWeight final : public LearnedWeight {
public:
    ClippedWeight(const RoundingInputs& in, double rate, double start) : m_grid(in.grid), m_rate(rate)
    {
        const at::Tensor weight = weightForLearning(in);
        const at::Tensor shape = groupRanges(weight, in.grid).first;
        m_weights = weight.numel();
        m_upper = leafOf(at::full_like(shape, start));
        m_lower = leafOf(at::full_like(shape, start));
    }

    std::vector<Leaf> leaves() override { return {{"gamma", m_upper, m_rate}, {"beta", m_lower, m_rate}}; }
    at::Tensor weight(const at::Tensor& source) override
    {
        const auto [low, high] = clipped(source);
        return roundClipped(source, low, high, m_grid);
    }
    QuantizedWeight codes(const at::Tensor& source) override
    {
        const at::NoGradGuard noGrad;
        const auto [low, high] = clipped(source);
        WeightScales scales = clippedScales(low, high, m_grid);
        at::Tensor codes = roundToCodes(source, scales, m_grid);
        return {m_grid, std::move(codes), std::move(scales)};
    }
    std::optional<WeightEvidence> evidence() const override
    {
        const at::NoGradGuard noGrad;
        const std::int64_t rows = m_upper.size(0);
        const at::Tensor cut = 1 - at::cat({m_lower.reshape({rows, -1}), m_upper.reshape({rows, -1})}, 1).sigmoid();
        return weightEvidence("clip", cut, 0, static_cast<double>(cut.numel()) / static_cast<double>(m_weights));
    }

private:
    std::pair<at::Tensor, at::Tensor> clipped(const at::Tensor& weight) const
    {
        const auto [low, high] = groupRanges(weight, m_grid);
        return {low * m_lower.sigmoid(), high * m_upper.sigmoid()};
    }

    WeightGrid m_grid;
    double m_rate;
    std::int64_t m_weights = 0;
    at::Tensor m_upper, m_lower;
};

class LearnableClipping final : public LearnedRounding {
public:
    std::unique_ptr<LearnedWeight> learn(const RoundingInputs& in, const MethodChoice& choice) const override
    {
        // A clip of 1.8 % is a fifth of a step at 4 bits and five steps at 8: it is halved with every further bit.
        const double start = choice.real("start") + std::log(2.0) * std::max(0, in.grid.bits - 4);
        return std::make_unique<ClippedWeight>(in, choice.real("rate"), start);
    }
};

} // namespace

MethodEntry lwcMethod()
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = "lwc";
    info.name = "Learned clipping (OmniQuant)";
    info.shortName = "LWC";
    info.kind = MethodKind::Rounding;
    info.paper = "arXiv 2308.13137";
    info.summary = "Learns how far to clip every row or group, so that the block's output stays what it was.";
    info.needs.calibration = info.needs.gradients = info.needs.withTransform = info.needs.block = true;
    info.folds = {MethodFolds::How::Fully, "The clipping is in the scales and zero points: codes and scales remain, which every contract serves."};
    declareTraining(info, 1e-2, "Learning rate of the clipping factors' logits", Schedule::Late);
    info.parameters.push_back({"start", Type::Real, 0, 40, 4.0, {}, "Logit of the clipping factors at the start: 4 is 0.982; from 5 bits on ln 2 more with each bit"});
    return {std::move(info), [] { return std::unique_ptr<Rounding>(new LearnableClipping); }};
}

} // namespace halftone
