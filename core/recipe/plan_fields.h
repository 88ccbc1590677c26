#pragma once

#include "core/recipe/recipe.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace halftone {

/// How recipes write a field's value.
struct AsMethod { MethodKind kind; };            ///< {"method": "gptq", …parameters}
struct AsBits { bool orFloat; };                 ///< 2…8, and 16 where it may be left float
struct AsCount { std::int64_t minimum, maximum; };
struct AsFlag {};
struct AsReal { double minimum, maximum; };
template <typename Value> struct AsWord {
    struct Word { Value value; std::string_view word; };
    std::span<const Word> words;
};

inline constexpr std::array<AsWord<WeightGrid::Range>::Word, 2> kRangeWords{{{WeightGrid::Range::Narrow, "narrow"}, {WeightGrid::Range::Full, "full"}}};
inline constexpr std::array<AsWord<WeightGrid::Clip>::Word, 2> kClipWords{{{WeightGrid::Clip::None, "none"}, {WeightGrid::Clip::Mse, "mse"}}};
inline AsWord<ActivationScheme> schemeWords()
{
    using enum ActivationScheme;
    using Word = AsWord<ActivationScheme>::Word;
    static const std::array words{Word{None, name(None)}, Word{PerTensor, name(PerTensor)}, Word{PerToken, name(PerToken)},
                                  Word{PerChannel, name(PerChannel)}, Word{Cross, name(Cross)}, Word{CrossStatic, name(CrossStatic)}};
    return {words};
}

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

/// Calls `visit(field)` for every field of a plan, in the order in which recipes explain them: for every linear and rule, so nothing here allocates. The one list of them: a new field is a member of
/// PlanPatch, a member of Plan, a line here, and a control of the plan editor.
template <typename Visit>
void eachPlanField(Visit&& visit)
{
    using enum PlanPart;
    constexpr std::int64_t kMaxGroup = 1 << 20;
    const auto field = [&](auto key, PlanPart part, std::string_view path, std::string_view label, auto notation, auto of) {
        using Value = typename std::remove_cvref_t<decltype(std::declval<PlanPatch>().*key)>::value_type;
        static_assert(std::is_trivially_copyable_v<decltype(notation)>);
        visit(PlanField<Value, decltype(of), decltype(notation)>{key, of, part, path, label, notation});
    };
    field(&PlanPatch::transform, Both, "transform", "transform", AsMethod{MethodKind::Transform}, [](auto& plan) -> auto& { return plan.transform; });
    field(&PlanPatch::rounding, Weights, "rounding", "method", AsMethod{MethodKind::Rounding}, [](auto& plan) -> auto& { return plan.rounding; });
    field(&PlanPatch::compensation, Weights, "compensation", "compensation", AsMethod{MethodKind::Compensation}, [](auto& plan) -> auto& { return plan.compensation; });
    field(&PlanPatch::bits, Weights, "weights.bits", "bits", AsBits{true}, [](auto& plan) -> auto& { return plan.weights.bits; });
    field(&PlanPatch::group, Weights, "weights.group", "group", AsCount{0, kMaxGroup}, [](auto& plan) -> auto& { return plan.weights.group; });
    field(&PlanPatch::symmetric, Weights, "weights.symmetric", "symmetric", AsFlag{}, [](auto& plan) -> auto& { return plan.weights.symmetric; });
    field(&PlanPatch::perTensor, Weights, "weights.per_tensor", "one scale", AsFlag{}, [](auto& plan) -> auto& { return plan.weights.perTensor; });
    field(&PlanPatch::range, Weights, "weights.range", "range", AsWord<WeightGrid::Range>{kRangeWords}, [](auto& plan) -> auto& { return plan.weights.range; });
    field(&PlanPatch::clip, Weights, "weights.clip", "clip", AsWord<WeightGrid::Clip>{kClipWords}, [](auto& plan) -> auto& { return plan.weights.clip; });
    field(&PlanPatch::scheme, Activations, "activations.scheme", "activations", schemeWords(), [](auto& plan) -> auto& { return plan.activations.scheme; });
    field(&PlanPatch::activationBits, Activations, "activations.bits", "activation bits", AsBits{false}, [](auto& plan) -> auto& { return plan.activations.bits; });
    field(&PlanPatch::activationSymmetric, Activations, "activations.symmetric", "activations symmetric", AsFlag{},
          [](auto& plan) -> auto& { return plan.activations.symmetric; });
    field(&PlanPatch::alpha, Activations, "activations.alpha", "activations α", AsReal{0, 1}, [](auto& plan) -> auto& { return plan.activations.alpha; });
}

} // namespace halftone
