#include "core/methods/learned_rounding.h"

#include "core/algebra/product.h"
#include "core/algebra/sums.h"
#include "core/base/error.h"
#include "core/methods/fake_quantizer.h"
#include "core/methods/hessian.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <utility>

namespace halftone {
namespace {

/// tr(E H Eᵀ) / (2 · out) of one linear: exact over all calibration tokens, so its mini-batch is everything.
class LinearObjective final : public Objective {
public:
    LinearObjective(LearnedWeight& learned, const at::Tensor& weight, const at::Tensor& hessian)
        : m_learned(learned), m_weight(weight), m_hessian(hessian)
    {
    }

    std::vector<Leaf> leaves() override { return m_learned.leaves(); }

    double step(int) override
    {
        const at::Tensor rounded = m_learned.weight(m_weight);
        at::Tensor gradient;
        double loss = 0;
        {
            const at::NoGradGuard noGrad;
            loss = lossOf(rounded, gradient);
        }
        if (rounded.requires_grad())
            rounded.backward(gradient);
        return loss;
    }

    double judge() override
    {
        at::Tensor gradient;
        return lossOf(m_learned.weight(m_weight), gradient);
    }

private:
    double lossOf(const at::Tensor& rounded, at::Tensor& gradient) const
    {
        const at::Tensor error = rounded.detach() - m_weight;
        gradient = product(error, m_hessian);
        return sumOfProducts(gradient, error) / (2.0 * static_cast<double>(error.size(0)));
    }

    LearnedWeight& m_learned;
    at::Tensor m_weight, m_hessian;
};

class NearestWeight final : public LearnedWeight {
public:
    explicit NearestWeight(const WeightGrid& grid) : m_grid(grid) {}
    std::vector<Leaf> leaves() override { return {}; }
    at::Tensor weight(const at::Tensor& source) override
    {
        if (m_grid.clip != WeightGrid::Clip::None)
            return roundNearest(source, m_grid);
        const auto [low, high] = groupRanges(source, m_grid);
        return roundClipped(source, low, high, m_grid);
    }
    QuantizedWeight codes(const at::Tensor& source) override { return quantizeToNearest(source.detach(), m_grid); }

private:
    WeightGrid m_grid;
};

} // namespace

std::unique_ptr<LearnedWeight> nearestWeight(const WeightGrid& grid)
{
    return std::make_unique<NearestWeight>(grid);
}

RoundingResult LearnedRounding::round(const RoundingInputs& in, const MethodChoice& choice, const std::stop_token& stop) const
{
    if (in.hessian == nullptr)
        throw Error(ErrorKind::Internal, in.linear + ": " + choice.method + " was given no Hessian", in.linear);
    throwIfStopped(stop);
    const std::unique_ptr<LearnedWeight> learned = learn(in, choice);
    const at::Tensor weight = weightForLearning(in);
    LinearObjective objective(*learned, weight, in.hessian->h);
    RoundingResult result;
    const TrainingNeeds training = trainingOf(MethodKind::Rounding, choice);
    const int steps = static_cast<int>(training.steps);
    result.curve = train(objective, {.what = in.linear, .steps = steps, .schedule = training.schedule}, stop, [&](int step, double loss) {
        if (in.trained)
            in.trained(step, steps, loss);
    });
    result.weight = learned->codes(weight);
    result.notes = learned->notes();
    result.evidence = learned->evidence();
    result.notes.insert(result.notes.end(), result.curve->notes.begin(), result.curve->notes.end());
    return result;
}

namespace {

void refineTraining(MethodNeeds& needs, const MethodChoice& choice)
{
    needs.training = {.steps = choice.integer("steps"), .schedule = scheduleFromName(choice.choice("schedule"))};
    if (needs.block) {
        needs.training->batch = static_cast<int>(choice.integer("batch"));
        needs.training->activations = choice.boolean("activations");
    }
}

} // namespace

void declareTraining(MethodInfo& info, double rate, std::string rateHelp, Schedule schedule)
{
    using Type = ParameterInfo::Type;
    info.parameters = {
        {"rate", Type::Real, 0, 1, rate, {}, std::move(rateHelp)},
        {"steps", Type::Integer, 0, 100000, std::int64_t{256}, {}, "Updates a block; the papers take thousands"},
        {"schedule", Type::Choice, 0, 0, std::string(name(schedule)), {"cosine", "constant", "late"},
         "How the learning rate falls: to 0 along a cosine, not at all, or to 0 in the last quarter of the steps"},
    };
    if (info.needs.block) {
        info.parameters.push_back({"activations", Type::Boolean, 0, 0, true, {}, "Round the activations too while training, where they have a grid, and the KV cache where the recipe does"});
        info.parameters.push_back({"batch", Type::Integer, 1, 64, std::int64_t{2}, {}, "Calibration samples an update sees"});
    }
    info.refine = refineTraining;
}

at::Tensor leafOf(const at::Tensor& value)
{
    return value.detach().to(at::kFloat).clone(at::MemoryFormat::Contiguous).set_requires_grad(true);
}

at::Tensor weightForLearning(const RoundingInputs& in)
{
    at::Tensor weight = weightForRounding(in.weight, in.grid, in.linear);
    if (!weight.isfinite().all().item<bool>())
        throwNotFinite(weight, in.linear);
    return weight;
}

} // namespace halftone
