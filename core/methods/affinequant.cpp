#include "core/methods/affine_matrix.h"
#include "core/base/number_text.h"
#include "core/methods/equivalent.h"
#include "core/methods/let_parameters.h"
#include "core/methods/rounding.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

namespace halftone {
namespace {

constexpr double kIllConditioned = 1e3, kSingular = 1e6;

std::string shortNumber(double value)
{
    return numberText(value, 3);
}

TransformEvidence matrixEvidence(std::string place, std::string kind, const at::Tensor& values, std::vector<double> conditions)
{
    TransformEvidence evidence = rowEvidence("affinequant", std::move(place), std::move(kind), values);
    evidence.count = values.size(0);
    evidence.rows = values.size(1);
    evidence.columns = values.size(2);
    evidence.conditions = std::move(conditions);
    return evidence;
}

/// OmniQuant's diagonals behind the norms, and a matrix a head behind the values and between queries and keys. Diagonals of the matrices are released
/// one pass over the calibration text after the other, from the main one outwards.
class AffineParameters final : public TransformParameters {
public:
    AffineParameters(const DecoderBlock& block, const std::vector<LearnedSite>& sites, const MethodChoice& choice)
        : m_rate(choice.real("rate")), m_stability(choice.real("stability")), m_steps(static_cast<int>(choice.integer("steps"))),
          m_here("block " + std::to_string(block.index())), m_diagonals(block, behindNorms(sites), settings(choice))
    {
        const ModelConfig& config = block.config();
        for (const LearnedSite& site : sites) {
            if (site.site.producer() == SiteProducer::Values) {
                m_values.emplace(startingScale(block, site, choice.real("alpha")).view({config.kvHeads, config.headDim}), m_stability,
                                 sleepingChannels(block, site).view({config.kvHeads, config.headDim}));
                m_asleep = sleepingChannels(block, site);
                if (choice.boolean("shift") && takesShift(block, site.site))
                    m_shift = leafOf(startingShift(block, site));
            }
            if (site.site != SiteKind::AttentionInput || choice.choice("query_key") != "matrix" || !whyNotFoldable(config, site.site).empty() ||
                !whyNotQueryKey(config).empty())
                continue;
            if (config.position == PositionKind::Rope)
                m_pairs.emplace(config.kvHeads, config.headDim, m_stability);
            else
                m_queryKey.emplace(at::ones({config.kvHeads, config.headDim}), m_stability);
        }
    }

    std::vector<Leaf> leaves() override
    {
        std::vector<Leaf> all = m_diagonals.leaves();
        if (m_values)
            all.push_back({"matrices of attention out", m_values->parameter(), m_rate});
        if (m_shift.defined())
            all.push_back({"shift of attention out", m_shift, m_rate});
        if (m_queryKey)
            all.push_back({"matrices of queries and keys", m_queryKey->parameter(), m_rate});
        if (m_pairs)
            all.push_back({"rotations of queries and keys", m_pairs->parameter(), m_rate});
        return all;
    }

    void begin(const TrainingPoint& at) override
    {
        const std::int64_t windows = std::max<std::int64_t>(1, static_cast<std::int64_t>(at.windows));
        const auto passes = [&](std::int64_t steps) { return static_cast<int>(steps * at.batch / windows); };
        const int epochs = std::max(1, static_cast<int>((std::int64_t{m_steps} * at.batch + windows - 1) / windows));
        const int epoch = passes(at.step);
        m_step = at.step;
        if (epoch == m_epoch)
            return;
        m_epoch = epoch;
        eachMatrix([&](auto& matrices, Watch& watch, std::int64_t size) {
            matrices.release(releasedBands(size, epoch, epochs));
            watch.epochs.push_back({at.step, matrices.bands(), watch.last});
        });
    }

    void apply(DecoderBlock& block) override
    {
        m_diagonals.apply(block);
        const at::ScalarType type = block.linears().front().weight.scalar_type();
        m_sound = true;
        if (m_values) {
            const InvertedMatrix a = watched(m_values->inverted(type), m_watchValues, label(SiteKind::AttentionOutput));
            transformHeads(block, a.matrix, a.inverse, awakeShift());
        }
        if (m_queryKey) {
            const InvertedMatrix b = watched(m_queryKey->inverted(type), m_watchQueryKey, kQueriesAndKeys);
            transformQueryKeyHeads(block, b.matrix, b.inverse);
        }
        if (m_pairs) {
            const InvertedMatrix b = watched(m_pairs->inverted(type), m_watchQueryKey, kQueriesAndKeys);
            transformQueryKeyHeads(block, b.matrix, b.inverse);
        }
    }

    bool sound() const override { return m_sound; }

    std::vector<SleepingSite> sleeping() const override
    {
        std::vector<SleepingSite> all = m_diagonals.sleeping();
        if (m_asleep.defined())
            all.push_back({SiteKind::AttentionOutput, m_asleep});
        return all;
    }

    std::vector<TransformEvidence> evidence() const override
    {
        const at::NoGradGuard noGrad;
        std::vector<TransformEvidence> all = m_diagonals.evidence();
        const auto add = [&](TransformEvidence made, const Watch& watch) {
            made.stability = m_stability;
            made.epochs = watch.epochs;
            all.push_back(std::move(made));
        };
        if (m_shift.defined())
            all.push_back(rowEvidence("affinequant", std::string(label(SiteKind::AttentionOutput)), "shift", awakeShift()));
        if (m_values) {
            const InvertedMatrix a = m_values->inverted(at::kDouble);
            add(matrixEvidence(std::string(label(SiteKind::AttentionOutput)), "matrix", a.matrix, a.conditions), m_watchValues);
        }
        if (m_queryKey) {
            const InvertedMatrix b = m_queryKey->inverted(at::kDouble);
            add(matrixEvidence(kQueriesAndKeys, "matrix", b.matrix, b.conditions), m_watchQueryKey);
        }
        if (m_pairs)
            add(matrixEvidence(kQueriesAndKeys, "rotation", m_pairs->values(), m_pairs->inverted(at::kDouble).conditions), m_watchQueryKey);
        return all;
    }

