#include "core/pipeline/study_plan.h"

#include "core/base/error.h"
#include "core/base/error_text.h"
#include "core/pipeline/block_learner.h"
#include "core/pipeline/block_transformer.h"
#include "core/pipeline/memory_plan.h"
#include "core/pipeline/quantize_memory.h"
#include "core/pipeline/quantize_plan.h"

#include <algorithm>

namespace halftone {
namespace {

double weightsOf(const ModelDescription& model)
{
    double weights = 0;
    for (const LinearInfo& linear : model.linears)
        weights += static_cast<double>(linear.weights());
    return weights;
}

/// Walks, Hessians, solving, and the steps of what is learned.
double workOf(const ModelDescription& model, const std::vector<ResolvedPlan>& plans, const CalibrationSettings& calibration)
{
    const double tokens = static_cast<double>(calibration.samples) * calibration.length, weights = weightsOf(model);
    double work = 2.5 * weights * tokens;
    for (const SiteInfo& site : model.sites)
        work += 0.5 * tokens * static_cast<double>(site.channels) * static_cast<double>(site.channels);
    std::vector<std::vector<Plan>> blocks(static_cast<std::size_t>(std::max(1, model.config.blocks)));
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const auto in = static_cast<double>(model.linears[i].in);
        if (plans[i].plan.weights.quantized() && !roundsToNearest(plans[i].plan.rounding))
            work += in * in * (static_cast<double>(model.linears[i].out) + in);
        blocks[static_cast<std::size_t>(model.linears[i].block)].push_back(plans[i].plan);
    }
    constexpr double kSamplesPerStep = 4;
    for (const std::vector<Plan>& block : blocks)   // forward and backward
        work += 3 * weights / static_cast<double>(blocks.size()) * kSamplesPerStep * calibration.length * (trainingSteps(block) + transformSteps(block));
    return work;
}

} // namespace

int StudyPlan::possible() const
{
    return static_cast<int>(std::count_if(members.begin(), members.end(), [](const Member& member) { return member.impossible.empty(); }));
}

int StudyPlan::runs() const
{
    return static_cast<int>(std::count_if(members.begin(), members.end(), [](const Member& member) { return member.impossible.empty() && member.run; }));
}

bool roundsActivations(const std::vector<ResolvedPlan>& plans)
{
    return std::any_of(plans.begin(), plans.end(), [](const ResolvedPlan& plan) { return plan.plan.activations.quantized(); });
}

StudyPlan planStudy(const ModelDescription& model, const Study& study, std::int64_t tokens, const ComputeOptions& options, const std::filesystem::path& project)
{
    StudyPlan plan;
    const double weights = weightsOf(model), head = static_cast<double>(model.config.vocabulary) * static_cast<double>(model.config.hidden);
    plan.evaluateWork = (weights + 1.5 * head) * static_cast<double>(tokens);
    std::uint64_t runMemory = 0;
    bool rounded = false, plain = false;
    for (const StudyMember& member : study.members()) {
        StudyPlan::Member& row = plan.members.emplace_back();
        row.run = !member.isFloat() && !member.onTheFly();
        try {
            const std::vector<ResolvedPlan> plans = resolve(member.recipe, model);
            (roundsActivations(plans) || member.recipe.kvCache.quantized() ? rounded : plain) = true;
            if (!row.run)
                continue;
            const QuantizePlan run = planQuantize(model, plans, member.recipe.calibration, options, project);
            row.quantizeWork = workOf(model, plans, member.recipe.calibration);
            plan.diskBytes += run.projectBytes;
            runMemory = std::max(runMemory, run.peakMemory);
        } catch (const Error& e) {
            row.impossible = withoutPlace(e);
        }
    }
    plan.floatWalks = rounded && study.divergence ? 2 : 1;
    // All members share one opened model; the float model's states wait while runs are made.
    const std::uint64_t stream = memory::positive(tokens) * memory::positive(model.config.hidden) * memory::kFloat;
    const int together = std::min(kStudyMembersTogether, std::max(1, plan.possible()));
    const std::uint64_t evaluation = evaluateMemory(model.config, tokens, study.length, {1, plan.floatWalks + together, study.divergence ? 2 : 1});
    plan.peakMemory = std::max(evaluation, runMemory == 0 ? 0 : runMemory + stream * static_cast<std::uint64_t>(plan.floatWalks));
    return plan;
}

} // namespace halftone
