#pragma once

#include "core/recipe/recipe.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace halftone {

/// How recipes write a field's value.
struct AsMethod { MethodKind kind; };            ///< {"method": "gptq", …parameters}
struct AsBits { bool orFloat; };                 ///< 2…8, and 16 where it may be left float
struct AsCount { std::int64_t minimum, maximum; };
struct AsFlag {};
struct AsReal { double minimum, maximum; };
template <typename Value> struct AsWord {
    struct Word { Value value; std::string_view word; };
    std::vector<Word> words;
};

/// What a field says something about. What is left float makes the fields about it idle.
enum class PlanPart { Both, Weights, Activations };

/// One field of a plan: all that merging, comparing, writing, naming and editing plans has to know of it.
template <typename Value, typename Of, typename Notation>
struct PlanField {
    std::optional<Value> PlanPatch::* key;
    Of of;                    ///< (plan) → its value there, by reference
    PlanPart part;
    std::string_view path;    ///< in recipes and complaints: "weights.bits"
    std::string_view label;   ///< in the history, where it has no phrase of its own: "range narrow"
    Notation notation;

    bool isIn(const PlanPatch& patch) const { return (patch.*key).has_value(); }
};

/// Calls `visit(field)` for every field of a plan, in the order in which recipes explain them. The one list of them: a new field is a member of
/// PlanPatch, a member of Plan, a line here, and a control of the plan editor.
template <typename Visit>
void eachPlanField(Visit&& visit)
{
    using enum PlanPart;
    using Range = WeightGrid::Range;
    using Clip = WeightGrid::Clip;
    using Scheme = ActivationScheme;
    constexpr std::int64_t kMaxGroup = 1 << 20;
    const auto field = [&](auto key, PlanPart part, std::string_view path, std::string_view label, auto notation, auto of) {
        using Value = typename std::remove_cvref_t<decltype(std::declval<PlanPatch>().*key)>::value_type;
        visit(PlanField<Value, decltype(of), decltype(notation)>{key, of, part, path, label, notation});
    };
    field(&PlanPatch::transform, Both, "transform", "transform", AsMethod{MethodKind::Transform}, [](auto& plan) -> auto& { return plan.transform; });
    field(&PlanPatch::rounding, Weights, "rounding", "method", AsMethod{MethodKind::Rounding}, [](auto& plan) -> auto& { return plan.rounding; });
    field(&PlanPatch::compensation, Weights, "compensation", "compensation", AsMethod{MethodKind::Compensation}, [](auto& plan) -> auto& { return plan.compensation; });
    field(&PlanPatch::bits, Weights, "weights.bits", "bits", AsBits{true}, [](auto& plan) -> auto& { return plan.weights.bits; });
    field(&PlanPatch::group, Weights, "weights.group", "group", AsCount{0, kMaxGroup}, [](auto& plan) -> auto& { return plan.weights.group; });
    field(&PlanPatch::symmetric, Weights, "weights.symmetric", "symmetric", AsFlag{}, [](auto& plan) -> auto& { return plan.weights.symmetric; });
    field(&PlanPatch::perTensor, Weights, "weights.per_tensor", "one scale", AsFlag{}, [](auto& plan) -> auto& { return plan.weights.perTensor; });
    field(&PlanPatch::range, Weights, "weights.range", "range", AsWord<Range>{{{Range::Narrow, "narrow"}, {Range::Full, "full"}}},
          [](auto& plan) -> auto& { return plan.weights.range; });
    field(&PlanPatch::clip, Weights, "weights.clip", "clip", AsWord<Clip>{{{Clip::None, "none"}, {Clip::Mse, "mse"}}},
          [](auto& plan) -> auto& { return plan.weights.clip; });
    AsWord<Scheme> schemes;
    for (const Scheme scheme : {Scheme::None, Scheme::PerTensor, Scheme::PerToken, Scheme::PerChannel, Scheme::Cross, Scheme::CrossStatic})
        schemes.words.push_back({scheme, name(scheme)});
    field(&PlanPatch::scheme, Activations, "activations.scheme", "activations", schemes, [](auto& plan) -> auto& { return plan.activations.scheme; });
    field(&PlanPatch::activationBits, Activations, "activations.bits", "activation bits", AsBits{false}, [](auto& plan) -> auto& { return plan.activations.bits; });
    field(&PlanPatch::activationSymmetric, Activations, "activations.symmetric", "activations symmetric", AsFlag{},
          [](auto& plan) -> auto& { return plan.activations.symmetric; });
    field(&PlanPatch::alpha, Activations, "activations.alpha", "activations α", AsReal{0, 1}, [](auto& plan) -> auto& { return plan.activations.alpha; });
}

} // namespace halftone