    std::vector<std::string> notes() const override
    {
        std::vector<std::string> all;
        for (const Watch* watch : {&m_watchValues, &m_watchQueryKey}) {
            if (watch->lost >= 0)
                all.push_back(m_here + ", " + watch->place + ": a matrix came close to having no inverse at step " + std::to_string(watch->lost) +
                              " (condition " + shortNumber(watch->lostAt) + "); training went back to the last good state");
            else if (watch->largest > kIllConditioned)
                all.push_back(m_here + ", " + watch->place + ": a matrix's condition number reached " + shortNumber(watch->largest) +
                              " while training; a smaller stability factor keeps it lower");
        }
        return all;
    }

private:
    /// What became of the condition numbers of a place's matrices.
    struct Watch {
        std::string place;
        double last = 1, largest = 1, lostAt = 0;
        int lost = -1;   ///< step
        std::vector<TransformEvidence::Epoch> epochs;
    };

    at::Tensor awakeShift() const { return m_shift.defined() ? at::where(m_asleep, 0.0, m_shift) : at::Tensor(); }

    static std::vector<LearnedSite> behindNorms(const std::vector<LearnedSite>& sites)
    {
        std::vector<LearnedSite> some;
        std::copy_if(sites.begin(), sites.end(), std::back_inserter(some), [](const LearnedSite& site) { return site.site.producer() != SiteProducer::Values; });
        return some;
    }
    static LetParameters::Settings settings(const MethodChoice& choice)
    {
        return {.method = "affinequant", .rate = choice.real("rate"), .alpha = choice.real("alpha"), .shift = choice.boolean("shift"),
                .shiftWeightOnly = true, .queryKey = choice.choice("query_key") == "scale"};
    }

    template <class Work>
    void eachMatrix(const Work& work)
    {
        if (m_values)
            work(*m_values, m_watchValues, m_values->parameter().size(1));
        if (m_queryKey)
            work(*m_queryKey, m_watchQueryKey, m_queryKey->parameter().size(1));
        if (m_pairs)
            work(*m_pairs, m_watchQueryKey, 2 * m_pairs->parameter().size(2));
    }

    InvertedMatrix watched(InvertedMatrix matrix, Watch& watch, std::string_view place)
    {
        watch.place = place;
        watch.last = matrix.worst();
        if (!(watch.last <= kSingular)) {
            m_sound = false;
            if (watch.lost < 0) {
                watch.lost = m_step;
                watch.lostAt = watch.last;
            }
        } else {
            watch.largest = std::max(watch.largest, watch.last);
        }
        return matrix;
    }

    double m_rate, m_stability;
    int m_steps, m_step = 0, m_epoch = -1;
    std::string m_here;
    LetParameters m_diagonals;
    std::optional<HeadMatrices> m_values, m_queryKey;
    std::optional<PairMatrices> m_pairs;
    at::Tensor m_shift, m_asleep;   ///< of attention out
    Watch m_watchValues, m_watchQueryKey;
    bool m_sound = true;
};

class AffineQuant final : public LearnedTransform {
public:
    std::unique_ptr<TransformParameters> learn(const DecoderBlock& block, const std::vector<LearnedSite>& sites, const MethodChoice& choice) const override
    {
        return std::make_unique<AffineParameters>(block, sites, choice);
    }
};

} // namespace

MethodEntry affinequantMethod()
{
    using Type = ParameterInfo::Type;
    MethodInfo info;
    info.id = "affinequant";
    info.name = "AffineQuant (learned matrices)";
    info.kind = MethodKind::Transform;
    info.paper = "arXiv 2403.12544";
    info.summary = "As OmniQuant, with an invertible matrix a head behind the values and between queries and keys, grown from its diagonal outwards; everything folds into the model.";
    info.needs.calibration = info.needs.gradients = info.needs.block = true;
    info.folds = {MethodFolds::How::Fully, "Scales go into norms, head matrices into values and output projections, query and key blocks into their rows (rotations of pairs under RoPE); nothing is left for a runtime to do."};
    declareTraining(info, 5e-3, "Learning rate of matrices, scales and shifts", Schedule::Late);
    info.parameters.push_back({"alpha", Type::Real, 0, 1, 0.5, {}, "Where the diagonals start: how much of the activations' range goes into the weights"});
    info.parameters.push_back({"query_key", Type::Choice, 0, 0, std::string("matrix"), {"matrix", "scale", "none"},
                               "Between queries and keys: a matrix a head (under RoPE a rotation and a scale for each rotated pair), a scale a channel, or nothing"});
    info.parameters.push_back({"shift", Type::Boolean, 0, 0, true, {}, "Learn shifts too, where the model has biases to take them"});
    info.parameters.push_back({"stability", Type::Real, 0, 1, 0.1, {},
                               "Factor of the off-diagonals: small keeps the matrices invertible, 0 leaves diagonals. Published: 1 for small models' weights, 0.1 at W4A4, 0.01 for large models"});
    return {.info = std::move(info), .makeTransform = [] { return std::unique_ptr<Transform>(new AffineQuant); }, .whyNotTransform = whyNotBehindNorm,
            .whyIdle = [](const ModelConfig& config, SiteKind site) -> std::string {
                return site.producer() == SiteProducer::Activation ? "its scales are learned behind norms and values only" : whyNotFoldable(config, site);
            }};
}

} // namespace halftone
