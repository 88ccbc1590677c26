#include "core/algebra/sums.h"
#include "core/methods/learned_rounding.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace halftone {
namespace {

/// The weights themselves are trained, rounded to their own current grid in the forward pass (knowledge distillation, layer by layer).
class DistilledWeight final : public LearnedWeight {
public:
    DistilledWeight(const RoundingInputs& in, double steps) : m_rounding(nearestWeight(in.grid))
    {
        const at::Tensor weight = weightForLearning(in);
        const at::Tensor scale = weightScales(weight, in.grid, in.linear).scale;
        m_rate = steps * sumOf(scale) / static_cast<double>(scale.numel());
        m_weight = leafOf(weight);
    }

    std::vector<Leaf> leaves() override { return {{"weight", m_weight, m_rate}}; }
    at::Tensor weight(const at::Tensor&) override
    {
        return m_rounding->weight(m_weight);   // the weights at the ends of a group also move its grid
    }
    QuantizedWeight codes(const at::Tensor&) override { return m_rounding->codes(m_weight); }

private:
    std::unique_ptr<LearnedWeight> m_rounding;
    double m_rate = 0;
    at::Tensor m_weight;
};

class Distillation final : public LearnedRounding {
public:
    std::unique_ptr<LearnedWeight> learn(const RoundingInputs& in, const MethodChoice& choice) const override
    {
        return std::make_unique<DistilledWeight>(in, choice.real("rate"));
    }
};

MethodEntry distillation(std::string id, std::string name, std::string summary, bool block)
{
    MethodInfo info;
    info.id = std::move(id);
    info.name = std::move(name);
    info.kind = MethodKind::Rounding;
    info.paper = "arXiv 2303.08302";
    info.summary = std::move(summary);
    info.needs.calibration = info.needs.gradients = true;
    info.needs.hessian = !block;
    info.needs.block = block;
    info.folds = {MethodFolds::How::Fully, "The weights that were learned are rounded: codes and scales remain, which every contract serves."};
    declareTraining(info, block ? 0.005 : 0.01, "Learning rate as a share of the matrix's mean grid step");
    return {std::move(info), [] { return std::unique_ptr<Rounding>(new Distillation); }};
}

} // namespace

MethodEntry zeroquantLocalMethod()
{
    return distillation("zeroquant-local", "ZeroQuant-Local", "Trains the weights of each linear, rounded, to give the linear's own float output.", false);
}

MethodEntry zeroquantGlobalMethod()
{
    return distillation("zeroquant-global", "ZeroQuant-Global", "Trains all weights of a block, rounded, to give the float block's output.", true);
}

} // namespace halftone
